"""A result table arranged for print: what stands in each cell, whatever the medium.

Models and reference rows (real clips, and what is made of them) are set apart: a ceiling is not
a competitor. An absent cell is a dash, and its reason becomes a footnote.
"""

from __future__ import annotations

from dataclasses import dataclass

from svbench.types import ResultTable, Row, Score

ARROWS = {"higher": "↑", "lower": "↓"}
ABSENT = "–"
FEW = 10  # a percentile bootstrap of so few clips covers the truth too seldom


@dataclass(frozen=True, slots=True)
class Cell:
    """One printed cell."""

    value: str
    interval: str = ""
    count: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One printed row."""

    title: str
    reference: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A printed table: headings, rows and footnotes."""

    title: str
    headings: tuple[str, ...]
    lines: tuple[Line, ...]
    footnotes: tuple[str, ...]


def arrange(table: ResultTable) -> Sheet:
    """Arrange a table: models first, then reference rows, in their own order."""
    rows = sorted(table.rows, key=lambda row: row.made_of_real_clips)
    return Sheet(
        title=f"{table.title} ({table.spec})",
        headings=tuple(f"{c.title} {ARROWS[c.better]}" for c in table.columns),
        lines=tuple(_line(row, table) for row in rows),
        footnotes=tuple(_footnotes(table)),
    )


def _line(row: Row, table: ResultTable) -> Line:
    cells = tuple(_cell(row.scores.get(column.metric), row.asked) for column in table.columns)
    return Line(row.title, row.made_of_real_clips, cells)


def _cell(score: Score | None, asked: int) -> Cell:
    if score is None:
        return Cell(ABSENT)
    low_high = score.interval
    interval = "" if low_high is None else f"[{number(low_high[0])}, {number(low_high[1])}]"
    against = "" if score.reference_count is None else f" against {score.reference_count}"
    of = "" if score.count == asked else f" of {asked}"
    return Cell(number(score.value), interval, f"n = {score.count}{of}{against}")


def number(value: float) -> str:
    """Print three decimals below ten, fewer above: figures that the interval can bear."""
    decimals = 3 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:.{decimals}f}"


def _footnotes(table: ResultTable) -> list[str]:
    notes = list(table.notes)
    scores = [score for row in table.rows for score in row.scores.values()]
    if any(score.interval for score in scores):
        notes.append("brackets: 95 % bootstrap interval over clips")
    if any(score.count < FEW for score in scores):
        notes.append(f"fewer than {FEW} clips: the interval is narrower than the truth")
    said: dict[tuple[str, str], list[str]] = {}  # column and note -> the rows it is said of
    for row in table.rows:
        if row.left_out:
            first = next(iter(row.left_out.values()))
            notes.append(f"{row.title}: {len(row.left_out)} of {row.asked} left out; {first}")
        for column in table.columns:
            score = row.scores.get(column.metric)
            note = score.note if score is not None else row.absent.get(column.metric, "")
            if note:
                said.setdefault((column.title, note), []).append(row.title)
    for (title, note), rows in said.items():
        every = len(rows) == len(table.rows) > 1
        notes.append(f"{title}, {'every row' if every else ' and '.join(rows)}: {note}")
    return notes
