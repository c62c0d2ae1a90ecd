"""Drawn data: what is not as it was drawn is drawn again, and nothing of it is believed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from svbench.datasets.drawn import MARKER, draw_once
from svbench.errors import ConfigError
from svbench.files.seals import sealed

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
