"""Sound synthesis of a drumstick on one object: the sound of the miniature Greatest Hits.

A hit is a click and a handful of decaying partials, mixed with band noise that decays as fast. A
scratch is the click and longer band noise. The material decides the timbre, the object its pitch.
Everything lies on a faint background noise, as in a recording.

Conventions
-----------
Sound is mono float32 (S,), -1..1. Times are seconds, frequencies 1/s.

References
----------
P. R. Cook, "Real Sound Synthesis for Interactive Applications", 2002, chapters 4 and 13
(modal synthesis, and noise for rough surfaces).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from svbench.miniature.drawing.drumstick import Stroke

Audio = NDArray[np.float32]

LOUDNESS = 0.5  # peak of the loudest hit; leaves room for the one before to ring on
QUIETEST = 0.7  # a stroke is this to 1 times as loud as the loudest
BACKGROUND = 10 ** (-62 / 20)  # standard deviation of the background noise: -62 dB
RING = 1.0  # s a stroke lasts
CLICK = 0.002  # s in which the click of stick on object decays to 1/e
CLICK_SHARE = 0.3
SCRATCH_DECAY = 0.09  # s in which a scratch decays to 1/e
ATTACK = 0.002  # s from silence to full strength


@dataclass(frozen=True, slots=True)
class Timbre:
    """The sound of a material when struck."""

    low: float  # 1/s, lowest partial and lower edge of the noise
    high: float  # 1/s, highest partial and upper edge of the noise
    partials: int
    decay: float  # s in which a hit decays to 1/e
    noise: float  # share of noise in a hit, 0..1


def tuned(timbre: Timbre, pitch: float) -> Timbre:
    """Return the timbre with every frequency `pitch` times as high."""
    return replace(timbre, low=pitch * timbre.low, high=pitch * timbre.high)


def synthesise(
    strokes: Sequence[Stroke],
    timbre: Timbre,
    *,
    seconds: float,
    sample_rate: int,
    rng: np.random.Generator,
) -> Audio:
    """Return a recording of the strokes; the same generator gives the same sound."""
    samples = round(seconds * sample_rate)
    sound = rng.standard_normal(samples) * BACKGROUND
    sounds = {
        "hit": hit(timbre, sample_rate, rng),
        "scratch": _scratch(timbre, sample_rate, rng),
    }
    for stroke in strokes:
        first = round(stroke.time * sample_rate)
        stroke_sound = sounds[stroke.action][: samples - first]
        level = LOUDNESS * rng.uniform(QUIETEST, 1.0)
        sound[first : first + len(stroke_sound)] += level * stroke_sound
    return np.clip(sound, -1.0, 1.0).astype(np.float32)


def hit(timbre: Timbre, sample_rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return one hit of `RING` seconds with a peak of 1."""
    time = np.arange(round(RING * sample_rate)) / sample_rate
    tones = np.geomspace(timbre.low, timbre.high, timbre.partials)
    tones *= rng.uniform(0.94, 1.06, timbre.partials)
    phases = rng.uniform(0, 2 * np.pi, timbre.partials)
    loss = timbre.decay / (
        1 + np.arange(timbre.partials) / timbre.partials
    )  # high ones decay first
    swing = np.sin(2 * np.pi * tones[:, None] * time + phases[:, None])
    rung = np.exp(-time / loss[:, None]) * swing
    hiss = _band_noise(timbre, sample_rate, rng) * np.exp(-time / timbre.decay)
    mixed = (1 - timbre.noise) * _normalized(rung.sum(axis=0)) + timbre.noise * _normalized(hiss)
    return _with_click(mixed, sample_rate, rng)


def _scratch(timbre: Timbre, sample_rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return one scratch of `RING` seconds with a peak of 1."""
    time = np.arange(round(RING * sample_rate)) / sample_rate
    hiss = _band_noise(timbre, sample_rate, rng) * np.exp(-time / SCRATCH_DECAY)
    return _with_click(_normalized(hiss), sample_rate, rng)


def _with_click(
    sound: NDArray[np.float64], sample_rate: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Add the click of first contact and a short attack."""
    time = np.arange(len(sound)) / sample_rate
    click = rng.standard_normal(len(sound)) * np.exp(-time / CLICK)
    attack = np.minimum(1.0, time / ATTACK)
    return _normalized(attack * ((1 - CLICK_SHARE) * sound + CLICK_SHARE * _normalized(click)))


def _band_noise(timbre: Timbre, sample_rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return white noise between the timbre's edges, cut in the frequency domain."""
    samples = round(RING * sample_rate)
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency = np.fft.rfftfreq(samples, 1 / sample_rate)
    spectrum[(frequency < timbre.low) | (frequency > timbre.high)] = 0
    return np.fft.irfft(spectrum, samples)


def _normalized(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(sound / np.abs(sound).max())
