"""What there is by name: metrics with their presets, systems and data sets, for `svbench list`.

Nothing is listed by hand: names and defaults are those of the catalog, presets those of the modules
of the metrics, titles those that tables print. A test builds every preset that is listed, and looks
that the catalog refuses others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from svbench.catalog import plans as catalog
from svbench.config import ScoreConfig
from svbench.errors import DataError

OWN: Final = {"@FILE.json": "detectors of your own, as svbench tune-avalign writes them"}
VIEWS: Final = {f"{catalog.NATIVE} behind any": "every clip at its own size and frame rate"}
NETWORKS: Final = {
    f"{catalog.MINIATURE} behind any": "by the small network that comes with svbench, as always at "
    "--scale mini"
}
NO_CLIPS: Final = ScoreConfig(generated=(), reference=Path())  # titles depend on no clip


@dataclass(frozen=True, slots=True)
class PresetEntry:
    """What may stand behind the @ of a metric."""

    name: str
    usual: bool  # taken where nothing stands behind the metric
    weights: Mapping[str, str]  # files that it needs -> here, absent, or what is wrong
    default_of: Sequence[str]


@dataclass(frozen=True, slots=True)
class MetricEntry:
    """A metric that `--metrics` takes."""

    name: str
    title: str  # of its column, by the usual preset
    better: str
    presets: Sequence[PresetEntry]
    also: Mapping[str, str]  # what else may stand behind the metric or a preset -> what it means


@dataclass(frozen=True, slots=True)
class SystemEntry:
    """A row that `--systems` takes."""

    name: str
    title: str
    made_of_real_clips: bool
    usual: bool  # made by a run that names none, joint models where their weights are at hand
    miniatures: Sequence[str]  # data sets for whose miniature trained weights come with svbench


@dataclass(frozen=True, slots=True)
class DatasetEntry:
    """A data set that `--dataset` takes."""

    name: str
    title: str
    splits: Sequence[str]
    captions: str
    format: str
    miniature: str  # its format, or empty where there is none


def metrics() -> list[MetricEntry]:
    """Return the metrics in the order of the catalog."""
    found = {name: _here(name) for name in _needed()}
    return [_metric(name, found) for name in catalog.METRICS]


def presets(metric: str) -> Mapping[str, Sequence[str]]:
    """Return the presets of a metric of the catalog, each with the weights that it needs."""
    from svbench.metrics import fad, fvd
    from svbench.metrics.avalign import events as av_events
    from svbench.metrics.avalign import synchrony
    from svbench.metrics.networks import imagebind_inputs

    if metric == "fvd":
        return {name: (protocol.weights,) for name, protocol in fvd.PROTOCOLS.items()}
    if metric == "fad":
        return dict.fromkeys(fad.PROTOCOLS, ("vggish",))
    if metric.startswith("ib-"):
        words = () if metric == "ib-av" else ("clip-bpe",)
        return dict.fromkeys(imagebind_inputs.PROTOCOLS, ("imagebind", *words))
    if metric.startswith("av-align-"):
        return dict.fromkeys(av_events.DETECTORS, ())
    return dict.fromkeys(synchrony.PRESETS, ()) if metric == "synchrony" else {}


def systems() -> list[SystemEntry]:
    """Return the rows that a run can make, those of real clips first."""
    from svbench.baselines import coded, controls, miniature
    from svbench.baselines.joint import system as joint

    at_hand = {name: miniature.shipped(miniature.folder_of(name)) for name in catalog.DATASETS}
    titles = {"codec": _default(coded.Coded, "title"), **controls.TITLES}
    titles |= {str(mixer): title for mixer, title in joint.TITLES.items()}
    return [
        SystemEntry(
            name=name,
            title=titles[name],
            made_of_real_clips=name in catalog.REFERENCES,
            usual=name in (*catalog.USUAL_REFERENCES, *catalog.JOINT),
            miniatures=[data for data, mixers in at_hand.items() if name in mixers],
        )
        for name in catalog.SYSTEMS
    ]


def datasets() -> list[DatasetEntry]:
    """Return the data sets; each is a module of its name, which says what it is."""
    from svbench.catalog.miniatures import MINIATURES
    from svbench.datasets.lists import SPLITS

    return [
        DatasetEntry(
            name=name,
            title=(module.__doc__ or name).splitlines()[0].rstrip("."),
            splits=SPLITS,
            captions=module.CAPTIONS,
            format=str(module.SPEC),
            miniature=str(MINIATURES[name].spec) if name in MINIATURES else "",
        )
        for name, module in _modules().items()
    ]


def _modules() -> Mapping[str, Any]:
    return {name: import_module(f"svbench.datasets.{name}") for name in catalog.DATASETS}


def _default(kind: type, name: str) -> str:
    return next(str(field.default) for field in fields(kind) if field.name == name)


def _metric(name: str, found: Mapping[str, str]) -> MetricEntry:
    usual = _usual(name)
    column = _column(name, found)
    shown = presets(name)
    free = {**OWN, **VIEWS} if name.startswith("av-align-") else {}
    also = NETWORKS if any(shown.values()) else free
    return MetricEntry(
        name,
        column.title,
        column.better,
        [
            PresetEntry(
                preset,
                preset == usual,
                {file: found[file] for file in files},
                _defaults(name, preset, usual),
            )
            for preset, files in shown.items()
        ],
        also if shown else {},
    )


def _usual(metric: str) -> str:
    """Return the preset that is taken where none is named."""
    from svbench.metrics import miniature
    from svbench.metrics.avalign import synchrony

    protocols = {"fvd": miniature.FVD_USUAL, "fad": miniature.FAD_USUAL}
    protocols["synchrony"] = synchrony.PRESETS[0]
    detectors = "published" if metric.startswith("av-align-") else miniature.IB_USUAL
    return protocols.get(metric, detectors)


def _column(name: str, found: Mapping[str, str]) -> Any:
    """Return a metric, or what stands in its place while weights are absent."""
    wrong = any(state not in ("here", "absent") for state in found.values())
    # a file that is wrong would stop the full-size network, whose column is called likewise
    option = f"{_usual(name)}{catalog.MINIATURE}" if wrong and any(presets(name).values()) else ""
    return catalog.METRICS[name](option, NO_CLIPS)


def _defaults(metric: str, preset: str, usual: str) -> list[str]:
    """Return the commands that take a preset where no metrics are named."""
    plain = ", ".join(sorted(catalog.DATASETS.keys() - catalog.DATASET_METRICS.keys()))
    taken = {
        f"run --dataset {plain} --scale {scale}": catalog.DEFAULT_METRICS[scale]
        for scale in ("mini", "paper")
    }
    taken |= {f"run --dataset {name}": of for name, of in catalog.DATASET_METRICS.items()}
    taken |= {"score": catalog.DEFAULT_METRICS["score"]}
    taken |= {"score with captions": catalog.WITH_CAPTIONS}
    names = {f"{metric}@{preset}", *([metric] if preset == usual else [])}
    return [command for command, of in taken.items() if names & set(of)]


def _needed() -> set[str]:
    return {file for name in catalog.METRICS for files in presets(name).values() for file in files}


def _here(name: str) -> str:
    """Return whether a file of weights lies in the folder, or what is wrong with it."""
    from svbench.files.weights.folder import find

    try:
        return "absent" if find(name) is None else "here"
    except DataError as error:
        return f"wrong: {error}"
