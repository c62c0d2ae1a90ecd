"""The folder of weights: files are found, fetched and put there, and checked each time.

Nothing is downloaded unless it is asked for. `svbench weights fetch NAME` gets a file, with its
licence printed first; a file that was put into the folder by hand is as good if it passes the
same checks:

1. its size, and that it is no page or text (`structure`)
2. its digest, where one is published: by the makers, who decide, or by others who use the file,
   whose digest confirms it but does not refuse another form of the same weights
3. names, shapes and types of its tensors, without reading them (`structure`)
4. its digest is that on record: ours is recorded at the first use and checked ever after, so the
   numbers of a table always rest on the same bytes (`record`)

Nothing is put in place before it passed, and what lies there stays if its successor is refused.
The folder is SVBENCH_WEIGHTS, or ~/.cache/svbench/weights.

A file of random numbers (`random_files`) is in none but a folder that SVBENCH_WEIGHTS names. Its
structure is checked as that of any other, and it is never taken for the published one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from svbench.compute import digest_file
from svbench.errors import ConfigError, DataError
from svbench.files.text import is_plain
from svbench.files.weights import published as catalogue
from svbench.files.weights import record, structure
from svbench.files.weights.download import CHUNK, Part, Size
from svbench.files.weights.download import download as download_file
from svbench.files.weights.loading import WeightFile
from svbench.files.weights.published import Published, entry, twin_of
from svbench.files.weights.random_files import is_random
from svbench.files.writing import writing_to


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that passed every check, and what confirms it."""

    file: WeightFile
    standing: str  # in words, with the digest


def weights_folder() -> Path:
    """Return the folder of weights, whether it exists or not; ConfigError if it cannot be one."""
    named = os.environ.get("SVBENCH_WEIGHTS")
    if named and not (named.strip() and is_plain(named)):
        raise ConfigError(f"SVBENCH_WEIGHTS: found {named!r:.80}, expected the path of a folder")
    path = Path(named) if named else Path.home() / ".cache" / "svbench" / "weights"
    there = next((p for p in (path, *path.parents) if os.path.lexists(p)), path)
    if os.path.lexists(there) and not os.path.isdir(there):  # noqa: PTH112 (which may raise)
        what = "no folder" if there.exists() else "a link to nothing"
        raise ConfigError(
            f"{'SVBENCH_WEIGHTS ' if named else ''}{path}: found {what} at {there}, "
            "expected a folder"
        )
    return path


def find(name: str) -> WeightFile | None:
    """Return a file that lies in the folder, checked against what is known of it; else None.

    What passed before, and has the size and time of change on record, is not read again.
    """
    checked = _examined(entry(name), anew=False)
    return checked.file if checked else None


def require(name: str) -> WeightFile:
    """Return a file; raise DataError with the command that gets it if it is absent."""
    found = find(name)
    if found is None:
        raise DataError(
            f"{weights_folder() / entry(name).file}: found nothing there, "
            f"expected {entry(name).what}; get it by: svbench weights fetch {name}"
        )
    return found


def recorded_digest(name: str) -> str | None:
    """Return the digest on record of a file that lies in the folder as it was when it passed.

    Its size and time of change are compared, none of its bytes are read; None if it is absent, not
    on record, or has changed since. Raises DataError where the record is damaged.
    """
    path = weights_folder() / entry(name).file
    known = record.read(weights_folder()).get(path.name)
    try:
        there = known is not None and known.stamp == _stamp(path)
    except OSError:
        return None
    return known.sha256 if known and there and known.passed == structure.VERSION else None


def verify(name: str) -> Checked | None:
    """Check a file in the folder like `find`, but read every byte again."""
    return _examined(entry(name), anew=True)


