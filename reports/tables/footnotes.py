"""What stands below a printed table: each thing once, for all the rows and columns it holds of.

What decides whether figures may be compared stands first, then what is not there, then how to read
what is there, then the details of single cells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from svbench.files.results import ClipValues
from svbench.reports.tables.floors import verdicts
from svbench.reports.tables.ranking import EXPLANATION, UNREAD
from svbench.types import ResultTable, Row

CAVEAT: Final = "caveat"  # of a column's settings: what a reader must know of every number in it
FEW: Final = 10  # of so few clips an interval says little of what rare clips do
BRACKETS: Final = "brackets: 95 % interval over clips"
SPARSE: Final = f"fewer than {FEW} clips: what one clip in ten does may be missing altogether"
VIEW: Final = "view"  # of a column's settings: whether clips were brought to the table's format
CONFORMED: Final = "every clip brought to {}"  # as a plan of clips made elsewhere notes it
REFERENCES: Final = "vs: the number of real clips that a distance is measured from"

_FETCH: Final = re.compile(
    "(?P<title>.+), (?P<rows>every row): (?P<reason>.+: svbench weights fetch) (?P<names>.+)"
)


def footnotes(table: ResultTable, *, marked: bool, scores: ClipValues | None) -> list[str]:
    """Return the notes of a table.

    Parameters
    ----------
    table : ResultTable
        the table as it is printed
    marked : bool
        whether a cell is printed as best or second best
    scores : ClipValues or None
        the scores of single clips, by which cells are marked and rows stand clear of floors
    """
    return [
        *_of_the_table(table),
        *_left_out(table),
        *([] if scores is None else verdicts(table, scores)),
        *_fetched_at_once(_of_cells(table, _absence)),
        *_reading(table, marked=marked, known=scores is not None),
        *_caveats(table),
        *_of_cells(table, _detail),
    ]


def _absence(row: Row, metric: str) -> str:
    return "" if metric in row.scores else row.absent.get(metric, "")


def _detail(row: Row, metric: str) -> str:
    return row.scores[metric].note if metric in row.scores else ""


def _first(row: Row) -> str:
    return next(iter(row.left_out.values()), "")


def _of_the_table(table: ResultTable) -> Iterable[str]:
    """Return the table's own notes, without the clips that a row below tells of."""
    told = {_first(row) for row in table.rows if row.left_out}
    same = {
        f"{len(row.left_out)} of {row.asked} real clips left out; {_first(row)}"
        for row in table.rows
        if row.made_of_real_clips
    }
    for note in _of_format(table):
        reason = next((reason for reason in told if note.endswith(f"; {reason}")), None)
        if note not in same:
            yield note if reason is None else note.removesuffix(f"; {reason}")


def _of_format(table: ResultTable) -> Iterable[str]:
    """Return the table's notes; that clips were brought to its format is said of no native one."""
    native = [column.title for column in table.columns if column.settings.get(VIEW) == "native"]
    for note in table.notes:
        if not native or not note.startswith(CONFORMED.format(table.spec)):
            yield note
        elif len(native) < len(table.columns):
            yield f"{note}; not for {' and '.join(native)}: clips as they were made"


def _left_out(table: ResultTable) -> Iterable[str]:
    """Return a note for each reason, with the rows that it left clips out of."""
    of: dict[str, dict[str, list[str]]] = {}
    for row in table.rows:
        if row.left_out:
            counted = f"{len(row.left_out)} of {row.asked} left out"
            of.setdefault(_first(row), {}).setdefault(counted, []).append(row.title)
    for reason, rows in of.items():
        said = "; ".join(f"{'; '.join(titles)}: {counted}" for counted, titles in rows.items())
        yield f"{said}; {reason}"


def _reading(table: ResultTable, *, marked: bool, known: bool) -> Iterable[str]:
    """Return how the figures are to be read."""
    scores = [score for row in table.rows for score in row.scores.values()]
    if any(score.count < FEW for score in scores):
        yield SPARSE
    if any(score.interval for score in scores):
        yield BRACKETS
    if any(score.reference_count is not None for score in scores):
        yield REFERENCES
    if marked:
        yield EXPLANATION
    elif not known and sum(row.competes for row in table.rows) > 1:
        yield UNREAD


