"""The table for a terminal, by Rich.

Names and notes are wrapped in `Text`, so that Rich takes no `[x]` in them for its markup.
"""

from __future__ import annotations

import io
from itertools import zip_longest
from pathlib import Path

from rich.box import HORIZONTALS
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from svbench.errors import ConfigError
from svbench.reports.table import Cell, arrange
from svbench.types import ResultTable


def render(table: ResultTable) -> RenderableType:
    """Give something a Rich console prints."""
    sheet = arrange(table)
    grid = Table(title=Text(sheet.title), title_justify="left", title_style="bold", box=HORIZONTALS)
    grid.add_column("")
    for heading in sheet.headings:
        grid.add_column(Text(heading), justify="right", overflow="fold")
    for line, following in zip_longest(sheet.lines, sheet.lines[1:]):
        border = following is not None and following.reference != line.reference
        counts = {cell.count for cell in line.cells if cell.count}
        shared = counts.pop() if len(counts) == 1 else ""
        first = _joined((line.title, ""), (shared, "dim"))
        grid.add_row(first, *(_text(c, shared) for c in line.cells), end_section=border)
    notes = Table.grid(padding=(0, 1))
    for note in sheet.footnotes:
        notes.add_row("·", Text(note, overflow="fold"), style="dim")
    return Group(grid, notes)


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
    (console or Console()).print(render(table))
