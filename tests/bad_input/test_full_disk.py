"""A full disk stops any command with one line; nothing is lost, and the same command resumes."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.files.writing import MARK
from tests.factories.commands import Command
from tests.factories.full_disks import files_of_at_most
from tests.factories.pages import write_page_run

COMMANDS = {
    # words -> bytes that still fit into a file, the file that is blamed
    "report {run} --format html": (200, "report/media/"),
    "report {run} --format html --gallery 0": (100, "report/"),
    "report {run} --format latex --out {run}/table.tex": (100, "table.tex"),
    "report {run} --svg {run}/table.svg": (1000, "table.svg"),
    "clip-figure {run} c0/0 --out {run}/clip.pdf": (6000, "clip.pdf"),
    "check {run} --golden {run}/golden.json --update --reason first": (1000, "golden.json"),
    "run --dataset greatesthits --limit 1 --systems real --metrics ib-av --out {run}/new": (
        3000,
        "new/data",
    ),
    "run --dataset landscape --limit 1 --systems real --metrics ib-av --out {run}/new": (
        0,
        "new/data",
    ),
}


@pytest.mark.parametrize("words", COMMANDS)
def test_a_full_disk_is_one_line_and_the_same_command_goes_on(
    words: str, svbench: Command, tmp_path: Path
) -> None:
    room, blamed = COMMANDS[words]
    run = write_page_run(tmp_path / "run")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    if "clip-figure" in words:  # its copies of clips are there, the figure does not fit
        assert svbench(*words.format(run=run).split()).code == 0
        (run / "clip.pdf").unlink()
    with files_of_at_most(room):
        problem = svbench(*words.format(run=run).split()).problem(75)
    assert problem.startswith(f"{run / blamed}"), problem
    assert "could not be written (File too large)" in problem
    assert problem.endswith("run the same command again to go on")
    assert not [path for path in run.rglob("*") if MARK in str(path)]
    assert before == {path: path.read_bytes() for path in before}
    done = svbench(*words.format(run=run).split())
    assert done.code == 0, done.err


TARGETS = {
    "report {run} --format latex --out {bad}": "--out",
    "report {run} --format html --out {bad}/page": "--out",
    "clip-figure {run} c0/0 --out {bad}/clip.svg": "--out",
    "check {run} --golden {bad}/new.json --update --reason first": "--golden",
    "check {run} --golden {run}/golden.json --markdown {bad}/a/b.md": "--markdown",
    "check {run} --golden {run}/golden.json --junit {bad}/junit.xml": "--junit",
}


@pytest.mark.parametrize("words", TARGETS)
def test_a_path_that_cannot_be_written_is_a_wrong_setting(
    words: str, svbench: Command, tmp_path: Path
) -> None:
    run = write_page_run(tmp_path / "run")
    golden = ("check", run, "--golden", run / "golden.json", "--update", "--reason", "first")
    assert svbench(*golden).code == 0
    bad = tmp_path / "bad"
    if words.endswith("}/page") or "{bad}/" in words:
        bad.write_text("a file, where a folder is wanted")
    else:
        bad.mkdir()
    problem = svbench(*words.format(run=run, bad=bad).split()).problem(2)
    assert problem.startswith(f"{TARGETS[words]} {bad}"), problem
    assert "cannot be written (" in problem or "expected a" in problem
