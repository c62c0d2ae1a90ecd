"""The feature store: extracted features on disk, one file per extractor and clip.

    <folder>/<extractor>/<ab>/<clip>.npz

`clip` is the digest of the clip's arrays and, after a hyphen, that of its caption: the whole input
of an extractor. A file is found by this name alone, whatever the position of its clip in a set, so
sets may grow anywhere. It is valid only with its seal, a digest of extractor, clip and features.

A run stores its features in its own folder. The environment variable SVBENCH_CACHE names a second
folder shared by many runs, so that features of a reference set are extracted once for all models of
a lab. There the versions of the libraries that compute features are part of the path, as features
are not reproducible bit for bit across versions. Any number of processes may use it at once: files
are written atomically, equal features give equal files, and damaged files are ignored.

A file is NumPy's .npz of two arrays, `values` and `seal`, not compressed. A run that is resumed
loads one for each clip and extractor, mostly of a few kilobytes, and `numpy.load` takes five times
as long for it as reading the archive entry by entry, from its front, as is done here. The seal
alone decides whether the features are those that were saved.

References
----------
- PKWARE: .ZIP file format specification, 4.3.7 (local file header) and 4.5.3 (ZIP64).
- NumPy: A simple file format for NumPy arrays (NEP 1).
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import tempfile
from ast import literal_eval
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ConfigError
from svbench.files.seals import SEAL
from svbench.files.writing import MARK, replacing, writing_to
from svbench.types import Sample, Values

VALUES: Final = "values"  # the array of a file, beside its seal
CACHE: Final = "SVBENCH_CACHE"
COMPUTING: Final = ("numpy", "scipy", "librosa", "opencv-python-headless", "av", "torch")


def clip_key(sample: Sample) -> str:
    """Return the digest of the input of an extractor: the clip's arrays, and its caption if any."""
    if not sample.caption:
        return sample.digest
    return f"{sample.digest}-{hashlib.sha256(sample.caption.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class FeatureStore:
    """A folder of features.

    Parameters
    ----------
    root : Path
        the folder
    flag : str
        the setting that names it, for messages (Default value = "": none)
    """

    root: Path
    flag: str = ""

    def load(self, extractor: str, clip: str) -> Values | None:
        """Load the features of a clip, (k, D); None if there is no valid file."""
        path = self._path(extractor, clip)
        try:
            if not path.is_file():  # reading a pipe would block
                return None
            arrays = _arrays(path.read_bytes())
            values: Values = arrays[VALUES]
            return values if str(arrays[SEAL]) == _seal(extractor, clip, values) else None
        except Exception:  # whatever NumPy raises for a damaged file: it is extracted again
            return None

    def save(self, extractor: str, clip: str, values: Values) -> None:
        """Save the features of a clip, (k, D)."""
        seal = np.array(_seal(extractor, clip, values))
        # No fsync: a file damaged by a power failure does not match its seal.
        with (
            replacing(self._path(extractor, clip), self.flag, wait=False) as temporary,
            temporary.open("wb") as file,
        ):
            np.savez(file, values=values, seal=seal)

    def _path(self, extractor: str, clip: str) -> Path:
        return self.root / extractor / clip[:2] / f"{clip}.npz"


def shared_cache() -> FeatureStore | None:
    """Return the feature store that SVBENCH_CACHE names; None if it is not set.

    Raises
    ------
    ConfigError
        if it is not a writable folder, before any clip is generated
    """
    named = os.environ.get(CACHE, "")
    if not named:
        return None
    if not named.strip() or not named.isprintable():
        raise ConfigError(f"{CACHE}: found {named!r:.80}, expected the path of a folder")
    root = Path(named).expanduser()
    if root.exists() and not root.is_dir():
        raise ConfigError(f"{CACHE} {root}: found a file, expected a folder")
    with writing_to(root, CACHE):
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=root, suffix=MARK):
            pass
    return FeatureStore(root / _versions(), CACHE)


def _versions() -> str:
    """Return the folder name of the installed versions of the libraries that compute features."""
    versions = {name: version(name) for name in COMPUTING}
    return f"libraries-{hashlib.sha256(json.dumps(versions).encode()).hexdigest()[:12]}"


# --- files -------------------------------------------------------------------------------------

_ENTRY: Final = struct.Struct("<4s5H3L2H")  # a local file header, up to its name
_ENTRY_MARK: Final = b"PK\x03\x04"  # the directory behind the entries has another
_END_MARK: Final = b"PK\x05\x06"  # of the record at the end
_END: Final = 22  # bytes of it
_LONG: Final = 0xFFFFFFFF  # as a size: it stands in the extra field
_LONG_SIZES: Final = struct.Struct("<2HQQ")  # id 1, length, size, size as stored
_ARRAY: Final = struct.Struct("<6s2BH")  # a .npy header, version 1: mark, version, length
_ARRAY_MARK: Final = b"\x93NUMPY"


def _arrays(archive: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of an .npz that is not compressed, by name.

    Raises an error of any kind for other bytes.
    """
    if archive[-_END:][: len(_END_MARK)] != _END_MARK:
        raise ValueError("an archive that is cut")
    found, place = {}, 0
    while archive[place : place + 4] == _ENTRY_MARK:
        _, _, _, method, *_, size, _, named, extra = _ENTRY.unpack_from(archive, place)
        begin = place + _ENTRY.size + named + extra
        if size == _LONG:
            _, _, size, _ = _LONG_SIZES.unpack_from(archive, begin - extra)
        if method or begin + size > len(archive):
            raise ValueError("an entry is compressed, or cut")
        name = archive[place + _ENTRY.size :][:named].decode()
        found[name.removesuffix(".npy")] = _array(archive[begin : begin + size])
        place = begin + size
    return found


def _array(entry: bytes) -> NDArray[Any]:
    mark, major, _, length = _ARRAY.unpack_from(entry)
    begin = _ARRAY.size + length
    if (mark, major) != (_ARRAY_MARK, 1):
        raise ValueError("no array of version 1")
    dtype, shape, order = _form(entry[_ARRAY.size : begin])
    return np.frombuffer(entry, dtype, offset=begin).reshape(shape, order=order)


@lru_cache(maxsize=4096)
def _form(header: bytes) -> tuple[np.dtype[Any], tuple[int, ...], Literal["C", "F"]]:
    """Return dtype, shape and order of an array; many clips share them."""
    form = literal_eval(header.decode("latin1"))
    dtype = np.dtype(form["descr"])
    if dtype.hasobject:
        raise ValueError("an array of objects")
    return dtype, form["shape"], "F" if form["fortran_order"] else "C"


def _seal(extractor: str, clip: str, values: NDArray[Any]) -> str:
    """Return the digest of extractor, clip, and the array with its dtype and shape."""
    whole = hashlib.sha256(json.dumps([extractor, clip]).encode())
    whole.update(f"\n{values.dtype.str} {values.shape}\n".encode())
    whole.update(values.tobytes())
    return whole.hexdigest()
