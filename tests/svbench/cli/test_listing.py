"""`svbench list`: every name that is listed is taken, and no other."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from svbench.catalog.datasets import DATASETS
from svbench.catalog.metrics import METRICS
from svbench.catalog.protocols import PROTOCOLS
from svbench.catalog.systems import SYSTEMS
from tests.factories.commands import Command
from tests.factories.weights import write_state


@pytest.fixture(autouse=True)
def _no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(tmp_path / "weights"))


def listed(svbench: Command, what: str) -> list[dict[str, Any]]:
    done = svbench("list", what, "--json")
    assert done.code == 0, done.err
    found: list[dict[str, Any]] = json.loads(done.out)
    return found


def test_weights_are_said_to_be_here_absent_or_wrong(svbench: Command, tmp_path: Path) -> None:
    assert listed(svbench, "metrics")[0]["presets"][0]["weights"] == {"i3d-torchscript": "absent"}
    (tmp_path / "weights").mkdir()
    write_state(tmp_path / "weights" / "i3d_torchscript.pt")
    (fvd,) = [entry for entry in listed(svbench, "metrics") if entry["name"] == "fvd"]
    assert fvd["presets"][0]["weights"]["i3d-torchscript"].startswith("wrong: ")


def test_systems_are_those_that_a_run_takes(svbench: Command) -> None:
    found = {entry["name"]: entry for entry in listed(svbench, "systems")}
    assert tuple(found) == tuple(SYSTEMS)
    assert {name for name, entry in found.items() if entry["usual"]} == {
        name for name, entry in SYSTEMS.items() if entry.usual
    }
    assert not found["codec"]["usual"]
    assert found["real"]["title"] == "real clips (ceiling)"
    assert found["cmc-pe"]["miniatures"] == ["greatesthits", "landscape", "vggsound"]


def test_data_sets_are_those_that_a_run_takes(svbench: Command) -> None:
    found = listed(svbench, "datasets")
    assert [entry["name"] for entry in found] == list(DATASETS)
    for entry in found:
        assert entry["splits"] == ["train", "test"]
        assert entry["miniature"]
        assert entry["captions"]


@pytest.mark.parametrize("what", ["metrics", "systems", "datasets"])
def test_a_narrow_terminal_breaks_no_name(
    what: str, svbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = svbench("list", what)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 80
    names = {"metrics": METRICS, "datasets": DATASETS, "systems": SYSTEMS}
    for name in names[what]:
        assert any(line.startswith(f"{name}: ") for line in lines)


@pytest.mark.parametrize("columns", ["80", "200"])
def test_protocols_name_their_columns_as_the_benchmarks_do(
    columns: str, svbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line each, with the direction in which the benchmark's number is better."""
    monkeypatch.setenv("COLUMNS", columns)
    printed = svbench("list", "protocols").out.splitlines()
    lines = {tuple(line.split(maxsplit=1)) for line in map(str.strip, printed) if line}
    found = {entry["name"]: entry["columns"] for entry in listed(svbench, "protocols")}
    assert tuple(found) == tuple(PROTOCOLS)
    for name, protocol in PROTOCOLS.items():
        assert len(found[name]) == len(protocol.columns)
        for column, entry in zip(protocol.columns, found[name], strict=True):
            assert entry == {**asdict(column), "empty": ""}
            assert (column.metric, f"{column.printed}, {column.better} is better") in lines
    assert ("desync@av-benchmark", "AV-A, lower is better") in lines  # of Verse-Bench


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--metrics", "fid"), "metrics"),
        (("--metrics", "fvd@none"), "metrics"),
        (("--systems", "reel"), "systems"),
        (("--dataset", "none"), "datasets"),
    ],
)
def test_an_unknown_name_is_answered_with_where_names_are_listed(
    words: tuple[str, ...], what: str, svbench: Command
) -> None:
    asked = ("--dataset", "greatesthits") if "--dataset" not in words else ()
    assert svbench("run", *asked, *words).problem(2).endswith(f"(see svbench list {what})")
