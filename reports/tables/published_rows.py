"""The paper's published figures, as a table of their own.

Published figures never share a table with ours: a line here is a line of the paper, its cells are
the printed text, and each heading names the source of its column. Where a line describes a row of
ours (same mixer and gamma, in Table 1 alone), that row's value stands in the columns marked "here".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from svbench.reports.published import BETTER, CAVEATS, PublishedRow, PublishedTable, published
from svbench.reports.tables.sheet import ABSENT, ARROWS, Cell, Line, Sheet, cell_of
from svbench.reports.tables.small_networks import beside_published
from svbench.types import Column, ResultTable, Row

MINIATURE = (
    "miniature figures (scale: mini) come from other data, models and networks: they are not "
    "comparable with the paper's"
)
FULL_SIZE = (
    "the paper's figures rest on its own training, clips and counts: compare at equal counts, "
    "frame rate, frame times (--frame-choice) and detectors only"
)


def published_sheet(table: ResultTable) -> Sheet | None:
    """Return the paper's table of this data set; None if it has none of the table's columns."""
    known = published(table.dataset)
    found = {} if known is None else {name: known.column_of(name, table) for name in known.columns}
    columns = {name: column for name, column in found.items() if column is not None}
    if known is None or not columns:
        return None
    lines = [(line, _match(line, table)) for line in known.rows]
    ours = any(row is not None for _, row in lines)
    metrics = {name: column.metric for name, column in columns.items()}
    small = () if table.scale == "mini" else tuple(beside_published(metrics))
    return Sheet(
        title=f"{known.source}: {known.caption}",
        headings=tuple(
            f"{name} {ARROWS[BETTER[name]]}, {source}"
            for name in columns
            for source in (("paper", "here") if ours else ("paper",))
        ),
        lines=tuple(_line(line, row, columns, ours=ours) for line, row in lines),
        footnotes=(*small, *_footnotes(known, table, columns, ours=ours)),
        brief=(*small, *_footnotes(known, table, {}, ours=False)),
        as_printed=True,
    )


def _match(line: PublishedRow, table: ResultTable) -> Row | None:
    """Return the row of ours that a line describes; none of a table on random weights."""
    rows = () if table.random_notes else table.rows
    return next((row for row in rows if line.describes(row)), None)


def _line(
    line: PublishedRow, row: Row | None, columns: Mapping[str, Column], *, ours: bool
) -> Line:
    cells = []
    for name, column in columns.items():
        cells.append(Cell(line.cells.get(name, ABSENT)))
        if ours:
            score = None if row is None else row.scores.get(column.metric)
            # a count would be taken for the paper's
            cells.append(replace(cell_of(score, 0), count="", against=""))
    here = "" if row is None else f"; here: {row.title}"
    return Line(f"paper: {line.method}{here}", reference=False, cells=tuple(cells))


def _footnotes(
    known: PublishedTable, table: ResultTable, columns: Mapping[str, Column], *, ours: bool
) -> tuple[str, ...]:
    notes = [MINIATURE if table.scale == "mini" else FULL_SIZE]
    notes.append(f"paper: as printed in {known.source}; a dash is a gap in that table")
    notes += [f"{name}: {CAVEATS[name]}" for name in columns if name in CAVEATS]
    if ours:
        metrics = ", ".join(f"{name} is {column.metric}" for name, column in columns.items())
        notes.append(f"here: rows of this run of equal mixer and gamma; {metrics}")
    return tuple(notes)
