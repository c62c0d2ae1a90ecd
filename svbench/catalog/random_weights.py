"""A folder of random weights of true size: what `svbench weights random` writes.

Base models and joint weights lie in the folder itself, for `--scale paper --weights OUT`; the
networks of metrics in its subfolder `networks`, for SVBENCH_WEIGHTS. What is there already is kept,
so that an interrupted command goes on when it is run again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from svbench.baselines.joint.mixers import MixerKind, mixer_kind
from svbench.catalog.systems import ADJUSTED
from svbench.errors import ConfigError, DataError, StoppedError
from svbench.files.locking import locked, remove_partial_files
from svbench.files.text import read_object
from svbench.files.weights.random_files import (
    NETWORKS,
    RandomFile,
    RandomMerges,
    RandomTokenizer,
    is_random,
    network_file,
)
from svbench.files.writing import write_text
from svbench.limits import check_distinct, known
from svbench.pace import Progress, silent

if TYPE_CHECKING:
    from svbench.baselines.checkpoints.architectures import Architecture

RECORD: Final = "random-weights.json"
FORMAT: Final = "svbench-random-weights-1"
FOLDER: Final = "networks"  # of metrics
JOINT: Final = "joint"  # of `PARTS`: base models and joint weights
PARTS: Final = (JOINT, *NETWORKS)
SIZES: Final = ("paper", "tiny")  # of a joint model; tiny is for tests
SPARE: Final = 1 << 26  # bytes of free disk beside the weights, for configurations and vocabularies

_NAMES: Final = ("audio", "video", "motion", "joint", "bases.json", FOLDER)

Weights = RandomFile | RandomMerges | RandomTokenizer


@dataclass(frozen=True, slots=True)
class RandomWeights:
    """What is written, and what decides its numbers.

    Parameters
    ----------
    mixers : sequence of str
        of the joint weights, names of `baselines.joint.mixers.MIXERS`; the paper's own is usual
    parts : sequence of str
        of `PARTS` (Default value = all)
    size : str
        of the joint model, of `SIZES`; networks of metrics are always of true size
    seed : int
        of all numbers

    Raises
    ------
    ConfigError
        for names that are unknown
    """

    mixers: Sequence[str] = ADJUSTED
    parts: Sequence[str] = PARTS
    size: str = SIZES[0]
    seed: int = 0

    def __post_init__(self) -> None:
        for name in self.parts:
            known(dict.fromkeys(PARTS), name, "only")
        known(dict.fromkeys(SIZES), self.size, "size")
        check_distinct("--mixer", self.mixers)
        _ = self.kinds

    @property
    def kinds(self) -> list[MixerKind]:
        """Return the mixers."""
        return [mixer_kind(name) for name in self.mixers]

    def files(self) -> list[Weights]:
        """Return the files of weights, the smaller parts of a model first."""
        names = [name for name in NETWORKS if name in self.parts]
        networks: list[Weights] = [network_file(name, Path(FOLDER)) for name in names]
        if JOINT not in self.parts:
            return networks
        from svbench.baselines.checkpoints.random_model import weight_files

        return [*weight_files(self._architecture, self.kinds), *networks]

    def write_settings(self, out: Path) -> None:
        """Write what of a joint model is no weights."""
        if JOINT in self.parts:
            from svbench.baselines.checkpoints.random_model import write_settings

            write_settings(out, self._architecture, self.kinds)

    def joint_folders(self, out: Path) -> list[Path]:
        """Return the folders of joint models in `out`, one a mixer: what `--weights` takes."""
        if JOINT not in self.parts:
            return []
        from svbench.baselines.checkpoints.random_model import mixer_folder

        return [out / mixer_folder(kind) for kind in self.kinds]

    @property
    def has_networks(self) -> bool:
        """Return whether networks of metrics are written."""
        return any(name in NETWORKS for name in self.parts)

    @property
    def _architecture(self) -> Architecture:
        from svbench.baselines.checkpoints.architectures import ARCHITECTURES

        return {str(size): shape for size, shape in ARCHITECTURES.items()}[self.size]


def write(
    out: Path,
    wanted: RandomWeights,
    progress: Progress = silent,
    notify: Callable[[str], None] = lambda _line: None,
) -> None:
    """Write a folder of random weights, or what it lacks.

    Parameters
    ----------
    out : Path
        the folder; made if absent
    wanted : RandomWeights
        what is written
    progress : Progress
        shows the numbers written so far (Default value = silent)
    notify : callable
        called with a line for each file

    Raises
    ------
    ConfigError
        if the folder is not one of ours, or holds other random weights
    DataError
        if a file in it is not random
    StoppedError
        if the disk is too small; the same call goes on
    """
    _check_ours(out, wanted)
    with locked(out):
        _check_ours(out, wanted)
        remove_partial_files(out, _NAMES)
        missing = list(_missing(out, wanted.files()))
        _check_space(out, sum(file.size for file in missing))
        write_text(out / RECORD, json.dumps(_record(wanted), indent=2) + "\n")
        wanted.write_settings(out)
        with progress("random weights: megabytes", sum(map(_megabytes, missing))) as advance:
            for file in missing:
                file.write(out, wanted.seed)
                notify(f"{out / file.path}: {file.parameters:,} random numbers")
                advance(_megabytes(file))


def _record(wanted: RandomWeights) -> dict[str, str | int]:
    return {"format": FORMAT, "seed": wanted.seed, "size": wanted.size}


def _check_ours(out: Path, wanted: RandomWeights) -> None:
    """Raise ConfigError unless the folder holds nothing yet, or weights of the same settings."""
    if not (out / RECORD).is_file():
        there = [name for name in (*_NAMES, *wanted.mixers) if os.path.lexists(out / name)]
        if there:
            raise ConfigError(
                f"{out}: found {', '.join(there)} there, but no {RECORD}, expected a new folder"
            )
        return
    found = read_object(out / RECORD, "what random weights were written")
    for name, value in _record(wanted).items():
        if found.get(name) != value:
            raise ConfigError(
                f"{out}: found random weights of {name} {found.get(name)!r:.60}, expected "
                f"{value!r}; choose another folder"
            )


def _missing(out: Path, files: Sequence[Weights]) -> Iterator[Weights]:
    """Yield the files that are not there yet; a file is written whole or not at all."""
    for file in files:
        path = out / file.path
        if not path.exists():
            yield file
        elif not is_random(path):
            raise DataError(f"{path}: found other weights, expected those of svbench: {RECORD}")


def _check_space(out: Path, needed: int) -> None:
    free = shutil.disk_usage(out).free
    if needed and free < needed + SPARE:
        raise StoppedError(
            f"{out}: found {free / 1e9:.1f} GB free, expected {(needed + SPARE) / 1e9:.1f} GB; "
            "free some space, then run the same command again"
        )


def _megabytes(file: Weights) -> int:
    return -(-file.size // 1_000_000)
