"""Dense optical flow by polynomial expansion (Farnebäck 2003), with the conventions of OpenCV.

Around each pixel both frames are approximated by quadratic polynomials; where the second frame is
the first one displaced, the linear terms of the two determine the displacement. It is solved for
by least squares over a window, again with the displacement found so far, and from coarse to fine
over a pyramid of scales. A video is processed as a whole: a frame's pyramid and polynomials, which
OpenCV computes for both of a frame's steps, are computed once. The loops (`farneback_kernels`) are
compiled by numba, which comes with librosa, and kept on disk; blurring and resizing are OpenCV's.

Conventions
-----------
As `cv2.calcOpticalFlowFarneback` with flags = 0. Pictures are gray, uint8, (H, W). The expansion
reaches `poly_n` pixels to either side. A pyramid has the picture and `levels` smaller ones, as far
as these are at least `COARSEST` px wide and high, each blurred by a Gaussian from the full
picture. Edges are repeated; pixels near them count less (`NEAR_EDGE`).

The mean magnitude of the flow agrees with OpenCV's to about 1e-7 px for most steps. Where two
frames have little in common (a cut), or little texture, the iterations amplify how sums are
rounded, OpenCV's as ours: of 66 real clips single steps differed by up to 0.022 px, or 4 % of a
small value. Motion peaks were equal in all of them. The same frames always give the same bits, so
that equal steps give equal flow.

References
----------
- G. Farnebäck: Two-frame motion estimation based on polynomial expansion. SCIA 2003.
- G. Farnebäck: Polynomial expansion for orientation and motion estimation. PhD thesis, Linköping
  2002 (the filters and their normalisation, chapter 4).
- https://docs.opencv.org/4.x/dc/d6b/group__video__track.html (settings, constants, pyramid)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from itertools import accumulate, repeat
from operator import mul
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from svbench.first_import import one_at_a_time
from svbench.metrics.avalign.farneback_kernels import Floats, expand, products, solve

# Part of cache keys: raise it whenever the code computes other numbers for equal settings.
CODE_VERSION: Final = 1
COARSEST: Final = 32  # px, the smallest side of a pyramid's level
NEAR_EDGE: Final = (0.14, 0.14, 0.4472, 0.4472, 0.4472)  # weights of the pixels from an edge on
SMALLEST: Final = 2 * len(NEAR_EDGE)  # px, the smallest side of a picture

Array3 = "float32[:, :, ::1]"
SIGNATURES: Final[dict[Callable[..., None], str]] = {
    expand: f"void({', '.join(['float32[:, ::1]'] * 3)}, float32[::1], {Array3})",
    products: f"void({', '.join([Array3] * 3)}, float32[::1], float32[::1], {Array3})",
    solve: f"void({Array3}, int64, {Array3})",
}


class Kernels(NamedTuple):
    """The compiled functions of `farneback_kernels`."""

    expand: Callable[..., None]
    products: Callable[..., None]
    solve: Callable[..., None]


@dataclass(frozen=True, slots=True, eq=False)
class Filters:
    """The separable filters of the expansion; see `farneback_kernels.expand`."""

    vertical: Floats  # (3, n + 1)
    horizontal: Floats  # (5, n + 1)
    mix: Floats  # (2,)


class Level:
    """The arrays of one level of the pyramid: made once, as fresh memory costs as much as flow."""

    def __init__(self, height: int, width: int) -> None:
        self.before, self.now, self.products = np.empty((3, height, 5, width), np.float32)
        self.flow = np.zeros((2, height, width), np.float32)
        self.trust = _near_edges(width), _near_edges(height)

    def expand(self, picture: Floats, filters: Filters, kernels: Kernels) -> None:
        """Compute the coefficients of the next picture, (height, width)."""
        self.before, self.now = self.now, self.before
        kernels.expand(picture, filters.vertical, filters.horizontal, filters.mix, self.now)

    def start(self, coarser: Level | None, pyr_scale: float) -> None:
        """Begin with the flow of a coarser level, or none."""
        height, width = self.flow.shape[1:]
        for part, source in enumerate(coarser.flow if coarser else ()):
            self.flow[part] = _resized(source, height, width) * np.float32(1 / pyr_scale)
        if coarser is None:
            self.flow[:] = 0

    def refine(self, winsize: int, kernels: Kernels) -> None:
        """Compute the flow once more from where it leads."""
        kernels.products(self.before, self.now, self.flow, *self.trust, self.products)
        kernels.solve(self.products, winsize, self.flow)


def compiles() -> bool:
    """Return whether there is numba, without which `flows` cannot be used."""
    return find_spec("numba") is not None


def flows(
    pictures: Iterable[NDArray[np.uint8]],
    *,
    pyr_scale: float,
    levels: int,
    winsize: int,
    iterations: int,
    poly_n: int,
    poly_sigma: float,
) -> Iterator[Floats]:
    """Yield the flow from each picture to the next.

    Parameters
    ----------
    pictures : iterable of np.ndarray of uint8, shape=(H, W)
        gray, of one size, no side shorter than `SMALLEST`
    pyr_scale, levels, winsize, iterations, poly_n, poly_sigma
        as in OpenCV; the window and the neighbourhood in px

    Yields
    ------
    flow : np.ndarray, shape=(2, H, W)
        how far each pixel moves right and down, px; overwritten by the next one
    """
    kernels = compiled()
    filters = make_filters(poly_n, poly_sigma)
    pyramids = (list(pyramid(picture, pyr_scale, levels)) for picture in pictures)
    made: list[Level] = []
    for scales in pyramids:
        first = not made
        made = made or [Level(*picture.shape) for picture in scales]
        for level, picture in zip(made, scales, strict=True):
            level.expand(picture, filters, kernels)
        if not first:
            yield _coarse_to_fine(made, pyr_scale, winsize, iterations, kernels)


def _coarse_to_fine(
    levels: Sequence[Level], pyr_scale: float, winsize: int, iterations: int, kernels: Kernels
) -> Floats:
    """Compute the flow of the finest level, (2, H, W), by way of the coarser ones."""
    coarser: Level | None = None
    for level in reversed(levels):
        level.start(coarser, pyr_scale)
        for _ in range(iterations):
            level.refine(winsize, kernels)
        coarser = level
    return levels[0].flow


def compiled() -> Kernels:
    """Return the compiled kernels; one process of a machine compiles, the others load."""
    with one_at_a_time("farneback"):
        return _compiled()


@cache
def _compiled() -> Kernels:
    return Kernels(*(_compile(kernel, signature) for kernel, signature in SIGNATURES.items()))


def _compile(kernel: Callable[..., None], signature: str) -> Callable[..., None]:
    """Compile a kernel, or load it; where nothing can be kept, compile it for this process."""
    import numba

    compiler = partial(numba.njit, signature, nogil=True, error_model="numpy")
    try:
        made: Callable[..., None] = compiler(cache=True)(kernel)
    except (OSError, RuntimeError):  # no folder that can be written, or a full disk
        made = compiler()(kernel)
    return made


def make_filters(n: int, sigma: float) -> Filters:
    """Compute the filters of the expansion over n px to either side with a Gaussian weight.

    With the basis 1, x, y, x^2, y^2, xy and the weight a separable Gaussian, the matrix of inner
    products is nearly diagonal, so its inverse has four distinct entries that matter.
    """
    x = np.arange(-n, n + 1, dtype=np.float64)
    g = np.exp(-(x**2) / (2 * sigma**2)).astype(np.float32).astype(np.float64)
    g = (g / g.sum()).astype(np.float32).astype(np.float64)
    basis = [np.ones((len(x), len(x))), *np.meshgrid(x, x)]
    basis += [basis[1] ** 2, basis[2] ** 2, basis[1] * basis[2]]
    weighted = np.outer(g, g)
    inverse = np.linalg.inv([[(weighted * a * b).sum() for a in basis] for b in basis])
    linear, both = inverse[1, 1], inverse[5, 5]
    constant, square = inverse[0, 3], inverse[3, 3]
    right = x[n:]
    even, odd, squares = g[n:], g[n:] * right, g[n:] * right**2
    horizontal = [even * linear, odd * linear, even, even * constant + squares * square, odd * both]
    return Filters(
        np.array([even, odd, squares], np.float32),
        np.array(horizontal, np.float32),
        np.array([constant, square], np.float32),
    )


def pyramid(picture: NDArray[np.uint8], pyr_scale: float, levels: int) -> Iterator[Floats]:
    """Yield a picture (H, W) at each scale of its pyramid, from fine to coarse, float32."""
    import cv2

    whole = picture.astype(np.float32)
    height, width = picture.shape
    for level, scale in enumerate(accumulate(repeat(pyr_scale, levels), mul, initial=1.0)):
        if level and min(height, width) * scale < COARSEST:
            return
        sigma = (1 / scale - 1) / 2
        taps = max(round(5 * sigma) | 1, 3)
        blurred = cv2.GaussianBlur(whole, (taps, taps), sigma, sigmaY=sigma)
        yield _resized(blurred, round(height * scale), round(width * scale))


def _resized(picture: Any, height: int, width: int) -> Floats:
    import cv2

    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR))


def _near_edges(size: int) -> Floats:
    """Return the weight of each pixel along a side, shape (size,)."""
    weights = np.ones(size, np.float32)
    weights[: len(NEAR_EDGE)] = NEAR_EDGE
    weights[-len(NEAR_EDGE) :] = NEAR_EDGE[::-1]
    return weights
