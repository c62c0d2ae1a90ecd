"""The command line: help with examples, versions, and the same numbers in every form."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from svbench import __version__
from svbench.cli import app as cli
from svbench.cli import parsing
from svbench.cli.progress import progress_bars
from tests.factories.clips import write_clip, write_folder
from tests.factories.commands import Command

COMMANDS = sorted(
    command.name or getattr(command.callback, "__name__", "")
    for command in cli.app.registered_commands
)
SMALL = ("--frames", 8, "--fps", 8, "--size", 32, "--metrics", "av-align-corrected@published")


@pytest.fixture
def words(tmp_path: Path) -> tuple[object, ...]:
    """Return a command line that scores two clips against two, fresh ones."""
    write_folder(tmp_path / "mine", 2)
    write_folder(tmp_path / "real", 2, first_seed=5)
    return ("score", tmp_path / "mine", "--reference", tmp_path / "real", *SMALL)


def test_there_are_the_commands_we_look_at() -> None:
    assert {"run", "score", "report"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_ends_with_an_example(command: str, svbench: Command) -> None:
    outcome = svbench(command, "--help")
    assert outcome.code == 0
    assert re.search(rf"Example: svbench {re.escape(command)} \S", outcome.out)
    assert outcome.err == ""


def _described(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Return every command below one, with the words that call it."""
    yield words, command
    for name, below in getattr(command, "commands", {}).items():
        yield from _described(below, (*words, name))


GROUPS = ((), ("list",), ("weights",))


def test_help_texts_are_printed_whole(svbench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for words, command in _described(get_command(cli.app)):
        printed = "".join(svbench(*words, "--help").out.split())
        texts = [command.help, *(parameter.help for parameter in command.params)]
        flags = [flag for parameter in command.params for flag in parameter.opts]
        for text in (*texts, *(flag for flag in flags if flag.startswith("--"))):
            assert "".join((text or "").split()) in printed, f"{words}: {text}"


def test_summaries_of_commands_are_printed_whole(
    svbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert all("..." not in svbench(*of, "--help").out.partition("Commands:")[2] for of in GROUPS)


def test_help_without_a_command_names_all(svbench: Command) -> None:
    outcome = svbench("--help")
    assert outcome.code == 0
    for command in COMMANDS:
        assert re.search(rf"^[│ ]*{re.escape(command)} ", outcome.out, re.MULTILINE)


@pytest.mark.parametrize("words", [("--version",), ("--version", "report", "nowhere")])
def test_the_version(svbench: Command, words: tuple[str, ...]) -> None:
    outcome = svbench(*words)
    assert (outcome.code, outcome.out) == (0, f"svbench {__version__}\n")


def test_python_dash_m_is_the_same_command() -> None:
    command = [sys.executable, "-m", "svbench", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"svbench {__version__}\n"


def test_json_is_what_the_results_file_holds_and_nothing_else(
    svbench: Command, words: tuple[object, ...], tmp_path: Path
) -> None:
    outcome = svbench(*words, "--out", tmp_path / "run", "--json")
    assert outcome.code == 0
    assert outcome.out == (tmp_path / "run" / "results.json").read_text(encoding="utf-8")
    rows = json.loads(outcome.out)["rows"]
    assert [row["system"] for row in rows] == ["mine", "mine-shuffled", "real"]


def test_a_report_prints_what_the_run_printed(
    svbench: Command, words: tuple[object, ...], tmp_path: Path
) -> None:
    first = svbench(*words, "--out", tmp_path / "run")
    table, _, last = first.out.rstrip("\n").rpartition("\n")
    assert last == (
        f"results: {tmp_path / 'run' / 'results.json'}   "
        f"per clip: {tmp_path / 'run' / 'scores.csv'}"
    )
    again = svbench("report", tmp_path / "run")
    assert again.out == table + "\n"
    assert svbench("report", tmp_path / "run" / "results.json").out == again.out


def test_steps_are_told_on_the_error_stream_one_line_each(
    svbench: Command, words: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("svbench.cli.progress.FIRST_LINE", math.inf)  # however long they take
    outcome = svbench(*words, "--out", tmp_path / "run")
    steps = ["extracting features (4)", "mine: scoring shuffled sounds (20)"]
    assert outcome.err.splitlines() == steps


def test_where_there_is_nothing_to_do_no_step_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bars() as step, step("shuffled", 0) as none, step("clips", 1) as one:
        none(0)
        one(1)
    assert capsys.readouterr().err.splitlines() == ["clips (1)"]


def test_the_number_of_threads_changes_no_byte(
    svbench: Command, words: tuple[object, ...], tmp_path: Path
) -> None:
    write_folder(tmp_path / "mine", 7)
    write_folder(tmp_path / "real", 6, first_seed=5)
    found = []
    for workers in (1, 2, 3):
        out = tmp_path / str(workers)
        done = svbench(*words, "--out", out, "--json", "--workers", workers)
        assert done.code == 0
        written_at = "known-files.json"  # holds when files were written
        files = [p for p in sorted(out.rglob("*")) if p.is_file() and p.name != written_at]
        found.append((done.out, {path.relative_to(out): path.read_bytes() for path in files}))
    assert found[0] == found[1] == found[2]


def test_without_out_the_run_folder_is_called_after_the_clips(
    svbench: Command,
    words: tuple[object, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert svbench(*words).code == 0
    assert (tmp_path / "runs" / "score-mine" / "results.json").exists()


def test_several_folders_become_several_rows(
    svbench: Command, words: tuple[object, ...], tmp_path: Path
) -> None:
    write_clip(tmp_path / "yours" / "c0.mp4", seed=9)
    outcome = svbench(*words, tmp_path / "yours", "--out", tmp_path / "run", "--json")
    rows = json.loads(outcome.out)["rows"]
    assert [(row["system"], row["asked"]) for row in rows] == [
        ("mine", 2),
        ("mine-shuffled", 2),
        ("yours", 1),
        ("yours-shuffled", 1),
        ("real", 2),
    ]


@pytest.mark.parametrize(
    ("text", "size"), [("256", (256, 256)), ("32x48", (32, 48)), ("32X48", (32, 48))]
)
def test_a_size_is_one_side_or_height_and_width(text: str, size: tuple[int, int]) -> None:
    assert parsing.read_size(text) == size


def test_an_interrupted_run_can_be_gone_on_with(
    svbench: Command,
    words: tuple[object, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from svbench.walk import judging

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    command = (*words, "--out", tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(judging, "extract_sets", interrupted)
        outcome = svbench(*command)
    assert outcome.problem(75) == "stopped by SIGINT; the same command goes on from here"
    assert svbench(*command).code == 0
