"""Motion peaks: the local maxima of the motion of a video over time.

As published, the motion of a frame is the mean magnitude of its dense optical flow (Farnebäck
2003), in pixels per frame, and a motion peak is a frame that moves more than both its neighbours.
Every default is the published choice. Settings choose another estimator of flow (DIS), another
statistic of it (`CurveSettings`), and which local maxima count (`PeakSettings`); they exist because
a hit is not any motion: it goes down, and it ends abruptly. Farnebäck's method is computed by
`farneback`, or by OpenCV where numba is missing or a side is shorter than 10 px.

Conventions
-----------
Video is uint8 RGB of shape (T, H, W, 3). Entry i of a motion curve belongs to the step from
frame i - 1 to frame i and to the time i / fps. Entry 0 has no step of its own and repeats
entry 1, as every published AV-Align does; so the curve is as long as the video.
Downward is towards larger rows, in pixels per frame; upward motion counts as 0 there. The curve is
not normalised by picture size or frame rate: compare curves at equal sizes and rates only.

Edge cases
----------
- Fewer than two frames: motion is undefined, a ScoreError (published code: IndexError).
- Two frames, or a constant curve: no peak.
- The first and the last entry are never peaks; nor is entry 1, which equals entry 0.
- Plateau (two equal neighbours at the top): no peak, the comparison is strict.
- NaN in a curve: neither a peak nor the neighbour of one.
- Deceleration of the last entry: there is no step after it, so it is 0.
- Of two peaks nearer than the refractory time the higher stays; of two equal ones the earlier.
- A still picture has a small motion above 0 (0.002 px for a textured one), but it is constant,
  hence without peak. Black frames have exactly 0.

References
----------
- G. Farnebäck: Two-frame motion estimation based on polynomial expansion. SCIA 2003.
- T. Kroeger, R. Timofte, D. Dai, L. Van Gool: Fast optical flow using dense inverse search.
  ECCV 2016 (DIS).
- G. Yariv et al.: Diverse and aligned audio-to-video generation via text-to-video model
  adaptation. AAAI 2024, arXiv:2309.16429.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ConfigError, ScoreError
from svbench.metrics.avalign import farneback

Estimator = Literal["farneback", "dis"]
Statistic = Literal["mean", "percentile", "downward"]


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """Settings of optical flow (OpenCV); the defaults are the published ones.

    DIS is OpenCV's medium preset at full resolution; the numbers are those of Farnebäck's method.
    """

    estimator: Estimator = "farneback"
    pyr_scale: float = 0.5  # size of a pyramid level relative to the one below
    levels: int = 3  # pyramid levels, the picture itself included
    winsize: int = 15  # px over which motion is averaged
    iterations: int = 3  # refinements per level
    poly_n: int = 5  # px of the neighbourhood that is approximated by a polynomial
    poly_sigma: float = 1.2  # px, weight of that neighbourhood

    def __post_init__(self) -> None:
        numbers = (self.levels, self.winsize, self.iterations, self.poly_n, self.poly_sigma)
        if min(numbers) <= 0 or not 0 < self.pyr_scale < 1:
            raise ConfigError(
                f"flow settings need positive numbers and 0 < pyr_scale < 1, got {self}"
            )
        if self.estimator not in ("farneback", "dis"):
            raise ConfigError(f"flow settings need farneback or dis, got {self.estimator!r}")


@dataclass(frozen=True, slots=True)
class CurveSettings:
    """The statistic of a frame's flow, and the filters along the curve."""

    statistic: Statistic = "mean"  # of the flow's magnitude, or of its downward component
    percentile: float = 95.0  # of the flow's magnitude, for the statistic of that name
    steady: bool = False  # subtract each frame's median flow first: the motion of the camera
    deceleration: bool = False  # the decrease of motion to the next frame instead of motion
    smoothing: float = 0.0  # s, standard deviation of a Gaussian along the curve

    def __post_init__(self) -> None:
        if self.statistic not in ("mean", "percentile", "downward"):
            raise ConfigError(
                "curve settings need mean, percentile or downward as statistic, got "
                f"{self.statistic!r}"
            )
        if not (0 <= self.percentile <= 100 and 0 <= self.smoothing < float("inf")):
            raise ConfigError(
                f"curve settings need a percentile of 0..100 and smoothing >= 0, got {self}"
            )


