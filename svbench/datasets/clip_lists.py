"""Clip lists: what the rows of a list name, as examples, whatever form the list has.

The forms are those of `svbench.datasets.list_forms`. A list of JSON objects, the form of svbench
and of Hugging Face's `metadata.jsonl`, has in each line `file` (or `file_name`, `path`, `video`),
and optionally `id`, `caption` (or `prompt`, `text`), `audio`, `start` (s), `system`, `hits` and
`category` or `categories` (see `svbench.files.categories`); tables in CSV have columns of these
names. Rows with several `system` values give several sets. `hits` are the annotated times of hits,
s from the clip's start: [0.4, 1.2]; [] states that it has none: of reference clips they show how
well AV-Align detects them. A field that is null counts as absent. The default `id` is the path
without its ending, and without the `/` or `../` it begins with: an id becomes a file name.

Where clips lie
---------------
Paths are relative to the folder of the list, or to a folder that is given. Lists of names
(VGGSound, MMAudio, av-benchmark) have clips of these stems there, of whatever ending; a clip that
is not found is named with the ending .mp4, and missed where clips are read. A name of a YouTube
clip that is not there as it is written is looked for in the other spellings of
`svbench.datasets.youtube_ids`. Of JavisBench's list the predictions `sample_%04d` are taken if that
of its first row lies there, and a note says so; else the real clips by `path`. Of a list with
several splits the test split is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from svbench.datasets.ids import CAPTION_KEYS, FILE_KEYS, inside, text_field
from svbench.datasets.list_forms import TEST, Entry, read_list
from svbench.datasets.youtube_ids import clip_files, clip_of
from svbench.errors import DataError
from svbench.files.categories import read_categories
from svbench.files.folders import Stems
from svbench.files.names import check_name
from svbench.files.suffixes import is_sound, is_video
from svbench.files.text import is_plain, shown
from svbench.types import Example, Recording

LATEST: Final = 1e6  # s; a clip that starts later is a mistake


@dataclass(frozen=True, slots=True)
class Listed:
    """The sets of a list, by system."""

    sets: dict[str, tuple[Example, ...]]
    named: frozenset[str]  # systems whose list gives an id to some clip
    notes: tuple[str, ...] = ()


def load_list(path: Path, clips: Path | None = None) -> Listed:
    """Load the sets of a list.

    Parameters
    ----------
    path : Path
        the list
    clips : Path, optional
        folder that names and paths are relative to (Default value = that of the list)

    Raises
    ------
    DataError
        where the list has no known form, or a row is malformed
    """
    folder = path.parent if clips is None else clips
    listed = read_list(path)
    entries = list(listed.entries)
    if not entries:
        raise DataError(f"{path}: found no clip in it, expected a line for each")
    entries, notes = _of_test(entries, path)
    files = _Files.of(folder, entries)
    by_name = _go_by_name(entries, files)
    if by_name and is_video(PurePosixPath(entries[0].fields.get("file") or "")):
        notes.append(
            f"{shown(path.name)}: clips found as {entries[0].name} and so on in "
            f"{shown(folder.resolve().name)}, not by their path"
        )
    sets: dict[str, list[Example]] = {}
    named = set[str]()
    for entry in entries:
        system = _system_of(entry, folder)
        sets.setdefault(system, []).append(_example(entry, files, by_name=by_name))
        if entry.fields.get("id") is not None:
            named.add(system)
    return Listed({name: tuple(e) for name, e in sets.items()}, frozenset(named), tuple(notes))


@dataclass(frozen=True, slots=True)
class _Files:
    """The folder of a list's clips."""

    folder: Path
    stems: Stems
    respelled: Mapping[str, str]  # names of YouTube clips -> the file in another spelling

    @classmethod
    def of(cls, folder: Path, entries: Sequence[Entry]) -> _Files:
        """Return the folder; raise DataError where a YouTube clip has two files in it."""
        stems = Stems()
        clips = {
            entry.name: clip
            for entry in entries
            if (clip := clip_of(entry.name)) and not stems.beside(folder, entry.name)
        }
        found = clip_files([folder]).find(clips.values()) if clips else {}
        files = {name: found[clip].name for name, clip in clips.items() if clip in found}
        return cls(folder, stems, files)

    def find(self, name: str, where: str) -> str | None:
        """Return the path of the video of this stem, below the folder; None without one.

        Raises DataError where there are several of one stem.
        """
        place = PurePosixPath(name)
        beside = self.stems.beside(self.folder / place.parent, place.name)
        found = [file.name for file in beside if is_video(file)]
        if len(found) > 1:
            raise DataError(
                f"{where}: found {' and '.join(map(shown, found))} in {self.folder}, expected "
                "one video of each name"
            )
        return (place.parent / found[0]).as_posix() if found else self.respelled.get(name)


