"""The form of a weight file, and name, shape and type of the tensors in it.

The form is read from the first bytes, never from the name. Names, shapes and data types of
tensors are read without running anything that the file brings, and, but for torch's old form
(before 1.6, one pickle and raw numbers behind it), without reading the numbers.

- safetensors: the header, by the library
- torch archive: a zip; mapped, not read, and unpickled by torch's list of harmless types
- TorchScript: a zip with code; refused if the code would run while it is loaded
- what would unpack to more than 64 MiB is refused before it is unpacked
"""

from __future__ import annotations

import codecs
import gzip
import pickle
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from svbench.errors import DataError

if TYPE_CHECKING:
    import torch

MOST_UNPACKED: Final = 64 << 20  # bytes; code, names and vocabularies hold far less
# A state may lie under one of these, or under one in another; the last two are V-JEPA's, which has
# the states of its training beside them.
WRAPPERS: Final = ("state_dict", "model", "target_encoder", "classifier")
SHOWN: Final = 120  # characters of a message or name that an error quotes

_START: Final = 1024  # bytes that decide the kind
_HTML: Final = (b"<!doctype html", b"<html", b"<head", b"<body")


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor as a file declares it."""

    shape: tuple[int, ...]
    dtype: str  # "float32"
    floating: bool


def short(value: object) -> str:
    """Return the first line of another library's message, or a name, of at most `SHOWN` signs."""
    lines = str(value).strip().splitlines()
    first = lines[0].strip() if lines else type(value).__name__
    return first if len(first) <= SHOWN else first[: SHOWN - 3] + "..."


def reason(error: Exception) -> str:
    """Return why a file cannot be read; torch's own message advises to trust the file."""
    if isinstance(error, pickle.UnpicklingError):
        return "it holds more than numbers by name, or is damaged"
    return short(error)


def kind(path: Path) -> str:
    """Return what a file is by its first bytes, in words that follow "found"."""
    with path.open("rb") as file:
        start = file.read(_START)
    if start.startswith(b"\x1f\x8b"):
        return "a gzip file"
    if start.startswith(b"PK\x03\x04"):
        return _archive_kind(path)
    # Before pickles: a header of 0x..80 bytes begins like one.
    if len(start) > 8 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 1 << 32:
        return "a safetensors file"
    if start.startswith(b"\x80"):
        return "a pickle"
    return _text_kind(start)


def read_entries(path: Path, shown: str) -> dict[str, Entry]:
    """Return shape and data type of every tensor, by name, in a file of any form that we load.

    Raises DataError, in which the file is called `shown`.
    """
    found = kind(path)
    try:
        if found == "a safetensors file":
            return _safetensors_entries(path)
        if found == "a TorchScript archive":
            return _entries(_script_state(path), shown)
        if found in ("a torch archive", "a pickle"):
            return _entries(unwrapped(_torch_object(path, found)), shown)
    except DataError:
        raise
    except Exception as error:  # torch, zipfile and safetensors raise many kinds, all for this
        raise DataError(
            f"{shown}: found {found} that cannot be read ({reason(error)}), expected named numbers"
        ) from error
    raise DataError(f"{shown}: found {found}, expected weights (torch, TorchScript or safetensors)")


def read_arrays(path: Path, shown: str) -> dict[str, Entry]:
    """Return the arrays or tensors at the top of a torch file that may hold NumPy arrays."""
    found = kind(path)
    if found not in ("a torch archive", "a pickle"):
        raise DataError(f"{shown}: found {found}, expected a torch file of arrays")
    try:
        whole = _torch_object(path, found)
    except Exception as error:  # torch raises many kinds; all mean the same here
        raise DataError(
            f"{shown}: found {found} that cannot be read ({reason(error)}), expected named numbers"
        ) from error
    if not isinstance(whole, dict):
        raise DataError(f"{shown}: found {type(whole).__name__}, expected a dict of arrays")
    return {
        name: Entry(
            tuple(value.shape),
            str(value.dtype).removeprefix("torch."),
            "float" in str(value.dtype),
        )
        for name, value in whole.items()
        if isinstance(name, str) and hasattr(value, "shape") and hasattr(value, "dtype")
    }


def record_sizes(path: Path) -> list[int]:
    """Return the bytes of each block of numbers in a TorchScript archive, without loading it."""
    with zipfile.ZipFile(path) as archive:
        _check_bounded(archive)
        parts = [(info.filename.split("/"), info.file_size) for info in archive.infolist()]
    return [size for names, size in parts if len(names) == 3 and names[1] in ("data", "constants")]


def read_text(path: Path, shown: str) -> str:
    """Read a text, gzipped or plain, of bounded length."""
    found = kind(path)
    try:
        with gzip.open(path) if found == "a gzip file" else path.open("rb") as file:
            raw = file.read(MOST_UNPACKED + 1)
        if len(raw) > MOST_UNPACKED:
            raise DataError(
                f"{shown}: found {found} of more than {MOST_UNPACKED:,} bytes when unpacked"
            )
        return raw.decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{shown}: found {found} that cannot be read ({short(error)})") from error


