"""Writing of an export: clips in the layout of a tool, and a record of what they are.

    OUT/export.json           tool, source, sets and their digests; when complete, that of each file
    OUT/<system>/NAME.mp4     a clip, and NAME.wav, its sound
    OUT/<system>/metadata.jsonl   name, id and caption of each clip: the map back to ids, a list
                              that `svbench score` and Hugging Face's VideoFolder read
    OUT/<system>/<list>       the list of the tool (see `svbench.exports.layouts`)
    OUT/reference/            the real clips, in the same form

A folder holds one export. The same command completes one that was stopped, writes again what was
deleted, and refuses what was changed; nothing is overwritten. Bytes depend neither on the engine
nor on its workers.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from svbench.compute import digest_settings
from svbench.engines.protocol import Engine, worth_spreading
from svbench.errors import ConfigError, DataError
from svbench.exports.clips import ENDINGS, ClipWriter, Job, Written
from svbench.exports.layouts import LAYOUTS, Layout, Placed, place
from svbench.exports.sources import ExportSet, Source
from svbench.files.destinations import check_folder
from svbench.files.locking import locked, remove_partial_files
from svbench.files.text import read_object, shown
from svbench.files.writing import write_text
from svbench.pace import Progress, silent

RECORD: Final = "export.json"
IDS: Final = "metadata.jsonl"
# of a record: what two exports into one folder agree in; where the same clips lie is not of it
DECIDING: Final = ("version", "tool", "link", "sets")
CODE_VERSION: Final = 2  # raised when the same clips would be written as other bytes
LOSSES: Final = (
    "encoded mp4: H.264 CRF 18, 4:2:0, AAC; encoded wav: 16-bit PCM, mono; both at the frame rate, "
    "size and sample rate of the clip. Copied and linked files are the originals."
)


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Parameters
    ----------
    clips : int
        of all sets
    ways : mapping from str to int
        how many files were copied, linked and encoded
    notes : tuple of str
        on what the tool will lack
    use : tuple of str
        commands of the tool, one for each system
    """

    clips: int
    ways: Mapping[str, int]
    notes: tuple[str, ...]
    use: tuple[str, ...]


def layout_of(tool: str) -> Layout:
    """Return the layout of a tool; raise ConfigError for another name."""
    if tool not in LAYOUTS:
        raise ConfigError(f"--as: found {tool!r:.80}, expected {' or '.join(LAYOUTS)}")
    return LAYOUTS[tool]


def export(
    source: Source,
    out: Path,
    tool: str,
    engine: Engine,
    *,
    link: bool = False,
    progress: Progress = silent,
) -> Exported:
    """Write the clips of a source as a tool reads them, or what of them is not there yet.

    Parameters
    ----------
    source : Source
        the sets
    out : Path
        the folder; made if absent
    tool : str
        a name of `LAYOUTS`
    engine : Engine
        encodes and copies clips
    link : bool
        link to files that are in the right form, where they would be copied
        (Default value = False)
    progress : Progress
        shows the clips written so far (Default value = silent)

    Raises
    ------
    ConfigError
        if the folder holds anything else
    DataError
        if clips cannot be decoded (all others are written), or files were changed
    """
    layout = layout_of(tool)
    check_folder(out, "OUT")
    placed = place(source.all, layout)
    record = _record(source, placed, tool, link)
    _check_ours(out, record, placed)
    with locked(out):
        former = _check_ours(out, record, placed)
        remove_partial_files(out, [one.folder for one in placed])
        if former is None:
            write_text(out / RECORD, _dumped({**record, "complete": False}), "OUT")
        reference = placed[-1] if source.reference is not None else None
        notes = _write_lists(out, layout, placed[: len(source.sets)], reference)
        known = (former or {}).get("files", {})
        written = _write_clips(_jobs(out, placed, known), engine, ClipWriter(link), progress)
        files = _digests(out, written)
        write_text(out / RECORD, _dumped({**record, "complete": True, "files": files}), "OUT")
    ways = [way for _, one in written for way in (one.video, one.sound)]
    place_of = shlex.quote(str(out))
    use = (layout.use.format(out=place_of, set=one.folder) for one in placed[: len(source.sets)])
    counts = {way: ways.count(way) for way in dict.fromkeys(ways)}
    return Exported(len(written), counts, (*source.notes, *notes), tuple(use))


# --- the record --------------------------------------------------------------------------------


def _record(source: Source, placed: Sequence[Placed], tool: str, link: bool) -> dict[str, Any]:
    return {
        "version": CODE_VERSION,
        "tool": tool,
        "link": link,
        "source": dict(source.record),
        "sets": [_set_record(one, where) for one, where in zip(source.all, placed, strict=True)],
        "losses": LOSSES,
    }


