"""Motion peaks: the moments at which a picture moves most.

The motion of a frame is the mean length of its dense optical flow (Farnebäck 2003), in
pixels per frame; a motion peak is a frame that moves more than both its neighbours.

Conventions
-----------
Video is uint8 RGB of shape (T, H, W, 3). Entry i of a motion curve belongs to the step from
frame i - 1 to frame i and to the time i / fps. Entry 0 has no step of its own and repeats
entry 1, as every published AV-Align does; so the curve is as long as the video.
The curve is not divided by the picture's size or frame rate: compare like with like only.

What happens at the edges
-------------------------
- Fewer than two frames: no motion is defined, a ScoreError (published code: IndexError).
- Two frames, or a constant curve: no peak.
- The first and the last entry are never peaks; nor is entry 1, which equals entry 0.
- Plateau (two equal neighbours at the top): no peak, the comparison is strict.
- NaN in a curve: neither a peak nor a neighbour that a peak can rise above.
- A still picture has a small motion that is not 0 (0.002 px for a textured one), but it is
  constant, hence without peak. Black frames have exactly 0.

References
----------
- G. Farnebäck: Two-frame motion estimation based on polynomial expansion. SCIA 2003.
- G. Yariv et al.: Diverse and aligned audio-to-video generation via text-to-video model
  adaptation. AAAI 2024, arXiv:2309.16429.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ConfigError, ScoreError


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """How optical flow is estimated (OpenCV's Farnebäck); the defaults are the published ones."""

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


@dataclass(frozen=True, slots=True)
class PeakSettings:
    """Which local maxima of a motion curve count; by default all of them."""

    min_magnitude: float = 0.0  # px per frame that a peak reaches at least
    relative: float = 0.0  # share of the clip's largest motion that a peak reaches at least

    def __post_init__(self) -> None:
        if not (self.min_magnitude >= 0 and 0 <= self.relative <= 1):
            raise ConfigError(
                f"peak settings need min_magnitude >= 0 and 0 <= relative <= 1, got {self}"
            )


PUBLISHED_FLOW: Final = FlowSettings()
EVERY_PEAK: Final = PeakSettings()


def flow_magnitude(
    video: NDArray[np.uint8], settings: FlowSettings = PUBLISHED_FLOW
) -> NDArray[np.float64]:
    """Measure how much each frame moves.

    Parameters
    ----------
    video : np.ndarray, shape=(T, H, W, 3)
        RGB frames, T >= 2
    settings : FlowSettings
        how flow is estimated (Default value = PUBLISHED_FLOW)

    Returns
    -------
    curve : np.ndarray, shape=(T,)
        mean flow magnitude, in pixels per frame; entry 0 repeats entry 1
    """
    if video.ndim != 4 or video.shape[-1] != 3 or len(video) < 2:
        raise ScoreError(
            f"motion needs a video (T, H, W, 3) of at least 2 frames, got {video.shape}"
        )
    import cv2

    grays = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in video)
    before = next(grays)
    curve = np.empty(len(video))
    for i, now in enumerate(grays, start=1):
        curve[i] = _mean_flow(before, now, settings)
        before = now
    curve[0] = curve[1]
    return curve


def peak_indices(
    curve: NDArray[np.float64], settings: PeakSettings = EVERY_PEAK
) -> NDArray[np.int64]:
    """Find the strict local maxima of a curve that are high enough.

    Returns
    -------
    indices : np.ndarray, shape=(K,)
        rising, each in 1..T-2 (see the module for plateaus, ends, NaN, short curves)
    """
    if len(curve) < 3:
        return np.empty(0, dtype=np.int64)
    middle = curve[1:-1]
    floor = max(settings.min_magnitude, settings.relative * float(np.fmax.reduce(curve)))
    is_peak = (curve[:-2] < middle) & (middle > curve[2:]) & (middle >= floor)
    return np.flatnonzero(is_peak).astype(np.int64) + 1


def _mean_flow(before: NDArray[np.uint8], now: NDArray[np.uint8], settings: FlowSettings) -> float:
    """Give the mean length of the flow between two gray frames."""
    import cv2

    flow = cv2.calcOpticalFlowFarneback(
        before,
        now,
        None,  # type: ignore[call-overload]  # OpenCV allocates it; its stubs do not say so
        pyr_scale=settings.pyr_scale,
        levels=settings.levels,
        winsize=settings.winsize,
        iterations=settings.iterations,
        poly_n=settings.poly_n,
        poly_sigma=settings.poly_sigma,
        flags=0,
    )
    # Not cv2.magnitude: its last bits depend on where in memory the flow happens to lie.
    right, down = flow[..., 0], flow[..., 1]
    return float(np.sqrt(right * right + down * down).mean(dtype=np.float64))
