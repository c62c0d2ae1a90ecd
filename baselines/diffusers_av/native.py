"""The format that a pipeline is asked for, and from there to the format of a run.

A pipeline makes the least number of frames that it can make and that lasts as long as a clip of
the run, at its own frame rate; of a size with the run's proportions, whose short side is at least
as long as that of the pipeline's default size (below which it was not trained), or, where small
pictures are asked for, as the run's; both sides are rounded up to what it can make. From there, as
recorded clips are brought to a format:

picture  the frame nearest in time, of two the earlier; scaled to cover the size, cropped
sound    the mean of the channels, resampled (soxr, HQ), cut, limited to -1..1

Sound may end up to `TOLERANCE` early, as latents of sound do not end with those of pictures;
silence follows. What is shorter is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray

from svbench.baselines.diffusers_av.families import Family
from svbench.errors import ConfigError, DataError
from svbench.types import ClipSpec

VERSION: Final = "1"  # of the numbers: raised when a converted clip could change
TOLERANCE: Final = 0.06  # s that sound may be short by: 1.5 latents of LTX-2's sound

Video = NDArray[np.uint8]
Audio = NDArray[np.float32]
Cover = Callable[[Video, tuple[int, int]], Video]  # frame, (height, width) -> frame


@dataclass(frozen=True, slots=True)
class Native:
    """What a pipeline is asked for."""

    frames: int
    fps: float
    size: tuple[int, int]  # (height, width), px
    seconds: float  # of sound, where it is asked for apart


def native_of(family: Family, spec: ClipSpec, short_side: int, name: str) -> Native:
    """Return the format that a pipeline is asked for, for clips of a run.

    Raises ConfigError, which names the pipeline, where its clips are too short for the run's.
    """
    wanted = math.ceil(Fraction(spec.frames) / Fraction(spec.fps) * Fraction(family.fps))
    count = math.ceil((max(wanted, family.least) - family.first) / family.step)
    frames = max(0, count) * family.step + family.first
    if frames > family.most and family.makes != "sound":
        raise ConfigError(
            f"--systems diffusers:{name}: its clips have at most {family.most} frames at "
            f"{family.fps:g} frames/s, expected at least {frames} for clips of "
            f"{spec.duration:g} s"
        )
    shortest = min(spec.size)
    scale = Fraction(max(short_side, shortest), shortest)
    height, width = (math.ceil(side * scale / family.side) * family.side for side in spec.size)
    return Native(frames, family.fps, (height, width), spec.duration)


def described(family: Family, short_side: int) -> str:
    """Return how the format is chosen, for the record of a row."""
    if family.makes == "sound":
        return "as long as asked for"
    count = f"{family.step}k+{family.first}" if family.step > 1 else "any number of"
    least = f", at least {family.least}" if family.least > 1 else ""
    return (
        f"{family.fps:g} frames/s, {count} frames{least}; short side at least {short_side} px, "
        f"sides of multiples of {family.side} px"
    )


def picture(frames: Any, native: Native, spec: ClipSpec, cover: Cover) -> Video:
    """Return the frames (T, H, W, 3), 0..1, of one clip in the format of a run.

    Raises DataError where they are too few, or not finite.
    """
    lasting = Fraction(len(frames)) / Fraction(native.fps)
    if lasting < Fraction(spec.frames) / Fraction(spec.fps):
        raise DataError(
            f"its picture lasts {float(lasting):g} s, expected at least {spec.duration:g} s"
        )
    places = _nearest(spec, native.fps)
    chosen = np.asarray(frames)[np.minimum(places, len(frames) - 1)]
    if not np.isfinite(chosen).all():
        raise DataError("its picture holds NaN or infinity, expected 0..1")
    steps = np.rint(np.clip(chosen, 0, 1) * 255).astype(np.uint8)
    return np.stack([cover(frame, spec.size) for frame in steps])


def _nearest(spec: ClipSpec, fps: float) -> NDArray[np.int64]:
    """Return which frame at `fps` is nearest to each frame of a format, of two the earlier."""
    ratio = Fraction(fps) / Fraction(spec.fps)
    return np.array([math.ceil(i * ratio - Fraction(1, 2)) for i in range(spec.frames)])


def sound(waveform: Any, rate: int, spec: ClipSpec) -> Audio:
    """Return the sound (S,) or (C, S), -1..1, of one clip in the format of a run.

    Raises DataError where it is too short, or not finite.
    """
    samples = np.atleast_2d(np.asarray(waveform, np.float32)).mean(axis=0)
    if not np.isfinite(samples).all():
        raise DataError("its sound holds NaN or infinity, expected -1..1")
    lasting = len(samples) / rate
    if lasting < spec.duration - TOLERANCE:
        raise DataError(f"its sound lasts {lasting:g} s, expected at least {spec.duration:g} s")
    if rate != spec.sample_rate:
        samples = soxr.resample(samples, rate, spec.sample_rate, quality="HQ")
    cut = np.clip(samples[: spec.samples], -1, 1)
    return np.asarray(np.pad(cut, (0, spec.samples - len(cut))), np.float32)
