"""Speed of the unbiased kernel distance, relative to whole matrices of kernels by scipy.

Run by `tox -e bench`. The alternative computes what kadtk computes: all squared distances of
generated, real and mixed pairs, their kernels, and the means without the diagonal; the polynomial
one is that of KID. Ours also gives a variance. Both are timed in turn on one thread; no timing is
asserted, but that the values agree.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture
from scipy.spatial.distance import cdist, pdist
from threadpoolctl import threadpool_limits

from svbench.metrics.kernel_distance import squared_mmd
from svbench.metrics.kernels import EPS, Kernel, Polynomial, Radial
from tests.factories.measuring import QUICK, in_turn, package, record_peer

Matrix = NDArray[np.float64]
Matrices = Callable[[Matrix, Matrix], Matrix]

ROWS = 256 if QUICK else 2048
SIZES = {"KVD": 100 if QUICK else 400, "KAD": 128}  # features


def cubes(a: Matrix, b: Matrix) -> Matrix:
    """Return the polynomial kernel of KID as it is written."""
    return np.asarray((a @ b.T / a.shape[1] + 1) ** 3)


def whole(generated: Matrix, reference: Matrix, kernel: Matrices) -> float:
    """Return the row-wise unbiased MMD^2 from whole matrices."""
    m, n = len(generated), len(reference)
    a, b = kernel(generated, generated), kernel(reference, reference)
    within = (a.sum() - np.trace(a)) / (m * (m - 1)) + (b.sum() - np.trace(b)) / (n * (n - 1))
    return float(within - 2 * kernel(generated, reference).mean())


def by_scipy(generated: Matrix, reference: Matrix, name: str) -> float:
    """Return KVD, or KAD with the median distance of the reference."""
    if name == "KVD":
        return whole(generated, reference, cubes)
    bandwidth = np.partition(pdist(reference), (middle := len(reference) * (ROWS - 1) // 2) // 2)
    gamma = 1 / (2 * bandwidth[(middle - 1) // 2] ** 2 + EPS)
    return whole(generated, reference, lambda a, b: np.exp(-gamma * cdist(a, b, "sqeuclidean")))


@pytest.mark.parametrize(("name", "kernel"), [("KVD", Polynomial()), ("KAD", Radial())])
def test_kernel_distances(benchmark: BenchmarkFixture, name: str, kernel: Kernel) -> None:
    rng = np.random.default_rng(0)
    generated, reference = rng.standard_normal((2, ROWS, SIZES[name]))
    generated += 0.2
    with threadpool_limits(1):
        turns = in_turn(
            benchmark,
            lambda: squared_mmd(generated, reference, kernel).value,
            lambda: by_scipy(generated, reference, name),
        )
    found, expected = turns.found[-1], turns.expected[-1]
    assert found == pytest.approx(expected, rel=1e-6)
    what = f"{name}, {ROWS} rows of {SIZES[name]}"
    against = package("numpy" if name == "KVD" else "scipy") + ", whole matrices"
    deviation = abs(found / expected - 1)
    record_peer(benchmark, what, against, turns, threads=1, deviation=deviation)
