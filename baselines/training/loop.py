"""Training the joint model: the loop, by accelerate, on one or many processes.

    accelerate launch -m svbench train ...     several processes, each on a device of its own
    svbench train ...                          one process

What a step learns follows from the seed and the number of the step alone: which clips, which
noise levels, which noise. So a training that was stopped goes on from its last checkpoint as if
nothing had happened, and as many processes as you like learn the same (up to the rounding of
sums). A step's clips are dealt evenly among the processes, and each takes as many at once as
fit its memory, adding up gradients.

Beside the weights, their moving average is kept; it is what is sampled from, and the result.

References
----------
- M. Ishii et al., section 4.1 and appendix A; the released code's script for what they leave open
  (gradients cut to length 1, the moving average); see `training_presets`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator, PartialState
from diffusers.training_utils import EMAModel
from torch import Tensor, nn

from svbench.baselines.joint.ddim import NoiseSchedule
from svbench.baselines.joint.pair import Modal
from svbench.baselines.joint.unet import JointUNet
from svbench.baselines.training import state as training_state
from svbench.baselines.training.loss import Draw, base_loss, draw, joint_loss, without_captions
from svbench.baselines.training.parameters import choose, make_optimizer
from svbench.baselines.training.settings import BASES, TrainSettings
from svbench.baselines.training.state import TrainState
from svbench.errors import ConfigError


class Lessons(Protocol):
    """The clips to learn from, as latents."""

    def __len__(self) -> int:
        """Count the clips."""
        ...

    def latents(self, clips: list[int]) -> Modal[Tensor]:
        """Give clean latents, sound (B, C, rows, F) and video (B, C, T, H, W)."""
        ...

    def captions(self, clips: list[int]) -> Modal[Tensor]:
        """Give captions, sound (B, D) and video (B, L, D')."""
        ...

    @property
    def empty(self) -> Modal[Tensor]:
        """Give the empty caption, (1, ...)."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """What happened in a step; steps count from 1."""

    step: int
    losses: Modal[float | None]  # None: that modality is not trained
    rate: float
    seconds: float


class Watch:
    """Sees a training go by, on the main process alone; this one does nothing."""

    def begin(self, step: int) -> None:
        """Learn after how many steps the training begins, or goes on."""

    def report(self, report: Report) -> None:
        """Learn what happened in a step."""

    def preview(self, step: int, joint: JointUNet) -> None:
        """Sample from the averaged weights, if you like."""


def train(
    joint: JointUNet,
    schedules: Modal[NoiseSchedule],
    lessons: Lessons,
    settings: TrainSettings,
    folder: Path,
    *,
    rows: int,
    made_by: Mapping[str, Any],
    watch: Watch,
    cpu: bool = False,
) -> Path:
    """Train, or go on training, and give the folder of the result.

    Parameters
    ----------
    joint : JointUNet
        as it is before the first step; changed in place, moved to the device
    schedules : Modal of NoiseSchedule
        of the base models
    lessons : Lessons
        what to learn from
    settings : TrainSettings
        how
    folder : Path
        for `checkpoints/` and the result, `joint/`
    rows : int
        rows of sound that its U-Net takes
    made_by : mapping
        what else decides the result (data, base models): must be the same on resuming
    watch : Watch
        is told of every step
    cpu : bool
        train on the CPU even where there is a GPU

    Returns
    -------
    result : Path
        the averaged weights, for `load_joint`
    """
    accelerator = _accelerator(settings, cpu)
    trained = choose(joint.train(), settings.trainable)
    _trade_memory(joint, settings.checkpointing)
    optimizer = make_optimizer(trained, settings)
    model, optimizer = accelerator.prepare(joint, optimizer)
    course = _Course(
        accelerator,
        joint,
        trained,
        optimizer,
        folder,
        {**settings.decisive, **made_by, "clips": len(lessons)},
    )
    first = course.resume()
    if accelerator.is_main_process:
        watch.begin(first)
    for step in range(first, settings.steps):
        began, rate = time.monotonic(), settings.rate_at(step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        seen = []
        for places in _places(settings, step, accelerator):
            latents, captions, lesson = _drawn(lessons, settings, places, accelerator.device)
            with accelerator.accumulate(model):
                losses = _judged(model, latents, captions, lesson, schedules, rows, settings)
                accelerator.backward(sum(losses.values()))
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(list(trained.values()), settings.clip)
                optimizer.step()
                optimizer.zero_grad()
            seen.append(torch.stack([loss.detach() for loss in losses.values()]))
        course.average.step(course.averaging.values())
        mean = accelerator.reduce(torch.stack(seen).mean(0), "mean").tolist()
        told = dict(zip(losses, mean, strict=True))
        both = Modal(told.get("audio"), told.get("video"))
        report = Report(step + 1, both, rate, time.monotonic() - began)
        _check(report, settings)
        if accelerator.is_main_process:
            watch.report(report)
        if (step + 1) % settings.save_every == 0 or step + 1 == settings.steps:
            course.save(step + 1)
        if settings.preview_every and (step + 1) % settings.preview_every == 0:
            with course.averaged():
                if accelerator.is_main_process:
                    watch.preview(step + 1, joint)
            accelerator.wait_for_everyone()
    return course.finish()


def order(count: int, seed: int, places: range) -> list[int]:
    """Give the clips at some places of an endless order: all clips, shuffled, again and again."""
    epochs = range(places.start // count, (places.stop - 1) // count + 1)
    shuffled = {e: np.random.default_rng([seed, e]).permutation(count) for e in epochs}
    return [int(shuffled[place // count][place % count]) for place in places]


def generator(seed: int, place: int) -> torch.Generator:
    """Give the generator of the clip at a place of the order."""
    state = np.random.SeedSequence([seed, 1, place]).generate_state(2)
    return torch.Generator().manual_seed(int(state[0]) << 31 ^ int(state[1]))


@dataclass(slots=True)
class _Course:
    """What changes while a training runs, and how it is kept."""

    accelerator: Any
    joint: JointUNet
    trained: dict[str, nn.Parameter]
    optimizer: Any
    folder: Path
    made_by: Mapping[str, Any]
    average: Any = None

    def resume(self) -> int:
        """Go on from the last checkpoint; give the steps that are done."""
        state = training_state.load(self.folder, self.made_by)
        if state is not None:
            self.joint.load_state_dict(dict(state.trained), strict=False)
            self.optimizer.load_state_dict(state.optimizer["optimizer"])
            if self.accelerator.scaler is not None:
                self.accelerator.scaler.load_state_dict(state.optimizer["scaler"])
        self.average = EMAModel(self.averaging.values(), decay=self._decay(), foreach=True)
        if state is None:
            return 0
        self.average.optimization_step = state.step
        for kept, name in zip(self.average.shadow_params, self.averaging, strict=True):
            kept.copy_(state.averaged[name])
        return state.step

    def save(self, step: int) -> None:
        """Write a checkpoint."""
        if self.accelerator.is_main_process:
            states = {"optimizer": self.optimizer.state_dict()}
            if self.accelerator.scaler is not None:
                states["scaler"] = self.accelerator.scaler.state_dict()
            state = TrainState(step, self.trained, self._averages(), states)
            training_state.save(self.folder, self.joint, state, self.made_by)
        self.accelerator.wait_for_everyone()

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Put the averaged weights into the model for a while."""
        self.average.store(self.averaging.values())
        self.average.copy_to(self.averaging.values())
        self.joint.eval()
        try:
            yield
        finally:
            self.joint.train()
            self.average.restore(self.averaging.values())

    def finish(self) -> Path:
        """Write the result."""
        result = self.folder / training_state.JOINT
        if self.accelerator.is_main_process:
            with training_state.replacing_folder(result) as temporary:
                training_state.save_averaged(temporary, self.joint, self._averages())
        self.accelerator.wait_for_everyone()
        return result

    @property
    def averaging(self) -> dict[str, nn.Parameter]:
        """Return the trained weights that are averaged, by name."""
        if self.made_by["ema_of"] == "trained":
            return self.trained
        return {n: p for n, p in self.trained.items() if not n.startswith("unets.")}

    def _averages(self) -> dict[str, Tensor]:
        """Return the trained weights, by name: averaged, or as they are where they are not."""
        return {
            **self.trained,
            **dict(zip(self.averaging, self.average.shadow_params, strict=True)),
        }

    def _decay(self) -> float:
        return float(self.made_by["ema_decay"])


def check_batch(settings: TrainSettings, cpu: bool) -> int:
    """Return how many clips all processes take at once; a batch is so many, or several times."""
    processes = int(PartialState(cpu=cpu).num_processes)
    share = processes * settings.at_once
    if settings.batch % share:
        raise ConfigError(
            f"--batch: found {settings.batch}, expected a multiple of {share} "
            f"({processes} processes, {settings.at_once} clips at once)"
        )
    return share


def check_precision(settings: TrainSettings, cpu: bool) -> None:
    """Refuse half precision with a loss scale where there is no GPU that computes in it."""
    kind = PartialState(cpu=cpu).device.type
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


def _trade_memory(joint: JointUNet, wanted: bool) -> None:
    """Compute forward passes again in the backward pass, instead of keeping their insides."""
    joint.checkpointing = wanted
    for unet in joint.unets.values():
        base: Any = unet
        if wanted:
            base.enable_gradient_checkpointing()
        else:
            base.disable_gradient_checkpointing()


def _places(settings: TrainSettings, step: int, accelerator: Any) -> list[range]:
    """Give the places in the order that this process takes in a step, in parts."""
    share = settings.batch // accelerator.num_processes
    first = step * settings.batch + accelerator.process_index * share
    return [range(i, i + settings.at_once) for i in range(first, first + share, settings.at_once)]


def _drawn(
    lessons: Lessons, settings: TrainSettings, places: range, device: torch.device
) -> tuple[Modal[Tensor], Modal[Tensor], Draw]:
    """Give latents, captions and what chance decides about the clips at some places."""
    clips = order(len(lessons), settings.seed, places)
    latents = lessons.latents(clips)
    lesson = draw(
        latents.map(lambda tensor: tuple(tensor.shape[1:])),
        [generator(settings.seed, place) for place in places],
        settings.timesteps,
        settings.self_conditioning,
        settings.caption_drop,
    )
    captions = without_captions(lessons.captions(clips), lessons.empty, lesson.uncaptioned)
    there = (pair.map(lambda tensor: tensor.to(device)) for pair in (latents, captions))
    return (*there, lesson.to(device))  # type: ignore[return-value]


def _judged(
    model: Any,
    latents: Modal[Tensor],
    captions: Modal[Tensor],
    lesson: Draw,
    schedules: Modal[NoiseSchedule],
    rows: int,
    settings: TrainSettings,
) -> dict[str, Tensor]:
    """Give the losses by modality: both, or that of the base model which is trained alone."""
    told = (model, latents, captions, lesson, schedules, rows)
    if settings.trainable in BASES:
        return {settings.trainable: base_loss(*told, settings.trainable)}
    return joint_loss(*told).losses._asdict()


def _check(report: Report, settings: TrainSettings) -> None:
    """Refuse a loss that is no number; half precision loses single steps, and leaves them out."""
    known = [loss for loss in report.losses if loss is not None]
    if settings.precision != "fp16" and not np.isfinite(known).all():
        raise ConfigError(
            f"step {report.step}: the loss came out as {tuple(report.losses)}, expected numbers; "
            "try a lower --rate, and --precision no"
        )
