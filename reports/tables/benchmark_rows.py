"""Published figures of a benchmark whose protocol a run follows, as a table of their own.

They never share a table with ours: a line here is a system whose clips others judged, its cells are
the printed text. Other clips, and whatever svbench does otherwise than the benchmark, stand between
them and the rows of a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from svbench.files.results import PROTOCOL
from svbench.reports.published.benchmarks import MARKS, PublishedFigure, figures_of
from svbench.reports.tables.sheet import ABSENT, ARROWS, Cell, Line, Sheet
from svbench.reports.tables.small_networks import beside_published
from svbench.types import ResultTable

OTHER_CLIPS: Final = "figures of others rest on their own clips and counts"


def benchmark_sheet(table: ResultTable) -> Sheet | None:
    """Return the published figures of the protocol that a table follows; None without any."""
    followed = table.record.get(PROTOCOL)
    if not isinstance(followed, Mapping):
        return None
    name = str(followed.get("name"))
    figures = figures_of(name)
    if not figures:
        return None
    columns = {figure.column: figure for figure in figures}
    ours = _ours(table, figures)
    return Sheet(
        title=f"Published figures, protocol {name}",
        headings=tuple(_heading(figure) for figure in columns.values()),
        lines=tuple(_lines(figures, list(columns))),
        footnotes=tuple(_footnotes(followed, figures, ours)),
        brief=(*beside_published(ours), OTHER_CLIPS),
        as_printed=True,
    )


def _heading(figure: PublishedFigure) -> str:
    beside = "" if figure.metric else ", not computed here"
    return f"{figure.column} {ARROWS[figure.better]}{beside}"


def _lines(figures: Sequence[PublishedFigure], columns: Sequence[str]) -> list[Line]:
    systems = dict.fromkeys(figure.system for figure in figures)
    cells = {(figure.system, figure.column): figure.value for figure in figures}
    return [
        Line(
            f"published: {system}",
            reference=False,
            cells=tuple(Cell(cells.get((system, column), ABSENT)) for column in columns),
        )
        for system in systems
    ]


def _ours(table: ResultTable, figures: Sequence[PublishedFigure]) -> Mapping[str, str]:
    """Return the metric of ours that corresponds to a published column, of those in the table."""
    return {
        figure.column: column.metric
        for figure in figures
        for column in table.columns
        if figure.metric and column.metric.startswith(figure.metric)
    }


def _footnotes(
    followed: Mapping[str, Any], figures: Sequence[PublishedFigure], ours: Mapping[str, str]
) -> list[str]:
    notes = [*beside_published(ours), OTHER_CLIPS]
    if excepted := followed.get("except"):
        notes.append(f"rows of this run are judged otherwise: {', '.join(map(str, excepted))}")
    for (source, mark), systems in _sources(figures).items():
        notes.append(f"{'; '.join(systems)}: {source}, {MARKS[mark]}")
    if ours:
        notes.append(f"here: {', '.join(f'{name} is {metric}' for name, metric in ours.items())}")
    return notes


def _sources(figures: Sequence[PublishedFigure]) -> Mapping[tuple[str, str], list[str]]:
    """Return the systems of each source and mark, in order."""
    found: dict[tuple[str, str], list[str]] = {}
    for figure in figures:
        systems = found.setdefault((figure.source, figure.mark), [])
        if figure.system not in systems:
            systems.append(figure.system)
    return found
