"""A run folder among the clips that it scores: the same command gives the same table again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.factories.commands import Command


def test_the_same_command_gives_the_same_table_behind_a_page(
    svbench: Command, real: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made)
    metric = ("--metrics", "av-align-corrected@miniature")
    words = ("score", ".", "--reference", real, "--frames", 8, "--size", 32, *metric, "--json")
    first = svbench(*words)
    assert first.code == 0, first.err
    assert "1 run folder of svbench is not judged: runs/score-made" in first.out
    assert svbench("report", "runs/score-made", "--format", "html").code == 0
    assert len(list(made.glob("runs/**/*.mp4"))) > 0
    assert svbench(*words).out == first.out


def test_scores_that_are_a_pipe_are_not_waited_for(
    made: Path, score: Command, svbench: Command, tmp_path: Path
) -> None:
    assert score(made).code == 0
    file = tmp_path / "run" / "scores.csv"
    file.unlink()
    os.mkfifo(file)
    problem = svbench("report", tmp_path / "run", "--format", "csv").problem(3)
    assert problem.startswith(f"{file}: found no regular file")
