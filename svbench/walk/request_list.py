"""`requests.jsonl` of a run folder: what its systems were asked for, as a list of clips.

One JSON object a line: `id`, `caption` and the real clip (`file`, and where needed `audio` and
`start`), so that the file is a list which `svbench score --reference` and `--captions` read; paths
are relative to the run folder. `source` identifies the real clip by its files and start, whatever
format it is judged in: by it `svbench compare` knows that two runs were asked the same, also where
one of them is a part of the other.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from svbench.compute import digest_file
from svbench.engines.local import Engine
from svbench.errors import DataError
from svbench.files.results import Asked
from svbench.files.text import is_plain
from svbench.types import Example, Recording


def identify_requests(examples: Sequence[Example], engine: Engine) -> dict[str, Asked]:
    """Return caption and source of each example, by id; every file is hashed once.

    Raises DataError where a file cannot be read.
    """
    files = list(dict.fromkeys(file for example in examples for file in _files(example.recording)))
    digests = dict(zip(files, engine.map(_digest, files), strict=True))
    return {e.id: Asked(e.caption, _source(e.recording, digests)) for e in examples}


def dump_requests(examples: Sequence[Example], asked: Mapping[str, Asked], folder: Path) -> str:
    """Return the text of requests.jsonl, for the run folder that it is to lie in."""
    lines = (json.dumps(_entry(e, asked[e.id], folder), ensure_ascii=False) for e in examples)
    return "".join(f"{line}\n" for line in lines)


def _entry(example: Example, asked: Asked, folder: Path) -> dict[str, Any]:
    recording = example.recording
    named = {"file": recording.path, "audio": recording.sound}
    places = {key: _relative(file, folder) for key, file in named.items() if file is not None}
    return {
        "id": example.id,
        "caption": asked.caption,
        # a path that no list can hold is left out; requests are told apart without it
        **{key: place for key, place in places.items() if is_plain(place)},
        **({} if recording.start == 0 else {"start": recording.start}),
        "source": asked.source,
    }


def _relative(file: Path, folder: Path) -> str:
    """Return a path from the run folder, right also where links lead to either."""
    parent = os.path.relpath(os.path.realpath(file.parent), os.path.realpath(folder))
    return (Path(parent) / file.name).as_posix()


def _files(recording: Recording) -> list[Path]:
    return [file for file in (recording.path, recording.sound) if file is not None]


def _digest(file: Path) -> str:
    try:
        return digest_file(file)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}), expected a clip") from error


def _source(recording: Recording, digests: Mapping[Path, str]) -> str:
    named = [f"{float(recording.start)!r}", *(digests[file] for file in _files(recording))]
    return hashlib.sha256("\n".join(named).encode()).hexdigest()[:32]
