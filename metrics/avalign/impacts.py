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

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ConfigError, ScoreError
from svbench.metrics.avalign.measured import MeasuredArrays
from svbench.types import Clip

# Part of cache keys: raise it whenever the code computes other numbers for equal settings.
MOTION_VERSION: Final = 2
HEIGHT: Final = 180  # px, a multiple of BLOCK
WIDEST: Final = 48  # cells in a row; wider pictures are squeezed
STILL: Final = 0.05  # grey levels; smaller changes are noise of a codec
FROZEN: Final = 4  # frames of a frozen end that are used
LARGEST: Final = 1e6  # largest magnitude of a model's numbers
BLOCK: Final = 12  # px, the side of a cell
RATE: Final = 15.0  # frames / s that are used, about
PEAK: Final = 98  # percentile over the pixels of a step: the fastest of them
CELL: Final = 97  # the same over cells
EPSILON: Final = 1e-6  # s; frames one refractory time apart must not depend on rounding
TYPICAL: Final = 90  # percentile of a curve over the clip, its divisor

STEP_CURVES: Final = (
    "change",
    "change-peak",
    "flow",
    "flow-peak",
    "down",
    "up",
    "across",
    "height",
)
FRAME_CURVES: Final = (
    "stop",
    "start",
    "stop-peak",
    "start-peak",
    "reversal",
    "persistence",
    "bounce",
    "swing",
    "landing",
    "skip",
    "sharpness",
)
CURVES: Final = (*STEP_CURVES, *FRAME_CURVES)
LEVELS: Final = ("height", "sharpness")  # curves of any level; all others are magnitudes >= 0
_GRAY = ("change", "change-peak", "stop", "start", "stop-peak", "start-peak", "skip")
FLOORS: Final = {name: 0.2 if name in _GRAY else 0.02 for name in CURVES}  # grey levels, px

