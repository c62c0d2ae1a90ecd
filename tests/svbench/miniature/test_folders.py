"""Folders of drawn data: a changed file is drawn again, whatever the marker says."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from svbench.errors import ConfigError
from svbench.files.seals import sealed
from svbench.miniature.drawing.folders import MARKER, draw_once

Record = dict[str, Any]


def draw(root: Path, fill: Callable[[Path, str, int, int], None]) -> None:
    draw_once(root, fill, name="toys", version=1, seed=0, train=1, test=2)


def fill(folder: Path, split: str, _there: int, clips: int) -> None:
    (folder / f"{split}.txt").write_text(f"{clips}\n")


def refuse(*_: object) -> None:
    pytest.fail("drawn again, though it was whole")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    draw(tmp_path / "data", fill)
    draw(tmp_path / "data", refuse)
    return tmp_path / "data"


def files(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in root.iterdir() if path.is_file()}


MARKERS: dict[str, Callable[[Record], Record]] = {
    "an entry lost": lambda r: {**r, "files": {"test.txt": r["files"]["test.txt"]}},
    "no entry": lambda r: {**r, "files": {}},
    "no files": lambda r: {k: v for k, v in r.items() if k not in ("files", "seal")},
    "files that are a list": lambda r: {**r, "files": list(r["files"])},
    "a name too long": lambda r: {**r, "files": {"a" * 300: "x"}},
    "a name that leads out": lambda r: {**r, "files": {**r["files"], "../../etc/passwd": "x"}},
    "a number in place of another of its value": lambda r: {**r, "version": True},
    "no seal": lambda r: {k: v for k, v in r.items() if k != "seal"},
    "another seal": lambda r: {**r, "seal": "0" * 64},
    "a seal that is no text": lambda r: {**r, "seal": [1]},
}


@pytest.mark.parametrize("edit", MARKERS.values(), ids=list(MARKERS))
def test_an_edited_marker_hides_no_file_that_changed(
    edit: Callable[[Record], Record], root: Path
) -> None:
    before = files(root)
    record = json.loads((root / MARKER).read_text())
    (root / MARKER).write_text(json.dumps(edit(record)))
    (root / "train.txt").write_text("other clips\n")
    draw(root, fill)
    assert files(root) == before
    draw(root, refuse)


def test_a_sealed_name_that_no_file_can_have_is_drawn_again(root: Path) -> None:
    before = files(root)
    record = json.loads((root / MARKER).read_text())
    del record["seal"]
    (root / MARKER).write_text(json.dumps(sealed({**record, "files": {"a" * 300: "x"}})))
    draw(root, fill)
    assert files(root) == before


def put_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("change", [Path.unlink, put_a_pipe])
def test_a_file_that_is_none_any_more_is_drawn_again(
    change: Callable[[Path], None], root: Path
) -> None:
    before = files(root)
    change(root / "train.txt")
    draw(root, fill)
    assert files(root) == before


@pytest.mark.parametrize("text", ["", "{", "[" * 99_999, "[]", '{"version": 2}'])
def test_a_folder_whose_marker_says_something_else_is_refused(text: str, root: Path) -> None:
    (root / MARKER).write_text(text)
    with pytest.raises(ConfigError, match="expected nothing there or a miniature of version 1"):
        draw(root, refuse)
    assert (root / MARKER).read_text() == text


# --- growth --------------------------------------------------------------------------------------


def by_clip(folder: Path, split: str, there: int, clips: int) -> None:
    """Write a file for each clip that is not there, and a list of all."""
    for number in range(there, clips):
        (folder / f"{split}-{number}.txt").write_text(f"{split} {number}\n")
    (folder / f"{split}.txt").write_text("".join(f"{n}\n" for n in range(clips)))


def grown(root: Path, *steps: dict[str, int]) -> list[tuple[str, int, int]]:
    """Draw these counts one after the other; return each split drawn, from which clip to which."""
    calls = []

    def noting(folder: Path, split: str, there: int, clips: int) -> None:
        if there < clips:
            calls.append((split, there, clips))
        by_clip(folder, split, there, clips)

    for counts in steps:
        draw_once(root, noting, name="toys", version=1, seed=0, **counts)
    return calls


def test_only_clips_that_are_not_there_are_drawn(tmp_path: Path) -> None:
    steps = ({"test": 2}, {"test": 5}, {"test": 3, "reference": 3}, {"test": 1})
    calls = grown(tmp_path / "grown", *steps)
    assert calls == [("test", 0, 2), ("test", 2, 5), ("reference", 0, 3)]
    grown(tmp_path / "fresh", {"test": 5, "reference": 3})
    assert files(tmp_path / "grown") == files(tmp_path / "fresh")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fresh", "grown"]


def test_a_damaged_folder_is_drawn_whole_before_it_grows(tmp_path: Path) -> None:
    root = tmp_path / "grown"
    grown(root, {"test": 4})
    (root / "test-1.txt").write_text("something else")
    assert grown(root, {"test": 6}) == [("test", 0, 6)]
    grown(tmp_path / "fresh", {"test": 6})
    assert files(root) == files(tmp_path / "fresh")


@pytest.mark.parametrize("moved", range(5))
def test_growth_that_was_stopped_is_completed(
    moved: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stop after each of the files that are put in place: the marker comes last."""
    root = tmp_path / "grown"
    grown(root, {"test": 2})
    left = [moved]
    replace = Path.replace

    def stopping(path: Path, target: Path) -> Path:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return replace(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", stopping)
        with pytest.raises(KeyboardInterrupt):
            grown(root, {"test": 4})
    grown(root, {"test": 4})
    grown(tmp_path / "fresh", {"test": 4})
    assert files(root) == files(tmp_path / "fresh")


def test_files_of_others_stay_when_a_folder_grows(tmp_path: Path) -> None:
    grown(tmp_path, {"test": 2})
    (tmp_path / "notes.md").write_text("mine")
    grown(tmp_path, {"test": 3})
    assert (tmp_path / "notes.md").read_text() == "mine"
    assert "notes.md" not in json.loads((tmp_path / MARKER).read_text())["files"]


def test_a_folder_that_another_process_drew_meanwhile_is_extended(tmp_path: Path) -> None:
    """Another process puts a smaller folder in place while ours is drawn."""
    root = tmp_path / "data"

    def slow(folder: Path, split: str, there: int, clips: int) -> None:
        if not root.exists():
            grown(root, {"train": 1})
        by_clip(folder, split, there, clips)

    draw_once(root, slow, name="toys", version=1, seed=0, test=3)
    grown(tmp_path / "fresh", {"train": 1, "test": 3})
    assert files(root) == files(tmp_path / "fresh")
