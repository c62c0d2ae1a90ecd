"""Kernels between rows: their formulas, and the median distance in blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import cdist, pdist

from svbench.errors import ScoreError
from svbench.metrics.kernels import TILE, Kernel, Polynomial, Radial, median_distance

Matrix = NDArray[np.float64]


def rows(count: int, width: int, seed: int = 0) -> Matrix:
    return np.random.default_rng(seed).standard_normal((count, width))


@pytest.mark.parametrize(("degree", "coef0"), [(3, 1.0), (2, 0.0), (1, 0.5)])
def test_the_polynomial_is_the_power_of_an_inner_product(degree: int, coef0: float) -> None:
    a, b = rows(5, 4, 1), rows(7, 4, 2)
    expected = (a @ b.T / 4 + coef0) ** degree
    assert Polynomial(degree, coef0)(a, b) == pytest.approx(expected, rel=1e-12)
    assert Polynomial(degree, coef0, gamma=2.0)(a, b) == pytest.approx(
        (2 * a @ b.T + coef0) ** degree, rel=1e-12
    )


def test_radial_kernels_are_functions_of_the_distance() -> None:
    a, b = rows(5, 3, 1), rows(7, 3, 2)
    scaled = cdist(a, b, "sqeuclidean") / (2 * 1.5**2 + 1e-8)
    assert Radial("gaussian", 1.5)(a, b) == pytest.approx(np.exp(-scaled), rel=1e-12)
    assert Radial("iq", 1.5)(a, b) == pytest.approx(1 / (1 + scaled), rel=1e-12)
    assert Radial("imq", 1.5)(a, b) == pytest.approx(1 / np.sqrt(1 + scaled), rel=1e-12)


def test_radial_kernels_keep_their_digits_far_from_the_origin() -> None:
    a, b = rows(20, 3, 1), rows(20, 3, 2)
    near, far = Radial("gaussian", 1.0)(a, b), Radial("gaussian", 1.0)(a + 1e6, b + 1e6)
    assert far == pytest.approx(near, rel=1e-8)


@pytest.mark.parametrize("kernel", [Polynomial(), Radial("gaussian"), Radial("iq"), Radial("imq")])
def test_kernels_are_symmetric_and_positive(kernel: Kernel) -> None:
    some = rows(30, 3)
    matrix = kernel.fitted(some)(some, some)
    assert matrix == pytest.approx(matrix.T, rel=1e-12)
    assert np.linalg.eigvalsh(matrix).min() > -1e-9


def test_the_bandwidth_is_that_of_the_reference_unless_given() -> None:
    some = rows(9, 3)
    assert Radial().fitted(some).bandwidth == median_distance(some)
    assert Radial(bandwidth=2.0).fitted(some).bandwidth == 2.0
    with pytest.raises(ScoreError, match="without bandwidth, expected a fitted one"):
        Radial()(some, some)


@given(st.integers(2, 40), st.integers(1, 4), st.integers(0, 10**6), st.booleans())
def test_the_median_is_the_lower_one_of_all_pairs(
    count: int, width: int, seed: int, ties: bool
) -> None:
    some = rows(count, width, seed)
    some = np.round(some) if ties else some
    distances = np.sort(pdist(some))
    expected = distances[(len(distances) - 1) // 2]
    assert median_distance(some) == pytest.approx(expected, rel=1e-9, abs=1e-7)


def test_the_median_of_several_blocks_with_an_outlier() -> None:
    some = rows(TILE * 2 + 1, 3)  # the last block has no pair of its own
    some[0] *= 1e5
    distances = np.sort(pdist(some))
    assert median_distance(some) == pytest.approx(distances[(len(distances) - 1) // 2], rel=1e-6)


def test_equal_rows_have_a_bandwidth_of_0_and_a_kernel_of_1() -> None:
    some = np.full((4, 3), 0.1)
    kernel = Radial().fitted(some)
    assert kernel.bandwidth == 0
    assert kernel(some, some) == pytest.approx(1.0)