@dataclass(frozen=True, slots=True)
class PeakSettings:
    """Which local maxima of a motion curve count; by default all of them."""

    min_magnitude: float = 0.0  # px per frame, least height of a peak
    relative: float = 0.0  # the same as a share of the clip's largest motion
    prominence: float = 0.0  # least prominence, as a share of the clip's largest motion
    refractory: float = 0.0  # s, least time between two peaks

    def __post_init__(self) -> None:
        floors = (self.min_magnitude, self.refractory)
        shares = (self.relative, self.prominence)
        if not (all(f >= 0 for f in floors) and all(0 <= share <= 1 for share in shares)):
            raise ConfigError(
                f"peak settings need 0 <= relative, prominence <= 1 and the others >= 0, got {self}"
            )


PUBLISHED_FLOW: Final = FlowSettings()
PUBLISHED_CURVE: Final = CurveSettings()
EVERY_PEAK: Final = PeakSettings()


def raw_curve(
    video: NDArray[np.uint8],
    flow: FlowSettings = PUBLISHED_FLOW,
    curve: CurveSettings = PUBLISHED_CURVE,
) -> NDArray[np.float64]:
    """Compute the motion curve of a video before smoothing and deceleration.

    Parameters
    ----------
    video : np.ndarray of uint8, shape=(T, H, W, 3)
        RGB frames, T >= 2
    flow : FlowSettings
        how optical flow is estimated (Default value = PUBLISHED_FLOW)
    curve : CurveSettings
        the statistic of each flow field (Default value = PUBLISHED_CURVE, the mean magnitude)

    Returns
    -------
    curve : np.ndarray, shape=(T,)
        in pixels per frame; entry 0 repeats entry 1

    Raises
    ------
    ScoreError
        if the video has fewer than two frames, or another shape
    """
    return raw_curves(video, flow, [curve])[0]


def raw_curves(
    video: NDArray[np.uint8], flow: FlowSettings, curves: Sequence[CurveSettings]
) -> list[NDArray[np.float64]]:
    """Compute several statistics in one pass of optical flow; see `raw_curve`."""
    measured = RawCurves(video.shape, flow, curves)
    for frame in video:
        measured.take(frame)
    return measured.curves


class RawCurves:
    """The same of a video whose frames come one by one.

    Parameters
    ----------
    shape : (int, int, int, int)
        of the video, (T, H, W, 3), T >= 2
    flow, curves
        as of `raw_curves`

    Raises
    ------
    ScoreError
        if the video has fewer than two frames, or another shape
    """

    def __init__(
        self, shape: tuple[int, ...], flow: FlowSettings, curves: Sequence[CurveSettings]
    ) -> None:
        if len(shape) != 4 or shape[-1] != 3 or shape[0] < 2:
            raise ScoreError(f"motion needs a video (T, H, W, 3) of at least 2 frames, got {shape}")
        self._settings = curves
        self._found = np.empty((len(curves), shape[0]))
        self._taken = 0
        self._grays: deque[NDArray[np.uint8]] = deque()  # that no step has been computed from
        self._fields = _fields(self._gray(), min(shape[1:3]), flow)

    def take(self, frame: NDArray[np.uint8]) -> None:
        """Take the next frame, (H, W, 3)."""
        import cv2

        self._grays.append(np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8))
        if self._taken:
            field = next(self._fields)
            for k, settings in enumerate(self._settings):
                self._found[k, self._taken] = _statistic(field, settings)
        self._taken += 1

    @property
    def curves(self) -> list[NDArray[np.float64]]:
        """Return the curves, shape (T,) each, once all frames are taken."""
        self._found[:, 0] = self._found[:, 1]
        return list(self._found)

    def _gray(self) -> Iterator[NDArray[np.uint8]]:
        while self._grays:
            yield self._grays.popleft()


def flow_code(settings: FlowSettings) -> str:
    """Return what computes the flow, for keys of caches: svbench's code or OpenCV."""
    ours = settings.estimator == "farneback" and farneback.compiles()
    return f"farneback-{farneback.CODE_VERSION}" if ours else "opencv"


def shaped_curve(
    raw: NDArray[np.float64], fps: float, settings: CurveSettings
) -> NDArray[np.float64]:
    """Apply smoothing and deceleration to a raw curve, shape (T,), as the settings have it."""
    curve = raw
    if settings.smoothing:
        from scipy.ndimage import gaussian_filter1d

        curve = np.asarray(gaussian_filter1d(curve, settings.smoothing * fps), np.float64)
    if settings.deceleration:
        curve = np.maximum(curve - np.append(curve[1:], curve[-1]), 0.0)
    return curve


