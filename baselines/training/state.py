"""Checkpoints of a training: all that is needed to go on as if nothing had happened.

    <folder>/checkpoints/00000500/record.json           the step and what it was trained by
    <folder>/checkpoints/00000500/trained.safetensors   the trained weights, by name in JointUNet
    <folder>/checkpoints/00000500/optimizer.pt          the optimiser's state, the loss scale
    <folder>/checkpoints/00000500/joint/                the averaged weights, for `load_joint`

A checkpoint appears whole or not at all: it is written beside and renamed. Then older ones go.
No state of a random generator is kept: all that is drawn follows from the seed and the step.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file
from torch import Tensor

from svbench.baselines.checkpoints.ours import WEIGHTS, save_joint
from svbench.baselines.joint.unet import JointUNet
from svbench.errors import ConfigError, DataError
from svbench.files.text import read_object
from svbench.files.weights.loading import load_state
from svbench.files.writing import writing_to

CHECKPOINTS: Final = "checkpoints"
RECORD: Final = "record.json"
TRAINED: Final = "trained.safetensors"
OPTIMIZER: Final = "optimizer.pt"
JOINT: Final = "joint"
# What was done before there was a choice, without a word in the record.
UNRECORDED: Final = {"optimizer": "adamw", "ema_of": "trained"}


@dataclass(frozen=True, slots=True, eq=False)
class TrainState:
    """A training after so many steps; tensors are on the CPU when it was read."""

    step: int
    trained: Mapping[str, Tensor]
    averaged: Mapping[str, Tensor]
    optimizer: Mapping[str, Any]  # state dicts: "optimizer" and, for fp16, "scaler"


def save(folder: Path, joint: JointUNet, state: TrainState, made_by: Mapping[str, Any]) -> None:
    """Write a checkpoint, then remove older ones."""
    target = folder / CHECKPOINTS / f"{state.step:08d}"
    with replacing_folder(target) as temporary:
        save_file({name: _plain(w) for name, w in state.trained.items()}, temporary / TRAINED)
        torch.save(dict(state.optimizer), temporary / OPTIMIZER)
        save_averaged(temporary / JOINT, joint, state.averaged)
        record = {"step": state.step, "made_by": dict(made_by)}
        (temporary / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    for older in _checkpoints(folder):
        if older != target:
            shutil.rmtree(older)


def save_averaged(folder: Path, joint: JointUNet, averaged: Mapping[str, Tensor]) -> None:
    """Write a joint model with the averaged weights; what was not trained stays as it is."""
    added = {k: v for k, v in joint.state_dict().items() if not k.startswith("unets.")}
    save_joint(folder, joint, {**added, **averaged})
    for file in folder.iterdir():
        file.chmod(0o644)  # safetensors makes files that their owner alone may read


def last_step(folder: Path) -> int:
    """Tell how far a training came, by its last checkpoint."""
    found = _checkpoints(folder)
    return int(found[-1].name) if found else 0


def load(folder: Path, made_by: Mapping[str, Any]) -> TrainState | None:
    """Read the last checkpoint, if there is one; refuse one that was trained by other settings."""
    found = _checkpoints(folder)
    if not found:
        return None
    path = found[-1]
    try:
        record = read_object(path / RECORD, "the record of a checkpoint")
        optimizer = torch.load(path / OPTIMIZER, map_location="cpu", weights_only=True)
        step, then = int(record["step"]), UNRECORDED | dict(record["made_by"])
    except Exception as error:  # torch raises many kinds; all mean the same here
        raise DataError(
            f"{path}: found no readable checkpoint ({_line(error)}); "
            "delete the folder to begin anew"
        ) from error
    for key, value in json.loads(json.dumps(dict(made_by))).items():
        if then.get(key) != value:
            raise ConfigError(
                f"{path}: was trained with {key} {then.get(key)!r}, found {value!r}; "
                "use the same settings to go on, or another --out"
            )
    trained = load_state(path / TRAINED)
    averaged = load_state(path / JOINT / WEIGHTS)
    return TrainState(step, trained, {name: averaged[name] for name in trained}, optimizer)


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Write a folder whole or not at all: give a temporary one, then rename it to `target`."""
    temporary = target.with_name(f".{target.name}.part")
    try:
        with writing_to(target):
            shutil.rmtree(temporary, ignore_errors=True)  # of a process that was killed
            temporary.mkdir(parents=True)
            yield temporary
            for file in temporary.rglob("*"):
                if file.is_file():
                    with file.open("rb") as written:
                        os.fsync(written.fileno())
            if target.exists():
                shutil.rmtree(target)
            temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _checkpoints(folder: Path) -> list[Path]:
    """Give the whole checkpoints, oldest first."""
    return sorted(path for path in (folder / CHECKPOINTS).glob("[0-9]*") if path.is_dir())


def _line(error: Exception) -> str:
    """Return the first line of what a library says."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _plain(weight: Tensor) -> Tensor:
    return weight.detach().cpu().contiguous()
