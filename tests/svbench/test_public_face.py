"""What `import svbench` offers: names that are loaded when they are used, and what they do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import svbench
from svbench.api import RunKeywords, ScoreKeywords
from svbench.config import RunConfig, ScoreConfig, find_data_root
from svbench.errors import ConfigError, DataError, SvbenchError
from tests.factories.clips import write_folder
from tests.factories.commands import Command
from tests.factories.results import ALIGN, FVD, make_table, with_score, write_run

SMALL: Any = {"frames": 8, "fps": 8, "size": (32, 32), "metrics": ["av-align-corrected"]}
HEAVY = {"numpy", "pandas", "torch", "pydantic", "typer", "rich", "matplotlib", "typing"}


def loaded_by(*lines: str) -> set[str]:
    """Return the top-level modules that Python has loaded after these lines."""
    end = "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    words = [sys.executable, "-c", "\n".join(["import sys", *lines, end])]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_that_takes_time() -> None:
    before = loaded_by()
    assert loaded_by("import svbench") - before == {"svbench"}
    assert loaded_by("import svbench", "svbench.ConfigError").isdisjoint(HEAVY - {"typing"})


def test_results_are_loaded_without_models(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", make_table())
    loaded = loaded_by("import svbench", f"print(svbench.load_results({str(run)!r}))")
    assert loaded.isdisjoint({"torch", "diffusers", "librosa", "cv2", "av", "pandas"})


@pytest.mark.parametrize("name", sorted(svbench.__all__))
def test_every_public_name_is_there_and_says_what_it_is(name: str) -> None:
    assert name in dir(svbench)
    found = getattr(svbench, name)
    if name != "__version__":
        assert (found.__doc__ or "").strip()
        assert found.__module__.startswith("svbench.")


def test_no_other_name_is() -> None:
    with pytest.raises(AttributeError, match="module 'svbench' has no attribute 'plot'"):
        svbench.plot  # noqa: B018


def test_keywords_are_the_settings_of_the_configurations() -> None:
    # the split is that of tests; trainings take the other
    named = {"dataset", "split", *get_type_hints(RunKeywords)}
    assert named == RunConfig.model_fields.keys()
    given = {"generated", "reference", *get_type_hints(ScoreKeywords)}
    assert given == ScoreConfig.model_fields.keys()


# --- scoring -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with three clips in `mine`, and three in `real`."""
    root = tmp_path_factory.mktemp("clips")
    write_folder(root / "mine", 3)
    write_folder(root / "real", 3, first_seed=5)
    return root


