"""Speed of I3D as prepared for inference, relative to the plain network.

    pytest --benchmark-only -o python_files=bench_*.py tests/bench_networks.py

Both are timed alternately in the same run; the ratio is in the report's extra_info. No timing is
asserted, but that the two results agree.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from svbench.metrics.networks.i3d import I3D, prepared
from tests.factories.seeded_networks import seeded_i3d

CLIPS = 8
FRAMES = 16
ROUNDS = 3
TOLERANCE = 1e-4  # of the logits' spread


@pytest.fixture(scope="module")
def plain() -> I3D:
    network = I3D()
    network.load_state_dict(seeded_i3d(network, 0))
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def clips() -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.rand(CLIPS, 3, FRAMES, 224, 224, generator=random) * 2 - 1


def timed(work: Callable[[Tensor], Tensor], clips: Tensor) -> tuple[float, Tensor]:
    """Return the duration of a forward pass in seconds, and its result."""
    start = time.perf_counter()
    answer = work(clips)
    return time.perf_counter() - start, answer


def test_i3d(benchmark: BenchmarkFixture, plain: I3D, clips: Tensor) -> None:
    fast = prepared(plain)
    usual = []

    def turn() -> tuple[tuple[Tensor], dict[str, Tensor]]:
        """Time the plain network before each round of the prepared one."""
        with torch.no_grad():
            usual.append(timed(plain, clips))
        return (clips,), {}

    answer = benchmark.pedantic(
        torch.inference_mode()(fast), setup=turn, rounds=ROUNDS, iterations=1, warmup_rounds=1
    )
    expected = usual[0][1]
    assert float((answer - expected).abs().max() / expected.std()) <= TOLERANCE
    if benchmark.stats is not None:
        ours, theirs = benchmark.stats.stats.min, min(seconds for seconds, _ in usual[1:])
        benchmark.extra_info.update(
            plain_seconds=theirs, prepared_seconds=ours, times_faster=theirs / ours
        )
