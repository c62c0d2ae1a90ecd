"""What runs on a worker of a Ray cluster, and what a node must have in common with the driver.

Nothing is copied to nodes: code, weights, clips and the run folder are found there by the same
paths, on a file system that all nodes share. So each worker says what it found before it computes;
the digests of weights are checked where they are loaded.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from threading import Lock
from typing import Any, Final

from svbench.compute import digest_file, installed
from svbench.engines.pickled_work import Loaded, answer
from svbench.errors import ConfigError

COMPUTING: Final = ("numpy", "scipy", "numba", "librosa", "soxr", "opencv-python-headless", "av")
NETWORKS: Final = ("torch", "transformers", "diffusers")
OTHERWISE: Final = "--engine local"
ABSENT: Final = "none"


@dataclass(frozen=True, slots=True)
class Site:
    """What decides results in a process: its code, libraries, files and hardware."""

    node: str
    python: str
    versions: tuple[tuple[str, str], ...]
    code: str  # digest of the modules of svbench
    proof: str  # digest of a file of the run folder
    hardware: str  # names of GPUs, or of the processor

    def differs_from(self, other: Site) -> str | None:
        """Return in words what is not the same as in the driver's process, or None."""
        if self.code != other.code:  # first: only then is the rest of one form
            return f"svbench of digest {self.code}, expected {other.code} as on the driver's"
        if self.python != other.python:
            return f"Python {self.python}, expected {other.python} as on the driver's"
        for (name, found), (_, expected) in zip(self.versions, other.versions, strict=True):
            if found != expected:
                return f"{name} {found}, expected {expected} as on the driver's"
        if self.proof != other.proof:
            return (
                "another run folder or none, expected that of the driver: it must lie on a file "
                "system that all nodes share"
            )
        return None


def site(proof: Path | None, *, gpus: bool) -> Site:
    """Return what decides results in this process.

    Parameters
    ----------
    proof : Path or None
        a file of the run folder; None: there is none
    gpus : bool
        whether torch is asked for the names of GPUs, which takes seconds
    """
    return Site(
        node=platform.node(),
        python=platform.python_version(),
        versions=tuple((name, _version(name)) for name in (*COMPUTING, *NETWORKS)),
        code=code_digest(),
        proof=_digest(proof) if proof is not None else ABSENT,
        hardware=(_gpus() if gpus else "") or _processor(),
    )


def code_digest() -> str:
    """Return the digest of svbench's modules, which lie below its package."""
    whole = hashlib.sha256()
    top = Path(__file__).parents[1]
    files = (
        Path(folder) / name
        for folder, _, names in os.walk(top, followlinks=True)  # rooms are links in a checkout
        for name in names
        if name.endswith(".py")
    )
    for path in sorted(files):
        whole.update(f"{path.relative_to(top).as_posix()}\n".encode() + path.read_bytes())
    return whole.hexdigest()[:12]


class RayActor:
    """An actor: it loads work once, and computes shards of it; see `svbench.engines.ray_cluster`.

    Parameters
    ----------
    proof : Path or None
        as of `site`
    folder : str
        the working folder of the driver, from which paths are counted
    gpus : bool
        as of `site`
    """

    def __init__(self, proof: Path | None, folder: str, *, gpus: bool) -> None:
        os.dup2(2, 1)  # what libraries print goes to standard error, which Ray keeps in its logs
        self._folder = folder
        self._proof, self._gpus = proof, gpus
        self._loaded = Loaded(OTHERWISE)
        self._number = -1  # of the work that is loaded
        self._loading = Lock()

    def site(self) -> bytes:
        """Return what decides results here, as an answer."""
        return answer(self._site)

    def ping(self) -> None:
        """Return, if this worker is there."""

    def compute(self, number: int, work: list[Any], shard: Any) -> bytes:
        """Return the answer to a shard; `work` holds a reference to the work of this number."""
        return answer(partial(self._compute, number, work, shard))

    def _site(self) -> Site:
        """Return what decides results here; raise ConfigError without the working folder."""
        try:
            os.chdir(self._folder)
        except OSError as error:
            raise ConfigError(
                f"--engine ray: node {platform.node()}: {self._folder}: cannot be entered "
                f"({error.strerror}), expected the working folder of the driver, on a file system "
                "that all nodes share"
            ) from error
        return site(self._proof, gpus=self._gpus)

    def _compute(self, number: int, work: list[Any], shard: Any) -> Any:
        import ray

        with self._loading:
            if number != self._number:
                self._loaded.load(ray.get(work[0]))
                self._number = number
        return self._loaded.compute(None, shard)


def _version(package: str) -> str:
    try:
        return installed(package)
    except PackageNotFoundError:
        return ABSENT


def _digest(path: Path) -> str:
    try:
        return digest_file(path)[:12]
    except OSError:
        return ABSENT


def _gpus() -> str:
    import torch

    names = {torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())}
    return ", ".join(sorted(names))


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