def put(name: str, source: Path) -> Checked:
    """Copy a file from elsewhere into the folder, if it passes the checks of that name."""
    published = entry(name)
    path = weights_folder() / published.file
    _check_source(source, path, published)
    structure.check_kind(name, source, str(source), published.size)  # before gigabytes are copied
    with _exclusively(published):
        for left_over in path.parent.glob(f".{path.name}.*.tmp"):  # of a process that was killed
            left_over.unlink(missing_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            _copy(source, part)
            return _placed(published, part, str(source))
        finally:
            part.unlink(missing_ok=True)


def fetch(name: str, advance: Callable[[int, int], None] = lambda _there, _whole: None) -> Checked:
    """Download a file; an interrupted download is resumed.

    `advance` is called with the bytes so far and the length of the file (0: unknown).
    """
    published = entry(name)
    found = _examined(published, anew=False)
    if found is not None:
        return found
    with _exclusively(published):
        part = Part(weights_folder() / f"{published.file}.part")
        found = _examined(published, anew=False)  # another process may have fetched it meanwhile
        if found is None:
            found = _downloaded(published, part, advance)
        part.drop()
        return found


# --- checks ------------------------------------------------------------------------------------


def _examined(published: Published, *, anew: bool) -> Checked | None:
    """Check the file in the folder, if there is one, and record its digest."""
    path = weights_folder() / published.file
    try:
        if not path.exists():
            return None
        if not path.is_file():
            raise DataError(f"{path}: found a folder, expected {published.what}")
        _check_chosen(published, path)
        known, stamp = record.read(weights_folder()).get(published.file), _stamp(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if known and not anew and (known.stamp, known.passed) == (stamp, structure.VERSION):
        return _checked(published, known, known)
    found = _passed(published, path, str(path), known)
    record.add(weights_folder(), published.file, found)
    return _checked(published, found, known)


def _check_chosen(published: Published, path: Path) -> None:
    """Raise DataError for random numbers in a folder that was not named."""
    if is_random(path) and not os.environ.get("SVBENCH_WEIGHTS"):
        raise DataError(
            f"{path}: found random weights of svbench, expected {published.what}; to use random "
            "ones for a load test, name their folder by SVBENCH_WEIGHTS"
        )


def _passed(
    published: Published, path: Path, shown: str, known: record.Entry | None
) -> record.Entry:
    """Run every check on a file; raise DataError, which calls it `shown`, if one fails."""
    structure.check_kind(published.name, path, shown, published.size)
    try:
        stamp, digest = _stamp(path), digest_file(path)
    except OSError as error:
        raise DataError(f"{shown}: cannot be read ({error.strerror})") from error
    random = is_random(path)
    if not random and not digest.startswith(published.sha256):
        raise DataError(
            f"{shown}: found sha256 {digest}, expected {published.sha256}... ({published.name})"
        )
    recorded = {file: of.sha256 for file, of in record.read(weights_folder()).items()}
    if twin := twin_of(published, digest, recorded, catalogue.PUBLISHED.values()):
        raise DataError(
            f"{shown}: found the file of {twin}, expected other weights of the same structure "
            f"({published.name}); published numbers of one do not rest on the other"
        )
    if digest != published.others:
        structure.check_structure(published.name, path, shown)
    if known and known.sha256 != digest:
        raise DataError(
            f"{shown}: found sha256 {digest}, expected {known.sha256} as at its first use; "
            f"if it was changed on purpose, delete its entry in {weights_folder() / record.NAME}"
        )
    first = known.first if known else time.strftime("%Y-%m-%d")
    return record.Entry(digest, stamp, first, structure.VERSION)


def _checked(published: Published, found: record.Entry, known: record.Entry | None) -> Checked:
    """Return a file that passed, with what confirms it in words."""
    digest, others = found.sha256, published.others
    path = weights_folder() / published.file
    if is_random(path):
        standing = f"random weights, for load tests only (sha256 {digest})"
        return Checked(WeightFile(published.name, path, digest, random=True), standing)
    other = f"; others record {others[:12]}..." if others else ""
    since = f" on {found.first}" if found.first else ""
    if published.sha256:
        standing = f"right (published digest; sha256 {digest})"
    elif digest == others:
        standing = f"right (digest as others record it; sha256 {digest})"
    elif known is None:
        standing = f"structure right, digest first seen here (sha256 {digest}{other})"
    else:
        standing = f"right (digest as at its first use{since}; sha256 {digest}{other})"
    return Checked(WeightFile(published.name, path, digest), standing)


def _stamp(path: Path) -> tuple[int, int]:
    """Return size in bytes and time of change in nanoseconds."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


# --- arrival -----------------------------------------------------------------------------------


@contextmanager
def _exclusively(published: Published) -> Iterator[None]:
    """Lock the place of a file; an error of the disk becomes one line."""
    path = weights_folder() / published.file
    with writing_to(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with record.locked(path.with_name(f".{path.name}.lock"), wait=False):
            yield


def _placed(published: Published, part: Path, shown: str) -> Checked:
    """Check a complete part, move it into place and record its digest."""
    if is_random(part):
        raise DataError(
            f"{shown}: found random weights of svbench, expected {published.what}; to use random "
            "ones for a load test, name their folder by SVBENCH_WEIGHTS"
        )
    known = record.read(weights_folder()).get(published.file)
    found = _passed(published, part, shown, known)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(weights_folder() / published.file)
    record.add(weights_folder(), published.file, found)
    return _checked(published, found, known)


def _check_source(source: Path, path: Path, published: Published) -> None:
    """Raise DataError unless there is a file to copy that is not the one in place."""
    try:
        if not source.is_file():
            found = "no regular file" if source.exists() else "nothing there"
            found = "a folder" if source.is_dir() else found
            raise DataError(f"{source}: found {found}, expected {published.what}")
        same = path.exists() and source.samefile(path)
    except OSError as error:
        raise DataError(f"{source}: cannot be read ({error.strerror})") from error
    if same:
        raise DataError(
            f"{source}: found the file that is in place already, expected one from elsewhere; "
            "check it by: svbench weights verify"
        )


def _copy(source: Path, target: Path) -> None:
    """Copy a file; errors of reading become DataErrors, those of writing stay OSErrors."""
    try:
        reading = source.open("rb")
    except OSError as error:
        raise DataError(f"{source}: cannot be read ({error.strerror})") from error
    with reading, target.open("wb") as writing:
        while block := _block(reading, source):
            writing.write(block)


def _block(reading: BinaryIO, source: Path) -> bytes:
    try:
        return reading.read(CHUNK)
    except OSError as error:
        raise DataError(f"{source}: cannot be read ({error.strerror})") from error


def _downloaded(published: Published, part: Part, advance: Callable[[int, int], None]) -> Checked:
    """Download a file and put it in place; an error says how else to get it."""

    def check(size: int) -> None:
        structure.check_size(published.name, size, published.address, published.size)

    most = structure.structure(published.name).most
    try:
        download_file(published.address, part, Size(most, check), advance)
        return _whole(published, part)
    except DataError as error:
        raise DataError(
            f"{error}; or get the file by other means and run: "
            f"svbench weights import {published.name} FILE"
        ) from error


def _whole(published: Published, part: Part) -> Checked:
    """Put a complete download in place; delete one that fails a check."""
    try:
        return _placed(published, part.path, published.address)
    except DataError:
        part.drop()
        raise
