"""A compact table for a paper: values, intervals in small print, and a short caption.

Counts and notes to single cells are left to the full table (`--format latex`). The note that
miniature figures are not comparable with published ones is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from svbench.reports.tables.sheet import ABSENT, Cell, Line, Sheet

MARKS: Final = (
    "bold: better than every other model, underlined: worse than one, better than all others (5 % "
    "for all pairs of models of a column, Holm)"
)
BRACKETS: Final = "brackets: 95 % intervals"
DASH: Final = f"{ABSENT}: not computed"


def compact(sheet: Sheet, *, intervals: bool = True) -> Sheet:
    """Return a sheet without counts, protocol and long notes, and optionally without intervals."""
    lines = tuple(
        replace(line, cells=tuple(_cell(cell, intervals) for cell in line.cells))
        for line in sheet.lines
    )
    return replace(
        sheet,
        title=sheet.name or sheet.title,
        lines=lines,
        footnotes=(*sheet.brief, *_legend(lines)),
        protocol="",
    )


def _cell(cell: Cell, intervals: bool) -> Cell:
    return replace(cell, count="", against="", interval=cell.interval if intervals else "")


def _legend(lines: tuple[Line, ...]) -> Iterator[str]:
    cells = [cell for line in lines for cell in line.cells]
    if any(cell.interval for cell in cells):
        yield BRACKETS
    if any(cell.place for cell in cells):
        yield MARKS
    if any(cell.value == ABSENT for cell in cells):
        yield DASH
