"""Clips in a folder or a list: the way in for everybody's own clips.

A folder      every video below it, sorted by name; the id is the path without its ending.
A JSONL list  one object a line: `file` (or `file_name`, `path`, `video`), and if wanted `id`,
              `caption` (or `prompt`, `text`), `audio`, `start` (s) and `system`; paths are
              relative to the list. Lines with several `system` values give several sets.
A video file  a set of one.

A sound file of the same stem beside a video (`a.mp4`, `a.wav`) is its sound, whether or not the
video holds a sound stream of its own.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping
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
    if path.suffix == ".jsonl":
        sets = _from_list(path)
    elif path.is_dir():
        sets = {path.resolve().name: _from_folder(path)}
    elif path.suffix.lower() in VIDEO_ENDINGS and path.exists():
        sets = {path.stem: (Example(path.stem, "", _recording(path)),)}
    else:
        raise DataError(
            f"{path}: found {'no such thing' if not path.exists() else 'another kind of file'}, "
            "expected a folder of clips, a .jsonl list or a video"
        )
    for name, examples in sets.items():
        check_ids((example.id for example in examples), f"{path} ({name})")
    return sets if captions is None else _with_captions(sets, captions)


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
        if not name.strip() or name.startswith("/") or ".." in parts or not name.isprintable():
            raise DataError(
                f"{where}: found the id {name!r}, expected a name that stays inside its folder"
            )


def _from_folder(folder: Path) -> tuple[Example, ...]:
    try:
        # `walk` passes over folders it may not enter, so we ask for the first one ourselves.
        next(folder.iterdir(), None)
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed ({error.strerror})") from error
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in VIDEO_ENDINGS)
    if not files:
        raise DataError(
            f"{folder}: found no video in it, expected files ending in {', '.join(VIDEO_ENDINGS)}"
        )
    ids = (file.relative_to(folder).with_suffix("").as_posix() for file in files)
    return tuple(Example(i, "", _recording(file)) for i, file in zip(ids, files, strict=True))


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
        sets.setdefault(str(entry.get("system", path.parent.resolve().name)), []).append(
            _example(entry, path.parent, where)
        )
    if not sets:
        raise DataError(f"{path}: found no line in it, expected one JSON object per clip")
    return {name: tuple(examples) for name, examples in sets.items()}


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
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
    file = next((entry[k] for k in FILE_KEYS if isinstance(entry.get(k), str)), None)
    if file is None:
        raise DataError(f"{where}: found no file name, expected a field {' or '.join(FILE_KEYS)}")
    start = entry.get("start", 0.0)
    if isinstance(start, bool) or not isinstance(start, int | float) or not 0 <= start < 1e6:
        raise DataError(f"{where}: found start {start!r}, expected seconds, 0 or more")
    sound = folder / entry["audio"] if isinstance(entry.get("audio"), str) else None
    caption = next((str(entry[k]) for k in CAPTION_KEYS if k in entry), "")
    identifier = str(entry.get("id", PurePosixPath(file).with_suffix("")))
    return Example(identifier, caption, _recording(folder / file, float(start), sound))


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
    pairs: list[tuple[str, str]] = []
    if path.suffix == ".jsonl":
        for number, line in enumerate(_lines(path), 1):
            if line.strip():
                example = _example(
                    {"file": (e := _entry(line, f"{path}, line {number}")).get("id"), **e},
                    path.parent,
                    f"{path}, line {number}",
                )
                pairs.append((example.id, example.caption))
    else:
        for number, row in enumerate(csv.reader(_lines(path)), 1):
            if len(row) != 2:
                raise DataError(
                    f"{path}, line {number}: found {len(row)} fields, expected file and caption"
                )
            pairs.append((PurePosixPath(row[0]).with_suffix("").as_posix(), row[1]))
    check_ids((name for name, _ in pairs), str(path))
    return dict(pairs)
