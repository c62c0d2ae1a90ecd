"""The state of a training, and its checkpoints: all that is needed to resume it exactly.

    <folder>/checkpoints/00000500/record.json           the step and what decides the training
    <folder>/checkpoints/00000500/trained.safetensors   the trained weights, by name in JointUNet
    <folder>/checkpoints/00000500/optimizer.pt          the optimiser's state, the loss scale
    <folder>/checkpoints/00000500/joint/                the averaged weights, for `load_joint`

A checkpoint appears whole or not at all: it is written to a temporary folder and renamed; then
older ones are removed.
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
from diffusers.training_utils import EMAModel
from safetensors.torch import save_file
from torch import Tensor, nn

from svbench.baselines.checkpoints.ours import WEIGHTS, save_joint
from svbench.baselines.joint.unet import JointUNet
from svbench.baselines.training.settings import AverageOn
from svbench.errors import ConfigError, DataError
from svbench.files.text import read_object
from svbench.files.weights.loading import load_state
from svbench.files.writing import writing_to

CHECKPOINTS: Final = "checkpoints"
RECORD: Final = "record.json"
TRAINED: Final = "trained.safetensors"
OPTIMIZER: Final = "optimizer.pt"
JOINT: Final = "joint"
# Settings of trainings that are older than these options, whose records do not hold them.
UNRECORDED: Final = {"optimizer": "adamw", "ema_of": "trained"}


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """The content of a checkpoint; tensors are on the CPU when it was loaded."""

    step: int
    trained: Mapping[str, Tensor]
    averaged: Mapping[str, Tensor]
    optimizer: Mapping[str, Any]  # state dicts: "optimizer" and, for fp16, "scaler"


@dataclass(slots=True)
class TrainingState:
    """The trained weights, their moving average and the optimizer.

    Parameters
    ----------
    accelerator : Accelerator
        of this process
    joint : JointUNet
        the model
    trained : dict
        its trained parameters, by name
    optimizer : Optimizer
        as prepared by the accelerator
    folder : Path
        of the training
    made_by : mapping
        what decides the training: must be the same on resuming
    ema_on : "device" or "cpu"
        where the moving average lies: beside the weights, or in the CPU's memory (pinned, where the
        weights lie on a GPU)

    Notes
    -----
    The main process alone keeps an average: the weights are the same in all, and it writes them.
    """

    accelerator: Any
    joint: JointUNet
    trained: dict[str, nn.Parameter]
    optimizer: Any
    folder: Path
    made_by: Mapping[str, Any]
    ema_on: AverageOn = "device"
    average: Any = None  # EMAModel, untyped

    def resume(self) -> int:
        """Load the last checkpoint, if there is one; return the steps that are done."""
        checkpoint = load(self.folder, self.made_by)
        if checkpoint is not None:
            self.joint.load_state_dict(dict(checkpoint.trained), strict=False)
            self.optimizer.load_state_dict(checkpoint.optimizer["optimizer"])
            if self.accelerator.scaler is not None:
                self.accelerator.scaler.load_state_dict(checkpoint.optimizer["scaler"])
        if self.accelerator.is_main_process:
            self._begin_average(checkpoint)
        return 0 if checkpoint is None else checkpoint.step

    def _begin_average(self, checkpoint: Checkpoint | None) -> None:
        """Begin the moving average by the weights as they are, or go on with a checkpoint's."""
        decay = float(self.made_by["ema_decay"])
        self.average = EMAModel(self._for_average(), decay=decay, foreach=True)
        if checkpoint is not None:
            self.average.optimization_step = checkpoint.step
            for kept, name in zip(self.average.shadow_params, self._averaging, strict=True):
                kept.copy_(checkpoint.averaged[name])
        if self.ema_on == "cpu" and self.accelerator.device.type == "cuda":
            self.average.pin_memory()

    def update_average(self) -> None:
        """Take the weights after a step into the moving average."""
        if self.average is not None:
            self.average.step(self._for_average())

    @property
    def checkpoint_bytes(self) -> int:
        """Return the size of a checkpoint: trained weights, optimizer, averaged weights."""
        result = joint_weights(self.joint, self._averages())
        optimizer = self.optimizer.state_dict()["state"].values()
        held = [t for of in optimizer for t in of.values() if isinstance(t, Tensor)]
        return sum(t.nbytes for t in [*self.trained.values(), *held, *result.values()])

    def save(self, step: int) -> None:
        """Write a checkpoint."""
        if self.accelerator.is_main_process:
            states = {"optimizer": self.optimizer.state_dict()}
            if self.accelerator.scaler is not None:
                states["scaler"] = self.accelerator.scaler.state_dict()
            checkpoint = Checkpoint(step, self.trained, self._averages(), states)
            save(self.folder, self.joint, checkpoint, self.made_by)
        self.accelerator.wait_for_everyone()

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Put the averaged weights into the model within a context; on the main process alone."""
        if self.average is None:
            yield
            return
        self.average.store(self._averaging.values())
        # one after the other: EMAModel's own copy brings all averages to the device at once
        for weight, mean in zip(self._averaging.values(), self.average.shadow_params, strict=True):
            weight.data.copy_(mean)
        self.joint.eval()
        try:
            yield
        finally:
            self.joint.train()
            self.average.restore(self._averaging.values())

    def finish(self) -> Path:
        """Write the result, and return its folder."""
        result = self.folder / JOINT
        if self.accelerator.is_main_process:
            with replacing_folder(result) as temporary:
                save_averaged(temporary, self.joint, self._averages())
        self.accelerator.wait_for_everyone()
        return result

    @property
    def _averaging(self) -> dict[str, nn.Parameter]:
        """Return the trained weights that are averaged, by name."""
        if self.made_by["ema_of"] == "trained":
            return self.trained
        return {n: p for n, p in self.trained.items() if not n.startswith("unets.")}

    def _for_average(self) -> list[Any]:
        """Return the weights that are averaged, where the average lies."""
        if self.ema_on == "device":
            return list(self._averaging.values())
        # EMAModel only copies what needs no gradient; on a CPU these are the weights themselves
        return [p.detach().cpu().requires_grad_() for p in self._averaging.values()]

    def _averages(self) -> dict[str, Tensor]:
        """Return the trained weights, by name: averaged, or as they are where they are not."""
        averaged = dict(zip(self._averaging, self.average.shadow_params, strict=True))
        return {**self.trained, **averaged}


def save(
    folder: Path, joint: JointUNet, checkpoint: Checkpoint, made_by: Mapping[str, Any]
) -> None:
    """Write a checkpoint, then remove older ones."""
    target = folder / CHECKPOINTS / f"{checkpoint.step:08d}"
    with replacing_folder(target) as temporary:
        trained = {name: _contiguous(w) for name, w in checkpoint.trained.items()}
        save_file(trained, temporary / TRAINED)
        torch.save(dict(checkpoint.optimizer), temporary / OPTIMIZER)
        save_averaged(temporary / JOINT, joint, checkpoint.averaged)
        record = {"step": checkpoint.step, "made_by": dict(made_by)}
        (temporary / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    for older in _checkpoints(folder):
        if older != target:
            shutil.rmtree(older)


def save_averaged(folder: Path, joint: JointUNet, averaged: Mapping[str, Tensor]) -> None:
    """Write a joint model with the averaged weights; what was not trained stays as it is."""
    save_joint(folder, joint, joint_weights(joint, averaged))
    for file in folder.iterdir():
        file.chmod(0o644)  # safetensors writes files that only their owner may read


def joint_weights(joint: JointUNet, averaged: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what is written of a joint model: all that is trained, and all that was added."""
    added = {k: v for k, v in joint.state_dict().items() if not k.startswith("unets.")}
    return {**added, **averaged}


