"""Synthesise the pieces of which the class miniatures' sounds are made.

Conventions
-----------
Pieces are float64, 16 kHz mono; those that fill a clip have its length. Times are seconds,
frequencies 1/s. A drive is one number per frame, 0 to 1 (see `scenes`).

References
----------
P. R. Cook, "Real Sound Synthesis for Interactive Applications", 2002 (modal synthesis, and many
small grains for rain and fire). K. van den Doel, "Physically based models for liquid sounds",
ACM Trans. Applied Perception 2(4), 2005: a bubble is a sine that rises and dies away.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from svbench.miniature.drawing.percussion import BACKGROUND
from svbench.miniature.drawing.scenes import SPEC, Drive

Sound = NDArray[np.float64]

RATE = SPEC.sample_rate
RELEASE = 0.01  # s in which a piece is faded out at its end


def clock(seconds: float = SPEC.duration) -> Sound:
    """Give the time of every sample."""
    return np.arange(round(seconds * RATE)) / RATE


def followed(drive: Drive) -> Sound:
    """Give the drive at every sample of a clip, straight between frames."""
    return np.asarray(np.interp(clock(), np.arange(SPEC.frames) / SPEC.fps, drive), np.float64)


def held(drive: Drive, soft: float = 0.04) -> Sound:
    """Give the drive at every sample, each frame's held till the next and joined in `soft` s."""
    frames = np.arange(SPEC.frames) / SPEC.fps
    ends = np.append(frames[1:], SPEC.duration)
    knots = np.stack([frames + soft, ends], axis=1).ravel()
    return np.asarray(np.interp(clock(), knots, np.repeat(drive, 2)), np.float64)


def noise(
    rng: np.random.Generator,
    low: float,
    high: float,
    *,
    tilt: float = 0.0,
    seconds: float = SPEC.duration,
) -> Sound:
    """Give noise between two frequencies, with standard deviation 1.

    Each octave outside is 24 dB weaker. `tilt` is the power of the frequency by which the sound
    pressure falls: 0 is white, 1 is brown.
    """
    samples = round(seconds * RATE)
    frequency: Sound = np.asarray(np.fft.rfftfreq(samples, 1 / RATE), np.float64)
    frequency[0] = frequency[1]
    gain = 1 / np.sqrt((1 + _eighth(low / frequency)) * (1 + _eighth(frequency / high)))
    if tilt:
        gain *= frequency**-tilt
    parts = rng.standard_normal((2, len(frequency)))
    made = np.fft.irfft(gain * (parts[0] + 1j * parts[1]), samples)
    return np.asarray(made / made.std(), np.float64)


def _eighth(ratio: Sound) -> Sound:
    """Give the eighth power, many times faster than `**` does."""
    square = ratio * ratio
    square *= square
    return np.asarray(square * square, np.float64)


def rung(
    rng: np.random.Generator,
    tones: Sequence[float],
    fades: Sequence[float],
    weights: Sequence[float],
    seconds: float,
) -> Sound:
    """Give partials that die away to 1/e in `fades` seconds, with a peak of 1."""
    time = clock(seconds)
    phases = rng.uniform(0, 2 * np.pi, len(tones))
    whole = np.zeros_like(time)
    for tone, fade, weight, phase in zip(tones, fades, weights, phases, strict=True):
        whole += weight * np.exp(-time / fade) * np.sin(2 * np.pi * tone * time + phase)
    return released(peak_one(whole))


def glided(frequency: Sound, harmonics: Sequence[float] = (1.0,)) -> Sound:
    """Give a tone whose frequency is told for every sample, with weights of its harmonics."""
    wave = np.exp(2j * np.pi * np.cumsum(frequency) / RATE)
    power, whole = wave.copy(), harmonics[0] * wave.imag
    for weight in harmonics[1:]:  # a power is many times faster than another sine
        power *= wave
        whole += weight * power.imag
    return np.asarray(whole, np.float64)


def bubble(tone: float, fade: float, rise: float = 0.5) -> Sound:
    """Give one bubble: a sine that rises by `rise` of its pitch while it dies away."""
    time = clock(5 * fade)
    swing = glided(tone * (1 + rise * time / (5 * fade)))
    return released(swing * np.minimum(1, time / 0.004) * np.exp(-time / fade))


def placed(pieces: Sequence[tuple[float, float, Sound]], seconds: float = SPEC.duration) -> Sound:
    """Add up pieces, each told by its time, its loudness and its sound."""
    whole = np.zeros(round(seconds * RATE))
    for time, loudness, piece in pieces:
        first = round(time * RATE)
        heard = piece[: max(len(whole) - first, 0)]
        whole[first : first + len(heard)] += loudness * heard
    return whole


def struck(piece: Sound, frames: Sequence[int], rng: np.random.Generator) -> Sound:
    """Put one sound at moments told by frames, a little louder or softer each time."""
    return placed([(frame / SPEC.fps, rng.uniform(0.75, 1.0), piece) for frame in frames])


def scattered(rng: np.random.Generator, pieces: Sequence[Sound], drive: Drive, count: int) -> Sound:
    """Strew `count` grains over a clip, as densely as the drive tells, unevenly loud."""
    density = followed(drive)
    share = np.cumsum(density) / density.sum()
    times = np.searchsorted(share, rng.random(count)) / RATE
    loudness, which = rng.uniform(0.15, 1.0, count) ** 2, rng.integers(len(pieces), size=count)
    return placed([(t, a, pieces[k]) for t, a, k in zip(times, loudness, which, strict=True)])


def peak_one(sound: Sound) -> Sound:
    """Scale a sound to a peak of 1."""
    return np.asarray(sound / np.abs(sound).max(), np.float64)


def released(sound: Sound) -> Sound:
    """Fade the end of a piece out, so that it does not click."""
    fade = min(round(RELEASE * RATE), len(sound))
    sound[len(sound) - fade :] *= np.linspace(1, 0, fade)
    return sound


def mastered(sound: Sound, rng: np.random.Generator) -> NDArray[np.float32]:
    """Give a clip's sound: peaks at a level of its own, on the miniatures' faint background."""
    whole = rng.uniform(0.45, 0.85) * peak_one(sound)
    whole += BACKGROUND * rng.standard_normal(len(whole))
    return np.clip(whole, -1, 1).astype(np.float32)
