"""The commands that read result files, as a user types them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import Command
from tests.result_factories import ALIGN, FVD, make_table, write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", make_table())


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("text", "Greatest Hits, miniature (32 frames"),
        ("markdown", "**Greatest Hits, miniature (32 frames"),
        ("latex", "% \\usepackage{booktabs}"),
        ("csv", "kind,system,title,metric"),
        ("json", '{\n  "results": {'),
        ("clips", f"system,title,request,{ALIGN}"),
        ("model-index", "model-index:\n- name: cross-attention, gamma 1"),
    ],
)
def test_report_prints_or_writes_each_format(
    svbench: Command, run: Path, tmp_path: Path, name: str, begins: str
) -> None:
    printed = svbench("report", run, "--format", name)
    assert printed.code == 0, printed.err
    assert printed.out.startswith(begins)
    file = tmp_path / "new" / "table"
    written = svbench("report", run / "results.json", "--format", name, "--out", file)
    assert (written.code, written.out) == (0, "")
    assert written.err == f"written: {file}\n"
    assert file.read_text(encoding="utf-8").startswith(begins)


def test_report_shows_published_figures_apart(svbench: Command, run: Path) -> None:
    out = svbench("report", run).out
    assert out.index("real clips (ceiling)") < out.index("Table 1 of Ishii et al.")


def test_report_keeps_the_columns_asked_for(svbench: Command, run: Path) -> None:
    out = svbench("report", run, "--metrics", ALIGN, "--format", "csv").out
    assert FVD not in out
    wrong = svbench("report", run, "--metrics", "fad")
    assert wrong.problem(2) == f"--metrics: found 'fad', expected some of {FVD}, {ALIGN}"


def test_report_saves_a_picture(svbench: Command, run: Path, tmp_path: Path) -> None:
    assert svbench("report", run, "--svg", tmp_path / "table.svg").code == 0
    picture = (tmp_path / "table.svg").read_text()
    assert "<svg" in picture
    assert "paper:" not in picture


def test_report_without_scores_of_clips_marks_nothing_and_says_so(
    svbench: Command, run: Path
) -> None:
    (run / "scores.csv").unlink()
    done = svbench("report", run)
    assert done.code == 0
    assert "nothing is marked best: no scores of single clips" in done.out
    assert svbench("report", run, "--format", "clips").problem(3).startswith("--format clips: ")


def test_what_report_cannot_do_is_one_line(svbench: Command, run: Path, tmp_path: Path) -> None:
    known = "text, markdown, latex, csv, json, clips, model-index"
    assert svbench("report", run, "--format", "word").problem(2) == (
        f"--format: found 'word', expected one of {known}"
    )
    absent = svbench("report", tmp_path / "nowhere").problem(3)
    assert absent == f"{tmp_path / 'nowhere'}: found nothing there, expected a result file"
    blocked = svbench("report", run, "--format", "csv", "--out", run)
    assert blocked.problem(2).startswith(f"--out {run}: cannot be written")
    (run / "scores.csv").write_text("a,b\n")
    assert "found no column" in svbench("report", run).problem(3)


@pytest.mark.parametrize("command", ["report"])
def test_every_command_has_help_with_an_example(svbench: Command, command: str) -> None:
    assert f"Example: svbench {command}" in svbench(command, "--help").out
