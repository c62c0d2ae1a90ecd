"""Synthesise the sound of a drumstick on one object: the sound of the miniature.

A hit is a click and a handful of partials that die away, mixed with band noise that dies away
as fast. A scratch is the click and longer band noise. How they ring is the material's, how
high they ring is the object's. Everything lies on a faint background noise, as in a recording.

Conventions
-----------
Sound is mono float32, -1..1. Times are seconds, frequencies 1/s.

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
RING = 1.0  # s a stroke is heard for
CLICK = 0.002  # s in which the click of stick on object dies away
CLICK_SHARE = 0.3
SCRATCH_DECAY = 0.09  # s in which a scratch dies away to 1/e
ATTACK = 0.002  # s from silence to full strength


@dataclass(frozen=True, slots=True)
class Timbre:
    """How a material sounds when struck."""

    low: float  # 1/s, lowest partial and lower edge of the noise
    high: float  # 1/s, highest partial and upper edge of the noise
    partials: int
    decay: float  # s in which a hit dies away to 1/e
    noise: float  # share of noise in a hit, 0..1


def tuned(timbre: Timbre, pitch: float) -> Timbre:
    """Give the timbre with every frequency `pitch` times as high."""
    return replace(timbre, low=pitch * timbre.low, high=pitch * timbre.high)


def synthesise(
    strokes: Sequence[Stroke],
    timbre: Timbre,
    *,
    seconds: float,
    sample_rate: int,
    rng: np.random.Generator,
) -> Audio:
    """Synthesise a recording of the strokes; the same generator gives the same sound."""
    samples = round(seconds * sample_rate)
    sound = rng.standard_normal(samples) * BACKGROUND
    sounds = {
        "hit": hit(timbre, sample_rate, rng),
        "scratch": _scratch(timbre, sample_rate, rng),
    }
    for stroke in strokes:
        first = round(stroke.time * sample_rate)
        heard = sounds[stroke.action][: samples - first]
        sound[first : first + len(heard)] += LOUDNESS * rng.uniform(QUIETEST, 1.0) * heard
    return np.clip(sound, -1.0, 1.0).astype(np.float32)


def hit(timbre: Timbre, sample_rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Give one hit of `RING` seconds with a peak of 1."""
    time = np.arange(round(RING * sample_rate)) / sample_rate
    tones = np.geomspace(timbre.low, timbre.high, timbre.partials)
    tones *= rng.uniform(0.94, 1.06, timbre.partials)
    phases = rng.uniform(0, 2 * np.pi, timbre.partials)
    loss = timbre.decay / (1 + np.arange(timbre.partials) / timbre.partials)  # high ones die first
    swing = np.sin(2 * np.pi * tones[:, None] * time + phases[:, None])
    rung = np.exp(-time / loss[:, None]) * swing
    hiss = _band_noise(timbre, sample_rate, rng) * np.exp(-time / timbre.decay)
    mixed = (1 - timbre.noise) * _peak_one(rung.sum(axis=0)) + timbre.noise * _peak_one(hiss)
    return _struck(mixed, sample_rate, rng)


def _scratch(timbre: Timbre, sample_rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Give one scratch with a peak of 1."""
    time = np.arange(round(RING * sample_rate)) / sample_rate
    hiss = _band_noise(timbre, sample_rate, rng) * np.exp(-time / SCRATCH_DECAY)
    return _struck(_peak_one(hiss), sample_rate, rng)


def _struck(
    sound: NDArray[np.float64], sample_rate: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Add the click of first contact and a short attack."""
    time = np.arange(len(sound)) / sample_rate
    click = rng.standard_normal(len(sound)) * np.exp(-time / CLICK)
    attack = np.minimum(1.0, time / ATTACK)
    return _peak_one(attack * ((1 - CLICK_SHARE) * sound + CLICK_SHARE * _peak_one(click)))


def _band_noise(timbre: Timbre, sample_rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Give white noise between the timbre's edges, cut in the frequency domain."""
    samples = round(RING * sample_rate)
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency = np.fft.rfftfreq(samples, 1 / sample_rate)
    spectrum[(frequency < timbre.low) | (frequency > timbre.high)] = 0
    return np.fft.irfft(spectrum, samples)


def _peak_one(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(sound / np.abs(sound).max())
