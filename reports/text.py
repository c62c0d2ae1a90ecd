"""The table for a terminal, by Rich.

Names and notes are wrapped in `Text`, so that Rich takes no `[x]` in them for its markup.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from rich.box import HORIZONTALS
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from svbench.errors import ConfigError
from svbench.files.writing import write_text
from svbench.reports.ranking import Place
from svbench.reports.table import Cell, Sheet, shared_count

NAME_WIDTH = 26  # characters for the names of rows
STYLES: Mapping[Place, str] = {"best": "bold", "second": "underline"}
CELL_WIDTH = 18  # for a column: an interval such as [0.766, 0.938], and the space around it


def render(sheet: Sheet, width: int) -> RenderableType:
    """Give something a console of `width` characters prints.

    Columns that do not fit side by side go into further tables below, over the same rows.
    """
    fit = max(1, (width - NAME_WIDTH) // CELL_WIDTH)
    columns = range(len(sheet.headings))
    grids = [_grid(sheet, columns[i : i + fit]) for i in columns[::fit] or [0]]
    title = Text(sheet.title, style="bold", overflow="fold")
    notes = Table.grid(padding=(0, 1))
    for note in filter(None, (sheet.protocol, *sheet.footnotes)):
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
        shared = shared_count(cells)
        first = _joined((line.title, ""), (shared, "dim"))
        grid.add_row(first, *(_text(c, shared) for c in cells), end_section=border)
    return grid


def _text(cell: Cell, shared: str) -> Text:
    """Give a cell; a count that the whole row shares stands under the row's name instead."""
    count = "" if cell.count == shared else cell.count
    style = "" if cell.place is None else STYLES[cell.place]
    return _joined((cell.value, style), (cell.interval, ""), (count, "dim"))


def _joined(*parts: tuple[str, str]) -> Text:
    lines = (Text(text, style, overflow="fold") for text, style in parts if text)
    return Text("\n", overflow="fold").join(lines)


def save_svg(sheets: Sequence[Sheet], path: Path, width: int = 100) -> None:
    """Save what a terminal of `width` characters would show as a picture."""
    console = Console(record=True, file=io.StringIO(), width=width)
    show(sheets, console)
    if not path.parent.is_dir():
        raise ConfigError(f"--svg {path}: cannot be written (no such folder)")
    write_text(path, console.export_svg(title="svbench"), "--svg")


def text(sheets: Sequence[Sheet], width: int = 100) -> str:
    """Give what a terminal of `width` characters without colours would show."""
    file = io.StringIO()
    show(sheets, Console(file=file, width=width, color_system=None))
    return file.getvalue()


def show(sheets: Sequence[Sheet], console: Console | None = None) -> None:
    """Print tables, one below the other."""
    console = console or Console()
    for place, sheet in enumerate(sheets):
        if place:
            console.print()
        console.print(render(sheet, console.width))
