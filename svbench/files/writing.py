"""Writing files whole or not at all, and mapping what goes wrong.

A file is written under a temporary name in its folder, flushed, and renamed. Temporary names end
in `MARK`, which nobody else uses: what a killed process leaves can be told from files of others.

A disk that is full or failing stops the work, and the same command goes on (`StoppedError`);
a path that cannot be written to at all is a wrong setting (`ConfigError`). FFmpeg's errors that
carry a number of the system are `OSError`, so the same holds while clips are encoded.
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
RUST: Final = re.compile(r"\(os error (\d+)\)")  # how libraries in Rust pass a number on

# The path is at fault, and will be when the same command runs again; anything else may pass.
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
    """Raise what goes wrong while `path` is written, as one line that names it.

    Parameters
    ----------
    path : Path
        file or folder that is written
    flag : str
        the option that named it (Default value = "": none did)
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
    """Return number and words of an error of the system; no words if it is another error."""
    if isinstance(error, OSError):
        return error.errno, error.strerror or str(error)
    found = RUST.search(str(error))  # safetensors raises errors of its own kind
    return (int(found[1]), os.strerror(int(found[1]))) if found else (None, "")


@contextmanager
def replacing(path: Path, flag: str = "", *, wait: bool = True) -> Iterator[Path]:
    """Write a file whole or not at all: yield a temporary path, then rename it to `path`.

    A link is replaced, not written through. Any number of threads and machines may write the same
    file: the last one stays.

    Parameters
    ----------
    path : Path
        the file
    flag : str
        the option that named it (Default value = "": none did)
    wait : bool
        wait until the disk has it, so that a power cut leaves no empty file under this name;
        what carries a seal needs no wait (Default value = True)
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
    """Write a file whole or not at all."""
    with replacing(path, flag) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str, flag: str = "") -> None:
    """Write a text file (UTF-8, newlines as given) whole or not at all."""
    write_bytes(path, text.encode("utf-8"), flag)
