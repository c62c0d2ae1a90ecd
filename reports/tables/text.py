"""Tables for a terminal, by Rich.

A table is printed in one piece if possible: with full titles above its columns, else with short
ones (`short_titles`), which a legend below explains, and with each end of an interval on a line of
its own. Columns that still do not fit go into further tables below. Nothing is truncated.

Names and notes are wrapped in `Text`, so that Rich does not take `[x]` in them for markup.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Final

from rich.box import HORIZONTALS
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from svbench.errors import ConfigError
from svbench.files.writing import write_text
from svbench.reports.analysis.ranking import Place
from svbench.reports.tables.sheet import Line, Sheet, counts_of
from svbench.reports.tables.short_titles import short_titles

STYLES: Mapping[Place, str] = {"best": "bold", "second": "underline"}
NAMES: Final = 26  # least width of the column of names, where there is room,
NARROW_NAMES: Final = 12  # and where there is little
WIDE: Final = 120  # width from which on full titles stand above narrow columns, too
HEADING: Final = 14  # width of a line of a title,
LONG: Final = (28, 20)  # and where there is more room
Lines = Sequence[tuple[str, str]]  # texts and their styles


@dataclass(frozen=True)
class _Layout:
    """The layout of a sheet: full or short titles, intervals in one line or in two."""

    sheet: Sheet
    short: bool
    whole_intervals: bool
    names: int  # width of the column of names
    heading: int = 0  # least width of a column whose title is at least as long
    whole_counts: bool = False

    @cached_property
    def headings(self) -> Sequence[str]:
        """Return the headings of the columns."""
        shortened = self.short and not self.sheet.as_printed
        return short_titles(self.sheet.headings) if shortened else self.sheet.headings

    @cached_property
    def counts(self) -> Mapping[int, tuple[str, tuple[str, ...]]]:
        """Return `counts_of` each line, by the id of the line."""
        return {id(line): counts_of(line.cells) for line in self.sheet.lines}

    @cached_property
    def widths(self) -> list[int]:
        """Return the width of each column, in characters."""
        return [
            max(self._needed(column), min(cell_len(heading), self.heading))
            for column, heading in enumerate(self.headings)
        ]

    def cell(self, line: Line, column: int) -> Lines:
        """Return the lines of a cell; with short titles, the count stands with the row's name."""
        cell = line.cells[column]
        style = "" if cell.place is None else STYLES[cell.place]
        ends = [cell.interval] if self.whole_intervals else cell.interval.split(" ")
        count = "" if self.short else self.counts[id(line)][1][column]
        lines = [(cell.value, style), *((end, "") for end in ends), (count, "dim")]
        return [(text, style) for text, style in lines if text]

    def name(self, line: Line, columns: Sequence[int], room: int) -> Lines:
        """Return the lines beside the cells: the row's name, and counts."""
        shared, deviating = counts_of([line.cells[column] for column in columns])
        of: dict[str, list[str]] = {}
        for column, count in zip(columns, deviating, strict=True) if self.short else ():
            if count:
                of.setdefault(count, []).append(_bare(self.headings[column]))
        counts = [shared, *(f"{', '.join(titles)}: {count}" for count, titles in of.items())]
        # Rich breaks at spaces alone; names of systems are better broken at their hyphens
        name = textwrap.wrap(line.title, room) or [""]
        return [*((part, "") for part in name), *((text, "dim") for text in counts if text)]

    def _needed(self, column: int) -> int:
        """Return the width that a column needs; counts and titles may break at spaces."""
        texts = [
            text
            for line in self.sheet.lines
            for lines, style in self.cell(line, column)
            for text in (lines.split(" ") if style == "dim" and not self.whole_counts else [lines])
        ]
        return max(map(cell_len, (*self.headings[column].split(" "), *texts)))


