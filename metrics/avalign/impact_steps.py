"""The steps of a picture from one frame to the next, of which `impacts` makes its curves.

See `impacts` for the conventions, and for what the curves mean. A frame is measured as it comes,
and neither it nor its flow is kept: a clip may be long.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ScoreError

HEIGHT: Final = 180  # px, a multiple of BLOCK
WIDEST: Final = 48  # cells in a row; wider pictures are squeezed
BLOCK: Final = 12  # px, the side of a cell
PEAK: Final = 98  # percentile over the pixels of a step: the fastest of them
CELL: Final = 97  # the same over cells

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
Curves = NDArray[np.float64]  # (U, len(CURVES))


class UsedFrames:
    """What is measured of the frames used, one after another; they are not kept."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._sharpness: list[float] = []
        self._skips: list[float] = []
        self._before: list[UsedFrame] = []  # one or two

    def add(self, now: UsedFrame) -> None:
        """Measure the next frame."""
        self._sharpness.append(now.sharpness)
        if self._before:
            self._steps.append(_kept_step(self._before[-1], now))
            self._skips.append(now.differs(self._before[0]))
        self._before = [*self._before[-1:], now]

    def curves(self, count: int) -> Curves:
        """Return the curves of the first frames; raise ScoreError if these are less than three."""
        if count < 3:
            raise ScoreError(f"impacts need at least 3 frames, got {count}")
        steps = self._steps[: count - 1]
        # Behind the last frame is none; that before it is as far away as the step between them.
        skips = [*self._skips[: count - 1], steps[-1].sums["change"]]
        found = {name: np.array([step.sums[name] for step in steps]) for name in STEP_CURVES}
        found = {name: np.append(x[:1], x) for name, x in found.items()}
        found |= _of_frames(np.stack([s.change for s in steps]), np.stack([s.flow for s in steps]))
        found |= {"skip": np.array(skips), "sharpness": np.array(self._sharpness[:count])}
        return np.stack([found[name] for name in CURVES], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class UsedFrame:
    """What is kept of a frame until the next one."""

    gray: NDArray[np.uint8]  # (HEIGHT, W), W a multiple of BLOCK
    soft: NDArray[np.float32]  # the same, blurred against pixel noise
    sharpness: float  # fast objects are blurred, stopped ones are not

    @classmethod
    def of(cls, picture: NDArray[np.uint8]) -> UsedFrame:
        """Return that of a picture, (H, W, 3)."""
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

    def differs(self, other: UsedFrame) -> float:
        """Return the mean difference from another, in grey levels."""
        return float(np.abs(self.soft - other.soft).mean(dtype=np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What is measured of the step from one frame to the next."""

    sums: dict[str, float]  # over the picture, by curve
    change: NDArray[np.float32]  # by cell, (rows, columns)
    flow: NDArray[np.float32]  # by cell, (rows, columns, 2)


def _step(before: UsedFrame, now: UsedFrame) -> Step:
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
    return Step({name: float(x) for name, x in sums.items()}, _cells(change), _cells(flow))


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


_STEPS: Final[ContextVar[dict[tuple[bytes, bytes], Step] | None]] = ContextVar(
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


def _kept_step(before: UsedFrame, now: UsedFrame) -> Step:
    """Return `_step` of two frames, from what is kept if it is there."""
    kept = _STEPS.get()
    if kept is None:
        return _step(before, now)
    key = before.digest, now.digest
    if key not in kept:
        kept[key] = _step(before, now)
    return kept[key]
