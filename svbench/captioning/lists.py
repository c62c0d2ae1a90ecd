"""The forms of caption lists, as loaders read them.

data sets   CSV without header: what the set's own lists call a clip, and its caption.
folders     CSV with the header `file,caption`, or JSONL (`id`, `caption`, `file`, and `start` and
            `audio` where a clip has them), which is also a list of clips for `svbench score`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from svbench.errors import ConfigError
from svbench.files.suffixes import is_video
from svbench.files.text import csv_text
from svbench.types import Example

Captioned = Sequence[tuple[Example, str]]
Form = Callable[[Captioned, Path], str]  # clips with captions, and where the list will lie


def form_of(out: Path, listed: Callable[[Example], str] | None) -> Form:
    """Return the form of a list.

    Parameters
    ----------
    out : Path
        the list; its suffix names the form
    listed : callable or None
        returns what the lists of a data set call a clip; None: clips of a folder or list

    Raises
    ------
    ConfigError
        for a suffix that no reader takes for a list
    """
    suffix = out.suffix.lower()
    if suffix == ".jsonl" and listed is None:
        return _lines
    if suffix != ".csv":
        either = ".csv" if listed else ".csv or .jsonl"
        raise ConfigError(f"--out {out}: found the ending {suffix!r}, expected {either}")
    return _rows if listed is None else _rows_of(listed)


def _rows_of(listed: Callable[[Example], str]) -> Form:
    def rows(clips: Captioned, _out: Path) -> str:
        return csv_text([(listed(example), text) for example, text in clips], verbatim=True)

    return rows


def _rows(clips: Captioned, _out: Path) -> str:
    found = [(_file(example), text) for example, text in clips]
    return csv_text([("file", "caption"), *found], verbatim=True)


def _file(example: Example) -> str:
    """Return the id with the ending that readers take off again."""
    path = example.recording.path
    return f"{example.id}{path.suffix if is_video(path) else '.mp4'}"


def _lines(clips: Captioned, out: Path) -> str:
    lines = (json.dumps(_entry(e, text, out), ensure_ascii=False) for e, text in clips)
    return "".join(f"{line}\n" for line in lines)


def _entry(example: Example, caption: str, out: Path) -> dict[str, object]:
    def beside(path: Path) -> str:
        return os.path.relpath(os.path.realpath(path.parent), os.path.realpath(out.parent)) + (
            f"/{path.name}"
        )

    recording = example.recording
    entry: dict[str, object] = {
        "id": example.id,
        "caption": caption,
        "file": beside(recording.path),
    }
    if recording.start:
        entry["start"] = recording.start
    if recording.sound is not None:
        entry["audio"] = beside(recording.sound)
    return entry
