"""The record of digests: which bytes were found in each file of weights at its first use.

`digests.json` lies beside the weights. An entry holds the `sha256`, the `stamp` (size and time of
change, so that a file that did not change is not read again), the date of the `first` use, and
the version of the checks that the file `passed`. Processes that write at the same time keep each
other's entries: the file is read again under a lock, then replaced whole.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from svbench.errors import DataError, StoppedError
from svbench.files.text import read_object

NAME: Final = "digests.json"
_DIGEST: Final = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is on record of one file."""

    sha256: str
    stamp: tuple[int, ...]  # bytes, and nanoseconds of the last change
    first: str = ""  # day of the first use; "" in entries of older versions
    passed: int = 0  # the version of the checks


def read(folder: Path) -> dict[str, Entry]:
    """Load the record; raise DataError if it is damaged."""
    path = folder / NAME
    if not os.path.lexists(path):
        return {}
    try:
        values = read_object(path, "digests")
        return {file: _entry(value) for file, value in values.items()}
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path}: found no record of digests ({reason}), expected the JSON that svbench "
            "writes; delete it to have the digests taken anew"
        ) from error


def add(folder: Path, file: str, entry: Entry) -> None:
    """Add an entry to the record, beside those that other processes add meanwhile.

    If the folder is read-only, or its disk full, nothing is recorded: files are hashed each time.
    """
    part = folder / f".{NAME}.{os.getpid()}.tmp"
    try:
        with locked(folder / f".{NAME}.lock", wait=True):
            entries = {**read(folder), file: entry}
            text = json.dumps({name: asdict(e) for name, e in entries.items()}, indent=2)
            with part.open("w", encoding="utf-8") as writing:
                writing.write(text + "\n")
                writing.flush()
                os.fsync(writing.fileno())
            part.replace(folder / NAME)
    except OSError:
        return
    finally:
        _drop(part)


@contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold a lock of the kernel, which ends with the process; wait for it or raise StoppedError.

    The file of the lock stays: if it were deleted, two processes could lock two files of one name.
    """
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise StoppedError(
                f"{path.parent}: another svbench is bringing {path.name.strip('.')[:-5]} there; "
                "wait for it, then run the same command again"
            ) from error
        yield


def _entry(value: Any) -> Entry:
    """Return a validated entry."""
    digest, stamp = value["sha256"], value["stamp"]
    first, passed = value.get("first", ""), value.get("passed", 0)
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ValueError(f"sha256 is {str(digest)[:80]!r}")
    if not isinstance(stamp, list) or [type(n) for n in stamp] != [int, int]:
        raise ValueError(f"stamp is {str(stamp)[:80]!r}")
    if not isinstance(first, str) or type(passed) is not int:
        raise ValueError("first or passed is of another type")
    return Entry(digest, tuple(stamp), first, passed)


def _drop(part: Path) -> None:
    """Delete a file that was not renamed, if the folder permits it."""
    try:
        part.unlink(missing_ok=True)
    except OSError:
        return
