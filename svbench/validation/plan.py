"""The plan of `svbench validate`: which clips, which distortions, which metrics.

Where no metrics are named, a column whose network has no weights here is computed by the small
network that svbench ships; its title says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from svbench.catalog.checks import check_captioned, check_captions, check_scoring
from svbench.catalog.columns.entries import MINIATURE, MetricSettings
from svbench.catalog.datasets import load_dataset
from svbench.catalog.metrics import DEFAULT_METRICS, METRICS, build_metrics, split_name
from svbench.catalog.random_notes import notes_on_metrics
from svbench.config import RunConfig, ValidateConfig
from svbench.datasets.manifest import find
from svbench.errors import ConfigError
from svbench.limits import check_distinct
from svbench.metrics.validity.distortions import Distortion
from svbench.types import ClipSpec, Example
from svbench.validation.conditions import chosen
from svbench.walk.plan import Columns, Unavailable

DRAWN: Final = "greatesthits"  # the miniature that is distorted where no clips are named


@dataclass(frozen=True, slots=True)
class Clips:
    """The real clips, none of them opened yet."""

    title: str
    examples: tuple[Example, ...]
    spec: ClipSpec
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ValidationPlan:
    """What is distorted, how, and what it is judged by."""

    config: ValidateConfig
    columns: Columns
    distortions: Mapping[str, Distortion]
    read: Callable[[], Clips]  # called once, when the folder is held
    notes: tuple[str, ...] = ()


def plan_validation(config: ValidateConfig, out: Path) -> ValidationPlan:
    """Return the plan of `svbench validate`, whose findings are to be written into `out`.

    Raises ConfigError for wrong settings, DataError for clips or captions that are absent.
    """
    distortions = chosen(config.distortions)
    check_captions(config.captions)
    settings = MetricSettings(
        seed=config.seed,
        resamples=0,  # intervals of distances are those of halves
        frames=config.frames if config.clips else None,
        small=not config.clips,
        machine=config.scoring,
    )
    columns, names = _columns(config, settings)
    check_scoring(config.scoring, columns)
    read = _reader(config, out, columns)
    notes = tuple(notes_on_metrics(names, columns, config.plugins, small=settings.small))
    return ValidationPlan(config, columns, distortions, read, notes)


def _columns(config: ValidateConfig, settings: MetricSettings) -> tuple[Columns, Sequence[str]]:
    """Return the columns and their names as on the command line."""
    if config.metrics:
        named = config.metrics
        built = build_metrics(named, settings, strict=config.strict, plugins=config.plugins)
        return built, named
    names = []
    for name in DEFAULT_METRICS["validate"]:
        (column,) = build_metrics([name], settings)
        also = METRICS.known(split_name(name)[0]).also
        shipped = any(option.startswith(MINIATURE) for option in also)
        lacking = isinstance(column, Unavailable) and shipped
        names.append(f"{name}@{MINIATURE}" if lacking else name)
    return build_metrics(names, settings, strict=config.strict), names


def _reader(config: ValidateConfig, out: Path, columns: Columns) -> Callable[[], Clips]:
    """Return what loads the clips: at once where they are named, or when the folder is held."""
    if not config.clips:
        return lambda: _miniature(config, out)
    found = _named(config, out)
    check_captioned(columns, {found.title: found.examples}, config.plugins)
    return lambda: found


def _named(config: ValidateConfig, out: Path) -> Clips:
    """Return the clips of folders, lists or files; ids of several are told apart by their sets."""
    sets, notes = dict[str, tuple[Example, ...]](), dict[str, None]()
    for path in config.clips:
        found = find(path, config.captions, out)
        name, examples = found.only(f"CLIPS {path}")
        if name in sets:
            raise ConfigError(f"CLIPS {path}: found a second set called {name!r:.60}, expected one")
        sets[name] = examples
        notes |= dict.fromkeys(found.notes)
    if len(sets) > 1:
        sets = {
            name: tuple(replace(e, id=f"{name}/{e.id}") for e in examples)
            for name, examples in sets.items()
        }
    examples = tuple(e for of_set in sets.values() for e in of_set)[: config.limit]
    check_distinct("CLIPS: ids", [example.id for example in examples])
    return Clips(" and ".join(sets), examples, config.spec, tuple(notes))


def _miniature(config: ValidateConfig, out: Path) -> Clips:
    """Draw the miniature, and return its real clips."""
    drawn = RunConfig.of(dataset=DRAWN, seed=config.seed, limit=config.limit)
    data = load_dataset(drawn, out)
    spec = replace(data.spec, channels=config.channels)
    return Clips(data.title, data.examples, spec, data.notes)
