"""Tables in GitHub's Markdown, for README files and the summaries of CI jobs.

A cell is value, interval and count, one below the other. The best of a column is bold, the second
best underlined (where `svbench.reports.analysis.ranking` marks them). Controls follow the
models, below a line of their own. Names and notes are escaped, so that they are shown verbatim.

References
----------
- GitHub Flavored Markdown Spec, section 4.10 (tables) and 6.1 (backslash escapes).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from svbench.reports.tables.sheet import Cell, Line, Sheet, counts_of

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!$])")
MODELS_END = "*ceiling and floor*"  # above the rows made of real clips


def markdown(sheets: Sequence[Sheet]) -> str:
    """Return the tables as Markdown, one below the other, each with its caption."""
    return "\n".join(_sheet(sheet) for sheet in sheets)


def escape(text: str) -> str:
    """Return a text escaped for Markdown, in one line."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()).replace("&", "&amp;"))


def grid(headings: Sequence[str], rows: Iterable[Sequence[str]], numbers: Collection[str]) -> str:
    """Return a table of cells that are Markdown already; columns of `numbers` are right-aligned."""
    sides = ["--:" if heading in numbers else ":--" for heading in headings]
    lines = [headings, sides, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _sheet(sheet: Sheet) -> str:
    headings = ["", *map(escape, sheet.headings)]
    rows = list(_rows(sheet))
    notes = "".join(f"- {escape(note)}\n" for note in (sheet.protocol, *sheet.footnotes) if note)
    return f"**{escape(sheet.title)}**\n\n{grid(headings, rows, headings[1:])}\n{notes}"


def _rows(sheet: Sheet) -> Iterable[Sequence[str]]:
    mixed = any(not line.reference for line in sheet.lines)
    for place, line in enumerate(sheet.lines):
        if mixed and line.reference and not sheet.lines[place - 1].reference:
            yield [MODELS_END, *[""] * len(sheet.headings)]
        yield _row(line)


def _row(line: Line) -> Sequence[str]:
    shared, deviating = counts_of(line.cells)
    first = "<br>".join(filter(None, (escape(line.title), escape(shared))))
    return [first, *map(_cell, line.cells, deviating)]


def _cell(cell: Cell, count: str) -> str:
    value = escape(cell.value)
    if cell.place == "best":
        value = f"**{value}**"
    elif cell.place == "second":
        value = f"<u>{value}</u>"
    return "<br>".join(filter(None, (value, escape(cell.interval), escape(count))))
