"""The command `train`: connectors, mixers and motion modules of a joint model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from svbench.cli import common as options
from svbench.cli.parsing import number, path_option
from svbench.cli.progress import progress_bars
from svbench.files.destinations import check_folder
from svbench.limits import CORES, COUNT, TRAINING

if TYPE_CHECKING:
    from svbench.training.plans import TrainConfig


def _number(setting: str, about: str) -> Any:
    return number(setting, about, TRAINING[setting])


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """Settings of a training, called as in `svbench.baselines.training.settings`.

    None leaves a setting as the preset has it.
    """

    steps: Annotated[int | None, _number("steps", "In place of --epochs.")] = None
    batch: Annotated[int | None, _number("batch", "Clips a step, all processes.")] = None
    at_once: Annotated[
        int | None, _number("at_once", "Clips a process takes at once; divides --batch.")
    ] = None
    trainable: Annotated[str | None, typer.Option(help="paper, joint, all, audio or video.")] = None
    timesteps: Annotated[str | None, typer.Option(help="independent or shared.")] = None
    self_conditioning: Annotated[
        float | None, _number("self_conditioning", "Share of self-conditioned steps.")
    ] = None
    caption_drop: Annotated[float | None, _number("caption_drop", "Share of captions dropped.")] = (
        None
    )
    optimizer: Annotated[str | None, typer.Option(help="adam or adamw.")] = None
    rate: Annotated[float | None, _number("rate", "Learning rate.")] = None
    warm_up: Annotated[int | None, _number("warm_up", "Steps of a rising rate.")] = None
    cosine: Annotated[bool | None, typer.Option(help="Let the rate fall to 0.")] = None
    weight_decay: Annotated[
        float | None, _number("weight_decay", "Decoupled (adamw), or L2 (adam).")
    ] = None
    clip: Annotated[float | None, _number("clip", "Norm that gradients are clipped to.")] = None
    ema_decay: Annotated[float | None, _number("ema_decay", "Of averaged weights.")] = None
    ema_of: Annotated[
        str | None, typer.Option(help="What is averaged: trained (all of it) or joint.")
    ] = None
    ema_on: Annotated[
        str | None, typer.Option(help="Where the average lies: device, or cpu to save GPU memory.")
    ] = None
    precision: Annotated[str | None, typer.Option(help="no, bf16 or fp16.")] = None
    checkpointing: Annotated[
        bool | None, typer.Option(help="Gradient checkpointing: time for memory.")
    ] = None
    save_every: Annotated[int | None, _number("save_every", "Steps.")] = None
    preview_every: Annotated[int | None, _number("preview_every", "Steps; 0: never.")] = None
    seed: Annotated[int | None, _number("seed", "Decides everything drawn.")] = None

    def changed(self) -> Mapping[str, Any]:
        """Return the settings that were given."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in found.items() if value is not None}


def train(
    data: options.DataOptions,
    settings: TrainOptions,
    out: Annotated[Path, path_option("The training's folder; the same command resumes.")],
    mixer: Annotated[
        str, typer.Option(help="cmc-pe, cross-attention or cross-attention-sequence.")
    ] = "cmc-pe",
    base: options.Base = None,
    limit: options.Limit = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="paper or official-code; default: paper at --scale paper, at mini the "
            "miniature's own settings. Options beside it win."
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        number("epochs", "Passes over the clips; default: the preset's for the data set.", COUNT),
    ] = None,
    workers: options.Workers = CORES,
    cpu: options.Cpu = False,
) -> None:
    """Train connectors, mixers and motion modules; on many GPUs: accelerate launch -m svbench.

    The data set is real (--scale paper) or drawn (mini).

    Example: svbench train --dataset greatesthits --out runs/my-model
    """
    check_folder(out)
    from svbench.engines.local import Local
    from svbench.training.joint import train as train_joint
    from svbench.training.plans import plan_training

    config = train_config(data, settings, mixer, base, limit, preset, epochs, cpu)
    with progress_bars() as bars, closing(Local(workers)) as engine:
        training = plan_training(config, out)
        train_joint(training, out, bars, typer.echo, engine=engine, cpu=cpu)


def train_config(
    data: options.DataOptions,
    settings: TrainOptions,
    mixer: str,
    base: Sequence[str] | None,
    limit: int | None,
    preset: str | None,
    epochs: int | None,
    cpu: bool,
) -> TrainConfig:
    """Return what is to be trained, from the options of the command."""
    from svbench.config import find_data_root
    from svbench.training.plans import TrainConfig

    return TrainConfig(
        dataset=data.dataset,
        scale=data.scale,
        mixer=mixer,
        bases=base or (),
        data_root=find_data_root(data.scale, data.data_root),
        captions=data.captions,
        limit=limit,
        preset=preset,
        epochs=epochs,
        settings=settings.changed(),
        cpu=cpu,
    )
