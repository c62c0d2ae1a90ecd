"""Losses of a picture: blur, noise, lost frames, rates, pixels, and those of a codec.

Conventions
-----------
Frames are uint8 (T, H, W, 3), RGB; each is changed alone, and no frame time changes. Results of
arithmetic are rounded to the nearest of 0..255 and cut there. Frames that are held stand longer on
screen, so a clip keeps its number of frames: what is lost is their content.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ScoreError
from svbench.types import Clip

Frame = NDArray[np.uint8]  # (H, W, 3)

CHOICES: Final = 1 << 16  # equally likely values of noise
ROUNDING: Final = 1e-6  # slots: a frame this close to the next slot belongs to it


def blur(clip: Clip, level: float, seed: int) -> Clip:
    """Return the clip blurred by a Gaussian whose sigma is `level` of the picture's height."""
    del seed
    import cv2

    sigma = level * clip.spec.size[0]
    return _with_frames(
        clip, lambda frame: np.asarray(cv2.GaussianBlur(frame, (0, 0), sigma), np.uint8)
    )


def noise(clip: Clip, level: float, seed: int) -> Clip:
    """Return the clip with white Gaussian noise whose deviation is `level` of 255.

    Drawn by inverting the distribution at 16 bits, whole steps at once: four times as fast as
    normal deviates, and cut at 4.3 deviations.
    """
    from scipy.special import ndtri

    draws = np.random.default_rng(seed)
    steps = np.rint(level * ndtri((np.arange(CHOICES) + 0.5) / CHOICES)).astype(np.int16)

    def noisy(frame: Frame) -> Frame:
        drawn = steps[draws.integers(0, CHOICES, frame.shape, np.uint16)]
        return np.asarray(np.clip(frame + drawn, 0, 255), np.uint8)

    return _with_frames(clip, noisy)


def drop(clip: Clip, level: float, seed: int) -> Clip:
    """Return the clip with `level` of its frames lost, each the one before instead, but the first.

    What a level loses, all greater ones lose too.
    """
    lost = np.random.default_rng(seed).random(clip.spec.frames) < level
    lost[0] = False
    return _showing(clip, np.where(lost, 0, np.arange(lost.size)))


def lower_rate(clip: Clip, level: float, seed: int) -> Clip:
    """Return the clip with one frame in each stretch of `level` / fps seconds, which is held."""
    del seed
    hold = level / clip.spec.fps
    slots = np.floor(clip.frame_times / hold + ROUNDING)
    first = np.diff(slots, prepend=-1.0) > 0  # the first frame in each slot
    return _showing(clip, np.where(first, np.arange(slots.size), 0))


def lower_resolution(clip: Clip, level: float, seed: int) -> Clip:
    """Return the clip reduced by a factor in height and width, and enlarged again.

    Reduced by the mean over areas, enlarged by bicubic interpolation.
    """
    del seed
    import cv2

    height, width = clip.spec.size
    small = (max(1, round(width / level)), max(1, round(height / level)))

    def coarse(frame: Frame) -> Frame:
        reduced = cv2.resize(frame, small, interpolation=cv2.INTER_AREA)
        return np.asarray(
            cv2.resize(reduced, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8
        )

    return _with_frames(clip, coarse)


def encode(clip: Clip, level: float, seed: int) -> Clip:
    """Return the clip with every frame encoded as JPEG (4:2:0) of a quality, and decoded.

    Raises
    ------
    ScoreError
        if frames are larger than JPEG holds (65,535 px)
    """
    del seed
    import cv2

    def coded(frame: Frame) -> Frame:
        options = [cv2.IMWRITE_JPEG_QUALITY, round(level)]
        _, file = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), options)
        decoded = np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR))
        return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)

    try:
        return _with_frames(clip, coded)
    except cv2.error:
        height, width = clip.spec.size
        raise ScoreError(f"JPEG cannot hold frames of {width} x {height} px") from None


def _with_frames(clip: Clip, change: Callable[[Frame], Frame]) -> Clip:
    """Return the clip with every frame changed, in order."""
    video = np.empty_like(clip.video)
    for place, frame in enumerate(clip.video):
        video[place] = change(frame)
    return replace(clip, video=video, times=clip.frame_times)


def _showing(clip: Clip, kept: NDArray[np.int64]) -> Clip:
    """Return the clip showing in place of each frame the last one that is kept; 0: not kept."""
    shown = np.maximum.accumulate(kept)
    return replace(clip, video=clip.video[shown], times=clip.frame_times)
