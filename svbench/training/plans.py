"""What `svbench train` and `svbench loss-over-time` work on: a model, clips, settings.

At `--scale mini` the model is the miniature's, its codecs and text encoder as shipped, and all of
the joint model is trained; at `--scale paper` the base models are read from disk, and trained is
what the paper trains. Settings are those of a preset (see `svbench.baselines.training.presets`);
without one, the paper's at `--scale paper`, and at `--scale mini` as `train_systems` has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch
from accelerate import PartialState

from svbench.baselines import miniature
from svbench.baselines.checkpoints.find import PAPER_BASES, find_bases
from svbench.baselines.checkpoints.ours import load_config, load_joint
from svbench.baselines.joint.mixers import MixerKind, mixer_kind
from svbench.baselines.joint.model import JointModel
from svbench.baselines.joint.sampling import SamplerSettings
from svbench.baselines.joint.unet import JointConfig
from svbench.baselines.training.loop import check_batch, check_precision
from svbench.baselines.training.loss_over_time import global_times, loss_over_time
from svbench.baselines.training.presets import preset_settings, steps_of
from svbench.baselines.training.settings import TrainSettings
from svbench.catalog.checks import check_data
from svbench.catalog.plans import DATASETS, known
from svbench.compute import Machine
from svbench.config import RunConfig
from svbench.errors import ConfigError
from svbench.files.writing import write_text
from svbench.pace import Progress
from svbench.reports.figures.loss_curves import LossCurves, draw
from svbench.training import latents
from svbench.training.joint import Course
from svbench.training.miniature.systems import Course as Miniature

MINI_CLIPS: Final = 2000  # drawn for a training; as those of the shipped systems
# Longer than theirs, for here no base models are learned first.
MINI: Final = replace(Miniature().joint, steps=2500)


def plan_training(
    dataset: str,
    scale: str,
    mixer: str,
    bases: Sequence[str],
    data_root: Path | None,
    captions: Path | None,
    limit: int | None,
    given: Mapping[str, Any],
    out: Path,
    *,
    cpu: bool,
    preset: str | None = None,
    epochs: int | None = None,
) -> Course:
    """Put together a training; `given` are the settings that a user changed.

    The same words on the same machine give the same first weights, so that a training that was
    stopped before its first checkpoint begins again alike.
    """
    kind = mixer_kind(mixer)
    find = known(DATASETS, dataset, "dataset")
    settings, epochs = _settings(dataset, scale, preset, epochs, given)
    config = RunConfig.of(
        dataset=dataset,
        scale=scale,
        split="train",
        seed=settings.seed,
        data_root=data_root,
        captions=captions,
        limit=(MINI_CLIPS if scale == "mini" else None) if limit is None else limit,
    )
    check_data(config)
    named = check_bases(scale, bases)
    check_batch(settings, cpu)
    check_precision(settings, cpu)
    found = find(config, out)
    if epochs is not None:
        steps = steps_of(epochs, len(found.examples), settings.batch)
        settings = replace(settings, steps=steps)
    torch.manual_seed(settings.seed)
    model = base_model(scale, kind, named, cpu=cpu)
    sampler = SamplerSettings(gamma=1.0, guidance=miniature.GUIDANCE) if scale == "mini" else None
    return Course(model, found.examples, found.spec, settings, sampler or SamplerSettings())


def _settings(
    dataset: str,
    scale: str,
    preset: str | None,
    epochs: int | None,
    given: Mapping[str, Any],
) -> tuple[TrainSettings, int | None]:
    """Return the settings of a training, and its epochs unless its steps are fixed."""
    changed = {name: value for name, value in given.items() if value is not None}
    if epochs is not None and "steps" in changed:
        raise ConfigError(
            f"--epochs: found {epochs} beside --steps {changed['steps']}, expected one of the two"
        )
    if preset is None and scale == "mini":
        return replace(MINI, **changed), epochs
    usual, length = preset_settings(preset or "paper", dataset)
    if scale == "mini":  # its base models are fresh, so they learn too
        usual = replace(usual, trainable="all")
    if epochs is None and "steps" not in changed:
        epochs = length
    return replace(usual, **changed), epochs


def draw_loss(
    dataset: str,
    scale: str,
    joint: Path,
    bases: Sequence[str],
    data_root: Path | None,
    captions: Path | None,
    gamma: float,
    levels: int,
    clips: int,
    out: Path,
    progress: Progress,
    *,
    cpu: bool,
) -> Path:
    """Draw Figure 2 for the joint weights of a folder; give the picture's path."""
    config = load_config(joint)
    course = plan_training(
        dataset, scale, config.mixer, bases, data_root, captions, clips, {}, out, cpu=cpu
    )
    if clips > len(course.examples):
        raise ConfigError(
            f"--clips: found {clips}, expected at most {len(course.examples)}, all there are"
        )
    model = course.model
    load_joint(joint, model.joint)
    cache = latents.plan(model, course.examples, course.spec, out / "latents")
    with progress("encoding clips", len(course.examples)) as advance:
        latents.encode(model, course.spec, cache, (0, 1), advance)
    panels = []
    with progress("loss over time steps", 2) as advance:
        for adjusted in (1.0, gamma):
            found = loss_over_time(
                model.joint.eval(),
                cache.lessons,
                model.schedules,
                rows=model.audio.shape(course.spec)[1],
                gamma=adjusted,
                levels=levels,
                clips=range(clips),
            )
            title = "without adjustment" if adjusted == 1 else f"gamma {adjusted:g}"
            panels.append(LossCurves(title, global_times(levels), *map(list, found)))
            advance(1)
    path = out / "loss-over-time.svg"
    draw(panels, path)
    _write_numbers(path.with_suffix(".csv"), panels)
    return path


def _write_numbers(path: Path, panels: Sequence[LossCurves]) -> None:
    heads = [f"{name} ({panel.title})" for panel in panels for name in ("audio", "video")]
    curves = [curve for panel in panels for curve in (panel.audio, panel.video)]
    lines = [",".join(["global_time", *heads])]
    for time, *losses in zip(panels[0].times, *curves, strict=True):
        lines.append(",".join([f"{time:g}", *(f"{loss:.6g}" for loss in losses)]))
    write_text(path, "\n".join(lines) + "\n")


def check_bases(scale: str, bases: Sequence[str]) -> dict[str, str]:
    """Return the base models that a user named, by part."""
    if not bases:
        return {}
    if scale == "mini":
        raise ConfigError(f"--base {bases[0]}: the miniature has its own, expected none")
    named: dict[str, str] = {}
    for word in bases:
        name, _, folder = word.partition("=")
        if name not in PAPER_BASES or not folder.strip():
            raise ConfigError(
                f"--base: found {word!r}, expected {'=FOLDER, '.join(PAPER_BASES)}=FOLDER"
            )
        if name in named:
            raise ConfigError(f"--base: found {name} twice, expected each once")
        named[name] = folder
    return named


def base_model(scale: str, mixer: MixerKind, named: Mapping[str, str], *, cpu: bool) -> JointModel:
    """Return a joint model whose connectors and mixers are fresh."""
    if scale == "mini":
        miniature.verified(miniature.SHARED)
        return miniature.assemble(mixer)
    here = PartialState(cpu=cpu)
    return find_bases({**PAPER_BASES, **named}, JointConfig(mixer)).load(Machine(str(here.device)))