def _of_test(entries: Sequence[Entry], path: Path) -> tuple[list[Entry], list[str]]:
    """Return the entries of the test split, and a note on others; all, where there is no test."""
    splits = {entry.split.strip() for entry in entries}
    if splits == {TEST} or TEST not in splits:
        return list(entries), []
    kept = [entry for entry in entries if entry.split.strip() == TEST]
    others, count = ", ".join(map(shown, sorted(splits - {TEST}))), len(entries) - len(kept)
    return kept, [f"{shown(path.name)}: passed over {count} clips that are not of test ({others})"]


def _go_by_name(entries: Sequence[Entry], files: _Files) -> bool:
    """Return whether the names of a list decide, where its rows have a path as well."""
    first = entries[0]
    return bool(first.name) and files.find(first.name, first.where) is not None


def _system_of(entry: Entry, folder: Path) -> str:
    system = text_field(entry.fields, ("system",), entry.where)
    if system is None:
        return folder.resolve().name
    check_name(system, "system", entry.where)
    return system


def _example(entry: Entry, files: _Files, *, by_name: bool) -> Example:
    fields, where = entry.fields, entry.where
    file, sound = text_field(fields, FILE_KEYS, where), text_field(fields, ("audio",), where)
    if entry.name and (by_name or not file or not is_video(PurePosixPath(file))):
        file, sound = files.find(entry.name, where) or f"{entry.name}.mp4", None
    for key, value in (("file", file), ("audio", sound)):
        if not is_plain(value or ""):
            raise DataError(f"{where}: found {key} {value!r:.60}, expected a name of one line")
    if not file or not PurePosixPath(file).name:
        raise DataError(f"{where}: found no file name, expected a field {' or '.join(FILE_KEYS)}")
    identifier = text_field(fields, ("id",), where)
    return Example(
        inside(PurePosixPath(file).with_suffix("")) if identifier is None else identifier,
        text_field(fields, CAPTION_KEYS, where) or "",
        recording_of(
            files.folder / file,
            files.stems,
            _start(fields.get("start"), where),
            files.folder / sound if sound else None,
        ),
        _hits(fields.get("hits"), where),
        read_categories(fields, where),
    )


def _start(given: Any, where: str) -> float:
    """Return the start of a clip in seconds."""
    start = 0.0 if given is None else given
    if not _is_time(start):
        raise DataError(f"{where}: found start {given!r:.60}, expected seconds, 0 or more")
    return float(start)


def _hits(given: Any, where: str) -> tuple[float, ...] | None:
    """Return the annotated times of hits, earliest first, s; None if they are not known."""
    if given is None:
        return None
    if not isinstance(given, list) or not all(map(_is_time, given)):
        raise DataError(f"{where}: found hits {given!r:.60}, expected a list of seconds, 0 or more")
    return tuple(sorted(map(float, given)))


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < LATEST


def recording_of(
    file: Path, stems: Stems, start: float = 0.0, sound: Path | None = None
) -> Recording:
    """Return the place of a clip; its sound is as given, or else the sound file of its stem.

    Raises DataError where two sound files have its stem.
    """
    if sound is None:
        sounds = [path for path in stems.beside(file.parent, file.stem) if is_sound(path)]
        if len(sounds) > 1:
            raise DataError(
                f"{file}: found {' and '.join(shown(path.name) for path in sounds)} beside it, "
                "expected one sound of its name; or name one as `audio` in a list"
            )
        sound = next(iter(sounds), None)
    return Recording(file, start, sound)