def test_a_score_is_that_of_the_command_line(
    clips: Path, tmp_path: Path, svbench: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    import svbench as face

    words = ("--frames", 8, "--fps", 8, "--size", 32, "--metrics", "av-align-corrected")
    where = ("--reference", clips / "real", "--out", tmp_path / "typed")
    assert svbench("score", clips / "mine", *where, *words).code == 0
    reference = str(clips / "real")
    results = face.score(clips / "mine", reference=reference, out=tmp_path / "called", **SMALL)
    assert capsys.readouterr() == ("", "")
    for name in ("results.json", "scores.csv"):
        typed, called = ((tmp_path / of / name).read_bytes() for of in ("typed", "called"))
        assert typed == called
    again = face.load_results(tmp_path / "called" / "results.json")
    assert (again.table, again.scores) == (results.table, results.scores)
    assert str(again) == str(results)


def test_frames_hold_every_cell_and_every_clip(clips: Path, tmp_path: Path) -> None:
    results = svbench.score(clips / "mine", reference=clips / "real", out=tmp_path / "run", **SMALL)
    table = results.to_pandas()
    assert list(table["system"]) == [row.system for row in results.table.rows]
    first = table.iloc[0]
    score = results.table.rows[0].scores[first["metric"]]
    assert (first["value"], first["count"], first["better"]) == (score.value, 3, "higher")
    assert (first["low"], first["high"]) == score.interval
    assert first["settings"] == results.table.columns[0].settings
    per_clip = results.clips_to_pandas()
    assert len(per_clip) == sum(map(len, (results.scores or {}).values()))
    mine = per_clip[per_clip["system"] == "mine"]
    assert list(mine["request"]) == ["c0/0", "c1/0", "c2/0"]
    assert mine["value"].mean() == pytest.approx(score.value)
    assert list(mine.columns) == ["request", "system", "metric", "value", "caption"]


def test_a_cell_without_a_score_is_missing_with_its_reason(tmp_path: Path) -> None:
    table = make_table()
    results = svbench.load_results(write_run(tmp_path / "run", table))
    frame = results.to_pandas().set_index(["system", "metric"])
    assert len(frame) == len(table.rows) * len(table.columns)
    for row in table.rows:
        for metric in (FVD, ALIGN):
            cell, score = frame.loc[(row.system, metric)], row.scores.get(metric)
            assert (cell["value"] == score.value) if score else cell.isna()["value"]
            assert cell["absent"] == row.absent.get(metric, "")


def test_columns_that_will_be_absent_are_named_beforehand(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(tmp_path / "none"))
    notes: list[str] = []
    more = {**SMALL, "metrics": ["fad", "av-align-corrected"]}
    where = {"reference": clips / "real", "out": tmp_path / "run"}
    frame = svbench.score(clips / "mine", **where, notify=notes.append, **more).to_pandas()
    (reason,) = set(frame[frame["metric"].str.startswith("fad")]["absent"])
    assert notes == [f"FAD (audioldm-eval) will be absent: {reason}"]


# --- comparing ---------------------------------------------------------------------------------


def test_runs_are_compared_by_folder_or_by_results(tmp_path: Path, svbench: Command) -> None:
    import svbench as face

    one = write_run(tmp_path / "one", make_table())
    moved = with_score(make_table(), "cmc-pe-gamma1.5", ALIGN, value=0.625)
    two = write_run(tmp_path / "two", moved)
    found = face.compare(face.load_results(one), str(two), against="cmc-pe-gamma1")
    printed = svbench("compare", one, two, "--against", "cmc-pe-gamma1", "--format", "json").out
    record = json.loads(printed)
    assert list(found.to_pandas()["system"].unique()) == [
        row["system"] for row in record["results"]["rows"]
    ]
    differences = found.differences_to_pandas()
    assert list(differences["value"]) == [pair["value"] for pair in record["differences"]]
    assert "Paired differences from cmc-pe, gamma 1" in str(found)


# --- errors ------------------------------------------------------------------------------------


def test_what_is_wrong_is_an_error_of_ours(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wrong: Any = {"colour": "red"}
    with pytest.raises(ConfigError, match="--colour: found 'red', expected no such setting"):
        svbench.run("greatesthits", **wrong)
    with pytest.raises(ConfigError, match="--dataset: found 'cats'"):
        svbench.run("cats")
    with pytest.raises(ConfigError, match="--workers: found 0"):
        svbench.run("greatesthits", workers=0)
    with pytest.raises(ConfigError, match="--systems: found 'real', expected some of"):
        svbench.sweep_gamma("greatesthits", systems=["real"])
    with pytest.raises(ConfigError, match="generated: found no clips to score"):
        svbench.score(reference=clips / "real")
    with pytest.raises(ConfigError, match="found one run folder, expected two or more"):
        svbench.compare(write_run(tmp_path / "alone", make_table()))
    with pytest.raises(DataError, match="found nothing there, expected a result file"):
        svbench.load_results("nowhere")
    assert issubclass(DataError, SvbenchError)
    assert not (tmp_path / "runs").exists()


def test_the_environment_names_the_data_of_scale_paper_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SVBENCH_DATA", "data")
    assert find_data_root("paper", None) == Path("data")
    assert find_data_root("paper", Path("other")) == Path("other")
    assert find_data_root("mini", None) is None
    monkeypatch.setenv("SVBENCH_DATA", "")
    assert find_data_root("paper", None) is None


def run(**keywords: Any) -> object:
    return svbench.run("landscape", **keywords)


def sweep(**keywords: Any) -> object:
    return svbench.sweep_gamma("landscape", **keywords)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: run(split="train"),
            "--split: found 'train', expected no such",
        ),
        (lambda: run(out=""), "--out: found '', expected a path"),
        (lambda: run(out=b"x"), "--out: found b'x', expected a path"),
        (lambda: run(out="a\0b"), "--out: found 'a.*', expected a path"),
        (lambda: run(out="a" * 300), "--out: .* names of at most 255 bytes"),
        (lambda: run(workers="two"), "--workers: found 'two'"),
        (lambda: run(workers="2"), "--workers: found '2', expected a whole"),
        (lambda: run(progress=1), "progress: found 1, expected a function"),
        (
            lambda: run(metrics={"fad"}),
            "--metrics: found a set, expected a list",
        ),
        (
            lambda: run(metrics="fad"),
            "--metrics: found 'fad', expected a list",
        ),
        (lambda: run(guidance=(1,)), "--guidance: .* expected two numbers"),
        (lambda: run(gamma=1), "--gamma: found 1, expected a list of numbers"),
        (
            lambda: run(captions="\0"),
            "--captions: found '.x00', expected a value",
        ),
        (lambda: run(limit=1), "--limit: found 1, expected at least 2"),
        (lambda: sweep(gammas="12"), "--gammas: found '12', expected a"),
        (lambda: sweep(gammas=[]), "--gammas: found none"),
        (
            lambda: sweep(gamma=[1]),
            "--gamma: .* expected no such setting",
        ),
        (
            lambda: sweep(systems=None),
            "--systems: found None, expected a",
        ),
        (lambda: svbench.score("", reference="x"), "generated: found '', expected a path"),
        (lambda: svbench.load_results("a" * 300), "path: .* names of at most 255 bytes"),
        (lambda: svbench.load_results(None), "path: found None, expected a path"),
        (lambda: svbench.compare(1, 2), "path: found 1, expected a path"),
    ],
)
def test_what_is_no_setting_is_one_line_and_leaves_no_folder(
    call: Callable[[], object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(svbench.ConfigError, match=f"^{message}"):
        call()
    assert not list(tmp_path.iterdir())
