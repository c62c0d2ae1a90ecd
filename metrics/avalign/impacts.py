"""Impacts: the moments at which a moving object is stopped by another.

A motion peak of AV-Align is a frame at which the whole picture moves most. An impact is local and
abrupt: a thin object falls, stops at one place, and rebounds, whatever the rest of the picture
does. The features of a frame are therefore the local differences between motion *before* and
*after* it, and a linear model fitted on annotated hits (`impact_fit`) combines those of a few
frames to either side (`ImpactModel`).

Conventions
-----------
Video is uint8 RGB, (T, H, W, 3), with the times of its frames in seconds.
Features are extracted at a height of `HEIGHT` px and at every k-th frame, k = fps / `RATE` rounded,
so that a step between frames lasts about 1/15 s (1/8 s where the clip has no more than 8 frames/s).
A *cell* is a square of `BLOCK` x `BLOCK` px. Entry i of a curve belongs to frame i. Curves of
*steps* (`STEP_CURVES`) belong to the step from frame i - 1 to i; those of *frames* (`FRAME_CURVES`)
compare that step with the next one, cell by cell. Flow is optical flow by dense inverse search,
less its median over the picture (the motion of the camera), in px per step, x right, y down.

A curve is divided by its 90th percentile in the clip, and its square root is taken, so that it
depends little on the size of the moving object and the length of a step. The *trajectory* is the
log odds of a hit at each frame (hits and other frames weighted alike), less log(fps / `RATE`).

Edge cases
----------
- Fewer than three frames used: the trajectory is undefined, a ScoreError.
- The first and the last step are repeated before and after the clip.
- A still picture, which changes by less than `STILL` from step to step: the trajectory is constant.
- A frame rate so high that fewer than three frames would be used: smaller steps are taken.

References
----------
- T. Kroeger, R. Timofte, D. Dai, L. Van Gool: Fast optical flow using dense inverse search.
  ECCV 2016.
- A. Owens et al.: Visually indicated sounds. CVPR 2016 (the annotated hits, Greatest Hits).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ConfigError
from svbench.metrics.avalign.impact_steps import CURVES, Curves, UsedFrame, UsedFrames
from svbench.metrics.avalign.measured import MeasuredArrays
from svbench.types import Clip

# Part of cache keys: raise it whenever the code computes other numbers for equal settings.
MOTION_VERSION: Final = 2
STILL: Final = 0.05  # grey levels; smaller changes are noise of a codec
FROZEN: Final = 4  # frames of a frozen end that are used
LARGEST: Final = 1e6  # largest magnitude of a model's numbers
RATE: Final = 15.0  # frames / s that are used, about
EPSILON: Final = 1e-6  # s; frames one refractory time apart must not depend on rounding
TYPICAL: Final = 90  # percentile of a curve over the clip, its divisor

LEVELS: Final = ("height", "sharpness")  # curves of any level; all others are magnitudes >= 0
_GRAY = ("change", "change-peak", "stop", "start", "stop-peak", "start-peak", "skip")
FLOORS: Final = {name: 0.2 if name in _GRAY else 0.02 for name in CURVES}  # grey levels, px


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """The curves of a clip, neither scaled nor smoothed."""

    times: NDArray[np.float64]  # (U,), s, of the frames used
    curves: Curves  # (U, K), the `CURVES`
    fps: float  # of the frames used


def measure(video: NDArray[np.uint8], times: NDArray[np.float64], fps: float) -> Motion:
    """Compute the curves of a video.

    Parameters
    ----------
    video : np.ndarray, shape=(T, H, W, 3)
        RGB frames
    times : np.ndarray, shape=(T,)
        when each is shown, in seconds
    fps : float
        frames per second

    Returns
    -------
    motion : Motion

    Raises
    ------
    ScoreError
        if fewer than three frames are used
    """
    every = _every(len(video), fps)
    used = UsedFrames()
    for picture in video[::every]:
        used.add(UsedFrame.of(picture))
    return _motion(used, times[::every], fps / every)


def _motion(used: UsedFrames, times: NDArray[np.float64], fps: float) -> Motion:
    """Return the curves of the first frames used, one for each time, at this rate."""
    return Motion(times, used.curves(len(times)), fps)


def _every(frames: int, fps: float) -> int:
    """Return k, of a video of so many frames: every k-th is used."""
    return max(1, min(round(fps / RATE), (frames - 1) // 2))


_MEASURED: Final = MeasuredArrays[Motion]()  # as long as the picture
_LAST: Final = MeasuredArrays[int]()  # the last change of the picture


def motion_of(clip: Clip) -> Motion:
    """Return the curves of a clip, computed once per picture.

    Of an end that is frozen bit for bit (padding, for instance) only the first frames are used:
    they show that motion stops, and more of them would only change the percentiles of the clip.
    """
    measured, key = _MEASURED.of(clip.video), _key(clip)
    if key not in measured:
        shown = last_change_of(clip) + FROZEN + 1
        measured[key] = measure(clip.video[:shown], clip.frame_times[:shown], clip.spec.fps)
    return measured[key]


def _key(clip: Clip) -> tuple[float, bytes]:
    return clip.spec.fps, clip.frame_times.tobytes()


class ImpactMeter:
    """Measures what `motion_of` and `last_change_of` return, of frames that come one by one."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._every = _every(len(clip.video), clip.spec.fps)
        self._used = UsedFrames()
        # A clip that freezes among these may have smaller steps.
        self._first: list[UsedFrame] = []
        self._before: NDArray[np.uint8] | None = None
        self._taken = self._last = 0

    def take(self, frame: NDArray[np.uint8]) -> None:
        """Take the next frame, (H, W, 3)."""
        if self._before is not None and not np.array_equal(frame, self._before):
            self._last = self._taken
        early = self._taken <= 2 * self._every
        if early or self._taken % self._every == 0:
            now = UsedFrame.of(frame)
            if early:
                self._first.append(now)
            if self._taken % self._every == 0:
                self._used.add(now)
        self._before = frame
        self._taken += 1

    def finish(self) -> None:
        """Keep the curves, by the picture; raise ScoreError if it has fewer than three frames."""
        clip, shown = self._clip, self._last + FROZEN + 1
        _LAST.of(clip.video)[None] = self._last
        times = clip.frame_times[:shown]
        every, used = _every(len(times), clip.spec.fps), self._used
        if every != self._every:
            used = UsedFrames()
            for now in self._first[: len(times) : every]:
                used.add(now)
        _MEASURED.of(clip.video)[_key(clip)] = _motion(used, times[::every], clip.spec.fps / every)


