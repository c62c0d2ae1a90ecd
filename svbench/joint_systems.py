"""Which joint models a run samples from: whose weights are at hand, and at which gammas.

At `--scale paper` they are the folders named by `--weights`; at `--scale mini` those that come
with svbench. Each gamma gives a row of its own, from the same requests and seeds, so that rows
may be compared clip by clip. Without `--gamma` the paper's table is made: CMC-PE over its gammas
at the miniature's scale, the preset's gamma else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from svbench.baselines import joint, miniature
from svbench.baselines.mixers import MixerKind
from svbench.baselines.released import HOW_TO_GET, find_models
from svbench.config import RunConfig
from svbench.errors import ConfigError, DataError
from svbench.protocols import System

GAMMAS: Final = (1.0, 1.25, 1.5, 1.75, 2.0)  # of the paper's Table 1
ORDER: Final[tuple[MixerKind, ...]] = ("cross-attention", "cross-attention-sequence", "cmc-pe")
MINI_BATCH: Final = 8  # clips sampled together at the miniature's scale


def joint_systems(config: RunConfig, names: Sequence[str]) -> list[System]:
    """Give the joint systems of these names, or of all weights at hand; amiss is told at once."""
    models = _models(config)
    for name in names:
        if name not in models:
            wanted = HOW_TO_GET if config.scale == "paper" else f"one of {', '.join(models)}"
            raise DataError(f"--systems {name}: found no weights of it, expected {wanted}")
    chosen = [mixer for mixer in ORDER if mixer in models and (mixer in names or not names)]
    return [
        _system(config, mixer, models[mixer], gamma)
        for mixer in chosen
        for gamma in _gammas(config, mixer)
    ]


def _models(config: RunConfig) -> Mapping[MixerKind, joint.OnDisk]:
    if config.scale == "paper":
        return find_models(config.weights) if config.weights else {}
    if config.weights:
        raise ConfigError(
            f"--weights {config.weights[0]}: the miniature's weights come with svbench, "
            "expected --scale paper beside it"
        )
    return {mixer: miniature.Shipped(mixer) for mixer in miniature.shipped()}


def _gammas(config: RunConfig, mixer: MixerKind) -> tuple[float | None, ...]:
    """Give the gammas of a mixer's rows; None is the preset's."""
    if config.gamma:
        return config.gamma
    if config.scale == "paper":
        return (None,)
    return GAMMAS if mixer == "cmc-pe" else (1.0,)


def _system(
    config: RunConfig, mixer: MixerKind, model: joint.OnDisk, gamma: float | None
) -> System:
    recipe = joint.recipe(config.preset, steps=config.steps, gamma=gamma)
    batch = config.batch
    if config.scale == "mini":
        recipe = replace(recipe, sampler=replace(recipe.sampler, guidance=miniature.GUIDANCE))
        batch = batch or MINI_BATCH
    machine = joint.Machine(config.device, config.dtype, batch or 1, config.compile)
    return joint.Joint(mixer, model, recipe, machine)
