"""The table for a terminal, by Rich.

Names and notes are wrapped in `Text`, so that Rich takes no `[x]` in them for its markup.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from rich.box import HORIZONTALS
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from svbench.errors import ConfigError
from svbench.reports.table import Cell, Sheet, arrange
from svbench.types import ResultTable

NAME_WIDTH = 26  # characters for the names of rows
CELL_WIDTH = 18  # for a column: an interval such as [0.766, 0.938], and the space around it


def render(table: ResultTable, width: int) -> RenderableType:
    """Give something a console of `width` characters prints.

    Columns that do not fit side by side go into further tables below, over the same rows.
    """
    sheet = arrange(table)
    fit = max(1, (width - NAME_WIDTH) // CELL_WIDTH)
    columns = range(len(sheet.headings))
    grids = [_grid(sheet, columns[i : i + fit]) for i in columns[::fit] or [0]]
    title = Text(sheet.title, style="bold", overflow="fold")
    notes = Table.grid(padding=(0, 1))
    for note in sheet.footnotes:
        notes.add_row("·", Text(note, overflow="fold"), style="dim")
    return Group(title, *grids, notes)


def _grid(sheet: Sheet, columns: Sequence[int]) -> Table:
    grid = Table(box=HORIZONTALS)
    grid.add_column("")
    for column in columns:
        grid.add_column(Text(sheet.headings[column]), justify="right", overflow="fold")
    for line, following in zip_longest(sheet.lines, sheet.lines[1:]):
        border = following is not None and following.reference != line.reference
        cells = [line.cells[column] for column in columns]
        counts = {cell.count for cell in cells if cell.count}
        shared = counts.pop() if len(counts) == 1 else ""
        first = _joined((line.title, ""), (shared, "dim"))
        grid.add_row(first, *(_text(c, shared) for c in cells), end_section=border)
    return grid


def _text(cell: Cell, shared: str) -> Text:
    """Give a cell; a count that the whole row shares stands under the row's name instead."""
    count = "" if cell.count == shared else cell.count
    return _joined((cell.value, "bold"), (cell.interval, ""), (count, "dim"))


def _joined(*parts: tuple[str, str]) -> Text:
    lines = (Text(text, style, overflow="fold") for text, style in parts if text)
    return Text("\n", overflow="fold").join(lines)


def save_svg(table: ResultTable, path: Path, width: int = 100) -> None:
    """Save what a terminal of `width` characters would show as a picture."""
    console = Console(record=True, file=io.StringIO(), width=width)
    show(table, console)
    try:
        console.save_svg(str(path), title="svbench")
    except OSError as error:
        raise ConfigError(f"--svg {path}: cannot be written ({error.strerror})") from error


def show(table: ResultTable, console: Console | None = None) -> None:
    """Print a table."""
    console = console or Console()
    console.print(render(table, console.width))
