"""Run folders that are full, locked, or another program's."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from svbench.files.locking import locked
from svbench.files.writing import MARK
from tests.factories.commands import Command
from tests.factories.full_disks import files_of_at_most

THREE = ",".join(
    f"av-align-{variant}@published"
    for variant in ("corrected", "tempotokens-2023", "tempotokens-2025")
)
ROOM = {
    # bytes that fit into a file -> the file that is blamed, how many clips are extracted later
    0: ("run.json", 8),
    1500: ("features/", 8),
    4500: ("results.json", 0),
}


@pytest.mark.parametrize("room", ROOM)
def test_a_full_disk_stops_the_run_and_the_same_command_goes_on(
    room: int, made: Path, score: Command, extracted: list[str], tmp_path: Path
) -> None:
    blamed, left = ROOM[room]
    words = (made, "--metrics", THREE, "--frames", 32, "--fps", 32)  # features outgrow run.json
    with files_of_at_most(room):
        first = score(*words)
    problem = first.problem(75)
    assert problem.startswith(f"{tmp_path / 'run' / blamed}")
    assert "could not be written (File too large)" in problem
    assert "run the same command again to go on" in problem
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert not [path for path in files if path.name.endswith(MARK)]
    for path in files:
        if path.suffix == ".json":
            json.loads(path.read_text())
        if path.suffix == ".npz":
            np.load(path, allow_pickle=False)["values"]

    extracted.clear()
    second = score(*words)
    assert second.code == 0, second.err
    assert len(extracted) == left


def test_a_second_run_in_the_same_folder_is_refused(
    made: Path, score: Command, tmp_path: Path
) -> None:
    with locked(tmp_path / "run"):
        problem = score(made).problem(2)
    assert problem.startswith(f"--out {tmp_path / 'run'}: another svbench is at work")
    assert f"process {os.getpid()} on " in problem
    assert score(made).code == 0  # once the first one is gone


def test_a_folder_that_holds_another_run_is_left_alone(
    made: Path, score: Command, tmp_path: Path
) -> None:
    assert score(made).code == 0
    before = (tmp_path / "run" / "results.json").read_bytes()
    problem = score(made, "--seed", 7).problem(2)
    assert problem == (
        f"--out {tmp_path / 'run'}: it holds another run (seed was 0, is 7); choose another --out"
    )
    assert (tmp_path / "run" / "results.json").read_bytes() == before


def test_a_mistyped_name_does_not_claim_the_folder(
    made: Path, score: Command, tmp_path: Path
) -> None:
    assert score(tmp_path / "maid").code == 3
    assert score(made).code == 0


def test_a_run_folder_that_is_a_file(made: Path, score: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    problem = score(made, "--out", tmp_path / "file").problem(2)
    file = tmp_path / "file"
    assert problem == f"--out {file}: found a file at {file}, expected a folder"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"config": {}}', '{"command": "score"}'])
def test_a_run_json_of_somebody_else(text: str, made: Path, score: Command, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(text)
    problem = score(made).problem(3)
    assert problem.startswith(f"{tmp_path / 'run' / 'run.json'}")
    assert problem.endswith("the settings of a run")


def test_results_that_are_not_there_or_not_ours(svbench: Command, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert svbench("report", tmp_path).problem(3).startswith(f"{path}: found nothing there")
    path.write_text("{}")
    assert svbench("report", tmp_path).problem(3) == (f"{path}: found schema None, expected 1")


def test_a_setting_that_an_older_version_did_not_know_was_left_at_its_default(
    made: Path, score: Command, tmp_path: Path
) -> None:
    assert score(made).code == 0
    file = tmp_path / "run" / "run.json"
    record = json.loads(file.read_text())
    del record["config"]["frame_choice"]
    file.write_text(json.dumps(record))
    assert score(made).code == 0
    file.write_text(json.dumps(record))
    refused = score(made, "--frame-choice", "official").problem(2)
    assert "frame_choice was 'nearest', is 'official'" in refused