def render(sheet: Sheet, width: int) -> RenderableType:
    """Return a table with its caption, for a console of `width` characters."""
    layout = _fitting(sheet, width)
    grids = [part for columns in _pieces(layout, width) for part in _grid(layout, columns, width)]
    title = Text(sheet.title, style="bold", overflow="fold")
    names = dict(zip(map(_bare, sheet.headings), map(_bare, layout.headings), strict=True))
    short = {title: name for title, name in names.items() if title != name}
    legend = [f"{name}: {title}" for title, name in short.items()]
    footnotes = [_shortened(note, short) for note in sheet.footnotes]
    notes = Table.grid(padding=(0, 1))
    for note in filter(None, (*legend, sheet.protocol, *footnotes)):
        notes.add_row("·", Text(note, overflow="fold"), style="dim")
    return Group(title, *grids, notes)


def _bare(heading: str) -> str:
    return heading.rstrip(" ↑↓")


def _shortened(note: str, short: Mapping[str, str]) -> str:
    """Return a note with short titles of columns; a title without brackets is left, as a word."""
    for title in sorted((title for title in short if title.endswith(")")), key=len, reverse=True):
        note = note.replace(title, short[title])
    return note


def _fitting(sheet: Sheet, width: int) -> _Layout:
    """Return the first layout in which a table fits the width, or the narrowest."""
    longest = max([cell_len(line.title) for line in sheet.lines], default=0)
    names, narrow = min(longest, NAMES), min(longest, NARROW_NAMES)
    layouts = [
        *(_Layout(sheet, False, True, longest, long, whole_counts=True) for long in (width, *LONG)),
        _Layout(sheet, False, True, names, heading=HEADING),
        *([_Layout(sheet, False, False, names)] if width >= WIDE else []),
        _Layout(sheet, True, True, names, heading=HEADING),
        _Layout(sheet, True, False, narrow),
    ]
    for layout in layouts:
        if _taken(layout.widths) + layout.names <= width:
            return layout
    return layouts[-1]


def _taken(widths: Sequence[int]) -> int:
    """Return the width of columns, with a space before each."""
    return sum(width + 1 for width in widths)


def _pieces(layout: _Layout, width: int) -> list[list[int]]:
    """Return the columns of each table: all in one, or as many in each as fit."""
    widths = layout.widths
    pieces: list[list[int]] = [[]]
    for column in range(len(widths)):
        tried = [*pieces[-1], column]
        if pieces[-1] and _taken([widths[c] for c in tried]) + layout.names > width:
            pieces.append([column])
        else:
            pieces[-1] = tried
    return pieces


def _grid(layout: _Layout, columns: Sequence[int], width: int) -> Iterator[RenderableType]:
    """Yield a table between two rules."""
    lines, widths = layout.sheet.lines, [layout.widths[column] for column in columns]
    room = max(1, width - _taken(widths))
    names = [layout.name(line, columns, room) for line in lines]
    longest = max([cell_len(text) for name in names for text, _ in name], default=1)
    room = min(room, longest)
    grid = Table(box=HORIZONTALS, padding=0, show_edge=False)
    grid.add_column("", width=room)
    for column, wide in zip(columns, widths, strict=True):
        heading = Text(layout.headings[column], overflow="fold")
        grid.add_column(heading, justify="right", overflow="fold", width=wide)
    for name, line, following in zip_longest(names, lines, lines[1:]):
        border = following is not None and following.reference != line.reference
        cells = [layout.cell(line, column) for column in columns]
        grid.add_row(*map(_text, (name, *cells)), end_section=border)
    rule = Text("─" * min(width, room + _taken(widths)))
    yield from (rule, grid, rule)


def _text(lines: Lines) -> Text:
    parts = (Text(text, style, overflow="fold") for text, style in lines)
    return Text("\n", overflow="fold").join(parts)


def save_svg(sheets: Sequence[Sheet], path: Path, width: int = 100) -> None:
    """Write the tables as an SVG picture of a terminal of `width` characters."""
    console = Console(record=True, file=io.StringIO(), width=width)
    show(sheets, console)
    if not path.parent.is_dir():
        raise ConfigError(f"--svg {path}: cannot be written (no such folder)")
    write_text(path, console.export_svg(title="svbench"), "--svg")


def text(sheets: Sequence[Sheet], width: int = 100) -> str:
    """Return the tables as printed on a terminal of `width` characters, without colours."""
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
