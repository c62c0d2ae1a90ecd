"""`svbench doctor --power`: what a run that was made tells about further ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.factories.commands import Command
from tests.factories.results import ALIGN, clip_values, make_table, write_run
from tests.house.test_loading import loaded_by


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", make_table())


def test_a_line_per_column_and_no_machine(svbench: Command, run: Path) -> None:
    done = svbench("doctor", "--power", run)
    assert done.code == 0, done.err
    assert "Planning by Greatest Hits, miniature" in done.out
    assert "FVD (miniature I3D)" in done.out
    assert "3 pairs of 3 rows" in done.out
    assert "--repeats 2" in done.out
    assert "FFmpeg" not in done.out


def test_programs_get_json(svbench: Command, run: Path) -> None:
    done = svbench("doctor", "--power", run, "--difference", 0.1, "--n", 100, "--rows", 2, "--json")
    found = json.loads(done.out)
    assert (found["compared"], found["level"], found["power"]) == (2, 0.05, 0.8)
    [align] = [column for column in found["columns"] if column["metric"] == ALIGN]
    assert (align["n"], align["at"]) == (16, 100)
    assert 0 < align["power"] <= 1
    assert [needed["difference"] for needed in align["needed"]] == [0.1]


def test_repeats_show_what_more_samples_help(svbench: Command, tmp_path: Path) -> None:
    scores = {
        key: {
            f"clip-{place % 8:02d}/{place // 8}": value for place, value in enumerate(of.values())
        }
        for key, of in clip_values().items()
    }
    done = svbench("doctor", "--power", write_run(tmp_path / "run", make_table(), scores))
    assert "Captions needed, by samples per caption" in done.out
    assert "--repeats 2" not in done.out


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        (("--n", 40), "--n"),
        (("--difference", 0.1), "--difference"),
        (("--rows", 8), "--rows"),
        (("--power", ".", "--plan", "run"), "--plan"),
        (("--power", ".", "--measure"), "--measure"),
        (("--power", ".", "--ray-address", "a:1"), "--ray-address"),
    ],
)
def test_options_without_effect_are_refused(
    svbench: Command, words: tuple[object, ...], flag: str
) -> None:
    problem = svbench("doctor", *words).problem(2)
    assert problem.startswith(f"{flag}: found it where it has no effect")


@pytest.mark.parametrize("words", [("--n", 1), ("--difference", 0), ("--rows", 1)])
def test_impossible_numbers_are_refused(
    svbench: Command, run: Path, words: tuple[str, object]
) -> None:
    assert svbench("doctor", "--power", run, *words).problem(2).startswith(f"{words[0]}: found")


def test_a_folder_without_results_is_one_line(svbench: Command, tmp_path: Path) -> None:
    assert "expected" in svbench("doctor", "--power", tmp_path).problem(3)
    run = write_run(tmp_path / "run", make_table())
    (run / "scores.csv").unlink()
    assert "scores.csv" in svbench("doctor", "--power", run).problem(3)


def test_nothing_slow_is_loaded(run: Path) -> None:
    loaded = loaded_by("doctor", "--power", str(run))
    assert loaded.isdisjoint({"torch", "diffusers", "transformers", "librosa", "matplotlib"})
