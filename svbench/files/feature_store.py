"""Features on disk: what extractors measured, one file per extractor and clip.

    <folder>/<extractor>/<ab>/<clip>.npz

`clip` is the digest of the clip's arrays and, behind a hyphen, that of its caption: all that an
extractor sees. A file is found by that name alone, wherever its clip stands in a set, so a set may
grow at any place; it is trusted only by its seal, over whose features it holds and every number.

A run keeps its features in its folder. The environment variable SVBENCH_CACHE names a second
folder that many runs share, so that a reference set is measured once for all models of a lab. There
the versions of the libraries that compute features are part of the path, as features are not bit
for bit those of other versions. Any number of processes may use it at once: files appear whole, two
that measure the same clip write the same file, and a damaged one is as none.
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
    """Return the digests of all that an extractor sees: a clip's arrays, and its caption if any."""
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
        the setting that named it, for messages (Default value = "": none did)
    """

    root: Path
    flag: str = ""

    def load(self, extractor: str, clip: str) -> Values | None:
        """Return the features (k, D) of a clip, or None.

        Only a file that is as it was saved, for this clip, counts: any other is as none.
        """
        path = self._path(extractor, clip)
        try:
            if not path.is_file():  # a pipe would be waited for
                return None
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                values: Values = arrays[VALUES]
                sealed = str(arrays[SEAL]) == _seal(extractor, clip, values)
            return values if sealed else None
        except Exception:  # whatever NumPy makes of a damaged file: extracted again
            return None

    def save(self, extractor: str, clip: str, values: Values) -> None:
        """Keep the features of a clip."""
        seal = np.array(_seal(extractor, clip, values))
        # No wait for the disk: a file that a power cut damages has another seal.
        with (
            replacing(self._path(extractor, clip), self.flag, wait=False) as temporary,
            temporary.open("wb") as file,
        ):
            np.savez(file, values=values, seal=seal)

    def _path(self, extractor: str, clip: str) -> Path:
        return self.root / extractor / clip[:2] / f"{clip}.npz"


def shared_cache() -> FeatureStore | None:
    """Return the folder of features that SVBENCH_CACHE names, or None; raise if it is not one.

    What cannot be written to is found before any clip is made.
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
    """Return a short digest of the versions of all libraries that compute features."""
    versions = {name: version(name) for name in COMPUTING}
    return f"libraries-{hashlib.sha256(json.dumps(versions).encode()).hexdigest()[:12]}"


def _seal(extractor: str, clip: str, values: NDArray[Any]) -> str:
    """Hash whose features these are, and the array with its type and shape."""
    whole = hashlib.sha256(json.dumps([extractor, clip]).encode())
    whole.update(f"\n{values.dtype.str} {values.shape}\n".encode())
    whole.update(values.tobytes())
    return whole.hexdigest()
