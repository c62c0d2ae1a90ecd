"""The ranks of a table's models, as a table of its own.

A rank is a range: the places among the models of a column that the comparisons leave open, at 95 %
for all of a column together (`svbench.reports.analysis.ranking`).
"""

from __future__ import annotations

from typing import Final

from svbench.errors import DataError
from svbench.files.results import ClipValues
from svbench.reports.analysis.ranking import Ranks, ranks_of, standings
from svbench.reports.tables.numbers import rank_range
from svbench.reports.tables.sheet import ABSENT, ARROWS, Cell, Line, Sheet
from svbench.types import ResultTable, Row

RANKS: Final = (
    "1 is the best; a range holds every rank that the comparisons leave open, for all models of a "
    "column together at 95 % (Holm)"
)


def rank_sheet(table: ResultTable, scores: ClipValues | None) -> Sheet:
    """Return a table of the ranks that each model may have.

    Raises
    ------
    DataError
        without scores per clip, or where no column has two models
    """
    if scores is None:
        raise DataError(f"--ranks: {table.title}: found no scores.csv beside the results")
    ranks = ranks_of(standings(table, scores))
    if not ranks:
        raise DataError(f"--ranks: {table.title}: found no column with two models, expected one")
    columns = [c for c in table.columns if any(metric == c.metric for _, metric in ranks)]
    return Sheet(
        title=f"Ranks: {table.title}",
        headings=tuple(f"{column.title} {ARROWS[column.better]}" for column in columns),
        lines=tuple(
            _line(row, ranks, [column.metric for column in columns])
            for row in table.rows
            if row.competes
        ),
        footnotes=(RANKS,),
        name=f"Ranks: {table.title}",
        brief=(RANKS,),
    )


def _line(row: Row, ranks: Ranks, metrics: list[str]) -> Line:
    found = (ranks.get((row.system, metric)) for metric in metrics)
    cells = tuple(Cell(ABSENT if of is None else rank_range(of)) for of in found)
    return Line(row.title, reference=False, cells=cells)
