"""The footnotes of a printed table, each once for all the rows and columns that it applies to.

They are ordered by weight: what decides comparability, what is absent, how to read the numbers, and
notes to single cells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from svbench.files.results import ClipValues
from svbench.reports.analysis.floors import verdicts
from svbench.reports.analysis.following import following
from svbench.reports.analysis.ranking import EXPLANATION, UNMARKED
from svbench.reports.tables.detectable_notes import detectable_notes
from svbench.reports.tables.small_networks import small_networks
from svbench.types import Detection, ResultTable, Row

CAVEAT: Final = "caveat"  # of a column's settings: a caveat on all of its numbers
FEW: Final = 10  # clips; an interval over fewer does not cover rare failures
BRACKETS: Final = "brackets: 95 % interval over clips"
SPARSE: Final = f"fewer than {FEW} clips: what one clip in ten does may be missing altogether"
VIEW: Final = "view"  # of a column's settings: whether clips were conformed to the table's format
CONFORMED: Final = "every clip brought to {}"  # the note of a plan of clips made elsewhere
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
        whether a cell is marked best or second best
    scores : ClipValues or None
        scores per clip, by which cells are marked and rows are compared with their floors
    """
    return [
        *small_networks(table),
        *_of_the_table(table),
        *_left_out(table),
        *([] if scores is None else verdicts(table, scores)),
        *absences(table),
        *_legend(table, marked=marked, known=scores is not None),
        *([] if scores is None else detectable_notes(table, scores)),
        *_caveats(table),
        *_detections(table),
        *_validity(table),
        *_of_cells(table, _detail),
    ]


def absences(table: ResultTable) -> list[str]:
    """Return why cells are absent, each reason once for the columns and rows that it applies to."""
    return list(_fetched_at_once(_of_cells(table, _absence)))


def _absence(row: Row, metric: str) -> str:
    return "" if metric in row.scores else row.absent.get(metric, "")


def _detail(row: Row, metric: str) -> str:
    return row.scores[metric].note if metric in row.scores else ""


def _first(row: Row) -> str:
    return next(iter(row.left_out.values()), "")


def _of_the_table(table: ResultTable) -> Iterable[str]:
    """Yield the table's own notes, without clips left out: the notes to rows name them."""
    reasons = {_first(row) for row in table.rows if row.left_out}
    repeated = {
        f"{len(row.left_out)} of {row.asked} real clips left out; {_first(row)}"
        for row in table.rows
        if row.made_of_real_clips
    }
    for note in _of_format(table):
        reason = next((reason for reason in reasons if note.endswith(f"; {reason}")), None)
        if note not in repeated:
            yield note if reason is None else note.removesuffix(f"; {reason}")


def _of_format(table: ResultTable) -> Iterable[str]:
    """Yield the table's notes, native columns excepted from the note that clips were conformed."""
    native = [column.title for column in table.columns if column.settings.get(VIEW) == "native"]
    for note in table.notes:
        if not native or not note.startswith(CONFORMED.format(table.spec)):
            yield note
        elif len(native) < len(table.columns):
            yield f"{note}; not for {' and '.join(native)}: clips as they were made"


def _left_out(table: ResultTable) -> Iterable[str]:
    """Yield a note for each reason why clips were left out, with the rows and counts."""
    of: dict[str, dict[str, list[str]]] = {}
    for row in table.rows:
        if row.left_out:
            counted = f"{len(row.left_out)} of {row.asked} left out"
            of.setdefault(_first(row), {}).setdefault(counted, []).append(row.title)
    for reason, rows in of.items():
        counts = "; ".join(f"{'; '.join(titles)}: {counted}" for counted, titles in rows.items())
        yield f"{counts}; {reason}"


def _legend(table: ResultTable, *, marked: bool, known: bool) -> Iterable[str]:
    """Yield how the numbers are to be read."""
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
        yield UNMARKED


def _caveats(table: ResultTable) -> Iterable[str]:
    """Yield the caveats of columns, each once for all columns that it applies to."""
    of: dict[str, list[str]] = {}
    for column in table.columns:
        if CAVEAT in column.settings and any(column.metric in row.scores for row in table.rows):
            of.setdefault(str(column.settings[CAVEAT]), []).append(column.title)
    for caveat, titles in of.items():
        yield f"{' and '.join(titles)}: {caveat}"


