"""Speed of the Fréchet distance, relative to scipy's matrix root and to four packages.

Run by `tox -e bench`. Both sides get the same features, return a distance, and are timed in turn on
one thread; no timing is asserted, but that the distances agree.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture
from threadpoolctl import threadpool_limits

from svbench.metrics.frechet import distance, stats
from tests.factories.measuring import QUICK, ROUNDS, in_turn, package, record_peer
from tests.reference.packages import importable

ROWS, WIDTH = (256, 100) if QUICK else (2048, 400)  # FVD of 2,048 videos
DEEP = 128 if QUICK else 2048  # width of Inception's features
TOLERANCE = 1e-6

Matrix = NDArray[np.float64]
Distance = Callable[[Matrix, Matrix], float]


def draw(rows: int, width: int, spectrum: str = "falling") -> tuple[Matrix, Matrix]:
    """Draw two sets of features, whose spectrum is flat or falls as of real ones."""
    rng = np.random.default_rng(rows)
    scale = np.ones(width) if spectrum == "flat" else np.arange(1, width + 1) ** -0.5
    one, other = (rng.standard_normal((rows, width)) * scale * by for by in (1.1, 1.0))
    return one.astype(np.float32).astype(np.float64), other.astype(np.float32).astype(np.float64)


def by_square_root(generated: Matrix, reference: Matrix) -> float:
    """Return the distance by numpy.cov and scipy.linalg.sqrtm, as pytorch-fid computes it."""
    a, b = np.cov(generated, rowvar=False), np.cov(reference, rowvar=False)
    gap = generated.mean(axis=0) - reference.mean(axis=0)
    root = scipy.linalg.sqrtm(a @ b)
    return float(gap @ gap + np.trace(a) + np.trace(b) - 2 * np.trace(np.real(root)))


def _audio_distance() -> Distance:
    sys.modules.setdefault("laion_clap", types.ModuleType("laion_clap"))  # downloads when imported
    module = importable("frechet_audio_distance")
    model = object.__new__(module.FrechetAudioDistance)  # its constructor loads weights

    def found(generated: Matrix, reference: Matrix) -> float:
        parts = [model.calculate_embd_statistics(some) for some in (generated, reference)]
        return float(model.calculate_frechet_distance(*parts[0], *parts[1]))

    return found


def _torch_fidelity() -> Distance:
    module = importable("torch_fidelity.metric_fid")

    def found(generated: Matrix, reference: Matrix) -> float:
        sets = (torch.from_numpy(some) for some in (generated, reference))
        parts = [module.fid_features_to_statistics(some) for some in sets]
        return float(module.fid_statistics_to_metric(*parts, verbose=False)[module.KEY_METRIC_FID])

    return found


def _torchmetrics() -> Distance:
    module = importable("torchmetrics.image.fid")

    class Features(torch.nn.Module):
        num_features = WIDTH

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return features

    def found(generated: Matrix, reference: Matrix) -> float:
        metric = module.FrechetInceptionDistance(feature=Features()).set_dtype(torch.float64)
        metric.update(torch.from_numpy(generated), real=False)
        metric.update(torch.from_numpy(reference), real=True)
        return float(metric.compute())

    return found


def _scipy() -> Distance:
    return by_square_root


PEERS: dict[str, Callable[[], Distance]] = {
    "scipy": _scipy,
    "frechet-audio-distance": _audio_distance,
    "torch-fidelity": _torch_fidelity,
    "torchmetrics": _torchmetrics,
}


def ours(generated: Matrix, reference: Matrix) -> float:
    """Return the distance by svbench."""
    return distance(stats(generated), stats(reference))


def contest(
    benchmark: BenchmarkFixture,
    name: str,
    theirs: Distance,
    sets: tuple[Matrix, Matrix],
    what: str,
    *,
    rounds: int = ROUNDS,
) -> None:
    """Time both on the same features, and add the row."""
    with threadpool_limits(1):
        turns = in_turn(
            benchmark, lambda: ours(*sets), lambda: theirs(*sets), rounds=rounds, warm=rounds > 1
        )
    found, expected = turns.found[-1], turns.expected[-1]
    assert found == pytest.approx(expected, rel=TOLERANCE)
    against = f"{package(name)}, sqrtm" if name == "scipy" else package(name)
    deviation = abs(found / expected - 1)
    record_peer(benchmark, what, against, turns, threads=1, deviation=deviation)


@pytest.mark.parametrize("name", PEERS)
def test_frechet_of_videos(benchmark: BenchmarkFixture, name: str) -> None:
    theirs: Any = PEERS[name]()
    what = f"Fréchet distance, {ROWS} rows of {WIDTH}"
    contest(benchmark, name, theirs, draw(ROWS, WIDTH), what)


@pytest.mark.parametrize("rows", [DEEP // 2, 2 * DEEP])
@pytest.mark.parametrize("spectrum", ["flat", "falling"])
def test_frechet_of_wide_features(benchmark: BenchmarkFixture, rows: int, spectrum: str) -> None:
    what = f"Fréchet distance, {rows} rows of {DEEP}, {spectrum} spectrum"
    contest(benchmark, "scipy", by_square_root, draw(rows, DEEP, spectrum), what, rounds=1)
