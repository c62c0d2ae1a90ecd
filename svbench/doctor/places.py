"""Folders and their disks: can they be read and written, how much is free, do locks work there.

A run folder is held by a lock of the kernel (flock), and every file appears in it by a rename. Some
network file systems grant a lock to everybody, or refuse it; both are tried out here on a file that
is deleted again.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from svbench.config import DATA_ROOT
from svbench.doctor.findings import Finding, gigabytes
from svbench.files.feature_store import CACHE
from svbench.files.writing import MARK

MOUNTS: Final = Path("/proc/self/mountinfo")
SUBJECT: Final = "folders"
LITTLE: Final = 5_000_000_000  # bytes free: a few thousand clips of the miniature, few real ones
IN_MEMORY: Final = ("tmpfs", "ramfs")


@dataclass(frozen=True, slots=True)
class Tried:
    """What was tried out in a folder; an empty text is a success."""

    lock: str = ""
    rename: str = ""

    @property
    def problems(self) -> list[str]:
        """Return what does not work."""
        named = {"locks (flock)": self.lock, "renaming": self.rename}
        return [f"{what}: {reason}" for what, reason in named.items() if reason]


def folders(
    out: Path, environment: Mapping[str, str] = os.environ, mounts: Path = MOUNTS
) -> list[Finding]:
    """Return the folder of results, temporary files, data and the shared cache of features.

    `out` is where results would lie; `environment` names the others.
    """
    found = [written("--out", out, f"name another folder by --out (not {out})", mounts)]
    temporary = Path(tempfile.gettempdir())
    found.append(written("TMPDIR", temporary, "set TMPDIR to a writable folder", mounts))
    return [*found, _data(environment), _cache(environment, mounts)]


def written(name: str, path: Path, mend: str, mounts: Path = MOUNTS) -> Finding:
    """Return whether a folder can be written, what is free there, and what its disk can do."""
    there = nearest(path)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        what = "cannot be written to" if there.is_dir() else f"found a file at {there}"
        return Finding(SUBJECT, name, "missing", f"{path}: {what}", mend)
    free = shutil.disk_usage(there).free
    kind, problems = file_system(there, mounts), try_out(there).problems
    text = f"{path}: {gigabytes(free)} free on {kind or 'an unknown file system'}"
    facts: dict[str, Any] = {"path": str(path), "free": free, "file_system": kind}
    facts["problems"] = problems
    if problems:
        return Finding(SUBJECT, name, "missing", f"{text}; {'; '.join(problems)}", mend, facts)
    if kind in IN_MEMORY:
        return Finding(SUBJECT, name, "note", f"{text}, which is memory", mend, facts)
    if free < LITTLE:
        return Finding(SUBJECT, name, "note", text, f"free some space, or {mend}", facts)
    return Finding(SUBJECT, name, "ok", f"{text}; locks and renames work", facts=facts)


def nearest(path: Path) -> Path:
    """Return a path itself, or the deepest of its parents that is there."""
    whole = Path(os.path.abspath(path))  # noqa: PTH100 (links stay, as in what is printed)
    return next((p for p in (whole, *whole.parents) if os.path.lexists(p)), whole)


def file_system(path: Path, mounts: Path = MOUNTS) -> str:
    """Return the kind of file system that a path lies on, such as "ext4"; "" if it is not known."""
    real = Path(os.path.realpath(path))
    best, kind = -1, ""
    for place, found in _mounted(mounts):
        if (real == place or place in real.parents) and len(place.parts) >= best:
            best, kind = len(place.parts), found
    return kind


def _mounted(mounts: Path) -> Iterator[tuple[Path, str]]:
    """Yield where file systems are mounted, and their kinds (proc(5), mountinfo)."""
    with suppress(OSError):
        for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
            before, _, after = line.partition(" - ")
            place, kind = before.split()[4:5], after.split()[:1]
            if place and kind:
                plain = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), place[0])
                yield Path(plain), kind[0]


def try_out(folder: Path) -> Tried:
    """Lock and rename a file in a folder, and delete it again."""
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".doctor-", suffix=MARK) as place:
            return Tried(_lock(Path(place)), _rename(Path(place)))
    except OSError as error:
        return Tried(rename=f"no file can be made there ({error.strerror})")


def _lock(folder: Path) -> str:
    """Return what is wrong with locks: they must be granted, and to one at a time."""
    path = folder / "lock"
    with path.open("wb") as one, path.open("ab") as other:
        try:
            fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return f"refused ({error.strerror})"
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return ""
        return "granted twice at once"


def _rename(folder: Path) -> str:
    """Return what is wrong with renames: whoever reads a file keeps the one that is replaced."""
    old, new = folder / "old", folder / "new"
    old.write_text("old", encoding="utf-8")
    new.write_text("new", encoding="utf-8")
    with old.open(encoding="utf-8") as reading:
        try:
            new.replace(old)
        except OSError as error:
            return f"refused ({error.strerror})"
        kept, now = reading.read(), old.read_text(encoding="utf-8")
    return "" if (kept, now, new.exists()) == ("old", "new", False) else "not in one step"


def _data(environment: Mapping[str, str]) -> Finding:
    named = environment.get(DATA_ROOT, "")
    if not named:
        mend = f"set {DATA_ROOT}, or give --data-root (neither is needed at --scale mini)"
        return Finding(SUBJECT, DATA_ROOT, "note", "not set", mend)
    path, facts = Path(named), {"path": named}
    mend = f"set {DATA_ROOT} to the folder of a data set"
    if not path.is_dir():
        what = "found a file" if path.exists() else "found nothing there"
        return Finding(SUBJECT, DATA_ROOT, "missing", f"{path}: {what}", mend, facts)
    try:
        entries = len(os.listdir(path))  # noqa: PTH208 (Path.iterdir lists as much)
    except OSError as error:
        found = f"{path}: cannot be listed ({error.strerror})"
        return Finding(SUBJECT, DATA_ROOT, "missing", found, mend, facts)
    state = Finding(SUBJECT, DATA_ROOT, "ok", f"{path}: readable, {entries} entries", facts=facts)
    return (
        state
        if entries
        else Finding(SUBJECT, DATA_ROOT, "missing", f"{path}: found an empty folder", mend, facts)
    )


def _cache(environment: Mapping[str, str], mounts: Path) -> Finding:
    named = environment.get(CACHE, "")
    if not named:
        mend = f"set {CACHE} to a folder, so that runs share the features of a reference set"
        return Finding(SUBJECT, CACHE, "note", "not set: features are kept in each run", mend)
    return written(CACHE, Path(named).expanduser(), f"set {CACHE} to a writable folder", mounts)
