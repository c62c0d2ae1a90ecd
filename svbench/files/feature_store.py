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
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

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
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                values: Values = arrays[VALUES]
                sealed = str(arrays[SEAL]) == _seal(extractor, clip, values)
            return values if sealed else None
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


def _seal(extractor: str, clip: str, values: NDArray[Any]) -> str:
    """Return the digest of extractor, clip, and the array with its dtype and shape."""
    whole = hashlib.sha256(json.dumps([extractor, clip]).encode())
    whole.update(f"\n{values.dtype.str} {values.shape}\n".encode())
    whole.update(values.tobytes())
    return whole.hexdigest()
