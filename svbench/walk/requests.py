"""Requests of a run, and `requests.jsonl` of its folder, which lists them.

The file has one JSON object a line: `id`, `caption`, `categories` where there are any, and the real
clip (`file`, and where needed `audio` and `start`), so that it is a list which `svbench score
--reference` and `--captions` read; paths are relative to the run folder. `source` identifies the
real clip by its files and start, whatever format it is judged in: by it `svbench compare` finds
that two runs have the same requests, also where one of them is a part of the other. Where clips
are scored without a reference, there is no real clip and `source` is empty.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from svbench.engines.protocol import Engine
from svbench.errors import DataError
from svbench.files.known_files import KnownFiles
from svbench.files.results import RequestIdentity, digest_clips
from svbench.files.text import is_plain
from svbench.types import Example, Recording, Request


def seed_for(run_seed: int, request_id: str) -> int:
    """Return a 63-bit seed that depends on nothing but the run seed and the request."""
    whole = hashlib.sha256(f"{run_seed}/{request_id}".encode()).digest()
    return int.from_bytes(whole[:8], "big") >> 1


def requests_for(examples: Iterable[Example], repeats: int, run_seed: int) -> tuple[Request, ...]:
    """Return `repeats` requests for each example; their ids are "<example id>/<repeat>"."""
    ids = ((e, f"{e.id}/{repeat}") for e in examples for repeat in range(repeats))
    return tuple(Request(i, e.caption, seed_for(run_seed, i)) for e, i in ids)


def identify_requests(
    examples: Sequence[Example], engine: Engine, known: KnownFiles | None = None
) -> dict[str, RequestIdentity]:
    """Return caption, source and categories of each example, by id; every file is hashed once.

    Files that are `known` and did not change are not read.

    Raises DataError where a file cannot be read.
    """
    files = list(dict.fromkeys(file for example in examples for file in _files(example.recording)))
    read = partial(_digest, known or KnownFiles())
    digests = dict(zip(files, engine.map(read, files), strict=True))
    return {
        e.id: RequestIdentity(e.caption, _source(e.recording, digests), dict(e.categories))
        for e in examples
    }


def requests_of_sets(sets: Iterable[Sequence[Example]]) -> dict[str, RequestIdentity]:
    """Return by id what clips made elsewhere answer where there are no real clips.

    An id has its first caption, and of each kind its first category.
    """
    found: dict[str, RequestIdentity] = {}
    for example in (example for examples in sets for example in examples):
        known = found.get(example.id, RequestIdentity("", ""))
        caption = known.caption if known.caption.strip() else example.caption
        categories = {**example.categories, **known.categories}
        found[example.id] = RequestIdentity(caption, "", categories)
    return found


def identity_of(
    requests: Mapping[str, RequestIdentity], selection: Mapping[str, str | int | None]
) -> dict[str, Any]:
    """Return the identity of clips, and which ones of a data set they are, for the record.

    `svbench data check` and the results of a run hold the same of the same clips.
    """
    return {"identity": digest_clips(requests), "clips": len(requests), **selection}


def dump_requests(
    examples: Sequence[Example], requests: Mapping[str, RequestIdentity], folder: Path
) -> str:
    """Return the text of requests.jsonl, for the run folder that it is to lie in.

    `examples` are the real clips, as far as there are any.
    """
    recordings = {example.id: example.recording for example in examples}
    entries = (_entry(i, one, recordings.get(i), folder) for i, one in requests.items())
    return "".join(f"{json.dumps(entry, ensure_ascii=False)}\n" for entry in entries)


def _entry(
    name: str, request: RequestIdentity, recording: Recording | None, folder: Path
) -> dict[str, Any]:
    named = {"file": recording.path, "audio": recording.sound} if recording else {}
    places = {key: _relative(file, folder) for key, file in named.items() if file is not None}
    return {
        "id": name,
        "caption": request.caption,
        **({"categories": dict(request.categories)} if request.categories else {}),
        # a path that no list can hold is left out; `source` identifies the clip without it
        **{key: place for key, place in places.items() if is_plain(place)},
        **({"start": recording.start} if recording and recording.start else {}),
        "source": request.source,
    }


def _relative(file: Path, folder: Path) -> str:
    """Return a path from the run folder, right also where links lead to either."""
    parent = os.path.relpath(os.path.realpath(file.parent), os.path.realpath(folder))
    return (Path(parent) / file.name).as_posix()


def _files(recording: Recording) -> list[Path]:
    return [file for file in (recording.path, recording.sound) if file is not None]


def _digest(known: KnownFiles, file: Path) -> str:
    try:
        return known.digest(file)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}), expected a clip") from error


def _source(recording: Recording, digests: Mapping[Path, str]) -> str:
    named = [f"{float(recording.start)!r}", *(digests[file] for file in _files(recording))]
    return hashlib.sha256("\n".join(named).encode()).hexdigest()[:32]
