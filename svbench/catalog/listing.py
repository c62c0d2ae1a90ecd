"""What there is by name, for `svbench list`: read off the entries of the tables.

A test builds every preset that is listed, and checks that others are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from svbench.catalog.datasets import DATASETS
from svbench.catalog.metrics import (
    DEFAULT_METRICS,
    METRICS,
    MINIATURE,
    MetricEntry,
    MetricSettings,
)
from svbench.catalog.systems import SYSTEMS
from svbench.errors import DataError


@dataclass(frozen=True, slots=True)
class ListedPreset:
    """What may stand behind the @ of a metric."""

    name: str
    usual: bool  # taken where nothing stands behind the metric
    weights: Mapping[str, str]  # files that it needs -> here, absent, or what is wrong
    default_of: Sequence[str]


@dataclass(frozen=True, slots=True)
class ListedMetric:
    """A metric that `--metrics` takes."""

    name: str
    title: str  # of its column, by the usual preset
    better: str
    presets: Sequence[ListedPreset]
    also: Mapping[str, str]  # what else may stand behind the metric or a preset -> what it means


@dataclass(frozen=True, slots=True)
class ListedSystem:
    """A row that `--systems` takes."""

    name: str
    title: str
    made_of_real_clips: bool
    usual: bool  # made by a run that names none, joint models where their weights are at hand
    miniatures: Sequence[str]  # data sets for whose miniature trained weights come with svbench


@dataclass(frozen=True, slots=True)
class ListedDataset:
    """A data set that `--dataset` takes."""

    name: str
    title: str
    splits: Sequence[str]
    captions: str
    format: str
    miniature: str  # its format, or empty where there is none


def metrics() -> list[ListedMetric]:
    """Return the metrics in the order of the table."""
    entries = dict(METRICS)
    needed = {file for e in entries.values() for files in e.presets.values() for file in files}
    states = {file: _state(file) for file in needed}
    return [_metric(name, entry, states) for name, entry in entries.items()]


def systems() -> list[ListedSystem]:
    """Return the rows that a run can make, those of real clips first."""
    from svbench.baselines import miniature

    folders = {name: entry.joint_weights for name, entry in DATASETS.items()}
    shipped: dict[str, Sequence[str]] = {
        name: miniature.shipped(miniature.FOLDER / folder) if folder is not None else ()
        for name, folder in folders.items()
    }
    return [
        ListedSystem(
            name=name,
            title=entry.title,
            made_of_real_clips=entry.made_of_real_clips,
            usual=entry.usual,
            miniatures=[data for data, mixers in shipped.items() if name in mixers],
        )
        for name, entry in SYSTEMS.items()
    ]


def datasets() -> list[ListedDataset]:
    """Return the data sets in the order of the table."""
    return [
        ListedDataset(
            name=name,
            title=entry.about,
            splits=entry.splits,
            captions=entry.captions,
            format=str(entry.spec),
            miniature=str(entry.miniature.spec) if entry.miniature is not None else "",
        )
        for name, entry in DATASETS.items()
    ]


def _metric(name: str, entry: MetricEntry, states: Mapping[str, str]) -> ListedMetric:
    wrong = any(state not in ("here", "absent") for state in states.values())
    # a file that is wrong would stop the full-size network, whose column is called likewise
    small = wrong and any(entry.presets.values())
    column = entry.build(f"{entry.usual}{MINIATURE}" if small else "", MetricSettings())
    presets = [
        ListedPreset(
            preset,
            preset == entry.usual,
            {file: states[file] for file in files},
            _defaults(name, preset, usual=preset == entry.usual),
        )
        for preset, files in entry.presets.items()
    ]
    return ListedMetric(name, column.title, column.better, presets, entry.also)


def _defaults(metric: str, preset: str, *, usual: bool) -> list[str]:
    """Return the commands that take a preset where no metrics are named."""
    own = {name: entry.metrics for name, entry in DATASETS.items() if entry.metrics}
    plain = ", ".join(sorted(name for name in DATASETS if name not in own))
    scales = ("mini", "paper")
    defaults = {f"run --dataset {plain} --scale {s}": DEFAULT_METRICS[s] for s in scales}
    defaults |= {f"run --dataset {name}": names for name, names in own.items()}
    defaults |= {use: names for use, names in DEFAULT_METRICS.items() if use not in scales}
    names = {f"{metric}@{preset}", *([metric] if usual else [])}
    return [command for command, of in defaults.items() if names & set(of)]


def _state(name: str) -> str:
    """Return whether a file of weights lies in the folder, or what is wrong with it."""
    from svbench.files.weights.folder import find

    try:
        return "absent" if find(name) is None else "here"
    except DataError as error:
        return f"wrong: {error}"
