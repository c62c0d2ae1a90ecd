"""From a configuration to a plan: what `svbench run` and `svbench score` walk through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from svbench.catalog.checks import (
    check_captioned,
    check_captions,
    check_data,
    check_scoring,
    usual_of_captions,
)
from svbench.catalog.columns.entry import MetricSettings
from svbench.catalog.datasets import DATASETS, drawn, load_dataset, spec_of
from svbench.catalog.findings import known_validity
from svbench.catalog.joined import plan_joined
from svbench.catalog.metrics import (
    DEFAULT_METRICS,
    METRICS,
    build_metrics,
    compares,
    reads_captions,
    split_name,
)
from svbench.catalog.paper_rows import rows_of_the_paper
from svbench.catalog.protocol_columns import (
    Followed,
    NamedColumns,
    find_protocol,
    in_order,
    protocol_columns,
)
from svbench.catalog.random_notes import notes_on_metrics, notes_on_models
from svbench.catalog.registry import Registry
from svbench.catalog.systems import SYSTEMS, build_systems
from svbench.compute import Machine
from svbench.config import Config, RunConfig, ScoreConfig
from svbench.datasets.scored import Scored, load_scored
from svbench.errors import ConfigError
from svbench.walk.plan import Columns, Data, Plan, RunSettings, Unavailable, metrics_of
from svbench.walk.shuffled_floor import NOTE, check_floor_names

NO_REFERENCE: Final = "it compares with real clips, and there is no --reference"


def plan_run(config: RunConfig, out: Path) -> Plan:
    """Return the plan of `svbench run`, after checking all that can be checked without writing.

    A miniature is drawn into the run folder `out`, so its data are read when that is held. Raises
    ConfigError for wrong settings, DataError for data or weights that are absent or malformed.
    """
    dataset = DATASETS.known(config.dataset, config.plugins)
    check_data(config)
    if config.scale == "mini":
        drawn(config.dataset, config.plugins)  # refuses a data set that has none
    settings = MetricSettings(
        seed=config.seed,
        resamples=config.resamples,
        seconds=spec_of(config).duration,
        small=config.scale == "mini",
        imagebind_weights=dataset.imagebind_weights,
        machine=config.scoring,
    )
    built = _columns(config, settings, dataset.metrics or DEFAULT_METRICS[config.scale])
    names, columns = built.names, built.columns
    check_scoring(config.scoring, columns, "scoring_")
    paper = rows_of_the_paper(config)
    join = plan_joined(config, out)
    systems = build_systems(config, paper.reads)
    random = [*notes_on_metrics(names, columns, config.plugins, small=settings.small)]
    if config.scale == "paper":
        random = [*notes_on_models(config.weights), *random]
    compared = any(metric.needs_reference for metric in metrics_of(columns))
    plugins = _origins(config, names, config.generated, [config.dataset])
    spec = dataset.spec if config.scale == "paper" else drawn(config.dataset, config.plugins).spec
    protocol = Followed.of(config, spec)

    def read() -> Data:
        data = load_dataset(config, out, compared=compared)
        join(data.examples)  # refuses what lacks a clip, before hours of work
        check_captioned(columns, {config.dataset: data.examples}, config.plugins)
        return Data(
            title=data.title,
            spec=replace(data.spec, frame_choice=config.frame_choice, channels=config.channels),
            real=data.examples,
            reference=data.reference,
            selection=data.selection,
            notes=(*random, *protocol.notes, *data.notes, *_notes(config.scoring, plugins)),
        )

    found = read() if config.scale != "mini" else None
    return Plan(
        dataset=config.dataset,
        scale=config.scale,
        columns=columns,
        read=lambda: found or read(),
        settings=settings_of(config),
        systems=(*systems, *paper.builds),
        unnamed=frozenset(paper.builds),
        absent=paper.absent,
        captioned=frozenset(
            column.name for column in columns if reads_captions(column.name, config.plugins)
        ),
        join=join,
        seed=config.seed,
        repeats=config.repeats,
        allow_missing=config.allow_missing,
        strict=config.strict,
        plugins=plugins,
        protocol=protocol.record,
        validity=known_validity(drawn=config.scale == "mini"),
    )


def plan_score(config: ScoreConfig, out: Path | None = None) -> Plan:
    """Return the plan of `svbench score`, whose results are to be written into `out`.

    Raises ConfigError for wrong settings, DataError for clips, lists or captions that are absent
    or malformed.
    """
    check_captions(config.captions)
    found = load_scored(
        config.generated, config.reference, config.captions, out, config.reference_clips
    )
    check_floor_names(found.folders)
    settings = MetricSettings(
        config.seed, config.resamples, frames=config.frames, machine=config.scoring
    )
    if config.reference is None and config.strict:  # said first: no weights would help
        lenient = config.model_copy(update={"strict": False})
        _without_reference(config, _scored_columns(lenient, settings, found)[0].columns)
    built, reasons = _scored_columns(config, settings, found)
    names, columns = built.names, built.columns
    plugins = _origins(config, names)
    protocol = Followed.of(config, config.spec)
    check_scoring(config.scoring, columns)
    if config.reference is None:
        name, title = "no reference", "Clips without a reference"
        columns = _without_reference(config, columns)
    else:
        name = config.reference.resolve().name
        title = f"Clips against {name}"
    data = Data(
        title=title,
        spec=config.spec,
        real=found.real,
        folders=found.folders,
        notes=(
            *notes_on_metrics(names, columns, config.plugins, small=settings.small),
            f"every clip brought to {config.spec}, from its start",
            *protocol.notes,
            *found.notes,
            *reasons,
            NOTE,
            *_notes(config.scoring, plugins),
        ),
    )
    return Plan(
        dataset=name,
        scale="elsewhere",
        columns=columns,
        read=lambda: data,
        settings=settings_of(config),
        seed=config.seed,
        pad=config.pad,
        allow_missing=config.allow_missing,
        strict=config.strict,
        plugins=plugins,
        protocol=protocol.record,
        validity=known_validity(),
    )


def _columns(
    config: RunConfig | ScoreConfig, settings: MetricSettings, usual: Sequence[str]
) -> NamedColumns:
    """Build the columns that are named, or those of the protocol, or the usual ones."""
    strict, plugins = config.strict, config.plugins
    if config.protocol is not None and not config.metrics:
        protocol = find_protocol(config.protocol)
        return protocol_columns(protocol, settings, strict=strict, plugins=plugins)
    names = config.metrics or tuple(usual)
    return NamedColumns(names, build_metrics(names, settings, strict=strict, plugins=plugins))


def _scored_columns(
    config: ScoreConfig, settings: MetricSettings, found: Scored
) -> tuple[NamedColumns, Sequence[str]]:
    """Build the columns of clips made elsewhere, and say why some of captions are left out."""
    built = _columns(config, settings, DEFAULT_METRICS["score"])
    if config.metrics:
        check_captioned(built.columns, found.folders, config.plugins)
        return built, ()
    if config.protocol is None:
        more = _columns(config, settings, DEFAULT_METRICS["score with captions"])
        built = NamedColumns(built.names + more.names, built.columns + more.columns)
    reading = [c for c in built.columns if reads_captions(c.name, config.plugins)]
    captioned, reasons = usual_of_captions(reading, found, config.strict) if reading else ((), ())
    return in_order(built, captioned, config.plugins), reasons


def _without_reference(config: ScoreConfig, columns: Columns) -> Columns:
    """Return the columns, those absent that compare with real clips; refuse them where named."""
    comparing = [column.name for column in columns if compares(column, config.plugins)]
    if comparing and (config.metrics or config.strict):
        option = "--metrics" if config.metrics else "--strict"
        raise ConfigError(
            f"{option}: found {', '.join(comparing)} without real clips to compare with, expected "
            "--reference DIR, or metrics that need none"
        )
    return tuple(
        Unavailable(column.name, column.title, column.better, NO_REFERENCE)
        if column.name in comparing
        else column
        for column in columns
    )


def _origins(
    config: Config,
    metrics: Sequence[str],
    systems: Sequence[str] = (),
    datasets: Sequence[str] = (),
) -> dict[str, str]:
    """Return the origin of each name that a plug-in gave; a metric's is that before its preset."""
    modules = config.plugins
    bases = [split_name(name)[0] for name in metrics]
    known = frozenset(METRICS.names(modules))  # a protocol also names what is not there yet
    names: Sequence[tuple[Registry[Any], Iterable[str]]] = (
        (METRICS, dict.fromkeys(base for base in bases if base in known)),
        (SYSTEMS, systems),
        (DATASETS, datasets),
    )
    origins: dict[str, dict[str, None]] = {}
    for table, of in names:
        for name in of:
            if origin := table.find(name, modules).origin:
                origins.setdefault(name, {})[origin] = None  # once, in order
    return {name: " and ".join(of) for name, of in origins.items()}


def _notes(scoring: Machine, plugins: Mapping[str, str]) -> tuple[str, ...]:
    """Return what a reader must know of the whole table: a rough precision, plug-ins."""
    notes = []
    if scoring.dtype != "float32":
        notes.append(f"the networks of metrics computed in {scoring.dtype}, not in float32")
    if plugins:
        named = ", ".join(f"{name} of {origin}" for name, origin in plugins.items())
        notes.append(f"plug-ins: {named}")
    return tuple(notes)


def settings_of(config: Config) -> RunSettings:
    """Return the settings of a run as its run.json holds them."""
    return RunSettings(
        command=config.command,
        values=config.record(),
        defaults=config.defaults(),
        growing=config.growing,
        sampling=config.sampling,
        coding=config.coding,
        scores=config.scores,
    )