def _set_record(one: ExportSet, placed: Placed) -> dict[str, Any]:
    clips = [[c.id, c.caption, c.digest, c.recording.start] for c in one.clips]
    return {
        "system": one.name,
        "folder": placed.folder,
        "clips": len(one.clips),
        "left_out": one.left_out,
        "digest": digest_settings({"clips": clips}),
    }


def _dumped(record: Mapping[str, Any]) -> str:
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def _check_ours(
    out: Path, record: Mapping[str, Any], placed: Sequence[Placed]
) -> Mapping[str, Any] | None:
    """Return the record of an export of the same source there, or None where there is none.

    Raises ConfigError where the folder holds anything else that would be in the way.
    """
    if not os.path.lexists(out / RECORD):
        there = [one.folder for one in placed if os.path.lexists(out / one.folder)]
        if there:
            raise ConfigError(
                f"OUT {out}: found {', '.join(map(shown, there))} there, but no {RECORD}, expected "
                "a new folder"
            )
        return None
    found = read_object(out / RECORD, "the record of an export")
    for name in DECIDING:
        if found.get(name) != record[name]:
            what = _differing(found.get(name), record[name])
            raise ConfigError(
                f"OUT {out}: found an export there that differs in {name} ({what}), expected a new "
                "folder, or the same command"
            )
    return found


def _differing(before: Any, now: Any) -> str:
    """Return what differs between two values of a record, in short."""
    if isinstance(before, dict) and isinstance(now, dict):
        name = next(key for key in {**now, **before} if before.get(key) != now.get(key))
        return f"{name} was {before.get(name)!r:.60}, is {now.get(name)!r:.60}"
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        return next(_differing(b, n) for b, n in zip(before, now, strict=True) if b != n)
    return f"was {before!r:.60}, is {now!r:.60}"


# --- lists -------------------------------------------------------------------------------------


def _write_lists(
    out: Path, layout: Layout, sets: Sequence[Placed], reference: Placed | None
) -> list[str]:
    """Write the list of each set, and the map of its names to ids; return notes on them."""
    notes = []
    for one in sets:
        text, of_set = layout.dump(one, reference, out)
        _write_once(out / one.folder / layout.listing, text)
        notes += of_set
    for one in (*sets, *((reference,) if reference else ())):
        _write_once(out / one.folder / IDS, _map_of(one))
    return notes


def _map_of(placed: Placed) -> str:
    """Return the list of a set's clips, one JSON object a line."""
    entries = (
        {"file_name": f"{name}.mp4", "audio": f"{name}.wav", "id": one, "caption": clip.caption}
        for one, (name, clip) in placed.clips.items()
    )
    system = {"system": placed.folder}
    return "".join(json.dumps(e | system, ensure_ascii=False) + "\n" for e in entries)


def _write_once(path: Path, text: str) -> None:
    """Write a list, unless it is there; raise DataError where another is."""
    if not os.path.lexists(path):
        write_text(path, text, "OUT")
    elif not path.is_file() or path.read_bytes() != text.encode():
        raise DataError(
            f"{path}: changed since the export; move it away, then run the same command again to "
            "have it made again"
        )


# --- clips -------------------------------------------------------------------------------------


def _jobs(out: Path, placed: Sequence[Placed], known: Mapping[str, str]) -> list[Job]:
    jobs = []
    for one in placed:
        for name, clip in one.clips.values():
            target = out / one.folder / name
            video, sound = (known.get(f"{one.folder}/{name}{end}") for end in ENDINGS)
            jobs.append(Job(clip, target, (video, sound) if video and sound else None))
    return jobs


def _write_clips(
    jobs: Sequence[Job], engine: Engine, write: ClipWriter, progress: Progress
) -> list[tuple[Job, Written]]:
    """Write all clips; raise one DataError for those that cannot be, once all others are there."""
    spread = worth_spreading(engine, len(jobs), light=True)
    results = engine.spread(write, jobs, named=_named) if spread else engine.map(write, jobs)
    written, problems = [], list[str]()
    with progress("exported clips", len(jobs)) as advance:
        for job, result in zip(jobs, results, strict=True):
            if isinstance(result, Written):
                written.append((job, result))
            else:
                problems.append(result)
            advance(1)
    if problems:
        count = f"{len(problems)} of {len(jobs)} clips are not exported"
        raise DataError.of([*problems, f"{count}; mend them, then run the same command again"])
    return written


def _named(job: Job) -> str:
    return f"{job.target.parent.name}: {job.clip.id}"


def _digests(out: Path, written: Sequence[tuple[Job, Written]]) -> dict[str, str]:
    """Return the digest of each file by its path below the export."""
    return {
        f"{job.target.relative_to(out).as_posix()}{end}": digest
        for job, one in written
        for end, digest in zip(ENDINGS, one.digests, strict=True)
    }
