"""Training the joint model: the loop, by accelerate, on one or many processes.

One process or several, see `processes`.

The batch of a step follows from the seed and the number of the step alone (`batches`). So a
training that was stopped resumes from its last checkpoint as if it had not been, and any number of
processes compute the same (up to the rounding of sums). The clips of a step are divided evenly
among the processes; each takes as many at once as fit its memory, and accumulates gradients.

Beside the weights, their exponential moving average is kept; it is what is sampled from, and the
result.

References
----------
- M. Ishii et al., section 4.1 and appendix A; the released code's script for what they leave open
  (gradient clipping, the moving average); see `presets`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from svbench.baselines.joint.ddim import NoiseSchedule
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.unet import JointUNet
from svbench.baselines.training.batches import Batch, LatentDataset, batches_of_step, make_batch
from svbench.baselines.training.loss import base_loss, joint_loss
from svbench.baselines.training.parameters import make_optimizer, set_trainable
from svbench.baselines.training.processes import processes
from svbench.baselines.training.settings import BASES, TrainSettings
from svbench.baselines.training.state import TrainingState
from svbench.errors import ConfigError

MEASURED: Final = 20  # steps after which the costs of a training are known


@dataclass(frozen=True, slots=True)
class Report:
    """The losses of a step; steps count from 1."""

    step: int
    losses: Pair[float | None]  # None: that modality is not trained
    rate: float
    seconds: float


class TrainCallback:
    """Is called during a training, on the main process alone; this one does nothing."""

    def begin(self, step: int) -> None:
        """Is called once, with the number of steps that are done already."""

    def report(self, report: Report) -> None:
        """Is called after every step."""

    def measured(self, checkpoint: int) -> None:
        """Is called once, after the first `MEASURED` steps (or all), with a checkpoint's bytes."""

    def preview(self, step: int, joint: JointUNet) -> None:
        """Is called with the averaged weights in place, to sample from them."""


def train(
    joint: JointUNet,
    schedules: Pair[NoiseSchedule],
    dataset: LatentDataset,
    settings: TrainSettings,
    folder: Path,
    *,
    rows: int,
    made_by: Mapping[str, Any],
    callback: TrainCallback,
    cpu: bool = False,
) -> Path:
    """Train, or resume a training, and return the folder of the result.

    Parameters
    ----------
    joint : JointUNet
        as it is before the first step; changed in place, moved to the device
    schedules : Pair of NoiseSchedule
        of the base models
    dataset : LatentDataset
        the training clips
    settings : TrainSettings
        the recipe
    folder : Path
        for `checkpoints/` and the result, `joint/`
    rows : int
        rows of audio latents that its U-Net takes
    made_by : mapping
        what else decides the result (data, base models): must be the same on resuming
    callback : TrainCallback
        is called at every step
    cpu : bool
        train on the CPU even where there is a GPU

    Returns
    -------
    result : Path
        the averaged weights, for `load_joint`

    Raises
    ------
    ConfigError
        where the settings do not fit the processes, the checkpoint or what is done already, or a
        loss is no number
    """
    accelerator = _accelerator(settings, cpu)
    trained = set_trainable(joint.train(), settings.trainable)
    set_checkpointing(joint, settings.checkpointing)
    optimizer = make_optimizer(trained, settings)
    model, optimizer = accelerator.prepare(joint, optimizer)
    decisive = {**settings.decisive, **made_by, "clips": len(dataset)}
    state = TrainingState(accelerator, joint, trained, optimizer, folder, decisive, settings.ema_on)
    optimization = _Optimization(
        accelerator, model, schedules, dataset, settings, rows, trained, optimizer
    )
    first = state.resume()
    _check_length(first, settings)
    main = accelerator.is_main_process
    called = callback if main else TrainCallback()
    called.begin(first)
    for step in range(first, settings.steps):
        called.report(optimization.step(step, state))
        if main and step + 1 == min(first + MEASURED, settings.steps):
            called.measured(state.checkpoint_bytes)
        if (step + 1) % settings.save_every == 0 or step + 1 == settings.steps:
            state.save(step + 1)
        if settings.preview_every and (step + 1) % settings.preview_every == 0:
            with state.averaged():
                called.preview(step + 1, joint)
            accelerator.wait_for_everyone()
    return state.finish()


