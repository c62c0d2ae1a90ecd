"""Holding a run folder: one process at a time, and nothing that is not ours is touched.

A folder is ours if its `.lock` is of our making or the caller can show it otherwise (by its
run.json, say). In a folder that is not, no name that a run would write may be taken, and a `.lock`
is somebody else's: many programs make empty ones. What a
killed process left half written is deleted only below a folder that is ours, only under our own
mark, and not through links.
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
    """Hold a folder, and yield whether it was ours before; a second process is refused.

    The lock is the kernel's (flock), so it goes with the process, however that ends. If the
    caller's settings or data are refused before one of `names` is written, the lock and the
    folders made for it go again.

    Parameters
    ----------
    root : Path
        the folder; made if need be
    names : Collection[str]
        what the caller will write into it: refused in a folder that is not ours
        (Default value = (): nothing is refused)
    proof : str
        the one of `names` by which the caller can tell its own folder, and does
        (Default value = "": none)
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
            # a lock that a full disk left empty would be taken for somebody else's
            undone = isinstance(error, ConfigError | DataError) or not _content(file)
            if undone and fresh and _taken(root, names) == before:
                _undo(root, made)
            raise


def clear_left_overs(root: Path, folders: Collection[str]) -> None:
    """Delete what killed processes left in a held folder that is ours, and below `folders`."""
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
    """Make a folder, and return the folders that were made for it, the deepest first."""
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
    """Open and hold the lock file; yield it and what it says."""
    while True:
        with _opened(root) as file:
            _hold(root, file)
            if _still_there(root, file):  # else its holder took it away in the meantime
                found = _content(file)
                linked = os.fstat(file.fileno()).st_nlink > 1  # under another name, perhaps theirs
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
    """Write whose lock it is; a full disk is reported by the first file that matters."""
    line = f"process {os.getpid()} on {socket.gethostname()}\n".encode()
    with suppress(OSError):
        file.truncate(0)
        if file.write(line) != len(line):
            file.truncate(0)


def _opened(root: Path) -> BinaryIO:
    """Open the lock file, or make it; a link is not followed."""
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
    """Return whether a folder holds nothing but what a run writes, or had begun to write."""
    return all(
        entry.name in (LOCK, *names) or entry.name.endswith(MARK) for entry in _entries(root)
    )
