"""Settings, files and messages that the loaders of data sets with lists of clips share."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from svbench.errors import ConfigError, DataError
from svbench.files.text import read_csv, shown

SHOWN: Final = 5  # names in one message
FOUND: Final = {FileNotFoundError: "nothing there", NotADirectoryError: "a file"}
SPLITS: Final = ("train", "test")  # of every data set
PLAIN: Final = re.compile(r"[\w-]+")  # no separators and no dots: a split becomes a file name


def check_settings(split: str, limit: int | None) -> None:
    """Raise ConfigError for an impossible split or limit."""
    if not PLAIN.fullmatch(split):
        raise ConfigError(
            f"split: got {split!r}, expected a plain name such as {' or '.join(SPLITS)}"
        )
    if limit is not None and limit < 1:
        raise ConfigError(f"limit: got {limit}, expected at least 1")


def check_folder(root: Path, name: str) -> None:
    """Raise DataError unless the folder of a data set exists, and what is in it can be reached."""
    try:
        os.stat(f"{root}/.")  # noqa: PTH116 (a Path has no such end, which looks into the folder)
    except OSError as error:
        found = FOUND.get(type(error), f"no way into it ({error.strerror})")
        raise DataError(
            f"{root}: found {found}, expected the folder of the {name} data set"
        ) from error


def is_there(path: Path) -> bool:
    """Return whether there is a file, or a link, which may lead to nothing.

    A file that was not fetched is often a link to nothing (git-annex, DataLad). It is no absent
    one, in place of which another would do: whoever reads it finds out.
    """
    return path.is_file() or path.is_symlink()


@contextmanager
def reached(listed: Path) -> Iterator[None]:
    """Raise DataError where a listed file, or a folder, cannot be accessed."""
    try:
        yield
    except OSError as error:
        name = shown(Path(str(error.filename)).name)
        raise DataError(
            f"{listed}: found no way to {name} ({error.strerror}), expected files of the data set"
        ) from error


def read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the rows of a CSV file without header, each with its line number."""
    return list(read_csv(path, "a list of clips"))


def names(given: Sequence[str]) -> str:
    """Return the first few names as text, and how many more there are."""
    more = f" and {len(given) - SHOWN} more" if len(given) > SHOWN else ""
    return ", ".join(map(shown, given[:SHOWN])) + more
