"""The part of a page by category: a table per kind and metric, and the filters of its clips.

All tables stand in the HTML; `categories.js` shows one of them at a time. A category leads to its
clips. Kinds of more than `MOST` categories (a name of each clip, say) would make a page too long to
read, and are left to `svbench report --by`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from svbench.files.results import ClipValues
from svbench.reports.analysis.categories import UNKNOWN, Group, Requests, kinds
from svbench.reports.tables.by_category import ByCategory, by_category, columns_of, in_order, sheets
from svbench.reports.tables.sheet import Cell, Line, counts_of
from svbench.types import Column, ResultTable, Row

MOST: Final = 400  # categories of a kind; VGGSound has 309 classes
WITHOUT: Final = -1  # in place of a category


@dataclass(frozen=True, slots=True)
class PageValue:
    """One cell of a table by category."""

    cell: Cell
    value: float | None  # the key by which the column is sorted
    count: str  # where it deviates from that of the line


@dataclass(frozen=True, slots=True)
class PageLine:
    """One category of a table, or all clips."""

    title: str
    link: str  # to its clips; "" where no filter shows them
    count: str  # of clips behind its cells
    cells: tuple[PageValue, ...]
    whole: bool = False  # whether it is that of all clips


@dataclass(frozen=True, slots=True)
class PageTable:
    """The table of one kind and one metric."""

    kind: str
    column: Column
    rows: tuple[Row, ...]  # its columns, as they stand side by side
    lines: tuple[PageLine, ...]
    footnotes: tuple[str, ...]


def page_tables(
    table: ResultTable, scores: ClipValues, requests: Requests
) -> tuple[PageTable, ...]:
    """Return the tables of every kind that is shown; none without scores of clips."""
    metrics = {metric for _, metric in scores}
    if not any(column.metric in metrics for column in table.columns):
        return ()
    return tuple(
        one
        for kind in shown_kinds(requests)
        for one in _of_kind(by_category(table, scores, requests, kind))
    )


def shown_kinds(requests: Requests) -> dict[str, tuple[str, ...]]:
    """Return the kinds that a page shows, and the categories of each, sorted."""
    found = {
        kind: {one.categories[kind] for one in requests.values() if kind in one.categories}
        for kind in kinds(requests)
    }
    return {kind: tuple(sorted(names)) for kind, names in found.items() if len(names) <= MOST}


def long_kinds(requests: Requests) -> tuple[str, ...]:
    """Return the kinds that have too many categories to be shown."""
    shown = shown_kinds(requests)
    return tuple(kind for kind in kinds(requests) if kind not in shown)


def filters(requests: Requests) -> list[dict[str, Any]]:
    """Return the kinds and their categories for the scripts."""
    return [{"name": kind, "categories": names} for kind, names in shown_kinds(requests).items()]


def places(requests: Requests, asked: Sequence[str]) -> list[list[int]]:
    """Return for each kind the place of the category of each request that was asked."""
    of_kinds = shown_kinds(requests)
    known = [requests.get(request.rpartition("/")[0], UNKNOWN).categories for request in asked]
    return [_places(kind, names, known) for kind, names in of_kinds.items()]


def _places(kind: str, names: Sequence[str], known: Sequence[Mapping[str, str]]) -> list[int]:
    place = {name: number for number, name in enumerate(names)}
    return [place.get(of.get(kind, ""), WITHOUT) for of in known]


def _of_kind(found: ByCategory) -> Iterator[PageTable]:
    rows = in_order(found.whole)
    for column, sheet in zip(columns_of(found), sheets(found), strict=True):
        *lines, last = sheet.lines
        yield PageTable(
            found.kind,
            column,
            rows,
            (
                *(
                    _line(line, column, one.table, _link(found.kind, one.group, column))
                    for line, one in zip(lines, found.groups, strict=True)
                ),
                _line(last, column, found.whole, "", whole=True),
            ),
            sheet.footnotes,
        )


def _line(
    line: Line, column: Column, table: ResultTable, link: str, *, whole: bool = False
) -> PageLine:
    shared, deviating = counts_of(line.cells)
    scores = [row.scores.get(column.metric) for row in in_order(table)]
    cells = (
        PageValue(cell, None if score is None else score.value, count)
        for cell, score, count in zip(line.cells, scores, deviating, strict=True)
    )
    return PageLine(line.title, link, shared, tuple(cells), whole)


def _link(kind: str, group: Group, column: Column) -> str:
    if group.members == "other":
        return ""
    category = "".join(group.categories)  # the one of it, or none
    return f"#clips?{urlencode({f'in.{kind}': category, 'by': column.metric, 'order': 'worst'})}"
