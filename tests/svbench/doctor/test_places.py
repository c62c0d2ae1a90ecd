from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from svbench.doctor import places
from svbench.doctor.places import file_system, folders, nearest, try_out, written


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def full(_path: Any) -> Usage:
    return Usage(10**12, 10**12, 1000)


def test_a_folder_that_is_not_there_yet_lies_on_the_disk_of_its_parents(tmp_path: Path) -> None:
    out = tmp_path / "runs" / "mine"
    assert nearest(out) == tmp_path
    found = written("--out", out, "mend")
    assert found.facts["path"] == str(out)
    assert "locks and renames work" in found.found or found.facts["file_system"] == "tmpfs"
    assert not list(tmp_path.iterdir())  # what was tried out is gone


def test_a_file_in_the_place_of_a_folder_is_missing(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    found = written("--out", tmp_path / "runs" / "mine", "name another")
    assert (found.state, found.mend) == ("missing", "name another")
    assert str(tmp_path / "runs") in found.found


def test_a_folder_that_is_read_only_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _path, mode: not mode & os.W_OK)  # also for root
    found = written("--out", tmp_path, "mend")
    assert (found.state, found.found) == ("missing", f"{tmp_path}: cannot be written to")


def test_little_space_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places.shutil, "disk_usage", full)
    found = written("--out", tmp_path, "mend", tmp_path / "no-mounts")
    assert (found.state, found.facts["free"]) == ("note", 1000)


def test_the_file_system_is_that_of_the_deepest_mount(tmp_path: Path) -> None:
    inside = tmp_path / "a folder" / "deep"
    inside.mkdir(parents=True)
    mounts = tmp_path / "mountinfo"
    escaped = str(inside.parent).replace(" ", "\\040")
    mounts.write_text(
        "22 1 8:1 / / rw,noatime shared:1 - ext4 /dev/sda rw\n"
        f"23 22 0:5 / {escaped} rw - nfs4 server:/x rw\n"
        "broken line\n"
    )
    assert file_system(tmp_path, mounts) == "ext4"
    assert file_system(inside, mounts) == "nfs4"
    assert file_system(inside, tmp_path / "absent") == ""


def test_locks_that_are_refused_or_granted_twice_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not try_out(tmp_path).problems
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    assert try_out(tmp_path).problems == ["locks (flock): granted twice at once"]

    def refuse(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    found = written("--out", tmp_path, "mend")
    assert found.state == "missing"
    assert "locks (flock): refused (Function not implemented)" in found.found


def test_renames_that_are_refused_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "replace", refuse)
    assert try_out(tmp_path).problems == ["renaming: refused (Operation not permitted)"]


def test_data_and_cache_are_those_of_the_environment(tmp_path: Path) -> None:
    def state(**environment: str) -> dict[str, tuple[str, str]]:
        found = folders(tmp_path / "out", environment)
        return {f.name: (f.state, f.found) for f in found}

    assert state()["SVBENCH_DATA"][0] == state()["SVBENCH_CACHE"][0] == "note"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert state(SVBENCH_DATA=str(empty))["SVBENCH_DATA"] == (
        "missing",
        f"{empty}: found an empty folder",
    )
    absent = state(SVBENCH_DATA=str(tmp_path / "absent"))["SVBENCH_DATA"]
    assert absent == ("missing", f"{tmp_path / 'absent'}: found nothing there")
    (empty / "clip.mp4").write_bytes(b"")
    assert state(SVBENCH_DATA=str(empty))["SVBENCH_DATA"][0] == "ok"
    cached = state(SVBENCH_CACHE=str(tmp_path / "cache"))["SVBENCH_CACHE"]
    assert str(tmp_path / "cache") in cached[1]
    assert not (tmp_path / "cache").exists()  # a run makes it, the doctor does not
