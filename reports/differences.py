"""Paired differences of all rows from one of them, as a table.

Each cell is the mean of a row minus the chosen one, over the requests that both were scored on,
with its 95 % interval (`svbench.reports.paired`). Bold are differences whose interval
excludes 0. Many intervals are read at once here; one in twenty that says nothing excludes 0.
"""

from __future__ import annotations

from typing import Final

from svbench.errors import ConfigError, DataError
from svbench.reports.paired import Paired, bounds_of, paired
from svbench.reports.table import ABSENT, ARROWS, Cell, Line, Sheet, number
from svbench.results import ClipValues
from svbench.types import Column, ResultTable, Row

EXPLANATION: Final = (
    "each cell: the row's mean minus that of the row in the title, over the requests that both "
    "have, with its 95 % interval over requests; bold: the interval excludes 0"
)


def chosen_row(table: ResultTable, against: str | None) -> Row:
    """Give the row that others are held against: the first model, unless one is named."""
    if against is None:
        models = [row for row in table.rows if row.competes]
        return (models or list(table.rows))[0]
    for row in table.rows:
        if against in (row.system, row.title):
            return row
    known = ", ".join(row.system for row in table.rows)
    raise ConfigError(f"--against: found {against!r}, expected one of {known}")


def all_differences(table: ResultTable, scores: ClipValues, against: Row) -> tuple[Paired, ...]:
    """Give every paired difference from a row that exists."""
    found = [
        _difference(scores, row, against, column) for row in table.rows for column in table.columns
    ]
    return tuple(difference for difference in found if difference is not None)


def differences(table: ResultTable, scores: ClipValues, against: Row) -> Sheet | None:
    """Arrange the differences from a row; None if no metric has values for single clips."""
    columns = [c for c in table.columns if (against.system, c.metric) in scores]
    others = [row for row in table.rows if row.system != against.system]
    if not columns or not others:
        return None
    apart: dict[str, None] = {}  # rows that share no request with the chosen one
    lines = []
    for row in sorted(others, key=lambda row: row.made_of_real_clips):
        cells = []
        for column in columns:
            found = _difference(scores, row, against, column)
            if found is None and column.metric in row.scores:
                apart[row.title] = None
            cells.append(_cell(found))
        lines.append(Line(row.title, row.made_of_real_clips, tuple(cells)))
    return Sheet(
        title=f"Paired differences from {against.title}",
        headings=tuple(f"{column.title} {ARROWS[column.better]}" for column in columns),
        lines=tuple(lines),
        footnotes=(EXPLANATION, *([f"no request in common: {', '.join(apart)}"] if apart else [])),
    )


def _difference(scores: ClipValues, row: Row, against: Row, column: Column) -> Paired | None:
    """Give a difference; None where a cell is empty or no request is in both rows."""
    if row.system == against.system or column.metric not in row.scores:
        return None
    try:
        return paired(scores, column.metric, row.system, against.system, bounds=bounds_of(column))
    except DataError:
        return None


def _cell(found: Paired | None) -> Cell:
    if found is None:
        return Cell(ABSENT)
    interval = ""
    if found.interval is not None:
        interval = f"[{', '.join(map(_signed, found.interval))}]"
    count = f"{found.count} pair{'' if found.count == 1 else 's'}"
    return Cell(_signed(found.value), interval, count, "best" if found.excludes_zero else None)


def _signed(value: float) -> str:
    text = number(value)
    return f"+{text}" if value > 0 else text
