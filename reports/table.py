"""A result table arranged for print: what stands in each cell, whatever the medium.

Models and reference rows (real clips, and what is made of them) are set apart: a ceiling is not
a competitor. An absent cell is a dash, and its reason becomes a footnote. Which cells are marked
best and second best, `svbench.reports.ranking` decides.

Every medium prints a `Sheet` alike: its title, its protocol and its footnotes make the caption.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from svbench.reports.floors import verdicts
from svbench.reports.judged import scale_of
from svbench.reports.ranking import EXPLANATION, UNREAD, Place, places
from svbench.results import ClipValues
from svbench.types import ResultTable, Row, Score

ARROWS = {"higher": "↑", "lower": "↓"}
ABSENT = "–"
CAVEAT = "caveat"  # of a column's settings: what a reader must know of every number in it
RECORDED = ("seed", "real clips")  # what of a run's record stands in the caption
FEW = 10  # of so few clips an interval says little of what rare clips do


@dataclass(frozen=True, slots=True)
class Cell:
    """One printed cell."""

    value: str
    interval: str = ""
    count: str = ""
    place: Place | None = None  # best or second best of the models, where that is known


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
    protocol: str = ""  # scale, seed, clips, and the full name of each metric


def arrange(table: ResultTable, scores: ClipValues | None = None) -> Sheet:
    """Arrange a table: models first, then reference rows, in their own order.

    Without `scores`, the values of single clips, no cell is marked best.
    """
    rows = sorted(table.rows, key=lambda row: row.made_of_real_clips)
    marked = {} if scores is None else places(table, scores)
    lines = tuple(_line(row, table, marked) for row in rows)
    notes = _footnotes(table)
    if scores is not None:
        notes += verdicts(table, scores)
    if sum(row.competes for row in rows) > 1:
        notes.append(UNREAD if scores is None else EXPLANATION)
    return Sheet(
        title=f"{table.title} ({table.spec})",
        headings=tuple(f"{c.title} {ARROWS[c.better]}" for c in table.columns),
        lines=lines,
        footnotes=tuple(notes),
        protocol=_protocol(table),
    )


def _protocol(table: ResultTable) -> str:
    """Say at which scale and by what the rows were judged."""
    record = [f"{name}: {table.record[name]}" for name in RECORDED if name in table.record]
    judged = ", ".join(column.metric for column in table.columns)
    scale = scale_of(table)
    made = f"scale: {scale}" if scale == table.scale else scale
    return "; ".join([made, *record, *([f"judged by {judged}"] if judged else [])])


def _line(row: Row, table: ResultTable, marked: Mapping[tuple[str, str], Place]) -> Line:
    cells = tuple(
        cell_of(row.scores.get(c.metric), row.asked, marked.get((row.system, c.metric)))
        for c in table.columns
    )
    return Line(row.title, row.made_of_real_clips, cells)


def cell_of(score: Score | None, asked: int, place: Place | None = None) -> Cell:
    """Print one score; `asked` clips were asked for."""
    if score is None:
        return Cell(ABSENT)
    interval = "" if score.interval is None else bounds(score.interval)
    against = "" if score.reference_count is None else f" against {score.reference_count}"
    of = "" if score.count == asked else f" of {asked}"
    return Cell(number(score.value), interval, f"n = {score.count}{of}{against}", place)


def shared_count(cells: Iterable[Cell]) -> str:
    """Give the count that all cells of a row have in common, to be printed once."""
    counts = {cell.count for cell in cells if cell.count}
    return counts.pop() if len(counts) == 1 else ""


def bounds(interval: tuple[float, float]) -> str:
    """Print an interval."""
    return f"[{number(interval[0])}, {number(interval[1])}]"


def number(value: float) -> str:
    """Print three decimals below ten, fewer above: figures that the interval can bear."""
    decimals = 3 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:.{decimals}f}"


def _caveats(table: ResultTable) -> list[str]:
    """Return what holds of every number of a column, once for all columns that it holds of."""
    of: dict[str, list[str]] = {}
    for column in table.columns:
        if CAVEAT in column.settings:
            of.setdefault(str(column.settings[CAVEAT]), []).append(column.title)
    return [f"{' and '.join(titles)}: {caveat}" for caveat, titles in of.items()]


def _footnotes(table: ResultTable) -> list[str]:
    notes = list(table.notes)
    scores = [score for row in table.rows for score in row.scores.values()]
    if any(score.interval for score in scores):
        notes.append("brackets: 95 % interval over clips")
    if any(score.count < FEW for score in scores):
        notes.append(f"fewer than {FEW} clips: what one clip in ten does may be missing altogether")
    notes += _caveats(table)
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
