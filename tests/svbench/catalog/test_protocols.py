"""Protocols of other benchmarks: a bundle of settings and columns, and what differs from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from svbench.api.planned import planned_run, planned_score
from svbench.catalog.metrics import METRICS, reads_captions
from svbench.catalog.protocol_columns import lacking
from svbench.catalog.protocol_types import KINDS
from svbench.catalog.protocols import PROTOCOLS
from svbench.config import RunConfig, ScoreConfig
from svbench.errors import ConfigError, DataError
from svbench.files.results import load_table
from svbench.walk.plan import Plan, reasons_of
from tests.factories.clips import write_folder
from tests.factories.commands import Command

SMALL = {"frames": 8, "fps": 8.0, "size": (32, 32)}


@pytest.fixture(autouse=True)
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(tmp_path / "no-weights"))
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "mine", 2)
    write_folder(tmp_path / "real", 2, first_seed=5)
    return tmp_path


def plan(name: str, **settings: object) -> Plan:
    return planned_score("mine", reference="real", protocol=name, **settings).build()  # type: ignore[arg-type]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_is_whole_and_its_settings_are_valid(name: str) -> None:
    protocol = PROTOCOLS[name]
    assert set(protocol.handling) == set(KINDS)
    assert all(protocol.handling.values())
    names = [column.metric for column in protocol.columns]
    assert names
    assert len(set(names)) == len(names)
    config = planned_score("mine", reference="real", protocol=name).config
    assert isinstance(config, ScoreConfig)
    assert {key: getattr(config, key) for key in protocol.settings} == protocol.settings


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_column_of_a_protocol_is_here(name: str) -> None:
    assert [reason for c in PROTOCOLS[name].columns if (reason := lacking(c.metric))] == []


def test_what_is_given_wins_and_is_an_exception() -> None:
    config = planned_score("mine", reference="real", protocol="javisbench", frames=32).config
    assert isinstance(config, ScoreConfig)
    assert (config.frames, config.fps, config.pad) == (32, 24.0, True)
    found = plan("javisbench", frames=32)
    assert found.protocol["except"] == ["--frames 32"]
    assert "protocol javisbench (JavisVerse/JavisDiT@b505b37), except --frames 32" in (
        found.read().notes
    )
    assert plan("javisbench").protocol["except"] == []


def test_exceptions_are_written_as_they_are_typed() -> None:
    metrics = ("av-align-corrected", "kad", "fad@torchvggish")
    found = plan("paper", **SMALL, pad=True, channels="mean", metrics=metrics)
    assert found.protocol["except"] == [
        *("--frames 8", "--size 32x32", "--pad", "--channels mean"),
        "--metrics (1 of its 6, 2 others)",
    ]
    assert found.columns[0].name == "av-align-corrected@published"
    every = tuple(column.metric for column in PROTOCOLS["paper"].columns)
    usual = tuple(name.partition("@")[0] for name in every)
    assert plan("paper", metrics=usual[:3]).protocol["except"] == [
        "--metrics (3 of its 6, 0 others)"
    ]
    assert plan("paper", metrics=every[:1]).protocol["except"] == [
        "--metrics (1 of its 6, 0 others)"
    ]
    assert plan("javisbench", pad=False).protocol["except"] == ["--no-pad"]


def test_columns_that_are_not_there_are_empty_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(METRICS.loaders, "desync", raising=False)
    found = plan("javisbench", **SMALL)
    reason = "this version of svbench has no metric desync"
    assert reasons_of(found.columns)["desync@javisbench-4s"] == reason
    desync = next(c for c in found.columns if c.name == "desync@javisbench-4s")
    assert (desync.title, desync.better) == ("DeSync (desync@javisbench-4s)", "lower")
    with pytest.raises(DataError, match=r"--strict: .* cannot be computed"):
        plan("javisbench", **SMALL, strict=True)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_column_is_called_as_its_protocol_calls_it_and_better_alike(name: str) -> None:
    """Without weights; a metric of one form may leave its preset out."""
    found = {column.name: column for column in plan(name, **SMALL).columns}
    for wanted in PROTOCOLS[name].columns:
        own = [c for n, c in found.items() if n in (wanted.metric, f"{wanted.metric}@published")]
        if not reads_captions(wanted.metric):
            assert [column.better for column in own] == [wanted.better], wanted.metric


def test_a_preset_that_is_not_there_names_those_that_are() -> None:
    assert lacking("fvd@of-nobody").startswith("this version of svbench has fvd as stylegan-v-16f")
    assert lacking("fvd@of-nobody").endswith("not as of-nobody")
    assert lacking("fvd@first-16") == lacking("fvd") == ""
    assert lacking("av-align-corrected@published+native") == ""


def test_columns_that_read_captions_need_them(clips: Path) -> None:
    assert not [c for c in plan("paper", **SMALL).columns if c.name.startswith("ib-t")]
    captions = clips / "captions.csv"
    captions.write_text("".join(f"c{i},a stick\n" for i in range(2)), encoding="utf-8")
    found = plan("paper", **SMALL, captions=captions)
    assert [c.name for c in found.columns] == [c.metric for c in PROTOCOLS["paper"].columns]


def test_a_run_follows_the_format_of_its_data_set(tmp_path: Path) -> None:
    def of(name: str) -> Plan:
        return planned_run("landscape", protocol=name, systems=("real",), out=tmp_path).build()

    config = planned_run("landscape", protocol="paper").config
    assert isinstance(config, RunConfig)
    assert (config.frame_choice, config.channels) == ("official", "first")
    assert of("paper").protocol["except"] == ["the miniature's clips and networks"]
    other = of("javisbench").protocol["except"]
    assert len(other) == 2
    assert other[1].startswith("the format of the data set, ")


def test_an_unknown_protocol_is_one_line(svbench: Command) -> None:
    with pytest.raises(ConfigError, match=r"--protocol: found 'javis', expected one of javisbench"):
        plan("javis")
    problem = svbench("score", "mine", "--reference", "real", "--protocol", "javis").problem(2)
    assert problem.startswith("--protocol: found 'javis', expected one of javisbench, verse-bench")


def test_words_and_files_win_over_a_protocol_and_are_on_record(
    svbench: Command, clips: Path
) -> None:
    Path("options.yaml").write_text("fps: 8\nsize: 32\n", encoding="utf-8")
    words = ("score", "mine", "--reference", "real", "--frames", 8, "--no-pad", "--out", "out")
    done = svbench(*words, "--protocol", "mova", "--config", "options.yaml", "--workers", 1)
    assert done.code == 0, done.err
    config = json.loads((clips / "out" / "run.json").read_text(encoding="utf-8"))["config"]
    assert (config["protocol"], config["frames"], config["fps"]) == ("mova", 8, 8.0)
    table = load_table(clips / "out")
    followed = table.record["protocol"]
    assert (followed["name"], followed["source"]) == ("mova", "OpenMOSS/MOVA@2ed107e")
    changed = ["--frames 8", "--fps 8", "--size 32x32", "--no-pad"]
    assert followed["except"] == changed
    assert any(note.endswith(f"except {', '.join(changed)}") for note in table.notes)
    assert "padding" not in table.record
    report = svbench("report", "out").out
    assert "Published figures, protocol mova" in report
    assert "rows of this run are judged otherwise: --frames 8" in " ".join(report.split())
    again = svbench(*words, "--config", "options.yaml", "--protocol", "mova", "--workers", 2)
    assert again.out == done.out


def test_the_protocol_of_a_file_is_followed(svbench: Command, clips: Path) -> None:
    Path("options.yaml").write_text("protocol: mova\nframes: 8\nfps: 8\n", encoding="utf-8")
    words = ("score", "mine", "--reference", "real", "--config", "options.yaml", "--size", 32)
    done = svbench(*words, "--out", "out", "--workers", 1)
    assert done.code == 0, done.err
    followed = load_table(clips / "out").record
    assert followed["protocol"]["except"] == ["--frames 8", "--fps 8", "--size 32x32"]
    assert followed["padding"] == "the last frame stays, silence"