def last_change(video: NDArray[np.uint8]) -> int:
    """Return the index of the last frame that differs from the one before it; 0 if none does."""
    last = len(video) - 1
    while last and np.array_equal(video[last], video[last - 1]):
        last -= 1
    return last


def last_change_of(clip: Clip) -> int:
    """Return `last_change` of a clip, computed once per picture."""
    found = _LAST.of(clip.video)
    if None not in found:
        found[None] = last_change(clip.video)
    return found[None]


def scaled(curves: Curves) -> Curves:
    """Normalise curves (U, K) over the clip: roots of magnitudes, standard scores of levels."""
    out = np.empty_like(curves)
    for k, name in enumerate(CURVES):
        x = curves[:, k]
        if name in LEVELS:
            out[:, k] = (x - np.median(x)) / (x.std() + FLOORS[name])
        else:
            out[:, k] = np.sqrt(x / (np.percentile(x, TYPICAL) + FLOORS[name]))
    return out


def windows(curves: Curves, reach: int) -> NDArray[np.float64]:
    """Return the scaled curves of `reach` frames to either side, shape (U, K (2 reach + 1))."""
    padded = np.pad(scaled(curves), ((reach, reach), (0, 0)), mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    return np.ascontiguousarray(around.reshape(len(curves), -1))


@dataclass(frozen=True, slots=True)
class ImpactModel:
    """A linear model of hits over the windows of `reach` frames to either side (`impact_fit`)."""

    reach: int
    weights: tuple[float, ...]  # one for each entry of a window
    bias: float
    threshold: float  # least log odds of an impact
    refractory: float  # s, least time between two impacts

    def __post_init__(self) -> None:
        entries = len(CURVES) * (2 * self.reach + 1)
        numbers = (*self.weights, self.bias, self.threshold, self.refractory)
        whole = len(self.weights) == entries and np.all(np.abs(numbers) <= LARGEST)
        if not whole or self.reach < 0 or self.refractory < 0:
            raise ConfigError(
                f"an impact model of reach {self.reach} needs {entries} finite weights and a "
                f"refractory time >= 0, got {len(self.weights)} and {self.refractory}"
            )

    def trajectory(self, motion: Motion) -> NDArray[np.float64]:
        """Compute the log odds of a hit at each frame, shape (U,).

        The prior of a frame falls with its duration. A still picture has a constant trajectory.
        """
        if motion.curves[:, CURVES.index("change")].max() < STILL:
            return np.full(len(motion.times), self.threshold - 1)
        evidence = windows(motion.curves, self.reach) @ np.array(self.weights)
        return np.asarray(evidence + self.bias - math.log(motion.fps / RATE))

    def impacts(
        self, times: NDArray[np.float64], trajectory: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Return the indices of the frames of impacts, rising.

        Frames at or above the threshold are taken by falling log odds; one nearer than the
        refractory time to a frame already taken is dropped.

        Parameters
        ----------
        times, trajectory : np.ndarray, shape=(U,)
            in seconds, and in log odds
        """
        kept: list[int] = []
        for i in np.argsort(-trajectory, kind="stable"):
            if trajectory[i] < self.threshold:
                break
            if all(abs(times[i] - times[j]) >= self.refractory - EPSILON for j in kept):
                kept.append(int(i))
        return np.array(sorted(kept), dtype=np.int64)
