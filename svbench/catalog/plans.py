"""Plans: what `svbench run` and `svbench score` walk through, built from the tables of names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from svbench.config import RunConfig, ScoreConfig
    from svbench.walk.plan import Plan


def prepare_run(config: RunConfig, out: Path) -> Callable[[], Plan]:
    """Check all that can be checked without writing; return what puts the plan together.

    A miniature is drawn into the run folder, so its data have to wait until that is held.
    """
    from svbench.catalog.checks import check_captioned, check_data, check_scoring
    from svbench.catalog.datasets import DATASETS, drawn, load_dataset
    from svbench.catalog.metrics import DEFAULT_METRICS, MetricSettings, build_metrics
    from svbench.catalog.systems import build_systems
    from svbench.walk.plan import Plan, Unavailable

    dataset = DATASETS.known(config.dataset)
    check_data(config)
    if config.scale == "mini":
        drawn(config.dataset)  # refuses a data set that has none
    names = config.metrics or dataset.metrics or DEFAULT_METRICS[config.scale]
    settings = MetricSettings(
        seed=config.seed,
        resamples=config.resamples,
        small=config.scale == "mini",
        imagebind_weights=dataset.imagebind_weights,
        machine=config.scoring,
    )
    columns = build_metrics(names, settings, strict=config.strict)
    check_scoring(config, columns)
    systems = build_systems(config)
    compared = any(not isinstance(c, Unavailable) and c.needs_reference for c in columns)

    def plan() -> Plan:
        data = load_dataset(config, out, compared=compared)
        check_captioned(columns, {config.dataset: data.examples})
        called = (data.title, config.dataset, config.scale)
        spec = replace(data.spec, frame_choice=config.frame_choice, channels=config.channels)
        made = Plan(*called, spec, data.examples, columns, systems, notes=data.notes)
        return replace(made, reference=data.reference)

    if config.scale == "mini":
        return plan
    made = plan()
    return lambda: made


def plan_score(config: ScoreConfig, out: Path | None = None) -> Plan:
    """Put together what `svbench score` walks through, to write it into `out`."""
    from svbench.catalog.checks import check_captioned, check_captions, usual_of_captions
    from svbench.catalog.metrics import DEFAULT_METRICS, MetricSettings, build_metrics
    from svbench.datasets.scored import load_scored
    from svbench.walk.plan import Plan
    from svbench.walk.shuffled_floor import NOTE, check_floor_names

    check_captions(config.captions)
    found = load_scored(config.generated, config.reference, config.captions, out)
    check_floor_names(found.folders)
    settings = MetricSettings(
        config.seed, config.resamples, frames=config.frames, machine=config.scoring
    )
    build = partial(build_metrics, settings=settings, strict=config.strict)
    columns, notes = build(config.metrics or DEFAULT_METRICS["score"]), found.notes
    if config.metrics:
        check_captioned(columns, found.folders)
    else:
        captioned = build(DEFAULT_METRICS["score with captions"])
        captioned, more = usual_of_captions(captioned, found, config.strict)
        columns, notes = (*columns, *captioned), (*notes, *more)
    return Plan(
        title=f"Clips against {config.reference.resolve().name}",
        dataset=config.reference.resolve().name,
        scale="elsewhere",
        spec=config.spec,
        real=found.real,
        columns=columns,
        folders=found.folders,
        notes=(f"every clip brought to {config.spec}, from its start", *notes, NOTE),
    )