def _detections(table: ResultTable) -> Iterable[str]:
    """Yield how well detectors find annotated hits, each once for all columns that share them."""
    of: dict[tuple[Detection, ...], list[str]] = {}
    for column in table.columns:
        if column.detection and any(column.metric in row.scores for row in table.rows):
            of.setdefault(column.detection, []).append(column.title)
    for kinds, titles in of.items():
        yield f"{' and '.join(titles)}: {found_of(kinds)}"


def _validity(table: ResultTable) -> Iterable[str]:
    """Yield whether columns follow people, each once for all columns that it applies to."""
    of: dict[str, list[str]] = {}
    for column in table.columns:
        if column.validity and any(column.metric in row.scores for row in table.rows):
            of.setdefault(following(column.validity), []).append(column.title)
    for note, titles in of.items():
        every = len(titles) == len(table.columns) > 1
        yield f"{'every column' if every else ' and '.join(titles)}: {note}"


def found_of(kinds: Sequence[Detection]) -> str:
    """Return one line on how well each kind of events finds the annotated hits of real clips."""
    first = kinds[0]
    clips = "1 real clip" if first.clips == 1 else f"{first.clips} real clips"
    shares = (
        f"{kind.events} F {_share(kind.f)} (precision {_share(kind.precision)}, "
        f"recall {_share(kind.recall)})"
        for kind in kinds
    )
    return (
        f"detectors against {first.hits} annotated hits ({clips}, within {first.tolerance:.3f} s): "
        f"{'; '.join(shares)}"
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _of_cells(table: ResultTable, note_of: Callable[[Row, str], str]) -> Iterable[str]:
    """Yield the notes to single cells, grouped by columns and rows.

    Notes of a column that differ only in a few words, such as a count, become one note.
    """
    of: dict[tuple[tuple[str, tuple[str, ...]], ...], list[str]] = {}
    for column in table.columns:
        rows: dict[str, list[str]] = {}
        for row in table.rows:
            if note := note_of(row, column.metric):
                rows.setdefault(note, []).append(row.system)
        for similar in _similar(list(rows)):
            key = tuple((note, tuple(rows[note])) for note in similar)
            of.setdefault(key, []).append(column.title)
    for notes, titles in of.items():
        yield f"{_columns(table, titles)}{_merged(table, notes)}"


def _fetched_at_once(notes: Iterable[str]) -> Iterable[str]:
    """Merge the notes on missing weights, so that one command fetches all of them."""
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
    """Return the titles of rows, or their kind where they are all rows of it."""
    kinds = {
        "every row": [row for row in table.rows if row.asked],
        "every model": [row for row in table.rows if row.competes],
        "every control": [row for row in table.rows if row.made_of_real_clips],
    }
    for name, rows in kinds.items():
        if len(rows) > 1 and {row.system for row in rows} == set(systems):
            return name
    return "; ".join(row.title for row in table.rows if row.system in systems)


def _merged(table: ResultTable, notes: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return similar notes as one: common words, and per row the words that differ."""
    if len(notes) == 1:
        note, systems = notes[0]
        return f"{_rows(table, systems)}: {note}"
    words = [note.split() for note, _ in notes]
    start, end = _shared(words)
    parts = [
        f"{' '.join(of[start : len(of) - end])} ({_rows(table, systems)})"
        for of, (_, systems) in zip(words, notes, strict=True)
    ]
    merged = [*words[0][:start], ", ".join(parts), *words[0][len(words[0]) - end :]]
    return f"by row: {' '.join(merged)}"


def _similar(notes: Sequence[str]) -> list[list[str]]:
    """Group notes that share most of their first and last words."""
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
    """Return the lengths, in words, of the common prefix and of the common suffix after it."""
    least = min(map(len, texts))
    start = _equal_words(texts, range(least))
    backwards = range(-1, start - least - 1, -1)
    return start, _equal_words(texts, backwards)


def _equal_words(texts: Sequence[Sequence[str]], places: Iterable[int]) -> int:
    """Return how many of these places, from the first on, hold the same word in all texts."""
    count = 0
    for place in places:
        if len({text[place] for text in texts}) > 1:
            break
        count += 1
    return count
