"""Sound synthesis for the class miniatures: noise, partials, grains, and their mix.

Conventions
-----------
Sounds are float64 (S,), 16 kHz mono; those that fill a clip have its length. Times are seconds,
frequencies 1/s. A drive has one value per frame,
0 to 1 (see `scenes`).

References
----------
P. R. Cook, "Real Sound Synthesis for Interactive Applications", 2002 (modal synthesis, and many
small grains for rain and fire). K. van den Doel, "Physically based models for liquid sounds",
ACM Trans. Applied Perception 2(4), 2005: a bubble is a sine that rises and decays.
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


def sample_times(seconds: float = SPEC.duration) -> Sound:
    """Return the time of every sample, in seconds."""
    return np.arange(round(seconds * RATE)) / RATE


def interpolated(drive: Drive) -> Sound:
    """Return the drive at every sample of a clip, linear between frames."""
    return np.asarray(
        np.interp(sample_times(), np.arange(SPEC.frames) / SPEC.fps, drive), np.float64
    )


def stepped(drive: Drive, soft: float = 0.04) -> Sound:
    """Return the drive at every sample, held from frame to frame, with ramps of `soft` s."""
    frames = np.arange(SPEC.frames) / SPEC.fps
    ends = np.append(frames[1:], SPEC.duration)
    knots = np.stack([frames + soft, ends], axis=1).ravel()
    return np.asarray(np.interp(sample_times(), knots, np.repeat(drive, 2)), np.float64)


def noise(
    rng: np.random.Generator,
    low: float,
    high: float,
    *,
    tilt: float = 0.0,
    seconds: float = SPEC.duration,
) -> Sound:
    """Return noise between two frequencies, with standard deviation 1.

    It falls by 24 dB per octave outside. `tilt` is the power of the frequency by which the sound
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
    """Return the eighth power, many times faster than `**` does."""
    square = ratio * ratio
    square *= square
    return np.asarray(square * square, np.float64)


def damped_partials(
    rng: np.random.Generator,
    tones: Sequence[float],
    fades: Sequence[float],
    weights: Sequence[float],
    seconds: float,
) -> Sound:
    """Return a sum of partials that decay to 1/e in `fades` seconds, with a peak of 1."""
    time = sample_times(seconds)
    phases = rng.uniform(0, 2 * np.pi, len(tones))
    whole = np.zeros_like(time)
    for tone, fade, weight, phase in zip(tones, fades, weights, phases, strict=True):
        whole += weight * np.exp(-time / fade) * np.sin(2 * np.pi * tone * time + phase)
    return faded_out(normalized(whole))


def harmonic_tone(frequency: Sound, harmonics: Sequence[float] = (1.0,)) -> Sound:
    """Return a tone with these weights of its harmonics, from its frequency at every sample."""
    wave = np.exp(2j * np.pi * np.cumsum(frequency) / RATE)
    power, whole = wave.copy(), harmonics[0] * wave.imag
    for weight in harmonics[1:]:  # a power is many times faster than another sine
        power *= wave
        whole += weight * power.imag
    return np.asarray(whole, np.float64)


def bubble(tone: float, fade: float, rise: float = 0.5) -> Sound:
    """Return one bubble: a sine that rises by `rise` of its pitch while it decays."""
    time = sample_times(5 * fade)
    swing = harmonic_tone(tone * (1 + rise * time / (5 * fade)))
    return faded_out(swing * np.minimum(1, time / 0.004) * np.exp(-time / fade))


def mixed_at(pieces: Sequence[tuple[float, float, Sound]], seconds: float = SPEC.duration) -> Sound:
    """Return the mix of pieces, each given by its time, its loudness and its sound."""
    whole = np.zeros(round(seconds * RATE))
    for time, loudness, piece in pieces:
        first = round(time * RATE)
        inside = piece[: max(len(whole) - first, 0)]
        whole[first : first + len(inside)] += loudness * inside
    return whole


def repeated_at(piece: Sound, frames: Sequence[int], rng: np.random.Generator) -> Sound:
    """Return one sound repeated at these frames, at random loudness."""
    return mixed_at([(frame / SPEC.fps, rng.uniform(0.75, 1.0), piece) for frame in frames])


def grains(rng: np.random.Generator, pieces: Sequence[Sound], drive: Drive, count: int) -> Sound:
    """Return `count` grains at random loudness, as densely as the drive is high."""
    density = interpolated(drive)
    share = np.cumsum(density) / density.sum()
    times = np.searchsorted(share, rng.random(count)) / RATE
    loudness, which = rng.uniform(0.15, 1.0, count) ** 2, rng.integers(len(pieces), size=count)
    return mixed_at([(t, a, pieces[k]) for t, a, k in zip(times, loudness, which, strict=True)])


def normalized(sound: Sound) -> Sound:
    """Return a sound scaled to a peak of 1."""
    return np.asarray(sound / np.abs(sound).max(), np.float64)


def faded_out(sound: Sound) -> Sound:
    """Fade the end of a piece out in place, so that it does not click; return it."""
    fade = min(round(RELEASE * RATE), len(sound))
    sound[len(sound) - fade :] *= np.linspace(1, 0, fade)
    return sound


def mastered(sound: Sound, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a clip's sound: at a random peak level, on the miniatures' faint background noise."""
    whole = rng.uniform(0.45, 0.85) * normalized(sound)
    whole += BACKGROUND * rng.standard_normal(len(whole))
    return np.clip(whole, -1, 1).astype(np.float32)
