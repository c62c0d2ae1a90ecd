"""Whether a command may write where it is asked to, checked before it does any work.

A run keeps files of its own in its folder (its table, scores, clips). Other commands write beside
them, never over them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from svbench.errors import ConfigError, DataError
from svbench.files.text import read_object

# What a run folder holds of a run, of a study of its clips (people.json) and of scores computed
# elsewhere (imported.json), and other commands never write; `report` is for pages.
OWN_FILES: Final = (
    *("run.json", "results.json", "scores.csv", "requests.jsonl", ".lock"),
    "people.json",
    "imported.json",
)
NAME_MAX: Final = 255  # bytes of a name, in usual file systems
PATH_MAX: Final = 4095  # bytes of a path, as Linux takes it
OWN_FOLDERS: Final = ("data", "samples", "features")


def read_path(given: object, flag: str) -> Path:
    """Return what was given as a path.

    Raises
    ------
    ConfigError
        It is empty, no path at all, or none that a file system takes.
    """
    text = os.fspath(given) if isinstance(given, str | os.PathLike) else None
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise ConfigError(f"{flag}: found {given!r:.80}, expected a path")
    path = Path(text)
    check_names(path, flag)  # of what is read, too: a look at a longer one is no plain "not there"
    return path


def check_names(path: Path, flag: str) -> None:
    """Raise ConfigError for a path that is longer, or has a longer name, than systems take."""
    if len(os.fsencode(path)) > PATH_MAX:
        raise ConfigError(f"{flag}: found {str(path)!r:.80}, expected at most {PATH_MAX} bytes")
    if any(len(os.fsencode(part)) > NAME_MAX for part in path.parts):
        found = str(path)
        raise ConfigError(
            f"{flag}: found {found!r:.80}, expected names of at most {NAME_MAX} bytes"
        )


def check_folder(path: Path, flag: str = "--out") -> None:
    """Check that a folder can be made and written to.

    Raises
    ------
    ConfigError
        A file lies in its place, the folder is not writable, or a name is too long.
    """
    check_names(path, flag)
    there = next((p for p in (path, *path.parents) if os.path.lexists(p)), None)
    if there is None:
        return
    if not there.is_dir():
        what = "a file" if there.exists() else "a link to nothing"
        raise ConfigError(f"{flag} {path}: found {what} at {there}, expected a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigError(f"{flag} {path}: cannot be written to (Permission denied)")


def check_file(path: Path | None, flag: str, runs: Sequence[Path] = ()) -> None:
    """Check that a file can be written, and that it is none which a run keeps.

    Parameters
    ----------
    path : Path or None
        The file to write; None if the option was not given.
    flag : str
        The option that named it.
    runs : Sequence[Path]
        Run folders, or files of results, that the command reads (Default value = (): none).

    Raises
    ------
    ConfigError
        The file cannot be written there.
    """
    if path is None:
        return
    if path.is_dir():
        raise ConfigError(f"{flag} {path}: found a folder, expected a file to write")
    check_folder(path.parent, flag)
    check_apart(path, flag, runs)


def check_apart(path: Path, flag: str, runs: Sequence[Path] = ()) -> None:
    """Check that nothing which a run keeps (its table, scores, clips) would be overwritten."""
    place = Path(os.path.realpath(path.parent), path.name)  # a link would be replaced itself
    read = {Path(os.path.realpath(run)) for run in runs}
    given = read | {run.parent for run in read if run.is_file()}
    for folder in place.parents:
        name = place.relative_to(folder).parts[0]
        files = name in OWN_FILES and folder in given
        if files or place in read or (name in (*OWN_FILES, *OWN_FOLDERS) and _is_run(folder)):
            raise ConfigError(
                f"{flag} {path}: found {name} of the run in {folder}, expected a place apart "
                "from it"
            )


def _is_run(folder: Path) -> bool:
    """Return whether `svbench run` or `svbench score` wrote a folder."""
    file = folder / "run.json"
    try:
        return file.is_file() and read_object(file, "a run").get("command") in ("run", "score")
    except (DataError, OSError):
        return False
