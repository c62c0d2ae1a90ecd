"""Corruptions of clips by a known amount: what a distance to real clips must respond to.

Six corruptions, three of pictures and three of sound, each with a strength from 0 (unchanged) to 1.
The miniature networks are trained to regress the strengths
(`svbench.training.miniature.extractors`), and tests check that FVD and FAD grow with each.

| corruption | pictures                       | sound                                           |
|------------|--------------------------------|-------------------------------------------------|
| blur       | Gaussian, sigma up to 4 px     | cut above half the sample rate, up to 4 octaves |
| noise      | white, up to 64 of 255         | white, 60 to 20 dB below full scale             |
| dropped    | up to 80 % of frames, held     | up to 80 % of packets of 20 ms, silent          |

Conventions
-----------
Pictures are uint8 (T, H, W, 3), sound float32 (S,) at 16 kHz. The generator decides the noise and
the order in which frames and packets are lost, not how many: of two strengths and one state of a
generator, the greater loses all that the lesser does, and has the same noise, louder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Pictures = NDArray[np.uint8]
Sound = NDArray[np.float32]
T = TypeVar("T")
Corruption = Callable[[T, float, np.random.Generator], T]

SIGMA: Final = 4.0  # px
SPREAD: Final = 64.0  # standard deviation, of 255
LOST: Final = 0.8
OCTAVES: Final = 4.0
QUIET, LOUD = -60.0, -20.0  # dB of full scale
PACKET: Final = 320  # samples: 20 ms at 16 kHz


def blur(video: Pictures, strength: float, _rng: np.random.Generator) -> Pictures:
    """Blur every frame."""
    if strength == 0:
        return video
    frames = [cv2.GaussianBlur(frame, (0, 0), SIGMA * strength) for frame in video]
    return np.stack(frames).astype(np.uint8)


def add_video_noise(video: Pictures, strength: float, rng: np.random.Generator) -> Pictures:
    """Add white noise to every frame."""
    noise = rng.standard_normal(video.shape, np.float32)
    return np.clip(np.round(video + SPREAD * strength * noise), 0, 255).astype(np.uint8)


def drop_frames(video: Pictures, strength: float, rng: np.random.Generator) -> Pictures:
    """Hold the frame before in place of some frames, never of the first."""
    order = 1 + rng.permutation(len(video) - 1)
    shown = np.arange(len(video))
    shown[order[: round(LOST * strength * len(order))]] = 0
    return video[np.maximum.accumulate(shown)]


def low_pass(sound: Sound, strength: float, _rng: np.random.Generator) -> Sound:
    """Cut high frequencies."""
    spectrum = np.fft.rfft(sound)
    spectrum[1 + round((len(spectrum) - 1) / 2 ** (OCTAVES * strength)) :] = 0
    return np.fft.irfft(spectrum, len(sound)).astype(np.float32)


def add_sound_noise(sound: Sound, strength: float, rng: np.random.Generator) -> Sound:
    """Add white noise whose level in dB is linear in the strength; none at strength 0."""
    noise = rng.standard_normal(len(sound), np.float32)
    level = 10 ** ((QUIET + (LOUD - QUIET) * strength) / 20) if strength > 0 else 0.0
    return np.clip(sound + level * noise, -1, 1).astype(np.float32)


def drop_packets(sound: Sound, strength: float, rng: np.random.Generator) -> Sound:
    """Silence packets of sound."""
    count = len(sound) // PACKET
    kept = sound.copy()
    packets = kept[: count * PACKET].reshape(count, PACKET)  # a view
    packets[rng.permutation(count)[: round(LOST * strength * count)]] = 0
    return kept


PICTURES: Final[Mapping[str, Corruption[Pictures]]] = {
    "blur": blur,
    "noise": add_video_noise,
    "dropped": drop_frames,
}
SOUNDS: Final[Mapping[str, Corruption[Sound]]] = {
    "blur": low_pass,
    "noise": add_sound_noise,
    "dropped": drop_packets,
}


def corrupt(
    clip: T, corruptions: Mapping[str, Corruption[T]], rng: np.random.Generator, chance: float
) -> tuple[T, list[float]]:
    """Apply each corruption with this chance, at a uniform strength; return the strengths, too.

    A strength of 0 stands for a corruption that was not applied.
    """
    strengths = []
    for corruption in corruptions.values():
        strength = float(rng.random()) if rng.random() < chance else 0.0
        if strength > 0:
            clip = corruption(clip, strength, rng)
        strengths.append(strength)
    return clip, strengths
