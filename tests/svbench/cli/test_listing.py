"""`svbench list`: every name that is listed is taken, and no other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from svbench.catalog import listing
from svbench.catalog import plans as catalog
from svbench.config import ScoreConfig
from svbench.errors import ConfigError
from tests.factories.commands import Command
from tests.factories.weights import write_state

CLIPS = ScoreConfig(generated=(), reference=Path())


@pytest.fixture(autouse=True)
def _no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(tmp_path / "weights"))


def listed(svbench: Command, what: str) -> list[dict[str, Any]]:
    done = svbench("list", what, "--json")
    assert done.code == 0, done.err
    found: list[dict[str, Any]] = json.loads(done.out)
    return found


@pytest.mark.parametrize("metric", catalog.METRICS)
def test_a_metric_takes_the_presets_that_are_listed_and_names_the_weights(metric: str) -> None:
    presets = listing.presets(metric)
    assert presets
    for name, files in presets.items():
        column: Any = catalog.METRICS[metric](name, CLIPS)
        assert column.name == f"{metric}@{name}"
        reason = getattr(column, "reason", "")
        assert reason.partition("svbench weights fetch ")[2].split() == list(files)
    with pytest.raises(ConfigError) as refused:
        catalog.METRICS[metric]("no-such-preset", CLIPS)
    assert all(name in str(refused.value) for name in presets)


@pytest.mark.parametrize("metric", catalog.METRICS)
def test_the_preset_that_is_listed_as_usual_is_taken_where_none_is_named(metric: str) -> None:
    (entry,) = [entry for entry in listing.metrics() if entry.name == metric]
    (usual,) = [preset.name for preset in entry.presets if preset.usual]
    column: Any = catalog.METRICS[metric]("", CLIPS)
    assert column.name == f"{metric}@{usual}"
    assert (entry.title, entry.better) == (column.title, column.better)


def test_all_defaults_of_all_commands_are_listed() -> None:
    of = [(e.name, p) for e in listing.metrics() for p in e.presets]
    for command, names in {
        "run --dataset greatesthits --scale mini": catalog.DEFAULT_METRICS["mini"],
        "score": catalog.DEFAULT_METRICS["score"],
        "run --dataset vggsound": catalog.DATASET_METRICS["vggsound"],
    }.items():
        found = [f"{name}@{p.name}" for name, p in of if command in p.default_of]
        columns: list[Any] = [
            catalog.METRICS[n.partition("@")[0]](n.partition("@")[2], CLIPS) for n in names
        ]
        assert sorted(found) == sorted(column.name for column in columns)


def test_weights_are_said_to_be_here_absent_or_wrong(svbench: Command, tmp_path: Path) -> None:
    assert listed(svbench, "metrics")[0]["presets"][0]["weights"] == {"i3d-torchscript": "absent"}
    (tmp_path / "weights").mkdir()
    write_state(tmp_path / "weights" / "i3d_torchscript.pt")
    (fvd,) = [entry for entry in listed(svbench, "metrics") if entry["name"] == "fvd"]
    assert fvd["presets"][0]["weights"]["i3d-torchscript"].startswith("wrong: ")


def test_systems_are_those_that_a_run_takes(svbench: Command) -> None:
    found = {entry["name"]: entry for entry in listed(svbench, "systems")}
    assert tuple(found) == catalog.SYSTEMS
    rows = {name for name, entry in found.items() if entry["usual"]}
    assert rows == {*catalog.USUAL_REFERENCES, *catalog.JOINT}
    assert found["real"]["title"] == "real clips (ceiling)"
    assert found["cmc-pe"]["miniatures"] == ["greatesthits", "landscape", "vggsound"]


def test_data_sets_are_those_that_a_run_takes(svbench: Command) -> None:
    found = listed(svbench, "datasets")
    assert [entry["name"] for entry in found] == list(catalog.DATASETS)
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
    names = {"metrics": catalog.METRICS, "datasets": catalog.DATASETS, "systems": catalog.SYSTEMS}
    for name in names[what]:
        assert any(line.startswith(f"{name}: ") for line in lines)


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
