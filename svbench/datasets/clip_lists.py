"""What loaders of data sets with lists of clips have in common: settings, files, messages."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from svbench.errors import ConfigError, DataError

SHOWN: Final = 5  # names spelled out in one message
PLAIN: Final = re.compile(r"[\w-]+")  # no separators and no dots: a split becomes a file name


def check_settings(split: str, limit: int | None) -> None:
    """Raise ConfigError if a split or limit is none."""
    if not PLAIN.fullmatch(split):
        raise ConfigError(f"split: got {split!r}, expected a plain name such as train or test")
    if limit is not None and limit < 1:
        raise ConfigError(f"limit: got {limit}, expected at least 1")


def check_folder(root: Path, name: str) -> None:
    """Raise DataError unless there is a folder."""
    if not root.is_dir():
        what = "a file" if root.exists() else "nothing there"
        raise DataError(f"{root}: found {what}, expected the folder of the {name} data set")


def read_text(path: Path) -> str:
    """Read a text file; a mark that spreadsheets put in front is taken off."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise DataError(f"{path}: cannot be read ({reason}), expected a text file") from error


def read_rows(path: Path) -> list[list[str]]:
    """Read the rows of a CSV file without header."""
    try:
        return list(csv.reader(read_text(path).splitlines(keepends=True)))
    except csv.Error as error:
        raise DataError(f"{path}: found no readable CSV ({error})") from error


def names(given: Sequence[str]) -> str:
    """Spell out the first few names."""
    more = f" and {len(given) - SHOWN} more" if len(given) > SHOWN else ""
    return ", ".join(given[:SHOWN]) + more
