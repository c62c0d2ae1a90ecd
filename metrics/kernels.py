r"""Kernels between rows of features, for the distances of `kernel_distance`.

Conventions
-----------
Rows are float64, (N, D); a kernel of rows (N, D) and (M, D) is (N, M). A kernel whose parameters
follow from the data is made by `fitted` from the reference, the set that all systems of a table
are compared with, so that all are measured alike.

Kernels
-------
- :class:`Polynomial`: (gamma x.y + coef0)^degree; gamma = 1 / D unless given. Degree 3, coef0 1 is
  the kernel of KID and KVD.
- :class:`Radial`: of gamma |x - y|^2, gamma = 1 / (2 b^2 + 1e-8) with bandwidth b: exp(-s)
  ("gaussian"), 1 / (1 + s) ("iq") or 1 / sqrt(1 + s) ("imq"). The bandwidth is the median distance
  of two rows of the reference unless given. The Gaussian one is the kernel of KAD.

References
----------
- M. Bińkowski et al.: Demystifying MMD GANs. ICLR 2018, https://arxiv.org/abs/1801.01401.
- Y. Chung et al.: KAD: no more FAD! An effective and efficient evaluation metric for audio
  generation. ICML 2025, https://arxiv.org/abs/2502.15602; https://github.com/YoonjinXD/kadtk.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ScoreError

Matrix = NDArray[np.float64]
Profile = Literal["gaussian", "iq", "imq"]

TILE: Final = 512  # rows of a block, so that a block of kernels (2 MB) stays in the cache
EPS: Final = 1e-8  # kadtk: keeps gamma finite where all rows of the reference are equal
BINS: Final = 4096  # of the histogram that finds a median


class Kernel(Protocol):
    """A positive definite function of two rows."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return its name and parameters, as plain JSON."""
        ...

    def fitted(self, reference: Matrix) -> Kernel:
        """Return the kernel whose parameters follow from the reference (N, D), N >= 2."""
        ...

    def __call__(self, a: Matrix, b: Matrix) -> Matrix:
        """Compute the kernel of all pairs, (N, M), of rows (N, D) and (M, D)."""
        ...


@dataclass(frozen=True, slots=True)
class Polynomial:
    """The kernel (gamma x.y + coef0)^degree."""

    degree: int = 3
    coef0: float = 1.0
    gamma: float | None = None  # None: 1 / D

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return its name and parameters."""
        return {"name": "polynomial", **asdict(self), "gamma": self.gamma or "1 / D"}

    def fitted(self, reference: Matrix) -> Polynomial:
        """Return itself with the gamma of this width."""
        return replace(self, gamma=self.gamma or 1 / reference.shape[1])

    def __call__(self, a: Matrix, b: Matrix) -> Matrix:
        """Compute the kernel of all pairs, (N, M)."""
        base = a @ b.T
        base *= self.gamma or 1 / a.shape[1]
        base += self.coef0
        found = base.copy()
        for _ in range(self.degree - 1):  # numpy's power of an integer is ten times slower
            found *= base
        return found


@dataclass(frozen=True, slots=True)
class Radial:
    """A kernel of the distance of two rows."""

    profile: Profile = "gaussian"
    bandwidth: float | None = None  # None: the median distance of two rows of the reference

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return its name and parameters."""
        width = self.bandwidth or "median distance of two rows of the reference"
        return {"name": self.profile, "bandwidth": width}

    def fitted(self, reference: Matrix) -> Radial:
        """Return itself with the bandwidth of the reference."""
        found = self.bandwidth
        return replace(self, bandwidth=median_distance(reference) if found is None else found)

    def __call__(self, a: Matrix, b: Matrix) -> Matrix:
        """Compute the kernel of all pairs, (N, M)."""
        if self.bandwidth is None:
            raise ScoreError(f"a {self.profile} kernel without bandwidth, expected a fitted one")
        scaled = squared_distances(a, b)
        scaled *= 1 / (2 * self.bandwidth**2 + EPS)
        if self.profile == "gaussian":
            return np.exp(np.negative(scaled, out=scaled), out=scaled)
        scaled += 1
        if self.profile == "imq":
            np.sqrt(scaled, out=scaled)
        return np.reciprocal(scaled, out=scaled)


def squared_distances(a: Matrix, b: Matrix) -> Matrix:
    """Compute |x - y|^2 of all pairs, (N, M), by one product of matrices."""
    centre = b.mean(axis=0)  # far from the origin the product would lose digits
    a, b = a - centre, b - centre
    found = a @ b.T
    found *= -2
    found += np.einsum("ij,ij->i", a, a)[:, None]
    found += np.einsum("ij,ij->i", b, b)
    return np.maximum(found, 0, out=found)


def median_distance(rows: Matrix) -> float:
    """Compute the median distance of two rows (N, D), N >= 2; the lower one of an even count.

    All N (N - 1) / 2 pairs count, but no more than a block of them is held: one pass forms a
    histogram, the second sorts what lies in the bin of the median.
    """
    centred = rows - rows.mean(axis=0)
    rank = (len(rows) * (len(rows) - 1) // 2 - 1) // 2
    top = 4 * float(np.einsum("ij,ij->i", centred, centred).max())  # no pair is further apart
    if top == 0:
        return 0.0
    counts = sum(np.bincount(_bins(block, top), minlength=BINS) for block in _pairs(centred))
    before = np.cumsum(counts)
    place = int(np.searchsorted(before, rank, side="right"))
    near = np.concatenate([block[_bins(block, top) == place] for block in _pairs(centred)])
    left = rank - (int(before[place - 1]) if place else 0)
    return math.sqrt(float(np.partition(near, left)[left]))


def _bins(values: NDArray[np.float64], top: float) -> NDArray[np.int64]:
    """Return the bin of each value in 0..top, of `BINS` equal ones."""
    return np.minimum((values * (BINS / top)).astype(np.int64), BINS - 1)


def _pairs(rows: Matrix) -> Iterator[NDArray[np.float64]]:
    """Yield the squared distances of all pairs of rows, each pair once, in blocks."""
    for first in range(0, len(rows), TILE):
        some = rows[first : first + TILE]
        yield squared_distances(some, some)[np.triu_indices(len(some), 1)]  # maybe none
        if first + TILE < len(rows):
            yield squared_distances(some, rows[first + TILE :]).ravel()
