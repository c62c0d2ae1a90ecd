"""The costs of a training, logged after its first steps."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch

from svbench.limits import GIB
from svbench.training.costs import Costs, costs, peak_memory

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def found(seconds: list[float], done: int, steps: int, processes: int = 1) -> Costs:
    place: dict[str, Any] = {"processes": processes, "device": torch.device("cpu")}
    return costs(seconds, done, steps, **place, checkpoint_bytes=3 * GIB, now=NOON)


def test_warm_up_is_left_out_and_what_is_left_follows_from_the_median() -> None:
    made = found([90, 80, 70, *[2.0] * 16, 500], done=20, steps=1820, processes=4)
    assert (made.measured_steps, made.seconds_per_step) == ((4, 20), 2)
    assert (made.steps_left, made.seconds_left) == (1800, 3600)
    assert made.ends == "2026-01-01T13:00:00+00:00"
    assert made.hours == pytest.approx(4 * 1820 * 2 / 3600)


def test_a_resumed_training_counts_all_steps_and_measures_its_own() -> None:
    made = found([9, 9, 9, 1], done=104, steps=204)
    assert (made.measured_steps, made.seconds_left) == ((104, 104), 100)
    assert made.hours == pytest.approx(204 / 3600)


@pytest.mark.parametrize(("seconds", "median"), [([5.0], 5), ([9.0, 1.0], 1), ([9, 9, 9, 1], 1)])
def test_of_few_steps_the_last_is_always_counted(seconds: list[float], median: float) -> None:
    assert found(seconds, len(seconds), len(seconds)).seconds_per_step == median


def test_the_line_and_the_file_hold_the_same(tmp_path: Path) -> None:
    made = found([1.0] * 20, done=20, steps=7220, processes=2)
    made.write(tmp_path)
    assert json.loads((tmp_path / "costs.json").read_text())["seconds_left"] == 7200
    line = str(made)
    assert line.startswith("costs: 1 s a step (median of steps 4 to 20), 2.0 h left, ends 2026-01-")
    assert "4.01 CPU-hours in all on 2 processes" in line
    assert "a checkpoint takes 3 GiB" in line
    assert "\n" not in line


def test_the_peak_of_memory_is_at_least_what_is_held() -> None:
    held = torch.ones(2**24)  # 64 MiB, written to
    assert peak_memory(torch.device("cpu")) > held.nbytes
