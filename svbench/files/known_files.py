"""What was read of files, kept as long as they do not change: digests, frame rates.

A run that is resumed would open and hash every clip again, to find that nothing has changed. As
git's index does, this one trusts the *stamp* of a file: device, inode, size, and times of change of
content and of the inode, in nanoseconds. Whatever writes to a file, replaces or renames it changes
its stamp, unless the clock of the file system has not moved on since the last change. So of a file
that changed less than `SETTLED` before it was read nothing is kept ("racily clean" in git's words):
it is read again by the next run.

Only what follows from the bytes of the files may be kept; a key names all else that decides it. The
index is sealed: edited or damaged, it is empty.

References
----------
- Git: Documentation/technical/racy-git.txt.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from svbench.compute import digest_file
from svbench.errors import DataError
from svbench.files.seals import sealed, unsealed
from svbench.files.text import read_object
from svbench.files.writing import write_text

SETTLED: Final = 2_000_000_000  # ns; FAT counts two seconds, ext4 some milliseconds
NOT_THERE: Final = ()  # the stamp of an absent or inaccessible file
FILES: Final = "files"
KEY_LETTERS: Final = 32  # of the digest of a key: an index holds no paths of this machine

T = TypeVar("T", str, float)


@dataclass(frozen=True, slots=True)
class Stamped:
    """The stamps of files, and when they were taken."""

    time: int  # ns since the epoch
    stamps: list[list[int]]

    @classmethod
    def of(cls, files: Sequence[Path]) -> Stamped:
        """Return the stamps of files now."""
        return cls(time.time_ns(), [list(file_stamp(file)) for file in files])

    @property
    def is_settled(self) -> bool:
        """Return whether all files are there, and changed so long ago that it would show."""
        return all(stamp and max(stamp[-2:]) + SETTLED < self.time for stamp in self.stamps)


@dataclass(frozen=True, slots=True)
class KnownFiles:
    """An index of what was read of files; may be used by many threads.

    Parameters
    ----------
    before : mapping
        by digest of a key, stamps and what was read, of former runs
    now : dict
        the same of what was asked for since: this is what `save` writes
    """

    before: dict[str, list[Any]] = field(default_factory=dict)
    now: dict[str, list[Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> KnownFiles:
        """Load an index; an empty one if there is none that is whole."""
        try:
            record = unsealed(read_object(path, "an index of files"))
        except DataError:
            record = None
        return cls({} if record is None else dict(record[FILES]))

    def save(self, path: Path) -> None:
        """Write what was asked for, unless that is what was loaded."""
        if self.now != self.before:
            write_text(path, json.dumps(sealed({FILES: self.now})) + "\n")

    def read(self, key: str, files: Sequence[Path], read: Callable[[], T]) -> T:
        """Return what `read` returns, or what it returned when the files were the same.

        Parameters
        ----------
        key : str
            names the files, what is read, and all that decides it beside their bytes
        files : sequence of Path
            all that `read` reads
        read : callable
            returns a text or a number; what it raises is not kept
        """
        stamped = Stamped.of(files)
        found: T | None = self.kept(key, stamped)
        if found is None:
            found = read()
            self.keep(key, files, stamped, found)
        return found

    def kept(self, key: str, stamped: Stamped) -> Any:
        """Return what was read of files when they had these stamps; None if nothing is kept."""
        kept = self.before.get(_name(key))
        if kept is None or kept[0] != stamped.stamps:
            return None
        self.now[_name(key)] = kept
        return kept[1]

    def keep(self, key: str, files: Sequence[Path], stamped: Stamped, found: str | float) -> None:
        """Keep what was read of files since they were stamped, unless they changed meanwhile."""
        if stamped.is_settled and stamped.stamps == Stamped.of(files).stamps:
            self.now[_name(key)] = [stamped.stamps, found]

    def digest(self, path: Path) -> str:
        """Return the SHA-256 of a file's bytes; raises OSError if it cannot be read."""
        return self.read(f"sha256 {path}", (path,), lambda: digest_file(path))


def _name(key: str) -> str:
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:KEY_LETTERS]


def file_stamp(path: Path) -> tuple[int, ...]:
    """Return device, inode, bytes and times of change (ns) of a file."""
    try:
        found = path.stat()
    except OSError:
        return NOT_THERE
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
