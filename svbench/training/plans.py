"""Plans of trainings: from what a user asked for to a model, clips and settings.

At `--scale mini` the model is the miniature's, its codecs and text encoder as shipped, and all of
the joint model is trained; at `--scale paper` the base models are read from disk, and the weights
are trained that the paper trains. Settings are those of a preset (see
`svbench.baselines.training.presets`); without one, the paper's at `--scale paper`, and the
miniature's recipe at `--scale mini`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import torch

from svbench.baselines import miniature
from svbench.baselines.checkpoints.base_models import PAPER_BASES
from svbench.baselines.checkpoints.find import find_bases
from svbench.baselines.joint.mixers import MixerKind, mixer_kind
from svbench.baselines.joint.model import JointModel
from svbench.baselines.joint.sampler_settings import SamplerSettings
from svbench.baselines.joint.unet import JointConfig
from svbench.baselines.training.loop import check_batch, check_precision
from svbench.baselines.training.presets import Length, preset_settings, steps_of
from svbench.baselines.training.processes import ending_together, processes
from svbench.baselines.training.settings import TrainSettings
from svbench.catalog.checks import check_data
from svbench.catalog.datasets import DATASETS, load_dataset
from svbench.compute import Machine
from svbench.config import RunConfig
from svbench.errors import ConfigError
from svbench.training.joint import Training
from svbench.training.recipes import MINI

MINI_CLIPS: Final = 2000  # drawn for a training; as those of the shipped systems


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """What a user asks to be trained, and on what."""

    dataset: str
    scale: str = "mini"
    mixer: str = "cmc-pe"
    bases: Sequence[str] = ()  # PART=FOLDER
    data_root: Path | None = None
    captions: Path | None = None
    limit: int | None = None  # clips
    preset: str | None = None
    epochs: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)  # beside the preset; None: its own
    cpu: bool = False


def plan_training(config: TrainConfig, out: Path) -> Training:
    """Return the training that a user asks for, with its clips found or drawn in `out`.

    The same config on the same machine gives the same first weights, so that a training that was
    stopped before its first checkpoint begins again alike. Raises ConfigError for settings that do
    not fit together or cannot be computed here.
    """
    settings, epochs = check_plan(config)
    here = processes(config.cpu)
    with ending_together(here), here.main_process_first():  # which draws for all
        found = load_dataset(_data_config(config, settings.seed), out)
    settings = replace(settings, steps=planned_steps(settings, epochs, len(found.examples)))
    torch.manual_seed(settings.seed)
    bases = check_bases(config.scale, config.bases)
    model = base_model(config.scale, mixer_kind(config.mixer), bases, cpu=config.cpu)
    sampler = SamplerSettings()
    if config.scale == "mini":
        sampler = SamplerSettings(gamma=1.0, guidance=miniature.GUIDANCE)
    return Training(model, found.examples, found.spec, settings, sampler)


def check_plan(config: TrainConfig) -> tuple[TrainSettings, int | None]:
    """Return the settings of a training, and its epochs unless its steps are fixed.

    Nothing is read or drawn. Raises ConfigError for settings that do not fit together or cannot be
    computed here.
    """
    mixer_kind(config.mixer)
    DATASETS.known(config.dataset)
    settings, epochs = _settings(config)
    check_data(_data_config(config, settings.seed))
    check_bases(config.scale, config.bases)
    check_batch(settings, config.cpu)
    check_precision(settings, config.cpu)
    return settings, epochs


def planned_clips(config: TrainConfig, settings: TrainSettings, out: Path) -> int:
    """Return how many clips there are to train on; of a miniature, how many there will be."""
    data = _data_config(config, settings.seed)
    if config.scale == "mini":
        return data.limit or MINI_CLIPS
    return len(load_dataset(data, out).examples)


def planned_steps(settings: TrainSettings, epochs: int | None, clips: int) -> int:
    """Return the steps of a training on so many clips."""
    return settings.steps if epochs is None else steps_of(epochs, clips, settings.batch)


def _data_config(config: TrainConfig, seed: int) -> RunConfig:
    """Return the config by which the training clips are found."""
    limit = config.limit
    if limit is None and config.scale == "mini":
        limit = MINI_CLIPS
    return RunConfig.of(
        dataset=config.dataset,
        scale=config.scale,
        split="train",
        seed=seed,
        data_root=config.data_root,
        captions=config.captions,
        limit=limit,
    )


def _settings(config: TrainConfig) -> tuple[TrainSettings, int | None]:
    """Return the settings of a training, and its epochs unless its steps are fixed."""
    changed = {name: value for name, value in config.settings.items() if value is not None}
    epochs = config.epochs
    if epochs is not None and "steps" in changed:
        raise ConfigError(
            f"--epochs: found {epochs} beside --steps {changed['steps']}, expected one of the two"
        )
    if config.preset is None and config.scale == "mini":
        return replace(MINI, **changed), epochs
    published = DATASETS.known(config.dataset).published
    stated = Length(published.batch, published.epochs) if published is not None else None
    settings, length = preset_settings(config.preset or "paper", stated)
    if config.scale == "mini":  # its base models have random weights, so they are trained too
        settings = replace(settings, trainable="all")
    if epochs is None and "steps" not in changed:
        epochs = length
    return replace(settings, **changed), epochs


def check_bases(scale: str, bases: Sequence[str]) -> dict[str, str]:
    """Return the folders of base models by part; raise ConfigError unless each is PART=FOLDER."""
    if not bases:
        return {}
    if scale == "mini":
        raise ConfigError(f"--base {bases[0]}: the miniature has its own, expected none")
    folders: dict[str, str] = {}
    for word in bases:
        name, _, folder = word.partition("=")
        if name not in PAPER_BASES or not folder.strip():
            raise ConfigError(
                f"--base: found {word!r}, expected {'=FOLDER, '.join(PAPER_BASES)}=FOLDER"
            )
        if name in folders:
            raise ConfigError(f"--base: found {name} twice, expected each once")
        folders[name] = folder
    return folders


def base_model(
    scale: str, mixer: MixerKind, folders: Mapping[str, str], *, cpu: bool
) -> JointModel:
    """Return a joint model whose connectors and mixers have random weights."""
    if scale == "mini":
        miniature.verified(miniature.SHARED)
        return miniature.assemble(mixer)
    here = processes(cpu)
    bases = {**PAPER_BASES, **folders}
    return find_bases(bases, JointConfig(mixer)).load(Machine(str(here.device)))
