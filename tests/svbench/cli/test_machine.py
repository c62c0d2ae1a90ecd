"""`--device`, dtypes and sizes of batches reach every network, of systems as of metrics."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from svbench.baselines.joint import system as joint
from svbench.compute import Machine
from svbench.errors import StoppedError
from svbench.walk import run as walk
from svbench.walk.plan import Plan, metrics_of
from tests.factories.clips import SPEC, make_clip, write_clip
from tests.factories.commands import Command

NETWORKS = ("fvd@first-16", "fad@torchvggish", "ib-av@published")
SMALL = ",".join(f"{name}+miniature" for name in NETWORKS)
RUN = ("run", "--dataset", "greatesthits", "--limit", 1, "--systems", "real,cmc-pe")
SWEEP = ("sweep-gamma", "--dataset", "greatesthits", "--limit", 2)
LONG = replace(SPEC, frames=16, size=(64, 64))


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """Stop a command when its plan stands, and return the plan."""
    plans: list[Plan] = []

    def stop(plan: Plan, *_others: object) -> None:
        plans.append(plan)
        raise StoppedError("the plan stands")

    monkeypatch.setattr(walk, "walk", stop)
    return plans


@pytest.fixture
def sampling(monkeypatch: pytest.MonkeyPatch) -> list[Machine]:
    """Return the machines that joint models are given."""
    machines: list[Machine] = []

    class Recorded(joint.Joint):
        def __init__(self, *given: Any, **more: Any) -> None:
            machines.append(given[3])
            super().__init__(*given, **more)

    monkeypatch.setattr(joint, "Joint", Recorded)
    return machines


@pytest.fixture
def folders(tmp_path: Path) -> tuple[object, ...]:
    """Return the words that score three clips of a model against three real ones."""
    for number in range(3):
        write_clip(tmp_path / "mine" / f"c{number}.mp4", make_clip(number, LONG))
        write_clip(tmp_path / "real" / f"c{number}.mp4", make_clip(number + 5, LONG))
    clip = ("--frames", 16, "--fps", 8, "--size", 64)
    return ("score", tmp_path / "mine", "--reference", tmp_path / "real", *clip)


def machines(plan: Plan) -> list[Machine]:
    """Return the machines of the networks of a plan's metrics."""
    found: list[Any] = [metric.extractor for metric in metrics_of(plan.columns)]
    return [extractor.machine for extractor in found]


@pytest.mark.parametrize("command", [RUN, SWEEP])
def test_sampling_and_scoring_share_a_device_and_have_dtype_and_batch_each(
    command: tuple[object, ...],
    svbench: Command,
    planned: list[Plan],
    sampling: list[Machine],
    tmp_path: Path,
) -> None:
    more = ("--metrics", ",".join(NETWORKS), "--device", "cpu", "--batch", 3)
    dtypes = ("--dtype", "float16", "--scoring-dtype", "bfloat16", "--scoring-batch", 2)
    assert svbench(*command, *more, *dtypes, "--out", tmp_path / "run").code == 75
    assert machines(planned[0]) == [Machine("cpu", "bfloat16", batch=2)] * len(NETWORKS)
    assert any("bfloat16" in note for note in planned[0].read().notes)
    assert set(sampling) == {Machine("cpu", "float16", batch=3)}


@pytest.mark.parametrize("command", [RUN, SWEEP])
def test_float32_is_what_scores_are_computed_in_unless_asked(
    command: tuple[object, ...],
    svbench: Command,
    planned: list[Plan],
    sampling: list[Machine],
    tmp_path: Path,
) -> None:
    more = ("--metrics", ",".join(NETWORKS), "--dtype", "bfloat16", "--out", tmp_path / "run")
    assert svbench(*command, *more).code == 75
    assert machines(planned[0]) == [Machine("auto", "float32")] * len(NETWORKS)
    assert {machine.dtype for machine in sampling} == {"bfloat16"}


@pytest.mark.parametrize("batch", ["--batch", "--scoring-batch"])
def test_networks_of_score_get_device_dtype_and_batch(
    batch: str, svbench: Command, planned: list[Plan], folders: tuple[object, ...]
) -> None:
    words = (*folders, "--metrics", SMALL)
    assert svbench(*words, "--device", "cpu", "--dtype", "bfloat16", batch, 3).code == 75
    assert svbench(*words).code == 75
    asked, usual = map(machines, planned)
    assert asked == [Machine("cpu", "bfloat16", batch=3)] * len(NETWORKS)
    assert usual == [Machine()] * len(NETWORKS)


def test_another_precision_is_another_table_and_on_record(
    svbench: Command, folders: tuple[object, ...], tmp_path: Path
) -> None:
    words = (*folders, "--metrics", SMALL, "--device", "cpu")
    tables = []
    for dtype in ("float32", "bfloat16"):
        outcome = svbench(*words, "--dtype", dtype, "--out", tmp_path / dtype)
        assert outcome.code == 0, outcome.err
        tables.append(json.loads((tmp_path / dtype / "results.json").read_text()))
    said = "the networks of metrics computed in bfloat16, not in float32"
    assert [said in table["notes"] for table in tables] == [False, True]
    for columns in zip(*(table["columns"] for table in tables), strict=True):
        exact, rough = columns
        if exact["metric"].endswith("+halves"):
            continue
        assert exact["metric"] == rough["metric"]
        assert exact["settings"] != rough["settings"]  # so they are not compared silently
        one, other = (table["rows"][0]["scores"][exact["metric"]] for table in tables)
        assert "bfloat16" not in one["extractor"]
        assert "-cpu-bfloat16-" in other["extractor"]
        assert other["value"] != one["value"]
        assert other["value"] == pytest.approx(one["value"], rel=0.2, abs=0.05)
    changed = svbench(*words, "--dtype", "bfloat16", "--out", tmp_path / "float32").problem(2)
    assert "dtype was 'float32', is 'bfloat16'" in changed
