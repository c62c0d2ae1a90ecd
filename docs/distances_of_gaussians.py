"""Gaussians of known distance, and halves of one population, for docs/make_distances.py.

All populations are isotropic: N(0, I) is the reference, N(shift, scale^2 I) is generated. Their
distances have closed forms, for kernels whose parameters are fixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.metrics.kernel_distance import squared_mmd
from svbench.metrics.kernels import Kernel, Polynomial, Radial

Matrix = NDArray[np.float64]

SPLITS_AT_ONCE: Final = 500


@dataclass(frozen=True)
class Pair:
    """Two populations, of `width` features each."""

    width: int
    shift: float  # of every feature
    scale: float

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Matrix, Matrix]:
        """Return `count` generated and real rows."""
        generated, reference = rng.standard_normal((2, count, self.width))
        return generated * self.scale + self.shift, reference

    @property
    def bandwidth(self) -> float:
        """Return about the median distance of two real rows."""
        return float((2 * self.width) ** 0.5)

    @property
    def frechet(self) -> float:
        """Return the Fréchet distance."""
        return float(self.width * (self.shift**2 + (self.scale - 1) ** 2))

    @property
    def gaussian(self) -> float:
        """Return MMD^2 with a Gaussian kernel (A. Gretton et al., 2012), without kadtk's 1e-8."""
        own, cross = (self._overlap(v, 0.0) for v in (2 * self.scale**2, 2.0)), 1 + self.scale**2
        return sum(own) - 2 * self._overlap(cross, self.shift)

    def _overlap(self, variance: float, shift: float) -> float:
        """Return E exp(-|d|^2 / 2 b^2) of differences d ~ N(shift, variance I)."""
        total = self.bandwidth**2 + variance
        height = (self.bandwidth**2 / total) ** (self.width / 2)
        return float(height * np.exp(-self.width * shift**2 / (2 * total)))

    @property
    def polynomial(self) -> float:
        """Return MMD^2 with the cubic polynomial."""
        generated, reference = (self.shift, self.scale), (0.0, 1.0)
        within = self._cube(generated, generated) + self._cube(reference, reference)
        return within - 2 * self._cube(generated, reference)

    def _cube(self, one: tuple[float, float], other: tuple[float, float]) -> float:
        """Return E (x.y / D + 1)^3 by the moments of x.y, of x given y and then of y."""
        width, (a, s), (b, t) = self.width, one, other
        length, inner = width * a**2, width * a * b
        square = width * (b**2 + t**2)  # E |y|^2
        second = inner**2 + length * t**2 + s**2 * square
        third = inner**3 + 3 * inner * length * t**2
        third += 3 * s**2 * (inner * square + 2 * t**2 * inner)
        moments = (1, inner / width, second / width**2, third / width**3)
        return float(np.dot((1, 3, 3, 1), moments))


def halves(count: int, width: int, splits: int, seed: int) -> dict[str, tuple[float, float]]:
    """Return mean and deviation of kernel distances between halves of one sample.

    2 `count` rows are drawn once, of N(0, I), and divided into halves `splits` times. Values are
    relative to E k(x, x) - E k(x, x') of both halves, as a Fréchet distance is to the two traces.
    """
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((2 * count, width))
    signs = np.repeat([1.0, -1.0], count)
    chosen = np.stack([rng.permutation(signs) for _ in range(splits)], axis=1)
    kernels: dict[str, Kernel] = {"kvd": Polynomial(), "kad": Radial()}
    return {name: _spread(rows, chosen, kernel) for name, kernel in kernels.items()}


def _spread(rows: Matrix, chosen: Matrix, kernel: Kernel) -> tuple[float, float]:
    """Return mean and deviation over the splits that the columns of `chosen` are, +1 and -1.

    With K the matrix of kernels without its diagonal, s a split and n its halves, MMD^2 is
    (sum of pairs within) / n (n - 1) - 2 (sum of pairs across) / n^2, and s.K s = within - 2
    across, so that one product of matrices serves many splits.
    """
    fitted = kernel.fitted(rows)
    matrix = fitted(rows, rows)
    diagonal = float(np.diagonal(matrix).mean())
    np.fill_diagonal(matrix, 0)
    n, total = len(rows) // 2, float(matrix.sum())
    parts = [
        np.einsum("ij,ij->j", some, matrix @ some)
        for some in np.array_split(chosen, -(-chosen.shape[1] // SPLITS_AT_ONCE), axis=1)
    ]
    difference = np.concatenate(parts)  # within - across, each ordered pair counted
    within, across = (total + difference) / 2, (total - difference) / 2
    values = within / (n * (n - 1)) - across / n**2
    first = chosen[:, 0] > 0
    expected = squared_mmd(rows[first], rows[~first], fitted).value
    if not np.isclose(values[0], expected, rtol=1e-6, atol=1e-12):
        raise SystemExit(f"found {values[0]} for the first halves, squared_mmd has {expected}")
    unit = 2 * (diagonal - total / (2 * n * (2 * n - 1)))
    return float(values.mean() / unit), float(values.std() / unit)
