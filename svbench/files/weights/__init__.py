"""Weights of other people's networks: where they come from, where they lie, whether they are right.

Nothing is downloaded unasked. `svbench weights fetch NAME` gets a file, with its licence printed
first; a file that was put into the folder by hand is as good if it passes the same checks:

1. its size, and that it is no page or text (`files.weight_structure`)
2. its digest, where one is published: by the makers, who decide, or by others who use the file,
   whose digest confirms it but does not refuse another form of the same weights
3. names, shapes and types of its tensors, without reading them
4. its digest is that on record: ours is recorded at the first use and checked ever after, so the
   numbers of a table always rest on the same bytes (`files.weight_record`)

Nothing is put in place before it passed, and what lies there stays if its successor is refused.
The folder is SVBENCH_WEIGHTS, or ~/.cache/svbench/weights.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from svbench.errors import ConfigError, DataError
from svbench.files.seals import digest_file
from svbench.files.text import is_plain
from svbench.files.weights import record, structure
from svbench.files.weights.download import CHUNK, Part, Size
from svbench.files.weights.download import download as download_file
from svbench.files.weights.forms import kind, short, unwrapped
from svbench.files.weights.published import PUBLISHED as PUBLISHED  # which belong to our face
from svbench.files.weights.published import Published as Published
from svbench.files.weights.published import twin_of
from svbench.files.writing import writing_to

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file on disk whose bytes are known."""

    name: str
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that passed every check, and on what our trust in it rests."""

    file: WeightFile
    standing: str  # for people, with the digest


def folder() -> Path:
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


def entry(name: str) -> Published:
    """Look a published file up; raise ConfigError if there is none of that name."""
    if name not in PUBLISHED:
        raise ConfigError(f"weights: found {name!r}, expected one of {', '.join(PUBLISHED)}")
    return PUBLISHED[name]


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
            f"{folder() / entry(name).file}: found nothing there, expected {entry(name).what}; "
            f"get it by: svbench weights fetch {name}"
        )
    return found


def verify(name: str) -> Checked | None:
    """Check a file in the folder like `find`, but read every byte again."""
    return _examined(entry(name), anew=True)


def put(name: str, source: Path) -> Checked:
    """Copy a file from elsewhere into the folder, if it is what it is given as."""
    published = entry(name)
    path = folder() / published.file
    _check_source(source, path, published)
    structure.check_kind(name, source, str(source), published.size)  # before gigabytes are copied
    with _bringing(published):
        for left_over in path.parent.glob(f".{path.name}.*.tmp"):  # of a process that was killed
            left_over.unlink(missing_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            _copy(source, part)
            return _placed(published, part, str(source))
        finally:
            part.unlink(missing_ok=True)


def fetch(name: str, advance: Callable[[int, int], None] = lambda _there, _whole: None) -> Checked:
    """Download a file; an interrupted download is gone on with.

    `advance` gets the bytes that are there and the bytes that there will be (0: not known).
    """
    published = entry(name)
    found = _examined(published, anew=False)
    if found is not None:
        return found
    with _bringing(published):
        part = Part(folder() / f"{published.file}.part")
        found = _examined(published, anew=False)  # another process may have brought it meanwhile
        if found is None:
            found = _downloaded(published, part, advance)
        part.drop()
        return found


def sha256(path: Path) -> str:
    """Hash a file."""
    return digest_file(path)


def load(file: WeightFile) -> dict[str, torch.Tensor]:
    """Read a state dict; raise DataError if the file is no longer the one that was checked.

    A network is read at its first use, perhaps long after its digest went into a cache key.
    """
    try:
        found = sha256(file.path)
    except OSError as error:
        raise DataError(f"{file.path}: found no readable weights ({error.strerror})") from error
    if found != file.sha256:
        raise DataError(
            f"{file.path}: found sha256 {found}, expected {file.sha256} as when the work began; "
            "it was replaced meanwhile; run the same command again"
        )
    return load_state(file.path)


def load_script(file: WeightFile) -> Any:
    """Load a TorchScript network to be called; that runs the code which the file brings.

    So only the bytes are loaded whose digest is on record for this name, by its makers or by others
    who use it: a digest first seen here does not do. Raises DataError for any other.
    """
    import torch

    wanted = entry(file.name).sha256 or entry(file.name).others
    try:
        whole = file.path.read_bytes()
    except OSError as error:
        raise DataError(f"{file.path}: found no readable weights ({error.strerror})") from error
    found = hashlib.sha256(whole).hexdigest()
    if not wanted or found != wanted:
        raise DataError(
            f"{file.path}: found sha256 {found}, expected {wanted or 'one on record'} "
            f"({file.name}): it brings code of its own, which is run of no other file"
        )
    try:
        with warnings.catch_warnings():  # torch deprecates TorchScript
            warnings.simplefilter("ignore", DeprecationWarning)
            return torch.jit.load(io.BytesIO(whole), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except Exception as error:  # torch raises many kinds; all mean the same here
        raise DataError(f"{file.path}: found no readable network ({short(error)})") from error


def check_is(file: WeightFile, name: str, use: str) -> None:
    """Raise ConfigError unless a file is the one called `name`, and no other published one."""
    others = {p.name: p.sha256 or p.others for p in PUBLISHED.values() if p.name != name}
    known = [other for other, digest in others.items() if digest and file.sha256 == digest]
    if file.name != name or known:
        raise ConfigError(
            f"{use}: found the weights {known[0] if known else file.name}, expected {name}, on "
            "which its published numbers rest; others give other numbers"
        )


def load_state(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict from safetensors, a torch file or a TorchScript archive.

    Nothing is unpickled but tensors. A torch file may wrap the state as `state_dict` or `model`.
    The tensors are copies: one mapped from the file would change with it while a network runs.
    """
    import torch

    try:
        state = _read_state(path)
    except Exception as error:  # torch and safetensors raise many kinds; all mean the same here
        raise DataError(f"{path}: found no readable weights ({short(error)})") from error
    state = unwrapped(state)
    if not isinstance(state, dict) or not all(torch.is_tensor(v) for v in state.values()):
        raise DataError(f"{path}: found {type(state).__name__}, expected a dict of tensors")
    return state