def peak_indices(
    curve: NDArray[np.float64], settings: PeakSettings = EVERY_PEAK, fps: float = 1.0
) -> NDArray[np.int64]:
    """Find the strict local maxima of a motion curve that meet the settings.

    Parameters
    ----------
    curve : np.ndarray, shape=(T,)
        motion of each frame, px per frame
    settings : PeakSettings
        which local maxima count (Default value = EVERY_PEAK)
    fps : float
        frames per second, for the refractory time (Default value = 1.0)

    Returns
    -------
    indices : np.ndarray, shape=(K,)
        rising, each in 1..T-2 (see the module for plateaus, ends, NaN, short curves)
    """
    if len(curve) < 3:
        return np.empty(0, dtype=np.int64)
    middle, largest = curve[1:-1], float(np.fmax.reduce(curve))
    floor = max(settings.min_magnitude, settings.relative * largest)
    is_peak = (curve[:-2] < middle) & (middle > curve[2:]) & (middle >= floor)
    found = np.flatnonzero(is_peak).astype(np.int64) + 1
    if settings.prominence:
        found = found[_prominences(curve, found) >= settings.prominence * largest]
    if settings.refractory:
        found = _apart(curve, found, settings.refractory * fps)
    return found


def _prominences(curve: NDArray[np.float64], found: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the prominence of each peak: its height above the higher valley beside it."""
    from scipy.signal import peak_prominences

    return np.asarray(peak_prominences(curve, found)[0], np.float64)


def _apart(
    curve: NDArray[np.float64], found: NDArray[np.int64], frames: float
) -> NDArray[np.int64]:
    """Return the peaks at least `frames` apart; of nearer ones the higher stays."""
    kept: list[int] = []
    for i in found[np.argsort(-curve[found], kind="stable")]:
        if all(abs(int(i) - other) >= frames for other in kept):
            kept.append(int(i))
    return np.array(sorted(kept), dtype=np.int64)


def _fields(
    grays: Iterator[NDArray[np.uint8]], side: int, settings: FlowSettings
) -> Iterator[NDArray[np.float32]]:
    """Yield the flow (2, H, W) of each step, right and down, in pixels; overwritten by the next.

    A step takes one more picture (H, W), the first step two; `side` is their shorter one.
    """
    if settings.estimator == "dis":
        yield from _by_opencv(grays, _inverse_search())
    elif farneback.compiles() and side >= farneback.SMALLEST:
        yield from farneback.flows(grays, **_numbers(settings))
    else:
        yield from _by_opencv(grays, _expansion(settings))


def _by_opencv(grays: Iterator[NDArray[np.uint8]], flow_of: Any) -> Iterator[NDArray[np.float32]]:
    """Yield the flow (2, H, W) of each step by a function of two pictures to (H, W, 2)."""
    for before, now in pairwise(grays):
        yield np.moveaxis(np.asarray(flow_of(before, now, None), np.float32), -1, 0)


def _inverse_search() -> Any:
    import cv2

    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc


def _expansion(settings: FlowSettings) -> Any:
    """Return OpenCV's Farnebäck flow with these settings."""
    import cv2

    return partial(cv2.calcOpticalFlowFarneback, **_numbers(settings), flags=0)


def _numbers(settings: FlowSettings) -> dict[str, Any]:
    """Return the settings of Farnebäck's method by OpenCV's names."""
    return {name: value for name, value in asdict(settings).items() if name != "estimator"}


def _statistic(field: NDArray[np.float32], settings: CurveSettings) -> float:
    """Return the statistic of one flow field, shape (2, H, W), px per frame."""
    right, down = field
    if settings.statistic == "downward":
        return float(np.maximum(_steady(down, settings), 0).mean(dtype=np.float64))
    right, down = _steady(right, settings), _steady(down, settings)
    # Not cv2.magnitude: its last bits depend on the memory alignment of the flow.
    length = np.sqrt(right * right + down * down)
    if settings.statistic == "percentile":
        return float(np.percentile(length, settings.percentile))
    return float(length.mean(dtype=np.float64))


def _steady(part: NDArray[np.float32], settings: CurveSettings) -> NDArray[np.float32]:
    """Subtract the median of one direction, shape (H, W), where the settings ask for it."""
    if not settings.steady:
        return part
    return np.asarray(part - np.median(part), np.float32)