def load(folder: Path, made_by: Mapping[str, Any]) -> Checkpoint | None:
    """Load the last checkpoint, if there is one.

    Raises ConfigError if it was trained by other settings, DataError if it cannot be read.
    """
    found = _checkpoints(folder)
    if not found:
        return None
    path = found[-1]
    try:
        record = read_object(path / RECORD, "the record of a checkpoint")
        optimizer = torch.load(path / OPTIMIZER, map_location="cpu", weights_only=True)
        step, then = int(record["step"]), UNRECORDED | dict(record["made_by"])
    except Exception as error:  # torch raises many kinds; all mean an unreadable file
        raise DataError(
            f"{path}: found no readable checkpoint ({_line(error)}); "
            "delete the folder to start again"
        ) from error
    now = json.loads(json.dumps(dict(made_by)))
    for key, value in sorted(now.items(), key=lambda item: item[0] not in then):
        if then.get(key) != value:
            raise ConfigError(
                f"{path}: was trained with {key} {then.get(key)!r}, found {value!r}; "
                "use the same settings to go on, or another --out"
            )
    trained = load_state(path / TRAINED)
    averaged = load_state(path / JOINT / WEIGHTS)
    return Checkpoint(step, trained, {name: averaged[name] for name in trained}, optimizer)


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder, and rename it to `target`: it is written whole or not at all."""
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
    """Return the complete checkpoints, oldest first."""
    return sorted(path for path in (folder / CHECKPOINTS).glob("[0-9]*") if path.is_dir())


def _line(error: Exception) -> str:
    """Return the first line of a library's error message."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _contiguous(weight: Tensor) -> Tensor:
    return weight.detach().cpu().contiguous()
