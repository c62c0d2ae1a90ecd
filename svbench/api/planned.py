"""Runs before their work: validated settings, the run folder, and what builds the plan.

`svbench.run`, `sweep_gamma` and `score` carry such a run out; `svbench doctor` estimates it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Unpack

from svbench.api.keywords import (
    Folder,
    RunKeywords,
    SamplingKeywords,
    ScoreKeywords,
    ValidateKeywords,
)
from svbench.errors import ConfigError
from svbench.files.destinations import check_folder, read_path
from svbench.limits import GAMMAS, flag

if TYPE_CHECKING:
    from svbench.config import RunConfig, ScoreConfig
    from svbench.validation.plan import ValidationPlan
    from svbench.walk.plan import Plan

RUNS: Final = Path("runs")  # below which run folders lie unless `out` names another place


@dataclass(frozen=True, slots=True)
class Planned:
    """A run before its work.

    Parameters
    ----------
    config : RunConfig or ScoreConfig
        its settings
    folder : Path
        the run folder, which need not be there
    build : callable
        returns the plan; raises ConfigError or DataError for what can be found without working
    """

    config: RunConfig | ScoreConfig
    folder: Path
    build: Callable[[], Plan]


def planned_run(
    dataset: str, *, out: Folder | None = None, **keywords: Unpack[RunKeywords]
) -> Planned:
    """Return a run of `svbench.run`; raise ConfigError for wrong settings."""
    from svbench.catalog.protocol_columns import with_protocol
    from svbench.config import RunConfig

    _check_keywords(keywords, RunKeywords)
    settings = with_protocol(keywords, RunConfig)
    return _on_dataset(RunConfig.of(dataset=dataset, **settings), out, "")


def planned_sweep(
    dataset: str,
    *,
    gammas: Sequence[float] = GAMMAS,
    systems: Sequence[str] = (),
    out: Folder | None = None,
    **keywords: Unpack[SamplingKeywords],
) -> Planned:
    """Return a run of `svbench.sweep_gamma`; raise ConfigError for wrong settings."""
    from svbench.catalog.protocol_columns import with_protocol
    from svbench.catalog.systems import ADJUSTED, JOINT
    from svbench.config import RunConfig

    _check_keywords(keywords, SamplingKeywords)
    joint = listed("--systems", systems) or ADJUSTED
    if strange := [name for name in joint if name not in JOINT]:
        raise ConfigError(f"--systems: found {strange[0]!r}, expected some of {', '.join(JOINT)}")
    gamma = listed("--gammas", gammas)
    if not gamma:
        raise ConfigError("--gammas: found none, expected a list of numbers")
    rows = ("real", "shuffled", *joint)
    settings = with_protocol(keywords, RunConfig)
    config = RunConfig.of(dataset=dataset, systems=rows, gamma=gamma, **settings)
    return _on_dataset(config, out, "-gamma")


def planned_score(
    *generated: Folder,
    reference: Folder | None = None,
    out: Folder | None = None,
    **keywords: Unpack[ScoreKeywords],
) -> Planned:
    """Return a run of `svbench.score`; raise ConfigError for wrong settings."""
    from svbench.catalog.plans import plan_score
    from svbench.catalog.protocol_columns import with_protocol
    from svbench.config import ScoreConfig

    if not generated:
        raise ConfigError("generated: found no clips to score, expected a folder or list of them")
    _check_keywords(keywords, ScoreKeywords)
    made = tuple(read_path(folder, "generated") for folder in generated)
    settings = with_protocol(keywords, ScoreConfig)
    config = ScoreConfig.of(generated=made, reference=reference, **settings)
    name = Path(os.path.realpath(made[0])).stem
    folder = RUNS / f"score-{name}" if out is None else read_path(out, "--out")
    return Planned(config, folder, lambda: plan_score(config, folder))


def planned_validation(
    *clips: Folder, out: Folder | None = None, **keywords: Unpack[ValidateKeywords]
) -> tuple[ValidationPlan, Path]:
    """Return the plan of `svbench.validate` and its folder; raise ConfigError for wrong settings.

    Raises DataError for clips that are absent.
    """
    from svbench.config import ValidateConfig
    from svbench.validation.plan import plan_validation

    _check_keywords(keywords, ValidateKeywords)
    real = tuple(read_path(folder, "CLIPS") for folder in clips)
    config = ValidateConfig.of(clips=real, **keywords)
    folder = validation_folder(real, out)
    check_folder(folder)
    return plan_validation(config, folder), folder


def validation_folder(clips: Sequence[Path], out: Folder | None) -> Path:
    """Return the folder of a validation: as given, or called after the first of its clips."""
    from svbench.validation.plan import DRAWN

    name = Path(os.path.realpath(clips[0])).stem if clips else DRAWN
    return RUNS / f"validate-{name}" if out is None else read_path(out, "--out")


def _on_dataset(config: RunConfig, out: Folder | None, suffix: str) -> Planned:
    """Return a run on a data set, in `out` or in a folder called after data set and scale."""
    from svbench.catalog.datasets import DATASETS
    from svbench.catalog.plans import plan_run
    from svbench.config import find_data_root

    DATASETS.known(config.dataset, config.plugins)  # before its name becomes that of a folder
    root = find_data_root(config.scale, config.data_root)
    config = config.model_copy(update={"data_root": root})
    usual = RUNS / f"{config.dataset}-{config.scale}{suffix}"
    folder = usual if out is None else read_path(out, "--out")
    return Planned(config, folder, lambda: plan_run(config, folder))


def _check_keywords(given: Mapping[str, Any], known: type) -> None:
    """Raise ConfigError for a keyword that is none of a function's."""
    for name in given.keys() - known.__annotations__.keys():
        raise ConfigError(f"{flag(name)}: found {given[name]!r:.80}, expected no such setting")


def listed(name: str, given: Iterable[Any]) -> tuple[Any, ...]:
    """Return the items of a list; raise ConfigError for anything else, also for a text."""
    if isinstance(given, str | bytes | set | frozenset) or not isinstance(given, Iterable):
        raise ConfigError(f"{name}: found {given!r:.80}, expected a list")
    return tuple(given)