def unwrapped(state: Any) -> Any:
    """Return what lies under one of `WRAPPERS`, if anything does."""
    for wrapper in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    return state


# --- kinds -------------------------------------------------------------------------------------


def _text_kind(start: bytes) -> str:
    """Return what a file is that begins like none of the binary forms."""
    text = start.lstrip().lower()
    if not start:
        return "an empty file"
    if b"\0" in start:
        return "an unknown kind of file"
    if text.startswith(_HTML) or (text.startswith(b"<") and b"<html" in text):
        return "an HTML page"
    if text.startswith(b"<?xml"):
        return "an XML text"
    if text.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer"
    if text.startswith((b"{", b"[")):
        return "a JSON text"
    return "a text" if _is_text(start) else "an unknown kind of file"


def _is_text(start: bytes) -> bool:
    """Return whether bytes are UTF-8 without signs that no text has; the last may be cut."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return all(sign.isprintable() or sign.isspace() for sign in text)


def _archive_kind(path: Path) -> str:
    """Return what a zip file is."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "a cut or damaged zip file"
    if any(name.endswith("/constants.pkl") for name in names):
        return "a TorchScript archive"
    return "a torch archive" if any(n.endswith("/data.pkl") for n in names) else "a zip file"


# --- tensors -----------------------------------------------------------------------------------


def _safetensors_entries(path: Path) -> dict[str, Entry]:
    """Read the header; the library checks that it describes all bytes of the file."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  # no dict
        return {
            name: Entry(tuple(part.get_shape()), _long(part.get_dtype()), _floats(part.get_dtype()))
            for name, part in slices.items()
        }


def _long(dtype: str) -> str:
    """Return torch's word for a data type of safetensors: float32 for F32."""
    words = {"F": "float", "BF": "bfloat", "I": "int", "U": "uint"}
    letters = dtype.rstrip("0123456789")
    return words[letters] + dtype[len(letters) :] if letters in words else dtype.lower()


def _floats(dtype: str) -> bool:
    return dtype in ("F16", "BF16", "F32", "F64")


def _torch_object(path: Path, found: str) -> Any:
    """Unpickle harmless types only; an archive's numbers stay on disk."""
    import torch

    archived = found == "a torch archive"
    if archived:
        with zipfile.ZipFile(path) as archive:
            _check_bounded(archive)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on old storages and NumPy flags: nothing is kept
        with torch.serialization.safe_globals(numpy_types()):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=archived or None)


def _script_state(path: Path) -> dict[str, torch.Tensor]:
    """Read the parameters of a TorchScript archive, on the meta device."""
    import torch

    with zipfile.ZipFile(path) as archive:
        _check_bounded(archive)
        code = [n for n in archive.namelist() if "/code/" in n and n.endswith(".py")]
        if any(b"__setstate__" in archive.read(name) for name in code):
            raise ValueError("it runs code while it is loaded")
    with warnings.catch_warnings():  # torch deprecates TorchScript
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.load(str(path), map_location="meta")  # type: ignore[no-untyped-call]
    return dict(script.state_dict())


def _check_bounded(archive: zipfile.ZipFile) -> None:
    """Refuse an archive whose compressed parts would unpack to more than code ever takes."""
    packed = [i for i in archive.infolist() if i.compress_type != zipfile.ZIP_STORED]
    pickles = [i for i in archive.infolist() if i.filename.endswith(".pkl")]
    if max(sum(i.file_size for i in group) for group in (packed, pickles)) > MOST_UNPACKED:
        raise ValueError(f"it would unpack to more than {MOST_UNPACKED:,} bytes")


def _entries(state: Any, shown: str) -> dict[str, Entry]:
    """Return shape and data type of the tensors of a state dict."""
    import torch

    if not isinstance(state, Mapping):
        raise DataError(f"{shown}: found {type(state).__name__}, expected a dict of tensors")
    for name, value in state.items():
        if not isinstance(name, str) or not torch.is_tensor(value):
            raise DataError(
                f"{shown}: found {type(value).__name__} under {short(repr(name))}, "
                "expected tensors by name"
            )
        if value.layout is not torch.strided:
            raise DataError(
                f"{shown}: found {short(repr(name))} stored sparsely, expected all of it"
            )
    return {
        name: Entry(
            tuple(value.shape), str(value.dtype).removeprefix("torch."), value.is_floating_point()
        )
        for name, value in state.items()
    }


def numpy_types() -> list[Any]:
    """Return what pickled NumPy arrays of numbers, and single numbers, are made of.

    Training states have some beside the weights: PANNs' hold the order of their samples, laion's
    may hold the state of their optimiser.
    """
    import numpy as np

    made_by = {"_reconstruct": np.empty(0).__reduce__()[0], "scalar": np.float64(0).__reduce__()[0]}
    homes = ("numpy.core", "numpy._core")  # where old and new NumPy say that an array comes from
    types: list[Any] = [
        (make, f"{home}.multiarray.{name}") for home in homes for name, make in made_by.items()
    ]
    dtypes = (type(np.dtype(code)) for code in (np.float16, np.float32, np.float64, np.int64))
    return [*types, np.ndarray, np.dtype, *dtypes]
