"""What is known of files: as long as they do not change, and have not just changed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from svbench.errors import DataError
from svbench.files.known_files import SETTLED, KnownFiles
from tests.factories.processes import until

LONG_AGO = (1_000_000_000, 1_000_000_000)  # s: a time of change of content, not of the inode


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the files of a test be older than what has just changed."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 2 * SETTLED)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    file = tmp_path / "clip.mp4"
    file.write_bytes(b"abc")
    return file


def asked_again(known: KnownFiles, clip: Path) -> bool:
    """Return whether the next run would read a file again."""
    read = []

    def again() -> float:
        read.append(clip)
        return 3.0

    KnownFiles(known.now).read("length", (clip,), again)
    return bool(read)


def remembered(clip: Path) -> KnownFiles:
    known = KnownFiles()
    assert known.read("length", (clip,), lambda: 3.0) == 3.0
    return known


@pytest.mark.usefixtures("later")
def test_a_file_that_did_not_change_is_not_read_again(clip: Path, tmp_path: Path) -> None:
    known = remembered(clip)
    assert not asked_again(known, clip)
    known.save(tmp_path / "known.json")
    loaded = KnownFiles.load(tmp_path / "known.json")
    assert loaded.read("length", (clip,), lambda: pytest.fail("read")) == 3.0
    assert loaded.read("other", (clip,), lambda: "read") == "read"


def overwrite(clip: Path) -> None:
    clip.write_bytes(b"abd")


def overwrite_in_secret(clip: Path) -> None:
    """Put back the time of change that every program may set."""
    before = clip.stat()
    clip.write_bytes(b"abd")
    os.utime(clip, ns=(before.st_atime_ns, before.st_mtime_ns))


def exchange(clip: Path) -> None:
    other = clip.with_name("other")
    other.write_bytes(b"abd")
    other.replace(clip)


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("change", [overwrite, overwrite_in_secret, exchange, Path.unlink])
def test_a_file_that_changed_is_read_again(change: Callable[[Path], None], clip: Path) -> None:
    os.utime(clip, LONG_AGO)
    known, tick = remembered(clip), clip.with_name("tick")

    def clock_moved_on() -> bool:  # that of files may count in hundredths of a second
        tick.write_bytes(b"")
        return tick.stat().st_ctime_ns > clip.stat().st_ctime_ns

    until(clock_moved_on)
    change(clip)
    assert asked_again(known, clip)


def test_of_a_file_that_has_just_changed_nothing_is_kept(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age, again in ((SETTLED, True), (SETTLED + 1, False)):
        monkeypatch.setattr(time, "time_ns", lambda age=age: clip.stat().st_ctime_ns + age)
        assert asked_again(remembered(clip), clip) == again
        os.utime(clip, LONG_AGO)  # the inode has just changed
        assert asked_again(remembered(clip), clip) == again


@pytest.mark.usefixtures("later")
def test_of_a_file_that_changes_while_it_is_read_nothing_is_kept(clip: Path) -> None:
    known = KnownFiles()

    def read() -> str:
        exchange(clip)
        return "as it was"

    assert known.read("text", (clip,), read) == "as it was"
    assert known.now == {}


@pytest.mark.usefixtures("later")
def test_what_cannot_be_read_is_not_kept(clip: Path) -> None:
    known = KnownFiles()
    with pytest.raises(DataError):
        known.read("length", (clip,), lambda: (_ for _ in ()).throw(DataError("no clip")))
    with pytest.raises(FileNotFoundError):
        known.digest(clip.with_name("absent"))
    assert known.now == {}


@pytest.mark.usefixtures("later")
def test_an_index_that_is_edited_or_damaged_is_empty(clip: Path, tmp_path: Path) -> None:
    index = tmp_path / "known.json"
    assert KnownFiles.load(index) == KnownFiles()
    known = remembered(clip)
    known.save(index)
    record = json.loads(index.read_text())
    (entry,) = record["files"].values()
    entry[1] = 4.0
    for text in (json.dumps(record), "", "[", '{"files": 3}'):
        index.write_text(text)
        assert KnownFiles.load(index) == KnownFiles()
