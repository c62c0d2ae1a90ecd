"""Loading of clips from a folder, a list or a file: the entry for your own clips.

A folder      every video below it, sorted by name; the id is the path without its ending.
              Hidden files (of a leading point) are ignored. What else is not judged (other files,
              sounds without a video, links to folders that were walked already, run folders of
              svbench) is counted and named in `Found.notes`.
A list        JSON objects, or CSV of one of several forms: see `svbench.datasets.clip_lists`.
A video file  a set of one.

A sound file of the same stem beside a video (`a.mp4`, `a.wav`) is its sound, whether or not the
video holds a sound stream of its own; of two such files a list has to name one as `audio`. The
suffixes of videos and sounds, in any case of letters, are listed in `svbench.files.suffixes`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from svbench.datasets.captions import LISTS, beside, is_caption, with_captions
from svbench.datasets.captions import read_captions as read_captions  # of the same clips
from svbench.datasets.clip_lists import load_list, recording_of
from svbench.datasets.ids import check_ids
from svbench.errors import ConfigError, DataError
from svbench.files.folders import Stems, Tree, is_written, list_files
from svbench.files.names import check_name
from svbench.files.suffixes import VIDEO_SUFFIXES, is_sound, is_video
from svbench.files.text import is_plain, shown
from svbench.types import Example

NAMED: Final = 5  # files in a note

Sets = Mapping[str, tuple[Example, ...]]


@dataclass(frozen=True, slots=True)
class Found:
    """The sets of examples of a folder, list or file, and notes on what is not judged."""

    sets: dict[str, tuple[Example, ...]]  # by system
    notes: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()  # systems whose list gives an id to some clip

    def only(self, where: str) -> tuple[str, tuple[Example, ...]]:
        """Return name and examples of the one set; raise ConfigError where a list has several."""
        if len(self.sets) != 1:
            raise ConfigError(f"{where}: found {len(self.sets)} systems in it, expected one set")
        return next(iter(self.sets.items()))


def load(path: Path, captions: Path | None = None) -> dict[str, tuple[Example, ...]]:
    """Load the sets of examples of a folder, list or file, by system name."""
    return find(path, captions).sets


def find(
    path: Path,
    captions: Path | None = None,
    out: Path | None = None,
    clips: Path | None = None,
) -> Found:
    """Load the sets as `load` does, with notes on what is passed over.

    Parameters
    ----------
    path : Path
        folder, list or video
    captions : Path, optional
        list of captions, of every clip (Default value = what lies beside the clips)
    out : Path, optional
        folder of this run, which holds no clips to judge even if it lies below `path`
    clips : Path, optional
        folder that names and paths of a list are relative to (Default value = that of the list)

    Raises
    ------
    ConfigError
        where `out` is the folder of clips itself, or `clips` is given without a list
    DataError
        where there are no clips, or names, ids or captions are malformed
    """
    if not is_plain(str(path)):  # results name it, in UTF-8
        raise DataError(f"{str(path)!r}: found a name that cannot be printed, expected clips")
    try:
        found = _found(path, captions, out, clips)
    except OSError as error:
        raise DataError(f"{path}: cannot be reached ({error.strerror}), expected clips") from error
    for name, examples in found.sets.items():
        check_name(name, "system", str(path))
        check_ids((example.id for example in examples), f"{path} ({name})")
    return found if captions is None else replace(found, sets=with_captions(found.sets, captions))


def _found(path: Path, captions: Path | None, out: Path | None, clips: Path | None) -> Found:
    if _is_list(path):
        listed = load_list(path, clips)
        return Found(listed.sets, listed.notes, listed.named)
    if clips is not None:
        raise ConfigError(
            f"--reference-clips {clips}: found it where it has no effect, expected it beside a "
            f"list, not {path}"
        )
    if path.is_dir():
        name = path.resolve().name
        _refuse_run(path, out)
        tree = list_files(path, out)
        examples, caption_notes = _from_folder(path, tree), tuple[str, ...]()
        if captions is None:
            examples, caption_notes = beside(path, examples)
        notes = (*_notes(name, path, tree, captions), *_run_notes(name, path, tree, out))
        of_captions = (f"{shown(name)}: {note}" for note in caption_notes)
        return Found({name: examples}, (*of_captions, *notes))
    if is_video(path) and path.exists():
        return Found({path.stem: (Example(path.stem, "", recording_of(path, Stems())),)})
    raise DataError(
        f"{path}: found {'no such thing' if not path.exists() else 'another kind of file'}, "
        "expected a folder of clips, a list of them or a video"
    )


def _is_list(path: Path) -> bool:
    """Return whether a path is read as a list; which form it has, its content decides."""
    return path.suffix.lower() == ".jsonl" or (
        path.is_file() and not is_video(path) and not is_sound(path)
    )


# --- folders -----------------------------------------------------------------------------------


def _from_folder(folder: Path, tree: Tree) -> tuple[Example, ...]:
    files = [file for file in tree.files if is_video(file)]
    if not files:
        raise DataError(
            f"{folder}: found no video in it, expected files ending in {', '.join(VIDEO_SUFFIXES)}"
        )
    stems, named = Stems(), dict[str, Path]()
    for file in files:
        identifier = _id_of(file, folder)
        other = named.setdefault(identifier, file)
        if other != file:
            raise DataError(
                f"{folder}: found {shown(other.relative_to(folder))} and "
                f"{shown(file.relative_to(folder))}, which share the id {identifier!r:.60}, "
                "expected one video of each name"
            )
    return tuple(Example(name, "", recording_of(file, stems)) for name, file in named.items())


def _id_of(file: Path, folder: Path) -> str:
    name = file.relative_to(folder)
    if not is_plain(str(name)):  # nor are bytes that are not UTF-8
        raise DataError(
            f"{folder}: found the file name {str(name)!r:.80}, expected printable UTF-8"
        )
    return name.with_suffix("").as_posix()


def _notes(name: str, folder: Path, tree: Tree, captions: Path | None) -> tuple[str, ...]:
    """Return a note on the files of a folder that are not judged."""
    videos = {file.with_suffix("") for file in tree.files if is_video(file)}
    used = {folder / name for name in LISTS} if captions is None else {captions}
    real = set(map(os.path.realpath, used))
    sounds, others = list[Path](), list[Path]()
    for file in tree.files:
        if is_sound(file) and file.with_suffix("") not in videos:
            sounds.append(file)
        elif captions is None and is_caption(file) and file.with_suffix("") in videos:
            continue
        elif not is_sound(file) and not is_video(file) and os.path.realpath(file) not in real:
            others.append(file)
    kinds = (
        ("of other endings", others),
        ("sounds without a video", sounds),
        ("links to folders above or walked before", tree.skipped),
    )
    counts = [
        f"{len(files)} {kind} ({_some([file.relative_to(folder) for file in files])})"
        for kind, files in kinds
        if files
    ]
    return (f"{shown(name)}: passed over {', '.join(counts)}",) if counts else ()


def _refuse_run(folder: Path, out: Path | None) -> None:
    """Raise ConfigError for the folder of this run as clips, DataError for that of another run."""
    if out is not None and os.path.realpath(out) == os.path.realpath(folder):
        raise ConfigError(
            f"--out {out}: found the clips that are judged in it, expected another folder"
        )
    if is_written(folder):
        sets = sorted(p.relative_to(folder) for p in folder.glob("samples/*") if p.is_dir())
        named = (
            f"one of the sets in it: {_some(sets)}"
            if sets
            else "the folder of clips that it judged"
        )
        raise DataError(
            f"{folder}: found a run of svbench, expected a folder of clips; name {named}"
        )


def _run_notes(name: str, folder: Path, tree: Tree, out: Path | None) -> tuple[str, ...]:
    """Return a note on runs below a folder, which are not judged.

    The run to come counts, so that the note is the same when the run resumes.
    """
    runs = {run.relative_to(folder) for run in tree.runs}
    coming = None if out is None else _below(folder, out)
    if coming is not None and not any(part.startswith(".") for part in coming.parts):
        runs.add(coming)
    if not runs:
        return ()
    what = (
        "1 run folder of svbench is"
        if len(runs) == 1
        else f"{len(runs)} run folders of svbench are"
    )
    return (f"{shown(name)}: {what} not judged: {_some(sorted(runs))}",)


def _below(folder: Path, out: Path) -> Path | None:
    """Return the path of a new folder below another; None if it exists or lies elsewhere."""
    place, root = Path(os.path.realpath(out)), os.path.realpath(folder)
    # `Path.exists` raises where a folder above cannot be accessed
    new = not os.path.lexists(place)
    return place.relative_to(root) if new and place.is_relative_to(root) else None


def _some(files: Sequence[Path]) -> str:
    more = [f"and {len(files) - NAMED} more"] if len(files) > NAMED else []
    return ", ".join([*(shown(file) for file in files[:NAMED]), *more])
