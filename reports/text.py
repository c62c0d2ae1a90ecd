"""The table for a terminal, by Rich.

Names and notes are wrapped in `Text`, so that Rich takes no `[x]` in them for its markup.
"""

from __future__ import annotations

from itertools import zip_longest

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from svbench.reports.table import Cell, arrange
from svbench.types import ResultTable


def render(table: ResultTable) -> RenderableType:
    """Give something a Rich console prints."""
    sheet = arrange(table)
    grid = Table(title=Text(sheet.title), title_justify="left", title_style="bold", pad_edge=False)
    grid.add_column("")
    for heading in sheet.headings:
        grid.add_column(Text(heading), justify="right", overflow="fold")
    for line, following in zip_longest(sheet.lines, sheet.lines[1:]):
        border = following is not None and following.reference != line.reference
        grid.add_row(Text(line.title, overflow="fold"), *map(_text, line.cells), end_section=border)
    notes = Table.grid(padding=(0, 1))
    for note in sheet.footnotes:
        notes.add_row("·", Text(note, overflow="fold"), style="dim")
    return Group(grid, notes)


def _text(cell: Cell) -> Text:
    parts = [(cell.value, ""), (cell.interval, ""), (cell.count, "dim")]
    return Text("\n").join(Text(text, style) for text, style in parts if text)


def show(table: ResultTable, console: Console | None = None) -> None:
    """Print a table."""
    (console or Console()).print(render(table))