Curves = NDArray[np.float64]  # (U, len(CURVES))


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
    every = max(1, min(round(fps / RATE), (len(video) - 1) // 2))
    used = video[::every]
    if len(used) < 3:
        raise ScoreError(f"impacts need at least 3 frames, got {len(used)}")
    steps, sharpness, skips = [], [], []
    before: list[_Frame] = []  # one or two: a clip may be long, so frames are not kept
    for picture in used:
        now = _Frame.of(picture)
        sharpness.append(now.sharpness)
        if before:
            steps.append(_kept_step(before[-1], now))
            skips.append(now.differs(before[0]))
        before = [*before[-1:], now]
    skips.append(before[1].differs(before[0]))
    found = {name: np.array([step.sums[name] for step in steps]) for name in STEP_CURVES}
    found = {name: np.append(x[:1], x) for name, x in found.items()}
    found |= _of_frames(np.stack([s.change for s in steps]), np.stack([s.flow for s in steps]))
    found |= {"skip": np.array(skips), "sharpness": np.array(sharpness)}
    curves = np.stack([found[name] for name in CURVES], axis=1)
    return Motion(times[::every], curves, fps / every)


_MEASURED: Final = MeasuredArrays[Motion]()  # as long as the picture


def motion_of(clip: Clip) -> Motion:
    """Return the curves of a clip, computed once per picture.

    Of an end that is frozen bit for bit (padding, for instance) only the first frames are used:
    they show that motion stops, and more of them would only change the percentiles of the clip.
    """
    measured, when = _MEASURED.of(clip.video), clip.frame_times
    key = (clip.spec.fps, when.tobytes())
    if key not in measured:
        shown = last_change(clip.video) + FROZEN + 1
        measured[key] = measure(clip.video[:shown], when[:shown], clip.spec.fps)
    return measured[key]


_STEPS: Final[ContextVar[dict[tuple[bytes, bytes], _Step] | None]] = ContextVar(
    "steps", default=None
)


@contextmanager
def steps_kept() -> Iterator[None]:
    """Have each step from one picture to another measured once while this lasts, in this thread.

    Pictures are known by their content. Clips that show the same frames in another order, or at
    other times, share most of their steps.
    """
    before = _STEPS.set({})
    try:
        yield
    finally:
        _STEPS.reset(before)


def _kept_step(before: _Frame, now: _Frame) -> _Step:
    """Return `_step` of two frames, from what is kept if it is there."""
    kept = _STEPS.get()
    if kept is None:
        return _step(before, now)
    key = before.digest, now.digest
    if key not in kept:
        kept[key] = _step(before, now)
    return kept[key]


def last_change(video: NDArray[np.uint8]) -> int:
    """Return the index of the last frame that differs from the one before it; 0 if none does."""
    last = len(video) - 1
    while last and np.array_equal(video[last], video[last - 1]):
        last -= 1
    return last


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


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    gray: NDArray[np.uint8]  # (HEIGHT, W), W a multiple of BLOCK
    soft: NDArray[np.float32]  # the same, blurred against pixel noise
    sharpness: float  # fast objects are blurred, stopped ones are not

    @classmethod
    def of(cls, picture: NDArray[np.uint8]) -> _Frame:
        import cv2

        height, width = picture.shape[:2]
        columns = min(max(1, round(width * HEIGHT / height / BLOCK)), WIDEST)
        how = cv2.INTER_AREA if height > HEIGHT else cv2.INTER_LINEAR
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        gray = cv2.resize(gray, (columns * BLOCK, HEIGHT), interpolation=how)
        soft = np.asarray(cv2.GaussianBlur(gray, (5, 5), 1.2), np.float32)
        sharpness = float(np.log1p(cv2.Laplacian(gray, cv2.CV_32F).var()))
        return cls(np.asarray(gray, np.uint8), soft, sharpness)

    @property
    def digest(self) -> bytes:
        """Return the digest of its grey levels, which decide all else."""
        whole = hashlib.sha256(repr(self.gray.shape).encode())
        whole.update(np.ascontiguousarray(self.gray).data)
        return whole.digest()

    def differs(self, other: _Frame) -> float:
        return float(np.abs(self.soft - other.soft).mean(dtype=np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    sums: dict[str, float]  # over the picture, by curve
    change: NDArray[np.float32]  # by cell, (rows, columns)
    flow: NDArray[np.float32]  # by cell, (rows, columns, 2)


def _step(before: _Frame, now: _Frame) -> _Step:
    """Compute the curves of the step from one frame to the next."""
    import cv2

    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = search.calc(before.gray, now.gray, None)  # type: ignore[call-overload]
    flow = np.asarray(flow - np.median(flow, axis=(0, 1)), np.float32)  # less the camera's motion
    right, down = flow[..., 0], flow[..., 1]
    length = np.sqrt(right * right + down * down)
    change = np.abs(now.soft - before.soft)
    squared = (change**2).sum(axis=1, dtype=np.float64)
    sums = {
        "change": change.mean(dtype=np.float64),
        "change-peak": np.percentile(change, PEAK),
        "flow": length.mean(dtype=np.float64),
        "flow-peak": np.percentile(length, PEAK),
        "down": np.maximum(down, 0).mean(dtype=np.float64),
        "up": np.maximum(-down, 0).mean(dtype=np.float64),
        "across": np.abs(right).mean(dtype=np.float64),
        "height": squared @ np.linspace(0, 1, HEIGHT) / (squared.sum() + 1e-3),
    }
    return _Step({name: float(x) for name, x in sums.items()}, _cells(change), _cells(flow))


def _cells(field: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average a field over cells of `BLOCK` x `BLOCK` px."""
    import cv2

    size = field.shape[1] // BLOCK, HEIGHT // BLOCK
    return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_AREA), np.float32)


def _of_frames(
    changes: NDArray[np.float32], steps: NDArray[np.float32]
) -> dict[str, NDArray[np.float64]]:
    """Compute the curves that compare the step before each frame with the one after it."""
    before, after = _around(changes)
    slower, faster = np.maximum(before - after, 0), np.maximum(after - before, 0)
    came, went = _around(steps)
    along = (came * went).sum(axis=-1)
    down, later = came[..., 1], went[..., 1]
    amounts = {
        "stop": slower,
        "start": faster,
        "reversal": np.sqrt(np.maximum(-along, 0)),
        "persistence": np.sqrt(np.maximum(along, 0)),
        "bounce": np.maximum(np.minimum(down, -later), 0),
        "swing": np.maximum(np.minimum(-down, later), 0),
        "landing": np.maximum(np.maximum(down, 0) - np.maximum(later, 0), 0),
    }
    found = {name: x.mean(axis=(1, 2), dtype=np.float64) for name, x in amounts.items()}
    found["stop-peak"] = np.percentile(slower, CELL, axis=(1, 2))
    found["start-peak"] = np.percentile(faster, CELL, axis=(1, 2))
    return found


def _around(steps: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the step before and the step after each frame."""
    whole = np.concatenate([steps[:1], steps, steps[-1:]])
    return whole[:-1], whole[1:]
