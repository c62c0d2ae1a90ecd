"""Bringing a decoded native clip to a format, by the rules by which `media.read` brings a file.

A clip that was changed in memory need not be written and decoded again. What `media.read` would
return of a file that held it losslessly:

frames      that whose time is nearest to i / fps; of two equally near ones the earlier
size        scaled to cover, centre-cropped
audio       resampled by soxr "HQ" as one piece
length      cut. As with `pad`, where the picture ends its last frame stays, as players hold it
            while the sound goes on; where the sound ends there is silence.

Equal to `media.read` bit for bit, but for two kinds of files. Time zero is the first frame, as for
every native clip, while `media.read` counts from the earliest start of picture and sound. And a
picture whose pixels are not square is interpolated twice, as the native view makes them square.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from svbench.files.media.picture import cover
from svbench.types import Clip, ClipSpec

Video = NDArray[np.uint8]
Audio = NDArray[np.float32]

EQUAL: Final = 1e-6  # s: times of a constant rate are floats, and ties must not depend on rounding


def conform(clip: Clip, spec: ClipSpec) -> Clip:
    """Return a native clip in a format (see the module)."""
    return Clip(conform_picture(clip, spec), conform_sound(clip, spec), spec)


def conform_picture(clip: Clip, spec: ClipSpec) -> Video:
    """Return the picture of a native clip in a format, shape (T, H, W, 3)."""
    video = np.empty((spec.frames, *spec.size, 3), np.uint8)
    shown = nearest(clip.frame_times, np.arange(spec.frames) / spec.fps)
    for place, frame in enumerate(shown):
        repeated = place and frame == shown[place - 1]
        video[place] = video[place - 1] if repeated else cover(clip.video[frame], spec.size)
    return video


def conform_sound(clip: Clip, spec: ClipSpec) -> Audio:
    """Return the sound of a native clip in a format, shape (S,)."""
    sound, rate = clip.audio, clip.spec.sample_rate
    if rate != spec.sample_rate:
        sound = soxr.resample(sound, rate, spec.sample_rate, quality="HQ")
    sound = sound[: spec.samples]
    return np.clip(np.pad(sound, (0, spec.samples - len(sound))), -1, 1)


def nearest(shown: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the index of the frame nearest to each wanted time; of equally near ones the earlier.

    Parameters
    ----------
    shown : np.ndarray, shape=(T,)
        when each frame is shown, s, rising
    wanted : np.ndarray, shape=(n,)
        times, s
    """
    after = np.searchsorted(shown, wanted).clip(0, len(shown) - 1)
    before = (after - 1).clip(0)
    earlier = wanted - shown[before] <= shown[after] - wanted + EQUAL
    return np.where(earlier, before, after)
