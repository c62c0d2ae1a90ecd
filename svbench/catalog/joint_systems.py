"""Which joint models a run samples from: whose weights are at hand, and at which gammas.

At `--scale paper` they are the folders named by `--weights`; at `--scale mini` those that come
with svbench, or those of a folder that `svbench train-systems` wrote. Each gamma gives a row of
its own, from the same requests and seeds, so that rows may be compared clip by clip. Without
`--gamma` the paper's table of the data set is made, at either scale: cross-attention at gamma 1;
CMC-PE over the gammas of Table 1 on Greatest Hits, and at the preset's gamma on the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from svbench.baselines import miniature
from svbench.baselines.checkpoints.find import HOW_TO_GET, find_models
from svbench.baselines.coded import Coded
from svbench.baselines.joint import system as joint
from svbench.baselines.joint.mixers import MixerKind
from svbench.baselines.joint.pair import Modal
from svbench.compute import Machine
from svbench.config import RunConfig
from svbench.errors import ConfigError, DataError
from svbench.protocols import RealClips, System

GAMMAS: Final = (1.0, 1.25, 1.5, 1.75, 2.0)  # of the paper's Table 1
SWEPT: Final = ("greatesthits",)  # elsewhere the paper shows one gamma (Tables 2 and 3)
ORDER: Final[tuple[MixerKind, ...]] = ("cross-attention", "cross-attention-sequence", "cmc-pe")
MINI_BATCH: Final = 8  # clips sampled together at the miniature's scale


def joint_systems(config: RunConfig, names: Sequence[str]) -> list[System]:
    """Return the joint systems of these names, or of all weights at hand."""
    models = _models(config)
    for name in names:
        if name not in models:
            wanted = HOW_TO_GET if config.scale == "paper" else f"one of {', '.join(models)}"
            raise DataError(f"--systems {name}: found no weights of it, expected {wanted}")
    unused = [mixer for mixer in models if names and mixer not in names]
    if unused and config.scale == "paper" and "codec" not in config.systems:
        raise ConfigError(
            f"--weights: found a joint model of {unused[0]}, expected only those of --systems "
            f"{', '.join(names)}"
        )
    chosen = [mixer for mixer in ORDER if mixer in models and (mixer in names or not names)]
    return [
        _system(config, mixer, models[mixer], gamma)
        for mixer in chosen
        for gamma in _gammas(config, mixer)
    ]


def coded(config: RunConfig, clips: RealClips) -> System:
    """Return the row of real clips that went through the codecs of the first joint model."""
    model, machine = find_codec(config)
    digest = joint.short_digest(model.weights())
    return Coded(clips, lambda: model.load(machine), digest)


def find_codec(config: RunConfig) -> tuple[joint.OnDisk, Machine]:
    """Return the model whose codecs make the row of coded clips, and where they compute."""
    models = _models(config)
    if not models:
        raise DataError(f"--systems codec: found no joint weights, expected {HOW_TO_GET}")
    machine = Machine(config.device)
    _ = machine.place  # one that is not there is an error before the folder is made
    return next(iter(models.values())), machine


def _models(config: RunConfig) -> Mapping[MixerKind, joint.OnDisk]:
    for word in config.weights:
        if not word.strip() or word.endswith("="):
            raise ConfigError(f"--weights: found {word!r}, expected FOLDER or SYSTEM=FOLDER")
    if config.scale == "paper":
        return find_models(config.weights) if config.weights else {}
    if len(config.weights) > 1:
        raise ConfigError(
            f"--weights {config.weights[1]}: found a second folder, expected one that "
            "svbench train-systems wrote, or --scale paper beside it"
        )
    folder = Path(config.weights[0]) if config.weights else miniature.folder_of(config.dataset)
    models = {mixer: miniature.Shipped(mixer, folder) for mixer in miniature.shipped(folder)}
    if config.weights and not models:
        raise DataError(
            f"--weights {folder}: found no joint weights of the miniature, expected a folder "
            "that svbench train-systems wrote; for others add --scale paper"
        )
    return models


def _gammas(config: RunConfig, mixer: MixerKind) -> tuple[float | None, ...]:
    """Return the gammas of a mixer's rows; None is the preset's."""
    if config.gamma:
        return config.gamma
    if mixer != "cmc-pe":
        return (1.0,)  # as the baselines of Table 1: nothing is adjusted
    return GAMMAS if config.dataset in SWEPT else (None,)


def _system(
    config: RunConfig, mixer: MixerKind, model: joint.OnDisk, gamma: float | None
) -> System:
    recipe = joint.recipe(config.preset, steps=config.steps, gamma=gamma)
    batch = config.batch
    guidance = recipe.sampler.guidance
    if config.scale == "mini":
        guidance = miniature.GUIDANCE
        batch = batch or MINI_BATCH
    if config.guidance is not None:
        guidance = Modal(*config.guidance)
    recipe = replace(recipe, sampler=replace(recipe.sampler, guidance=guidance))
    machine = Machine(config.device, config.dtype, batch=batch)
    small = config.scale == "mini" and machine.place.type == "cpu"
    return joint.Joint(mixer, model, recipe, machine, compiled=config.compile, copies=small)