@dataclass(frozen=True, slots=True)
class _Optimization:
    """Steps of gradient descent."""

    accelerator: Any
    model: Any  # the joint U-Net, wrapped by accelerate
    schedules: Pair[NoiseSchedule]
    dataset: LatentDataset
    settings: TrainSettings
    rows: int
    trained: Mapping[str, nn.Parameter]
    optimizer: Any

    def step(self, step: int, state: TrainingState) -> Report:
        """Take a step, counted from 0, and update the moving average."""
        began, rate = time.monotonic(), self.settings.rate_at(step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        losses = [
            self._accumulate(positions)
            for positions in batches_of_step(self.settings, step, self.accelerator)
        ]
        state.update_average()
        report = Report(step + 1, self._mean(losses), rate, time.monotonic() - began)
        _check(report, self.settings)
        return report

    def _accumulate(self, positions: range) -> Pair[Tensor | None]:
        """Add the gradients of a batch; at the last one of the step, change the weights."""
        batch = make_batch(self.dataset, self.settings, positions, self.accelerator.device)
        with self.accelerator.accumulate(self.model):
            losses = self._losses(batch)
            self.accelerator.backward(sum(loss for loss in losses if loss is not None))
            if self.accelerator.sync_gradients:
                parameters = list(self.trained.values())
                self.accelerator.clip_grad_norm_(parameters, self.settings.clip)
            self.optimizer.step()
            self.optimizer.zero_grad()
        return losses.map(lambda loss: None if loss is None else loss.detach())

    def _losses(self, batch: Batch) -> Pair[Tensor | None]:
        """Compute both losses, or that of the base model which is trained alone."""
        inputs = (self.model, batch.latents, batch.text, batch.draw, self.schedules, self.rows)
        if self.settings.trainable in BASES:
            trained = BASES.map(lambda name: name == self.settings.trainable)
            return base_loss(*inputs, trained=trained)
        return joint_loss(*inputs).losses

    def _mean(self, losses: list[Pair[Tensor | None]]) -> Pair[float | None]:
        """Return the mean losses of a step, over its batches and all processes."""
        known = [torch.stack([x for x in pair if x is not None]) for pair in losses]
        means = iter(self.accelerator.reduce(torch.stack(known).mean(0), "mean").tolist())
        return losses[0].map(lambda loss: None if loss is None else next(means))


def check_batch(settings: TrainSettings, cpu: bool) -> int:
    """Return how many clips all processes take at once; a batch is a multiple of it."""
    count = int(processes(cpu).num_processes)
    share = count * settings.at_once
    if settings.batch % share:
        raise ConfigError(
            f"--batch: found {settings.batch}, expected a multiple of {share} "
            f"({count} processes, {settings.at_once} clips at once)"
        )
    return share


def _check_length(done: int, settings: TrainSettings) -> None:
    """Refuse a training that is shorter than what is done of it; it may be made longer."""
    if settings.steps < done:
        raise ConfigError(
            f"--steps: found {settings.steps}, expected at least the {done} that are trained "
            "already (--epochs makes steps, too); a shorter training needs another --out"
        )


def check_precision(settings: TrainSettings, cpu: bool) -> None:
    """Refuse half precision with a loss scale where there is no GPU that computes in it."""
    kind = processes(cpu).device.type
    if settings.precision == "fp16" and kind == "cpu":
        raise ConfigError(
            "--precision: found fp16 on a CPU, expected a GPU, or --precision no (or bf16) beside "
            "the other settings"
        )


def _accelerator(settings: TrainSettings, cpu: bool) -> Accelerator:
    share = check_batch(settings, cpu)
    return Accelerator(
        cpu=cpu,
        mixed_precision=settings.precision,
        gradient_accumulation_steps=settings.batch // share,
    )


def set_checkpointing(joint: JointUNet, enabled: bool) -> None:
    """Switch gradient checkpointing: recompute activations in the backward pass."""
    joint.checkpointing = enabled
    for unet in joint.unets:
        if enabled:
            unet.enable_gradient_checkpointing()
        else:
            unet.disable_gradient_checkpointing()


def _check(report: Report, settings: TrainSettings) -> None:
    """Refuse a loss that is no number; in half precision accelerate skips such steps."""
    known = [loss for loss in report.losses if loss is not None]
    if settings.precision != "fp16" and not np.isfinite(known).all():
        raise ConfigError(
            f"step {report.step}: the loss came out as {tuple(report.losses)}, expected numbers; "
            "try a lower --rate, and --precision no"
        )
