"""Clips in a folder or a list: the way in for everybody's own clips.

A folder      every video below it, sorted by name; the id is the path without its ending.
              What begins with a point is passed over: other systems leave such files about.
A JSONL list  one object a line: `file` (or `file_name`, `path`, `video`), and if wanted `id`,
              `caption` (or `prompt`, `text`), `audio`, `start` (s) and `system`; paths are
              relative to the list. Lines with several `system` values give several sets.
              A field that is null counts as not given.
A video file  a set of one.

A sound file of the same stem beside a video (`a.mp4`, `a.wav`) is its sound, whether or not the
video holds a sound stream of its own.
"""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from svbench.errors import DataError
from svbench.media import VIDEO_ENDINGS
from svbench.types import Example, Recording

SOUND_ENDINGS = (".wav", ".flac")
FILE_KEYS = ("file", "file_name", "path", "video")
CAPTION_KEYS = ("caption", "prompt", "text")


def load(path: Path, captions: Path | None = None) -> dict[str, tuple[Example, ...]]:
    """Give the sets of examples that a folder, list or file holds, by system name."""
    try:
        sets = _sets(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be reached ({error.strerror}), expected clips") from error
    for name, examples in sets.items():
        check_ids((example.id for example in examples), f"{path} ({name})")
    return sets if captions is None else _with_captions(sets, captions)


def _sets(path: Path) -> dict[str, tuple[Example, ...]]:
    if path.suffix == ".jsonl":
        return _from_list(path)
    if path.is_dir():
        return {path.resolve().name: _from_folder(path)}
    if path.suffix.lower() in VIDEO_ENDINGS and path.exists():
        return {path.stem: (Example(path.stem, "", _recording(path)),)}
    raise DataError(
        f"{path}: found {'no such thing' if not path.exists() else 'another kind of file'}, "
        "expected a folder of clips, a .jsonl list or a video"
    )


def check_ids(ids: Iterable[str], where: str) -> None:
    """Raise DataError if an id appears twice or could lead out of a folder."""
    counts = Counter(ids)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise DataError(
            f"{where}: found the id {twice[0]!r} {counts[twice[0]]} times, expected once"
        )
    for name in counts:
        parts = PurePosixPath(name).parts
        stays = bool(parts) and not name.startswith("/") and ".." not in parts
        if not (stays and name.strip() and name.isprintable()):
            raise DataError(
                f"{where}: found the id {name!r}, expected a name that stays inside its folder"
            )


def _from_folder(folder: Path) -> tuple[Example, ...]:
    files = sorted(_videos(folder))
    if not files:
        raise DataError(
            f"{folder}: found no video in it, expected files ending in {', '.join(VIDEO_ENDINGS)}"
        )
    ids = (file.relative_to(folder).with_suffix("").as_posix() for file in files)
    return tuple(Example(i, "", _recording(file)) for i, file in zip(ids, files, strict=True))


def _videos(folder: Path) -> Iterator[Path]:
    """Find videos; a folder that may not be looked into is an error, not an empty folder."""

    def refuse(error: OSError) -> None:
        raise DataError(
            f"{error.filename}: found a folder that cannot be listed ({error.strerror}), "
            "expected a readable one"
        ) from error

    for place, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in VIDEO_ENDINGS:
                yield Path(place, name)


def _recording(file: Path, start: float = 0.0, sound: Path | None = None) -> Recording:
    if sound is None:
        beside = (file.with_suffix(ending) for ending in SOUND_ENDINGS)
        sound = next((path for path in beside if path.exists()), None)
    return Recording(file, start, sound)


def _from_list(path: Path) -> dict[str, tuple[Example, ...]]:
    sets: dict[str, list[Example]] = {}
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        entry = _entry(line, where)
        system = _text(entry, ("system",), where) or path.parent.resolve().name
        sets.setdefault(system, []).append(_example(entry, path.parent, where))
    if not sets:
        raise DataError(f"{path}: found no line in it, expected one JSON object per clip")
    return {name: tuple(examples) for name, examples in sets.items()}


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()  # spreadsheets put a mark in front
    except FileNotFoundError as error:
        raise DataError(f"{path}: found nothing there, expected a list of clips") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text ({error})") from error


def _entry(line: str, where: str) -> Mapping[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise DataError(f"{where}: found no JSON ({error}), expected one object a line") from error
    if not isinstance(entry, dict):
        raise DataError(f"{where}: found {type(entry).__name__}, expected a JSON object")
    return entry


def _example(entry: Mapping[str, Any], folder: Path, where: str) -> Example:
    file = _text(entry, FILE_KEYS, where)
    if not file:
        raise DataError(f"{where}: found no file name, expected a field {' or '.join(FILE_KEYS)}")
    start = entry.get("start", 0.0)
    if isinstance(start, bool) or not isinstance(start, int | float) or not 0 <= start < 1e6:
        raise DataError(f"{where}: found start {start!r}, expected seconds, 0 or more")
    sound = _text(entry, ("audio",), where)
    identifier = _text(entry, ("id",), where)
    return Example(
        PurePosixPath(file).with_suffix("").as_posix() if identifier is None else identifier,
        _text(entry, CAPTION_KEYS, where) or "",
        _recording(folder / file, float(start), folder / sound if sound else None),
    )


def _text(entry: Mapping[str, Any], keys: Sequence[str], where: str) -> str | None:
    """Give the first of these fields that is there and not null; a whole number is text too."""
    for key in keys:
        value = entry.get(key)
        if isinstance(value, bool) or not isinstance(value, str | int | None) or "\0" in str(value):
            raise DataError(f"{where}: found {key} {value!r:.60}, expected text")
        if value is not None:
            return str(value)
    return None


def _with_captions(
    sets: Mapping[str, tuple[Example, ...]], path: Path
) -> dict[str, tuple[Example, ...]]:
    """Give examples their captions; a caption without clip is an error, and the reverse too."""
    captions = read_captions(path)
    ids = {example.id for examples in sets.values() for example in examples}
    absent = sorted(captions.keys() - ids)
    if absent:
        raise DataError(
            f"{path}: found captions of {len(absent)} clips that are not there "
            f"(first: {absent[0]!r}), expected only ids of the given clips"
        )
    bare = sorted(ids - captions.keys())
    if bare:
        raise DataError(
            f"{path}: found no caption of {len(bare)} clips (first: {bare[0]!r}), expected all"
        )
    return {
        name: tuple(replace(e, caption=captions[e.id]) for e in examples)
        for name, examples in sets.items()
    }


def read_captions(path: Path) -> dict[str, str]:
    """Read captions by clip id from JSONL (`id` or `file`, `caption`) or CSV (file, caption)."""
    pairs = _caption_lines(path) if path.suffix == ".jsonl" else _caption_rows(path)
    found = list(pairs)
    check_ids((name for name, _ in found), str(path))
    return dict(found)


def _caption_lines(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        entry = _entry(line, where)
        name, caption = _text(entry, ("id", *FILE_KEYS), where), _text(entry, CAPTION_KEYS, where)
        if name is None or caption is None:
            missing = "id or file" if name is None else "caption"
            raise DataError(f"{where}: found no {missing}, expected an id or file, and a caption")
        yield (name if entry.get("id") is not None else _without_ending(name)), caption


def _caption_rows(path: Path) -> Iterator[tuple[str, str]]:
    for number, row in enumerate(csv.reader(_lines(path)), 1):
        if len(row) != 2:
            raise DataError(
                f"{path}, line {number}: found {len(row)} fields, expected file and caption"
            )
        yield _without_ending(row[0]), row[1]


def _without_ending(name: str) -> str:
    """Take the ending off a video's name; other points belong to the name."""
    path = PurePosixPath(name)
    return path.with_suffix("").as_posix() if path.suffix.lower() in VIDEO_ENDINGS else name
