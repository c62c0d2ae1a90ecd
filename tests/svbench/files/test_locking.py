"""One process holds a run folder, and what is not ours is not touched."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from svbench.errors import ConfigError, DataError, StoppedError, SvbenchError
from svbench.files.locking import LOCK, locked, remove_partial_files
from svbench.files.writing import MARK
from tests.factories.full_disks import files_of_at_most

NAMES = ("run.json", "data")


def everything(root: Path) -> dict[str, bytes]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def test_a_folder_has_one_owner_at_a_time(tmp_path: Path) -> None:
    refused = pytest.raises(ConfigError, match=f"process {os.getpid()} on ")
    with locked(tmp_path), refused, locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = pytest.raises(ConfigError, match=r"--out .*file/run: cannot be written to")
    with refused, locked(tmp_path / "file" / "run"):
        pass


def test_a_folder_is_ours_once_it_holds_our_lock_or_proof(tmp_path: Path) -> None:
    with locked(tmp_path / "new", NAMES, "run.json") as ours:
        assert not ours
    with locked(tmp_path / "new", NAMES, "run.json") as ours:
        assert ours
    (tmp_path / "copied").mkdir()
    (tmp_path / "copied" / "run.json").write_text("{}")
    with locked(tmp_path / "copied", NAMES, "run.json") as ours:
        assert ours


# --- folders of others ---------------------------------------------------------------------------


def link(lock: Path) -> None:
    (lock.parent / "theirs").write_text("of a mail program")
    lock.symlink_to(lock.parent / "theirs")


def words(lock: Path) -> None:
    lock.write_text("of a mail program")


def nearly_ours(lock: Path) -> None:
    lock.write_text("process 1 on host\nand more\n")


@pytest.mark.parametrize("lock", [link, words, nearly_ours, Path.mkdir, os.mkfifo])
def test_a_lock_of_somebody_else_is_left_alone(
    lock: Callable[[Path], None], tmp_path: Path
) -> None:
    lock(tmp_path / LOCK)
    before = everything(tmp_path)
    with pytest.raises(ConfigError) as caught, locked(tmp_path, NAMES, "run.json"):
        pass
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"--out {tmp_path}: ")
    assert everything(tmp_path) == before


def test_an_empty_lock_among_other_files_is_somebody_elses(tmp_path: Path) -> None:
    for name in (LOCK, "theirs.txt"):
        (tmp_path / name).touch()
    refused = pytest.raises(ConfigError, match=r"found an empty \.lock of another program in it")
    with refused, locked(tmp_path, NAMES, "run.json"):
        pass
    with locked(tmp_path):  # which may lie among others' files, and writes into none of them
        pass
    assert everything(tmp_path) == {LOCK: b"", "theirs.txt": b""}


@pytest.mark.parametrize("beside", [(), (f".run.json.7{MARK}",), ("run.json", "theirs.txt")])
def test_an_empty_lock_that_a_full_disk_left_is_ours(
    beside: tuple[str, ...], tmp_path: Path
) -> None:
    for name in (LOCK, *beside):
        (tmp_path / name).touch()
    with locked(tmp_path, NAMES, "run.json"):
        assert (tmp_path / LOCK).read_text().startswith(f"process {os.getpid()} on ")


@pytest.mark.parametrize("names", [(), NAMES])
def test_an_empty_lock_of_two_names_is_left_alone(names: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "theirs").touch()
    (tmp_path / "run" / LOCK).hardlink_to(tmp_path / "theirs")
    refused = pytest.raises(ConfigError, match=r"found a \.lock of another program in it")
    with refused, locked(tmp_path / "run", names):
        pass
    assert (tmp_path / "theirs").read_bytes() == b""


def test_a_run_that_was_copied_by_links_goes_on(tmp_path: Path) -> None:
    with locked(tmp_path / "run", NAMES):
        pass
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / LOCK).hardlink_to(tmp_path / "run" / LOCK)
    with locked(tmp_path / "copy", NAMES) as ours:
        assert ours


def test_a_stop_leaves_no_lock_that_could_not_be_signed(tmp_path: Path) -> None:
    (tmp_path / "theirs.txt").touch()
    for _ in range(2):
        with files_of_at_most(0), pytest.raises(StoppedError), locked(tmp_path, NAMES):
            raise StoppedError("full")
        assert list(everything(tmp_path)) == ["theirs.txt"]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_where_a_name_is_taken_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(ConfigError) as caught, locked(tmp_path, NAMES):
        pass
    assert str(caught.value) == (
        f"--out {tmp_path}: found {name} in it, but no run of svbench, expected a folder where "
        "these names are free; choose another --out"
    )
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_of_others_where_no_name_is_taken_is_fine(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".x.tmp").write_text("mine, too")
    before = everything(tmp_path)
    with locked(tmp_path, NAMES, "run.json") as ours:
        assert not ours
    assert before.items() <= everything(tmp_path).items()


# --- a command that is refused -------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ConfigError, DataError])
def test_a_refused_command_leaves_no_folder(kind: type[SvbenchError], tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    with pytest.raises(kind), locked(tmp_path / "here" / "a" / "b", NAMES):
        raise kind("no")
    assert list((tmp_path / "here").iterdir()) == []
    with pytest.raises(kind), locked(tmp_path / "here", NAMES):
        raise kind("no")
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize("name", ["run.json", "notes.txt"])
def test_a_refused_command_takes_nothing_with_it(name: str, tmp_path: Path) -> None:
    def refused_later() -> None:
        with locked(tmp_path / "run", NAMES):
            (tmp_path / "run" / name).write_text("{}")
            raise DataError("no")

    with pytest.raises(DataError):
        refused_later()
    assert (tmp_path / "run" / name).exists()
    assert (tmp_path / "run" / LOCK).exists() == (name in NAMES)


def test_a_stop_keeps_the_lock_as_a_proof(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), locked(tmp_path / "run", NAMES):
        raise KeyboardInterrupt
    with locked(tmp_path / "run", NAMES) as ours:
        assert ours


# --- left-overs ----------------------------------------------------------------------------------


def test_only_what_carries_our_mark_is_deleted(tmp_path: Path) -> None:
    ours = [f".run.json.7{MARK}", f"samples/real/ab/.x.mkv.7{MARK}", f".data-x{MARK}/a.mp4"]
    theirs = [".x.tmp", f"x{MARK}", "samples/real/ab/x.mkv", "samples/.y.7.tmp", f"notes/.x{MARK}"]
    for name in (*ours, *theirs):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    remove_partial_files(tmp_path, ("samples", "features"))
    assert sorted(everything(tmp_path)) == sorted(theirs)
    assert not (tmp_path / f".data-x{MARK}").exists()


def test_nothing_is_deleted_through_a_link(tmp_path: Path) -> None:
    for name in ("away", "run/features"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "away" / f".x{MARK}").write_text("somewhere else")
    for link_to in ("samples", "features/deeper", f".data{MARK}"):
        (tmp_path / "run" / link_to).symlink_to(tmp_path / "away")
    remove_partial_files(tmp_path / "run", ("samples", "features"))
    assert [path.name for path in (tmp_path / "away").iterdir()] == [f".x{MARK}"]
    assert not (tmp_path / "run" / f".data{MARK}").is_symlink()
