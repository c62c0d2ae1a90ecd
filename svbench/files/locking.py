"""Locks of run folders: one process at a time, and files of other programs are never touched.

A folder is ours if its `.lock` was written by us or the caller can prove it otherwise (e.g. by its
run.json). In any other folder, none of the names that a run would write may exist, and a `.lock`
belongs to another program: many programs make empty ones. Partial files of killed processes are
deleted only below a folder that is ours, only with our own suffix, and not through links.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import socket
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from svbench.errors import ConfigError, DataError, SvbenchError
from svbench.files.writing import MARK

LOCK: Final = ".lock"
OURS: Final = re.compile(rb"process \d+ on [^\n]+\n")


@contextmanager
def locked(root: Path, names: Collection[str] = (), proof: str = "") -> Iterator[bool]:
    """Lock a folder, and yield whether it was ours before.

    The lock is the kernel's (flock), so it ends with the process, however that ends. If the caller
    raises because of its settings or data before it has written one of `names`, the lock and the
    folders made for it are removed again.

    Parameters
    ----------
    root : Path
        the folder; made if absent
    names : Collection[str]
        the names that the caller will write, which must be free in a folder that is not ours
        (Default value = (): none is checked)
    proof : str
        the one of `names` by which the caller has verified that the folder is ours
        (Default value = "": none)

    Raises
    ------
    ConfigError
        if another process holds the lock, the folder is another program's, or it is not writable
    """
    made = _make(root)
    fresh = not os.path.lexists(root / LOCK)
    with _held(root) as (file, found):
        before = _taken(root, names)
        try:
            ours = bool(found) or (bool(proof) and proof in before)
            theirs = not ours and not fresh and not _only(root, names)
            if theirs and names:
                raise _foreign(root, f"an empty {LOCK} of another program")
            if before and not ours:
                raise ConfigError(
                    f"--out {root}: found {', '.join(before)} in it, but no run of svbench, "
                    "expected a folder where these names are free; choose another --out"
                )
            if not theirs:
                _sign(file)
            yield ours
        except SvbenchError as error:
            # a lock left empty by a full disk would be taken for another program's
            undone = isinstance(error, ConfigError | DataError) or not _content(file)
            if undone and fresh and _taken(root, names) == before:
                _undo(root, made)
            raise


def remove_partial_files(root: Path, folders: Collection[str]) -> None:
    """Delete partial files of killed processes in a locked folder of ours, and below `folders`."""
    for entry in _entries(root):
        if entry.name.startswith(".") and entry.name.endswith(MARK):
            _delete(Path(entry))
    for name in folders:
        if (root / name).is_symlink():
            continue
        for place, _, files in os.walk(root / name):  # does not follow links
            for file in files:
                if file.startswith(".") and file.endswith(MARK):
                    _delete(Path(place, file))


def _entries(root: Path) -> list[os.DirEntry[str]]:
    with os.scandir(root) as entries:
        return list(entries)


def _delete(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _make(root: Path) -> list[Path]:
    """Make a folder and its parents; return those that were absent, the deepest first."""
    try:
        absent = [folder for folder in (root, *root.parents) if not folder.exists()]
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(root, error) from error
    return absent


def _undo(root: Path, made: Collection[Path]) -> None:
    with suppress(OSError):
        (root / LOCK).unlink(missing_ok=True)
        for folder in made:
            folder.rmdir()  # only if it is empty


@contextmanager
def _held(root: Path) -> Iterator[tuple[BinaryIO, bytes]]:
    """Open and lock the lock file; yield it and its content."""
    while True:
        with _opened(root) as file:
            _hold(root, file)
            if _still_there(root, file):  # else its holder removed it in the meantime
                found = _content(file)
                linked = os.fstat(file.fileno()).st_nlink > 1  # may belong to another program
                if not OURS.fullmatch(found) if found else linked:
                    raise _foreign(root, f"a {LOCK} of another program")
                yield file, found
                return


def _hold(root: Path, file: BinaryIO) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = _content(file).decode(errors="replace").strip()
        raise ConfigError(
            f"--out {root}: another svbench is at work there ({holder}), "
            "expected a folder of its own; wait for it or choose another --out"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"--out {root}: cannot be locked ({error.strerror}), expected a file system "
            "with locks; choose another --out"
        ) from error


def _sign(file: BinaryIO) -> None:
    """Write the owner of the lock; a full disk is reported by the first file that matters."""
    line = f"process {os.getpid()} on {socket.gethostname()}\n".encode()
    with suppress(OSError):
        file.truncate(0)
        if file.write(line) != len(line):
            file.truncate(0)


def _opened(root: Path) -> BinaryIO:
    """Open or create the lock file; a link is not followed."""
    try:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        number = os.open(root / LOCK, flags, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _foreign(root, f"a link called {LOCK}") from error
        raise _not_writable(root, error) from error
    file = os.fdopen(number, "ab+", buffering=0)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        file.close()
        raise _foreign(root, f"a {LOCK} that is no file")
    return file


def _foreign(root: Path, what: str) -> ConfigError:
    return ConfigError(f"--out {root}: found {what} in it, expected none; choose another --out")


def _not_writable(root: Path, error: OSError) -> ConfigError:
    return ConfigError(f"--out {root}: cannot be written to ({error.strerror})")


def _content(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(1000)


def _still_there(root: Path, file: BinaryIO) -> bool:
    try:
        there = os.lstat(root / LOCK)
    except OSError:
        return False
    here = os.fstat(file.fileno())
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def _taken(root: Path, names: Collection[str]) -> list[str]:
    return [name for name in names if os.path.lexists(root / name)]


def _only(root: Path, names: Collection[str]) -> bool:
    """Return whether a folder holds only names that a run writes, and partial files."""
    return all(
        entry.name in (LOCK, *names) or entry.name.endswith(MARK) for entry in _entries(root)
    )
