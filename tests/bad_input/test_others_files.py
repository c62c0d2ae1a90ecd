"""Folders of other programs are not touched, and a refused command leaves no files."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.files.writing import MARK
from tests.factories.clips import write_clip, write_folder
from tests.factories.commands import Command, hint


def everything(root: Path) -> dict[str, bytes]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a folder with files of other programs."""
    home = tmp_path / "home"
    for name in (
        "notes.txt",
        ".x.tmp",
        f".y{MARK}/z",
        "work/.draft.tex.tmp",
        f"work/.draft.tex.7{MARK}",
        "work/samples/.a.mkv.3.tmp",
    ):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(name)
    return home


def test_a_run_in_a_home_folder_takes_nothing_away(made: Path, score: Command, home: Path) -> None:
    before = everything(home)
    assert score(made, "--out", home).code == 0
    assert before.items() <= everything(home).items()
    assert (home / "results.json").exists()


def test_a_lock_of_another_program_is_left_alone(made: Path, score: Command, home: Path) -> None:
    (home / ".lock").write_text("pid of a mail program: 7")
    before = everything(home)
    problem = score(made, "--out", home).problem(2)
    assert problem == (
        f"--out {home}: found a .lock of another program in it, expected none; choose another --out"
    )
    assert everything(home) == before


def test_a_lock_that_is_a_link_is_not_followed(made: Path, score: Command, home: Path) -> None:
    (home / ".lock").symlink_to(home / "notes.txt")
    before = everything(home)
    problem = score(made, "--out", home).problem(2)
    assert problem.startswith(f"--out {home}: found a link called .lock in it")
    assert everything(home) == before


@pytest.mark.parametrize("name", ["results.json", "scores.csv", "samples", "features", "data"])
def test_files_of_the_same_names_are_not_written_over(
    name: str, made: Path, score: Command, home: Path
) -> None:
    (home / name).write_text("years of work")
    before = everything(home)
    problem = score(made, "--out", home).problem(2)
    assert problem.startswith(f"--out {home}: found {name} in it, but no run of svbench, expected")
    assert everything(home) == before


def test_a_link_in_a_run_folder_is_not_written_through(
    made: Path, score: Command, tmp_path: Path
) -> None:
    assert score(made).code == 0
    table = (tmp_path / "run/results.json").read_bytes()
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "run/results.json").unlink()
    (tmp_path / "run/results.json").symlink_to(tmp_path / "theirs")
    assert score(made).code == 0
    assert (tmp_path / "theirs").read_text() == "theirs"
    assert (tmp_path / "run/results.json").read_bytes() == table


REFUSED = {
    # words behind `svbench score` -> exit code
    "{made} --metrics fid": 2,
    "{made} --seed -1": 2,
    "{made} {made}": 2,
    "{made}/nothing": 3,
    "{bad}": 3,
    "{made} --metrics fvd --strict": 3,
}


@pytest.mark.parametrize("words", REFUSED)
def test_a_refused_command_leaves_no_folder(
    words: str, made: Path, score: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(tmp_path / "weights"))
    write_clip(tmp_path / "bad" / "c0.mp4", sound=False)
    there = set(tmp_path.rglob("*"))
    out = tmp_path / "new" / "deep" / "run"
    done = score(*words.format(made=made, bad=tmp_path / "bad").split(), "--out", out)
    assert done.code == REFUSED[words], done.err
    assert set(tmp_path.rglob("*")) == there


def test_a_refused_run_leaves_no_folder(svbench: Command, tmp_path: Path) -> None:
    for words in ("--systems reel", "--data-root /data", "--metrics fid"):
        out = tmp_path / "new" / "run"
        assert svbench("run", "--dataset", "greatesthits", *words.split(), "--out", out).code == 2
        assert not list(tmp_path.iterdir())


def test_all_bad_clips_of_all_sets_are_named_in_one_go(
    made: Path, score: Command, tmp_path: Path
) -> None:
    write_folder(tmp_path / "mine", 3)
    write_folder(tmp_path / "other", 2)
    for path in ("made/c1.mp4", "mine/c0.mp4", "mine/c2.mp4"):
        (tmp_path / path).write_bytes(b"")
    outcome = score(made, tmp_path / "other", "--reference", tmp_path / "mine")
    assert outcome.code == 3
    *lines, last = outcome.problems
    blamed = [str(Path(line.split(": ")[0]).relative_to(tmp_path)) for line in lines]
    assert blamed == ["mine/c0.mp4", "mine/c2.mp4", "made/c1.mp4"]
    assert last == hint(3, 9)


def test_all_clips_that_do_not_decode_are_named_in_one_go(
    made: Path, score: Command, tmp_path: Path
) -> None:
    from tests.bad_input.test_clips import one_frame

    write_folder(tmp_path / "mine", 3)
    for path in ("made/c1.mp4", "mine/c0.mp4"):
        one_frame(tmp_path / path)
    outcome = score(made, "--reference", tmp_path / "mine")
    assert outcome.code == 3
    blamed = [line.split(": ")[0] for line in outcome.problems[:-1]]
    assert blamed == [str(tmp_path / "made/c1.mp4"), str(tmp_path / "mine/c0.mp4")]
    assert outcome.problems[-1] == hint(2, 9)