def _read_state(path: Path) -> Any:
    """Read whatever lies in a file, by its form."""
    import torch

    form = kind(path)
    if path.suffix == ".safetensors" or form == "a safetensors file":
        from safetensors.torch import load as from_bytes

        return from_bytes(path.read_bytes())
    if form == "a TorchScript archive":
        with warnings.catch_warnings():  # torch deprecates TorchScript
            warnings.simplefilter("ignore", DeprecationWarning)
            script = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
        return dict(script.state_dict())
    return torch.load(path, map_location="cpu", weights_only=True)


# --- checks ------------------------------------------------------------------------------------


def _examined(published: Published, *, anew: bool) -> Checked | None:
    """Check the file that lies in the folder, if one does, and put it on record."""
    path = folder() / published.file
    try:
        if not path.exists():
            return None
        if not path.is_file():
            raise DataError(f"{path}: found a folder, expected {published.what}")
        known, stamp = record.read(folder()).get(published.file), _stamp(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if known and not anew and (known.stamp, known.passed) == (stamp, structure.VERSION):
        return _checked(published, known, known)
    found = _passed(published, path, str(path), known)
    record.add(folder(), published.file, found)
    return _checked(published, found, known)


def _passed(
    published: Published, path: Path, shown: str, known: record.Entry | None
) -> record.Entry:
    """Check a file in every way; raise DataError, which calls it `shown`, if it is another."""
    structure.check_kind(published.name, path, shown, published.size)
    try:
        stamp, digest = _stamp(path), sha256(path)
    except OSError as error:
        raise DataError(f"{shown}: cannot be read ({error.strerror})") from error
    if not digest.startswith(published.sha256):
        raise DataError(
            f"{shown}: found sha256 {digest}, expected {published.sha256}... ({published.name})"
        )
    recorded = {file: of.sha256 for file, of in record.read(folder()).items()}
    if twin := twin_of(published, digest, recorded, PUBLISHED.values()):
        raise DataError(
            f"{shown}: found the file of {twin}, expected other weights of the same structure "
            f"({published.name}); published numbers of one do not rest on the other"
        )
    if digest != published.others:
        structure.check_structure(published.name, path, shown)
    if known and known.sha256 != digest:
        raise DataError(
            f"{shown}: found sha256 {digest}, expected {known.sha256} as at its first use; "
            f"if it was changed on purpose, delete its entry in {folder() / record.NAME}"
        )
    first = known.first if known else time.strftime("%Y-%m-%d")
    return record.Entry(digest, stamp, first, structure.VERSION)


def _checked(published: Published, found: record.Entry, known: record.Entry | None) -> Checked:
    """Return a file that passed, and on what our trust in it rests."""
    digest, others = found.sha256, published.others
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
    return Checked(WeightFile(published.name, folder() / published.file, digest), standing)


def _stamp(path: Path) -> tuple[int, int]:
    """Return size and time of change."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


# --- arrival -----------------------------------------------------------------------------------


@contextmanager
def _bringing(published: Published) -> Iterator[None]:
    """Hold the place of a file; an error of the disk becomes one line."""
    path = folder() / published.file
    with writing_to(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with record.locked(path.with_name(f".{path.name}.lock"), wait=False):
            yield


def _placed(published: Published, part: Path, shown: str) -> Checked:
    """Check what was brought, put it in place whole, and then on record."""
    known = record.read(folder()).get(published.file)
    found = _passed(published, part, shown, known)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(folder() / published.file)
    record.add(folder(), published.file, found)
    return _checked(published, found, known)


def _check_source(source: Path, path: Path, published: Published) -> None:
    """Raise DataError if there is no file to copy, or it is the one in place."""
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
    """Copy a file; an error is of the source where it is read, of the disk where it is written."""
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
    """Bring a file's bytes and put them in place, or say how else to get them."""

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
    """Put a whole download in place; one that fails a check would not get better by going on."""
    try:
        return _placed(published, part.path, published.address)
    except DataError:
        part.drop()
        raise
