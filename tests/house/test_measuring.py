"""What benchmarks count and compare: operations, limits, turns; and networks on a device."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from svbench.baselines.joint.pair import Pair
from tests.factories.devices import measure, measure_sampling
from tests.factories.joint import CAPTION, WORDS, tiny_joint
from tests.factories.measuring import (
    Cost,
    Turns,
    flops,
    in_turn,
    record,
    record_peer,
    roofline,
    timed,
    torch_threads,
    weight_bytes,
)


class Pedantic:
    """Stands for pytest-benchmark's fixture: calls as `pedantic` does."""

    def __init__(self) -> None:
        self.extra_info: dict[str, Any] = {}

    def pedantic(
        self,
        target: Callable[[], None],
        *,
        setup: Callable[[], None],
        rounds: int,
        iterations: int,
        warmup_rounds: int,
    ) -> None:
        assert iterations == 1
        for _ in range(warmup_rounds + rounds):
            setup()
            target()


def test_operations_of_a_product_and_of_a_convolution() -> None:
    with torch.device("meta"):
        assert flops(nn.Linear(3, 5), torch.empty(7, 3)) == 2 * 7 * 3 * 5
        convolution = nn.Conv2d(2, 4, 3, padding=1)
        assert flops(convolution, torch.empty(1, 2, 8, 9)) == 2 * 8 * 9 * 4 * 2 * 3 * 3
    assert weight_bytes(nn.Linear(3, 5)) == 4 * (15 + 5)


def test_the_roofline_is_the_tighter_limit() -> None:
    assert roofline(100, 10, ceiling=50, bytes_per_second=100) == 2
    assert roofline(100, 1000, ceiling=50, bytes_per_second=100) == 10


def test_ratios_are_medians_of_rounds() -> None:
    theirs = [Cost(2.0, 8.0), Cost(30.0, 9.0), Cost(4.0, 1.0)]
    turns: Turns[int] = Turns([Cost(1.0, 2.0), Cost(10.0, 3.0), Cost(1.0, 1.0)], theirs)
    assert (turns.faster, turns.less_cpu, turns.cores) == (3.0, 3.0, 1.0)


def test_ours_and_theirs_take_turns_and_the_first_is_not_counted() -> None:
    calls: list[str] = []

    def work(name: str) -> int:
        calls.append(name)
        return len(calls)

    benchmark: Any = Pedantic()
    turns = in_turn(benchmark, lambda: work("ours"), lambda: work("theirs"), rounds=2)
    assert calls == ["theirs", "ours"] * 3
    assert len(turns.ours) == len(turns.theirs) == 2
    assert (turns.found[-1], turns.expected[-1]) == (6, 5)


def test_cpu_time_excludes_waiting() -> None:
    result, cost = timed(lambda: time.sleep(0.05))
    assert result is None
    assert cost.wall >= 0.05
    assert cost.cpu < cost.wall


def test_threads_of_torch_are_as_before() -> None:
    before = torch.get_num_threads()
    with torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_rows_of_a_benchmark() -> None:
    benchmark: Any = Pedantic()
    turns: Turns[int] = Turns([Cost(2.0, 2.0), Cost(4.0, 4.0)], [Cost(6.0, 6.0), Cost(12.0, 12.0)])
    record_peer(benchmark, "w", "peer", turns, threads=1, deviation=0.0, floor=1.0, limit="l")
    record(benchmark, "runs", what="run")
    peer, run = benchmark.extra_info["rows"]
    assert (peer["table"], peer["faster"], peer["share"]) == ("peers", 3.0, 0.5)
    assert run == {"table": "runs", "what": "run"}


@pytest.mark.parametrize(("dtype", "low", "high"), [("float32", 0, 1e-6), ("bfloat16", 1e-6, 0.1)])
def test_a_network_on_the_stand_in_for_a_gpu(dtype: Any, low: float, high: float) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8)).eval()
    found = measure(network, (16,), batch=4, device="cpu", dtype=dtype, side=32)
    assert low <= found.deviation <= high
    assert found.seconds > 0
    assert found.share > 0
    assert next(network.parameters()).dtype == torch.float32


def test_sampling_is_measured_on_any_device() -> None:
    """The shapes are those that a true model takes; here it is tiny, and on a CPU."""
    shapes = Pair((8, 24, 16), (4, 4, 8, 8))
    text = Pair((CAPTION.audio,), (WORDS, CAPTION.video))
    found = measure_sampling(tiny_joint("cmc-pe"), shapes, text, 2, "cpu", "float32", side=64)
    assert found.seconds > 0
    assert found.plain > 0
    assert found.share > 0
    assert found.peak == 0
