"""The Fréchet distance of given features, against four packages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from svbench.metrics.frechet import distance, stats
from tests.reference.packages import Compare, importable

Sets = tuple[NDArray[np.float32], NDArray[np.float32]]
SIZES = {"full rank": (400, 24), "fewer clips than dimensions": (40, 128)}
# The root of a product that lacks ranks is taken of rounding errors, in all of them.
WITHIN = {"full rank": 1e-6, "fewer clips than dimensions": 1e-4}


@pytest.fixture(params=SIZES)
def rank(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def draw(rank: str) -> Sets:
    """Draw two sets of correlated features, (N, D) each."""
    random = np.random.default_rng(0)
    count, width = SIZES[rank]
    mixing = random.standard_normal((2, width, width)) / np.sqrt(width)
    one, other = (random.standard_normal((count, width)) @ mix for mix in mixing)
    return one.astype(np.float32), (other + 0.3).astype(np.float32)


def ours(rank: str, ddof: int = 1) -> float:
    one, other = draw(rank)
    return distance(stats(one), stats(other), ddof)


def test_torch_fidelity(rank: str, compare: Compare) -> None:
    theirs = importable("torch_fidelity.metric_fid")
    parts = [
        theirs.fid_features_to_statistics(torch.from_numpy(some).double()) for some in draw(rank)
    ]
    found = theirs.fid_statistics_to_metric(*parts, verbose=False)[theirs.KEY_METRIC_FID]
    compare(f"Fréchet distance, {rank}", "torch-fidelity", ours(rank), found, WITHIN[rank])


def test_torchmetrics(rank: str, compare: Compare) -> None:
    class Features(nn.Module):
        num_features = SIZES[rank][1]

        def forward(self, features: Tensor) -> Tensor:
            return features

    module = importable("torchmetrics.image.fid")
    metric = module.FrechetInceptionDistance(feature=Features()).set_dtype(torch.float64)
    for real, some in zip((True, False), draw(rank), strict=True):
        metric.update(torch.from_numpy(some), real=real)
    found = float(metric.compute())
    compare(f"Fréchet distance, {rank}", "torchmetrics", ours(rank), found, WITHIN[rank])


def test_cd_fvd(rank: str, compare: Compare) -> None:
    theirs = importable("cdfvd.fvd")
    summaries = []
    for some in draw(rank):
        summary = theirs.FeatureStats(capture_mean_cov=True)
        summary.append(some)
        summaries.append(summary)
    model: Any = object.__new__(theirs.cdfvd)  # its constructor would load weights
    found = model.compute_fvd_from_stats(*summaries)
    name = f"Fréchet distance (ddof 0), {rank}"
    compare(name, "cd-fvd", ours(rank, ddof=0), found, WITHIN[rank])


def test_frechet_audio_distance(rank: str, audio_distance: Any, compare: Compare) -> None:
    model = object.__new__(audio_distance.FrechetAudioDistance)  # its constructor loads weights
    parts = [model.calculate_embd_statistics(some.astype(np.float64)) for some in draw(rank)]
    found = model.calculate_frechet_distance(*parts[0], *parts[1])
    name = f"Fréchet distance, {rank}"
    compare(name, "frechet-audio-distance", ours(rank), found, WITHIN[rank])
