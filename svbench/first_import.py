"""Imports of librosa, by one process of a machine at a time.

librosa's kernels are compiled by numba at their first import and kept on disk. Two processes that
do so at once may keep parts that do not fit together, and every later use then ends its process
(https://github.com/numba/numba/issues/10128). The lock is the kernel's, so it ends with its holder.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any


@cache
def import_librosa() -> Any:
    """Return librosa, with its compiled kernels imported."""
    with one_at_a_time("librosa"):
        import_module("librosa.onset")  # which imports core, feature and util
    return import_module("librosa")


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Hold a lock of this user and machine; without one where no file can be made."""
    path = Path(tempfile.gettempdir()) / f"svbench-{os.getuid()}-{name}.lock"
    try:
        file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        yield
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
