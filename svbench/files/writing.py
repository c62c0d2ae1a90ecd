"""Atomic writing of files, and mapping of system errors.

A file is written under a temporary name in its folder, flushed, and renamed. Temporary names end
in `MARK`, which no other program uses, so partial files of killed processes can be recognised.

A full or failing disk stops the run, which the same command resumes (`StoppedError`); a path that
can never be written to is a wrong setting (`ConfigError`). Errors of FFmpeg that have an errno are
`OSError`, so the same holds while clips are encoded.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from svbench.errors import ConfigError, StoppedError, SvbenchError

MARK: Final = ".svbench-tmp"
RUST: Final = re.compile(r"\(os error (\d+)\)")  # an errno in the message of a library in Rust

# Errors of the path, which will recur when the same command runs again; others may be temporary.
WRONG_PATH: Final = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)


@contextmanager
def writing_to(path: Path, flag: str = "") -> Iterator[None]:
    """Map system errors while `path` is written to errors of one line that name it.

    Parameters
    ----------
    path : Path
        file or folder that is written
    flag : str
        the option that names it (Default value = "": none)

    Raises
    ------
    ConfigError
        if the path can never be written to
    StoppedError
        if the disk is full or failing
    """
    try:
        yield
    except SvbenchError:
        raise
    except Exception as error:
        number, reason = _of_system(error)
        if not reason:
            raise
        if number in WRONG_PATH:
            named = f"{flag} {path}".lstrip()
            raise ConfigError(f"{named}: cannot be written ({reason})") from error
        raise StoppedError(
            f"{path}: could not be written ({reason}); "
            "mend that (free some space?), then run the same command again to go on"
        ) from error


def _of_system(error: Exception) -> tuple[int | None, str]:
    """Return errno and message of a system error; an empty message for any other error."""
    if isinstance(error, OSError):
        return error.errno, error.strerror or str(error)
    found = RUST.search(str(error))  # safetensors raises errors of its own type
    return (int(found[1]), os.strerror(int(found[1]))) if found else (None, "")


@contextmanager
def replacing(path: Path, flag: str = "", *, wait: bool = True) -> Iterator[Path]:
    """Write a file atomically: yield a temporary path, then rename it to `path`.

    A link is replaced, not written through. Any number of threads and machines may write the same
    file; the last one wins.

    Parameters
    ----------
    path : Path
        the file
    flag : str
        the option that names it (Default value = "": none)
    wait : bool
        call fsync, so that a power failure leaves no empty file under this name; sealed files
        do not need it (Default value = True)
    """
    unique = f"{os.getpid()}-{secrets.token_hex(4)}"
    temporary = path.with_name(f".{path.name}.{unique}{MARK}")
    try:
        with writing_to(path, flag):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            if wait:
                with temporary.open("rb") as file:
                    os.fsync(file.fileno())
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes, flag: str = "") -> None:
    """Write a file atomically."""
    with replacing(path, flag) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str, flag: str = "") -> None:
    """Write a text file (UTF-8, newlines as given) atomically."""
    write_bytes(path, text.encode("utf-8"), flag)
