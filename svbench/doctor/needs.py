"""What a planned command needs and this machine lacks, all of it at once.

A command raises the first thing that is wrong. Here weights, data, devices and columns are checked
one by one, so that one look is enough.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from svbench.api.planned import Planned
from svbench.catalog.checks import check_data, check_scoring
from svbench.catalog.columns.entry import MetricSettings
from svbench.catalog.datasets import DATASETS, load_dataset, spec_of
from svbench.catalog.metrics import DEFAULT_METRICS, build_metrics
from svbench.catalog.paper_rows import rows_of_the_paper
from svbench.catalog.systems import build_systems
from svbench.config import RunConfig
from svbench.doctor.findings import Finding
from svbench.errors import DataError, SvbenchError
from svbench.walk.plan import Columns, Unavailable

SUBJECT: Final = "plan"
MEND: Final = re.compile("; get (?:them|it) by: ")  # how messages name the command


def lacking(planned: Planned, first: SvbenchError) -> list[SvbenchError]:
    """Return every reason why a plan cannot be made, of which `first` is one.

    Data, systems and metrics are tried apart from each other.
    """
    config = planned.config
    found = [first]
    if isinstance(config, RunConfig):
        for part in (_device, _data, _systems, _metrics):
            if error := raised(part, config):
                found.append(error)
    lines: dict[str, SvbenchError] = {}
    for error in found:
        lines.setdefault(str(error), error)
    return list(lines.values())


def raised(work: Callable[..., object], *given: Any) -> SvbenchError | None:
    """Return what a function raises on purpose; None if it returns."""
    try:
        work(*given)
    except SvbenchError as error:
        return error
    return None


def _device(config: RunConfig) -> None:
    if config.device != "auto":
        _ = config.scoring.place


def _data(config: RunConfig) -> None:
    check_data(config)
    if config.scale != "mini":
        load_dataset(config, Path())


def _systems(config: RunConfig) -> None:
    build_systems(config, rows_of_the_paper(config).reads)


def _metrics(config: RunConfig) -> None:
    entry = DATASETS.known(config.dataset, config.plugins)
    names = config.metrics or entry.metrics or DEFAULT_METRICS[config.scale]
    settings = MetricSettings(
        seconds=spec_of(config).duration,
        small=config.scale == "mini",
        imagebind_weights=entry.imagebind_weights,
        machine=config.scoring,
    )
    columns = build_metrics(names, settings, strict=config.strict, plugins=config.plugins)
    check_scoring(config.scoring, columns, "scoring_")


def absent_columns(columns: Columns) -> Iterator[Finding]:
    """Yield the columns that could not be filled, each with the command that would mend it."""
    for column in columns:
        if isinstance(column, Unavailable):
            reason, *mend = MEND.split(column.reason)
            found = f"the column will be absent: {reason}"
            wanted = mend[0] if mend else "choose other --metrics"
            yield Finding(SUBJECT, column.name, "missing", found, wanted)


def as_findings(errors: list[SvbenchError]) -> list[Finding]:
    """Return a line for each problem, apart from the command that gets what is absent."""
    findings = []
    for error in errors:
        name = "data or weights" if isinstance(error, DataError) else "settings"
        for line in str(error).split("\n"):
            found, *_, mend = MEND.split(line) if MEND.search(line) else (line, "")
            findings.append(Finding(SUBJECT, name, "missing", found, mend))
    return findings
