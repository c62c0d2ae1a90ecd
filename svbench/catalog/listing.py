"""What there is by name, for `svbench list`: read off the entries of the tables and of plug-ins.

A test builds every preset that is listed, and checks that others are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from svbench.catalog.columns.entry import MINIATURE, MetricEntry, MetricSettings
from svbench.catalog.datasets import DATASETS, Dataset
from svbench.catalog.metrics import DEFAULT_METRICS, METRICS
from svbench.catalog.protocol_columns import as_typed, lacking
from svbench.catalog.protocols import PROTOCOLS
from svbench.catalog.registry import Found
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
    origin: str  # the plug-in that it comes from, or empty


@dataclass(frozen=True, slots=True)
class ListedSystem:
    """A row that `--systems` takes."""

    name: str
    title: str
    made_of_real_clips: bool
    usual: bool  # made by a run that names none, joint models where their weights are at hand
    miniatures: Sequence[str]  # data sets for whose miniature trained weights come with svbench
    origin: str  # the plug-in that it comes from, or empty


@dataclass(frozen=True, slots=True)
class ListedDataset:
    """A data set that `--dataset` takes."""

    name: str
    title: str
    splits: Sequence[str]
    captions: str
    format: str
    miniature: str  # its format, or empty where there is none
    origin: str  # the plug-in that it comes from, or empty


@dataclass(frozen=True, slots=True)
class ListedColumn:
    """A column of a protocol."""

    metric: str  # as --metrics takes it
    printed: str  # as the benchmark calls it
    better: str
    empty: str  # why this version cannot compute it, or empty


@dataclass(frozen=True, slots=True)
class ListedProtocol:
    """A bundle of settings and columns that `--protocol` takes."""

    name: str
    title: str
    source: str
    settings: Sequence[str]  # as they are typed
    columns: Sequence[ListedColumn]


def metrics(plugins: Sequence[str] = ()) -> list[ListedMetric]:
    """Return the metrics in the order of the table, then those of plug-ins.

    `plugins` are modules beside installed packages, here and below.
    """
    own = METRICS.values()
    needed = {file for e in own for files in e.presets.values() for file in files}
    states = {file: _state(file) for file in needed}
    taken = _defaults(plugins)
    return [_metric(name, found, states, taken) for name, found in METRICS.every(plugins).items()]


def systems(plugins: Sequence[str] = ()) -> list[ListedSystem]:
    """Return the rows that a run can make: those of real clips, models, those of plug-ins."""
    from svbench.baselines import miniature

    folders = {name: entry.joint_weights for name, entry in DATASETS.items()}
    shipped: dict[str, Sequence[str]] = {
        name: miniature.shipped(miniature.FOLDER / folder) if folder is not None else ()
        for name, folder in folders.items()
    }
    return [
        ListedSystem(
            name=name,
            title=found.entry.title,
            made_of_real_clips=found.entry.made_of_real_clips,
            usual=found.entry.usual and not found.origin,
            miniatures=[data for data, mixers in shipped.items() if name in mixers],
            origin=found.origin,
        )
        for name, found in SYSTEMS.every(plugins).items()
    ]


def datasets(plugins: Sequence[str] = ()) -> list[ListedDataset]:
    """Return the data sets in the order of the table, then those of plug-ins."""
    return [_dataset(name, found) for name, found in DATASETS.every(plugins).items()]


def protocols() -> list[ListedProtocol]:
    """Return the protocols of other benchmarks in the order of the table."""
    return [
        ListedProtocol(
            name=name,
            title=protocol.title,
            source=protocol.source,
            settings=[as_typed(key, value) for key, value in protocol.settings.items()],
            columns=[
                ListedColumn(one.metric, one.printed, one.better, lacking(one.metric))
                for one in protocol.columns
            ],
        )
        for name, protocol in PROTOCOLS.items()
    ]


def _dataset(name: str, found: Found[Dataset]) -> ListedDataset:
    entry = found.entry
    return ListedDataset(
        name=name,
        title=entry.about,
        splits=entry.splits,
        captions=entry.captions,
        format=str(entry.spec),
        miniature=str(entry.miniature.spec) if entry.miniature is not None else "",
        origin=found.origin,
    )


def _metric(
    name: str,
    found: Found[MetricEntry],
    states: Mapping[str, str],
    taken: Mapping[str, Sequence[str]],
) -> ListedMetric:
    """Return a metric, with the states of weights and what commands take by default."""
    entry = found.entry
    wrong = any(state not in ("here", "absent") for state in states.values())
    # a file that is wrong would stop the full-size network, whose column is called likewise
    small = wrong and not found.origin and any(entry.presets.values())
    column = entry.build(f"{entry.usual}{MINIATURE}" if small else "", MetricSettings())
    presets = [
        ListedPreset(
            preset,
            preset == entry.usual,
            {file: states.get(file, "the plug-in's own") for file in files},
            _taken_by(taken, name, preset, usual=preset == entry.usual),
        )
        for preset, files in entry.presets.items()
    ]
    return ListedMetric(name, column.title, column.better, presets, entry.also, found.origin)


def _defaults(plugins: Sequence[str]) -> dict[str, Sequence[str]]:
    """Return the metrics that commands take where none are named."""
    entries = {name: found.entry for name, found in DATASETS.every(plugins).items()}
    own = {name: entry.metrics for name, entry in entries.items() if entry.metrics}
    plain = ", ".join(sorted(name for name in entries if name not in own))
    scales = ("mini", "paper")
    defaults = {f"run --dataset {plain} --scale {s}": DEFAULT_METRICS[s] for s in scales}
    defaults |= {f"run --dataset {name}": names for name, names in own.items()}
    return defaults | {use: names for use, names in DEFAULT_METRICS.items() if use not in scales}


def _taken_by(
    defaults: Mapping[str, Sequence[str]], metric: str, preset: str, *, usual: bool
) -> list[str]:
    """Return the commands that take a preset where no metrics are named."""
    names = {f"{metric}@{preset}", *([metric] if usual else [])}
    return [command for command, of in defaults.items() if names & set(of)]


def _state(name: str) -> str:
    """Return whether a file of weights lies in the folder, or what is wrong with it."""
    from svbench.files.weights.folder import find

    try:
        return "absent" if find(name) is None else "here"
    except DataError as error:
        return f"wrong: {error}"
