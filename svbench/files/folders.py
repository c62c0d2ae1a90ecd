"""Folder trees: all files below a folder, each once, and files that share a stem.

Symbolic links to folders are followed after all real folders, so that a file is listed under its
real folder rather than under a link. A link to a parent folder, or to one that was visited before,
is skipped and reported: it would list the same files again, endlessly or under a second name. Names
that begin with a dot are ignored, as are the folders of our own runs, whose clips were generated or
copied from the clips around them.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from svbench.errors import DataError
from svbench.files.text import read_object

COMMANDS: Final = ("run", "score")  # that write a run.json
VALIDITY: Final = "validity.json"  # of svbench validate


@dataclass(frozen=True, slots=True)
class Tree:
    """The files below a folder, sorted by path."""

    files: tuple[Path, ...]
    skipped: tuple[Path, ...]  # links to folders that are not followed
    runs: tuple[Path, ...] = ()  # folders of our runs


def list_files(root: Path, out: Path | None = None) -> Tree:
    """List every file below a folder.

    Parameters
    ----------
    root : Path
        the folder, also if it is hidden or a run itself
    out : Path or None
        a folder that is treated as a run even if it is none yet (Default value = None: none)

    Raises
    ------
    DataError
        if a folder cannot be listed
    """
    found = _Walk(root, None if out is None else os.path.realpath(out))
    found.enter(root)
    while found.links:
        found.follow(found.links.popleft())
    return Tree(tuple(sorted(found.files)), tuple(sorted(found.skipped)), tuple(sorted(found.runs)))


def is_run(folder: Path) -> bool:
    """Return whether a folder holds the run.json of one of our runs."""
    try:
        found = read_object(folder / "run.json", "the settings of a run")
    except DataError:
        return False
    return found.get("command") in COMMANDS and isinstance(found.get("config"), dict)


def is_written(folder: Path) -> bool:
    """Return whether a folder holds a run of ours, or what svbench validate wrote."""
    return is_run(folder) or _is_validity(folder / VALIDITY)


def _is_validity(file: Path) -> bool:
    try:
        found = read_object(file, "the findings of a validation")
    except DataError:
        return False
    return isinstance(found.get("responses"), list) and isinstance(found.get("record"), dict)


@dataclass(slots=True)
class _Walk:
    root: Path
    out: str | None
    files: list[Path] = field(default_factory=list)
    links: deque[Path] = field(default_factory=deque)  # to folders, not looked at yet
    skipped: list[Path] = field(default_factory=list)
    runs: list[Path] = field(default_factory=list)
    entered: set[str] = field(default_factory=set)

    def enter(self, top: Path) -> None:
        """Collect the files of real folders, and links to other folders for later."""
        for place, folders, files in os.walk(top, onerror=_refuse):  # does not follow links
            real = os.path.realpath(place)
            if real in self.entered:
                folders.clear()
                self.skipped.append(Path(place))
                continue
            self.entered.add(real)
            if Path(place) != self.root and (real == self.out or is_written(Path(place))):
                folders.clear()
                self.runs.append(Path(place))
                continue
            inside = sorted(Path(place, name) for name in folders if not name.startswith("."))
            self.links += [path for path in inside if path.is_symlink()]
            folders[:] = [path.name for path in inside if not path.is_symlink()]
            self.files += [Path(place, name) for name in files if not name.startswith(".")]

    def follow(self, link: Path) -> None:
        """Enter the target of a link, unless it is a parent of the link."""
        target = Path(os.path.realpath(link))
        if Path(os.path.realpath(link.parent)).is_relative_to(target):
            self.skipped.append(link)
        else:
            self.enter(link)


def _refuse(error: OSError) -> None:
    """Raise DataError rather than treat an unreadable folder as empty."""
    raise DataError(
        f"{error.filename}: found a folder that cannot be listed ({error.strerror}), "
        "expected a readable one"
    ) from error


@dataclass(slots=True)
class Stems:
    """Files of one folder and stem; each folder is listed once."""

    known: dict[Path, dict[str, list[Path]]] = field(default_factory=dict)

    def beside(self, folder: Path, stem: str) -> list[Path]:
        """Return the files of a folder that have this stem, sorted."""
        if folder not in self.known:
            self.known[folder] = _by_stem(folder)
        return self.known[folder].get(stem, [])


def _by_stem(folder: Path) -> dict[str, list[Path]]:
    try:
        with os.scandir(folder) as entries:
            inside = sorted(folder / entry.name for entry in entries if not Path(entry).is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    found: dict[str, list[Path]] = {}
    for path in inside:
        found.setdefault(path.stem, []).append(path)
    return found
