"""Speed of the Fréchet distance, relative to the usual formula.

    pytest --benchmark-only -o python_files=bench_*.py tests/bench_metrics.py

Both are timed in the same run, from features to distance; the ratio is in the report's
extra_info. No timing is asserted, but that the two results agree.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
import scipy.linalg
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from svbench.metrics.frechet import distance, stats

WIDTH = 2048
ROUNDS = 3

Matrix = NDArray[np.float32]


def by_square_root(generated: Matrix, reference: Matrix) -> float:
    """Return the distance by numpy.cov and scipy.linalg.sqrtm."""
    generated64, reference64 = generated.astype(np.float64), reference.astype(np.float64)
    a, b = np.cov(generated64, rowvar=False), np.cov(reference64, rowvar=False)
    gap = generated64.mean(axis=0) - reference64.mean(axis=0)
    root = scipy.linalg.sqrtm(a @ b)
    return float(gap @ gap + np.trace(a) + np.trace(b) - 2 * np.trace(np.real(root)))


def ours(generated: Matrix, reference: Matrix) -> float:
    """Return the distance by svbench."""
    return distance(stats(generated), stats(reference))


@pytest.mark.parametrize("rows", [1024, 4096])
@pytest.mark.parametrize("spectrum", ["flat", "falling"])
def test_frechet(benchmark: BenchmarkFixture, rows: int, spectrum: str) -> None:
    rng = np.random.default_rng(rows)
    scale = np.ones(WIDTH) if spectrum == "flat" else np.arange(1, WIDTH + 1) ** -0.5
    generated, reference = (
        (rng.standard_normal((rows, WIDTH)) * scale * stretch).astype(np.float32)
        for stretch in (1.1, 1.0)
    )
    start = time.perf_counter()
    expected = by_square_root(generated, reference)
    usual = time.perf_counter() - start
    value = benchmark.pedantic(
        ours, args=(generated, reference), rounds=ROUNDS, iterations=1, warmup_rounds=0
    )
    assert value == pytest.approx(expected, rel=1e-6)
    if benchmark.stats is not None:
        fastest = benchmark.stats.stats.min
        benchmark.extra_info.update(
            sqrtm_seconds=usual, ours_seconds=fastest, times_faster=usual / fastest
        )
