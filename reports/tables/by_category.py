"""Tables by category: for each metric one, with a row per category and a column per system.

Conventions
-----------
A sheet is laid out the other way round than that of a run: the systems stand side by side, models
first, so that they are compared within a category, and as many categories as a data set has stand
one below the other. The last line is that of all clips, as in the table of the run. Cells are
marked best within their category, on the evidence that a table needs. What groups of clips there
are, and what a cell holds, is defined in `svbench.reports.analysis.categories`.

CSV and JSON hold every cell of every group, those of metrics that compare whole sets with the
reason why they are absent; `group` is "category", "other", "without" or "all".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from svbench.files.results import ClipValues, dump_table
from svbench.files.text import csv_text
from svbench.reports.analysis.categories import NO_CLIP, SETS, GroupTable, Requests, group_tables
from svbench.reports.analysis.floors import SHUFFLED
from svbench.reports.analysis.following import following
from svbench.reports.analysis.ranking import EXPLANATION, marked_places, standings
from svbench.reports.tables.compact import compact
from svbench.reports.tables.exports import HEADINGS, cells
from svbench.reports.tables.footnotes import BRACKETS, CAVEAT, FEW, absences, found_of
from svbench.reports.tables.latex import latex
from svbench.reports.tables.markdown import markdown
from svbench.reports.tables.sheet import ABSENT as DASH
from svbench.reports.tables.sheet import ARROWS, Line, Sheet, arrange, brief, cell_of
from svbench.reports.tables.small_networks import small_networks
from svbench.reports.tables.text import text
from svbench.types import Column, ResultTable, Row

ALL: Final = "all clips"
NO_LABEL: Final = re.compile(r"[^A-Za-z0-9]+")  # what no label of LaTeX holds
NO_TABLE: Final = "no table of {}: {}"
OF_ALL: Final = "{}: the sounds come from clips of any category"
SMALL: Final = f"categories of fewer than {FEW} clips: read them as a trial"
MANY: Final = "each category by itself: not corrected for the number of categories"


@dataclass(frozen=True, slots=True)
class ByCategory:
    """A table of a run and those of its categories, of one kind."""

    kind: str
    whole: ResultTable
    scores: ClipValues
    groups: tuple[GroupTable, ...]


def by_category(
    table: ResultTable, scores: ClipValues, requests: Requests, kind: str, least: int = 1
) -> ByCategory:
    """Return the tables of a kind of categories; see `group_tables` for the parameters."""
    return ByCategory(kind, table, scores, group_tables(table, scores, requests, kind, least))


def columns_of(found: ByCategory) -> tuple[Column, ...]:
    """Return the columns that have scores per clip."""
    metrics = {metric for _, metric in found.scores}
    return tuple(column for column in found.whole.columns if column.metric in metrics)


def sheets(found: ByCategory) -> list[Sheet]:
    """Return a sheet for each metric that has scores per clip."""
    marked = [marked_places(standings(one.table, one.scores)) for one in found.groups]
    return [
        _sheet(found, column, marked, first=not place)
        for place, column in enumerate(columns_of(found))
    ]


def _sheet(
    found: ByCategory,
    column: Column,
    marked: Sequence[Mapping[tuple[str, str], Any]],
    *,
    first: bool,
) -> Sheet:
    rows = in_order(found.whole)
    whole = arrange(replace(found.whole, columns=(column,)), found.scores)
    of_systems = [{row.system: row for row in one.table.rows} for one in found.groups]
    lines = [
        Line(
            one.group.name,
            reference=False,
            cells=tuple(
                cell_of(
                    of[row.system].scores.get(column.metric),
                    of[row.system].asked,
                    places.get((row.system, column.metric)),
                )
                for row in rows
            ),
        )
        for one, of, places in zip(found.groups, of_systems, marked, strict=True)
    ]
    of_all = {line.title: line.cells[0] for line in whole.lines}
    lines.append(Line(ALL, reference=False, cells=tuple(of_all[row.title] for row in rows)))
    name = f"{column.title} {ARROWS[column.better]} by {found.kind}"
    return replace(
        whole,
        title=f"{name}: {whole.title}",
        name=f"{name}: {whole.name}",
        headings=tuple(row.title for row in rows),
        lines=tuple(lines),
        footnotes=tuple(_footnotes(found, column, lines, first=first)),
        brief=tuple(_brief(found, column)),
    )


def in_order(table: ResultTable) -> tuple[Row, ...]:
    """Return the rows of a table as they stand side by side: models first."""
    return tuple(sorted(table.rows, key=lambda row: row.made_of_real_clips))


def _footnotes(
    found: ByCategory, column: Column, lines: Sequence[Line], *, first: bool
) -> Iterator[str]:
    """Yield the notes of a sheet; those that hold for all of them only of the first."""
    if first:
        yield from small_networks(found.whole)
        yield from found.whole.notes
        yield from _without_table(found)
    yield from _of_rows(found, column)
    shuffled = [row.title for row in found.whole.rows if row.floor_of or row.system == SHUFFLED]
    if shuffled:
        yield OF_ALL.format("; ".join(shuffled))
    yield from (_of_others(one) for one in found.groups if one.group.members == "other")
    if min(_counts(found, column), default=FEW) < FEW:
        yield SMALL
    printed = [cell for line in lines for cell in line.cells]
    if any(cell.interval for cell in printed):
        yield BRACKETS
    if any(cell.place for cell in printed):
        yield f"{EXPLANATION}; {MANY}"
    if CAVEAT in column.settings:
        yield str(column.settings[CAVEAT])
    if column.detection:
        yield f"{ALL}: {found_of(column.detection)}"
    if column.validity:
        yield f"{column.title}: {following(column.validity)}"


def _without_table(found: ByCategory) -> Iterator[str]:
    """Yield which metrics have no table, and why: they have no value per clip, or none at all."""
    shown = columns_of(found)
    others = [column for column in found.whole.columns if column not in shown]
    scored = {metric for row in found.whole.rows for metric in row.scores}
    if titles := [column.title for column in others if column.metric in scored]:
        yield NO_TABLE.format(" and ".join(titles), SETS)
    unscored = {column.metric for column in others} - scored
    rows = (
        replace(row, absent={name: why for name, why in row.absent.items() if name in unscored})
        for row in found.whole.rows
    )
    yield from absences(replace(found.whole, rows=tuple(rows)))


def _of_rows(found: ByCategory, column: Column) -> Iterator[str]:
    """Yield why cells of a column are absent."""
    for row in found.groups[0].table.rows:
        reason = row.absent.get(column.metric, NO_CLIP)
        if reason not in ("", NO_CLIP):
            yield f"{row.title}: {reason}"
    cells = (row.absent.get(column.metric) for one in found.groups for row in one.table.rows)
    if NO_CLIP in cells:
        yield f"{DASH}: {NO_CLIP}"


def _brief(found: ByCategory, column: Column) -> Iterator[str]:
    """Yield the notes of a compact sheet, which prints no counts of its own."""
    yield from brief(replace(found.whole, rows=()))
    if counts := _counts(found, column):
        yield f"categories of n = {min(counts)} to {max(counts)} clips"


def _of_others(one: GroupTable) -> str:
    return f"{one.group.name}: {', '.join(one.group.categories)}"


def _counts(found: ByCategory, column: Column) -> list[int]:
    """Return the number of clips behind each cell of a column."""
    rows = (row for one in found.groups for row in one.table.rows)
    return [row.scores[column.metric].count for row in rows if column.metric in row.scores]


# --- formats -----------------------------------------------------------------------------------


def _csv(found: ByCategory) -> str:
    heading = ("by", "group", "category", *HEADINGS)
    return csv_text([heading, *((found.kind, *line) for line in _lines(found))])


def _json(found: ByCategory) -> str:
    """Return results.json, and the cells of every group as objects."""
    groups: dict[tuple[str, str], list[dict[str, object]]] = {}
    for group, name, *cell in _lines(found):
        values = (None if value == "" else value for value in cell)
        groups.setdefault((str(group), str(name)), []).append(
            dict(zip(HEADINGS, values, strict=True))
        )
    of_others = {one.group.name: one.group.categories for one in found.groups}
    record = {
        "results": json.loads(dump_table(found.whole)),
        "by": found.kind,
        "groups": [
            {"group": group, "category": name, "categories": of_others.get(name), "cells": cells}
            for (group, name), cells in groups.items()
        ],
    }
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def _lines(found: ByCategory) -> Iterator[Sequence[object]]:
    """Yield group, category and the fields of `HEADINGS` of each cell."""
    for one in found.groups:
        for line in cells(one.table, one.scores):
            yield one.group.members, one.group.name, *line
    for line in cells(found.whole, found.scores):
        yield "all", ALL, *line


def _label(found: ByCategory) -> str:
    return f"svbench-{found.whole.dataset}-by-{NO_LABEL.sub('-', found.kind)}"


FORMATS: Final[Mapping[str, Callable[[ByCategory], str]]] = {
    "text": lambda found: text(sheets(found)),
    "markdown": lambda found: markdown(sheets(found)),
    "latex": lambda found: latex(sheets(found), _label(found)),
    "csv": _csv,
    "json": _json,
}


def compacted(name: str, found: ByCategory, *, intervals: bool = True) -> str:
    """Return compact tables for a paper, in "markdown" or "latex"."""
    short = [compact(sheet, intervals=intervals) for sheet in sheets(found)]
    return latex(short, _label(found)) if name == "latex" else markdown(short)
