"""Examination of files: what is read of one file and its clips, by any worker of an engine.

A file is opened once, however many clips are cut from it. What was read follows from the bytes of
the files, the clips' places in them and `KEY` alone, so it is kept beside the audit, and a killed
one goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from svbench.engines.protocol import Engine, cut_evenly, worth_spreading
from svbench.errors import DataError
from svbench.files.known_files import KnownFiles, Stamped
from svbench.files.media.content import PictureLevels, SoundLevels, picture_levels, sound_levels
from svbench.files.media.inspection import Header, StreamHeader, read_header
from svbench.files.media.libraries import library_versions
from svbench.files.media.sound import NotFiniteError
from svbench.pace import Advance, Saving

CODE_VERSION: Final = 1  # raise it whenever the code would read something else of equal files
SHARD: Final = 16  # files


@dataclass(frozen=True, slots=True)
class Task:
    """A file, and the clips that are cut from it."""

    path: Path
    sound: Path | None  # None: in `path`
    clips: tuple[tuple[float, float], ...]  # begin and end, s
    decode: bool

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the files that are read."""
        return (self.path,) if self.sound is None else (self.path, self.sound)

    @property
    def key(self) -> str:
        """Return what decides what is read, beside the bytes of the files."""
        libraries = "/".join(library_versions().values())
        places = " ".join(map(str, self.files))
        return f"audit {CODE_VERSION} {libraries} {self.decode} {self.clips} {places}"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file could not be read: the message of an error, without the name of the file."""

    kind: str
    of_sound: bool  # of the file of the sound
    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What was read of a file."""

    picture: StreamHeader | None = None
    sound: StreamHeader | None = None  # of the file that the sound is taken from
    pictures: tuple[PictureLevels, ...] = ()  # one for each clip, if decoded
    sounds: tuple[SoundLevels, ...] = ()
    picture_end: float | None = None  # s, as decoded
    sound_end: float | None = None
    damaged: int = 0  # frames that the decoder marks as damaged
    failures: tuple[Failure, ...] = ()

    def failed(self, *kinds: str) -> bool:
        """Return whether a file could not be read, in one of these ways."""
        return any(failure.kind in kinds for failure in self.failures)


FACTS: Final = TypeAdapter(Facts)


def examine(task: Task) -> Facts:
    """Return what headers say of a file and, if it is to be decoded, what its clips hold."""
    failures: list[Failure] = []
    header = _header(task.path, failures, of_sound=False)
    sound = header.sound
    if task.sound is not None:
        sound = _header(task.sound, failures, of_sound=True).sound
    pictures = sounds = None
    if task.decode and header.picture is not None:
        try:
            pictures = picture_levels(task.path, task.clips)
        except DataError as error:
            failures.append(_failure("corrupt", error, task.path, of_sound=False))
    if task.decode and sound is not None:
        sounds = _sounds(task, failures)
    return Facts(
        picture=header.picture,
        sound=sound,
        pictures=() if pictures is None else pictures.levels,
        sounds=() if sounds is None else sounds[1],
        picture_end=None if pictures is None else pictures.end,
        sound_end=None if sounds is None else sounds[0],
        damaged=0 if pictures is None else pictures.damaged,
        failures=tuple(failures),
    )


def _header(path: Path, failures: list[Failure], *, of_sound: bool) -> Header:
    try:
        return read_header(path)
    except DataError as error:
        failures.append(_failure("unreadable", error, path, of_sound=of_sound))
        return Header(None, None)


def _sounds(task: Task, failures: list[Failure]) -> tuple[float, tuple[SoundLevels, ...]] | None:
    path = task.files[-1]
    try:
        return sound_levels(path, task.clips)
    except DataError as error:
        kind = "not-finite" if isinstance(error, NotFiniteError) else "corrupt"
        failures.append(_failure(kind, error, path, of_sound=task.sound is not None))
        return None


def _failure(kind: str, error: DataError, path: Path, *, of_sound: bool) -> Failure:
    return Failure(kind, of_sound, str(error).removeprefix(f"{path}: "))


# --- many files --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of the file of a task, and when."""

    stamped: Stamped
    facts: str  # JSON, as it is kept


def read(task: Task) -> Reading:
    """Examine the file of a task; its stamps are older than what is read."""
    stamped = Stamped.of(task.files)
    return Reading(stamped, FACTS.dump_json(examine(task)).decode())


def _read_all(shard: Sequence[Task]) -> list[Reading]:
    return [read(task) for task in shard]


def examine_all(
    tasks: Sequence[Task], engine: Engine, known: KnownFiles, index: Path, advance: Advance
) -> dict[Task, Facts]:
    """Return what was read of each file; those that are known and did not change are not opened.

    Parameters
    ----------
    tasks : sequence of Task
        files that are there
    engine : Engine
        maps shards of them over workers
    known : KnownFiles
        what a former audit read
    index : Path
        where `known` is written from time to time
    advance : Advance
        called as files are done
    """
    found: dict[Task, str] = {}
    for task in tasks:
        kept = known.kept(task.key, Stamped.of(task.files))
        if kept is not None:
            found[task] = kept
    advance(len(found), len(found))
    left = [task for task in tasks if task not in found]
    saving = Saving()
    try:
        for task, reading in _spread(left, engine):
            known.keep(task.key, task.files, reading.stamped, reading.facts)
            found[task] = reading.facts
            advance(1)
            saving.perhaps(partial(known.save, index))
    finally:
        known.save(index)
    return {task: FACTS.validate_json(found[task]) for task in tasks}


def _spread(tasks: Sequence[Task], engine: Engine) -> Iterator[tuple[Task, Reading]]:
    shards = list(cut_evenly(tasks, SHARD))
    spread = worth_spreading(engine, len(tasks), light=True)
    run = partial(engine.spread, named=_named) if spread else engine.map
    for shard, readings in zip(shards, run(_read_all, shards), strict=True):
        yield from zip(shard, readings, strict=True)


def _named(shard: Sequence[Task]) -> str:
    return f"files from {shard[0].path.name} on"