def _caveats(table: ResultTable) -> Iterable[str]:
    """Return what holds of every number of a column, once for all columns that it holds of."""
    of: dict[str, list[str]] = {}
    for column in table.columns:
        if CAVEAT in column.settings and any(column.metric in row.scores for row in table.rows):
            of.setdefault(str(column.settings[CAVEAT]), []).append(column.title)
    for caveat, titles in of.items():
        yield f"{' and '.join(titles)}: {caveat}"


def _of_cells(table: ResultTable, said: Callable[[Row, str], str]) -> Iterable[str]:
    """Return what is said of single cells, grouped by columns and rows.

    Notes of a column that differ in a few words alone, say in a count, are one note.
    """
    of: dict[tuple[tuple[str, tuple[str, ...]], ...], list[str]] = {}
    for column in table.columns:
        rows: dict[str, list[str]] = {}
        for row in table.rows:
            if note := said(row, column.metric):
                rows.setdefault(note, []).append(row.system)
        for alike in _alike(list(rows)):
            key = tuple((note, tuple(rows[note])) for note in alike)
            of.setdefault(key, []).append(column.title)
    for notes, titles in of.items():
        yield f"{_columns(table, titles)}{_told(table, notes)}"


def _fetched_at_once(notes: Iterable[str]) -> Iterable[str]:
    """Put notes together that name a command each, where one command does for all."""
    of: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
    for note in notes:
        found = _FETCH.fullmatch(note)
        if found is None:
            yield note
            continue
        titles, names = of.setdefault((found["rows"], found["reason"]), ([], []))
        titles.append(found["title"])
        names += [name for name in found["names"].split() if name not in names]
    for (rows, reason), (titles, names) in of.items():
        yield f"{' and '.join(titles)}, {rows}: {reason} {' '.join(names)}"


def _columns(table: ResultTable, titles: Sequence[str]) -> str:
    every = len(titles) == len(table.columns) > 1
    return "every column, " if every else f"{' and '.join(titles)}, "


def _rows(table: ResultTable, systems: Sequence[str]) -> str:
    """Return the rows by title, or the kind that they are all of."""
    kinds = {
        "every row": table.rows,
        "every model": [row for row in table.rows if row.competes],
        "every reference row": [row for row in table.rows if row.made_of_real_clips],
    }
    for name, rows in kinds.items():
        if len(rows) > 1 and {row.system for row in rows} == set(systems):
            return name
    return "; ".join(row.title for row in table.rows if row.system in systems)


def _told(table: ResultTable, notes: Sequence[tuple[str, Sequence[str]]]) -> str:
    if len(notes) == 1:
        note, systems = notes[0]
        return f"{_rows(table, systems)}: {note}"
    words = [note.split() for note, _ in notes]
    start, end = _shared(words)
    parts = [
        f"{' '.join(of[start : len(of) - end])} ({_rows(table, systems)})"
        for of, (_, systems) in zip(words, notes, strict=True)
    ]
    told = [*words[0][:start], ", ".join(parts), *words[0][len(words[0]) - end :]]
    return f"by row: {' '.join(told)}"


def _alike(notes: Sequence[str]) -> list[list[str]]:
    """Put notes together that begin or end with the same words and differ in few."""
    groups: list[list[str]] = []
    for note in notes:
        for group in groups:
            words = [other.split() for other in (*group, note)]
            start, end = _shared(words)
            if start + end > max(len(of) for of in words) / 2:
                group.append(note)
                break
        else:
            groups.append([note])
    return groups


def _shared(texts: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Return how many words all texts begin with, and how many they end with beside those."""
    least = min(map(len, texts))
    start = _run(texts, range(least))
    backwards = range(-1, start - least - 1, -1)
    return start, _run(texts, backwards)


def _run(texts: Sequence[Sequence[str]], places: Iterable[int]) -> int:
    count = 0
    for place in places:
        if len({text[place] for text in texts}) > 1:
            break
        count += 1
    return count
