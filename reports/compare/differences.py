"""Paired differences of all rows from a baseline row, as a table.

Each cell is the mean of a row minus that of the baseline, over the requests that both were scored
on, with its 95 % interval (`svbench.reports.analysis.paired`). Rows that differ are bold, at 5 %
for all rows of a column together (`svbench.reports.analysis.families`). There is no correction over
columns: of columns without any difference, up to one in twenty has a bold cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isclose
from typing import Final

from svbench.errors import ConfigError
from svbench.files.results import ClipValues
from svbench.reports.analysis.families import paired_family
from svbench.reports.analysis.paired import LEAST_UNBOUNDED, Paired
from svbench.reports.tables.numbers import signed
from svbench.reports.tables.sheet import ABSENT, ARROWS, Cell, Line, Sheet
from svbench.types import Column, ResultTable, Row

EXPLANATION: Final = (
    "each cell: the row's mean minus that of the row in the title, over the requests that both "
    "have, with its 95 % interval over requests; bold: rows that differ, at 5 % for all rows of a "
    "column together (Holm), not for all columns together"
)
NONE_DIFFERS: Final = "nothing is bold: no row differs significantly on these pairs"
TOO_FEW: Final = (
    f"never bold below {LEAST_UNBOUNDED} captions, as its values have no known range and intervals "
    "of so few cover less often than 95 %"
)
SAME: Final = 1e-5  # relative tolerance for equal values of two runs

RunNames = Mapping[str, tuple[str, str]]  # merged system -> its run, and its name there


def baseline_row(
    table: ResultTable,
    against: str | None,
    scores: ClipValues | None = None,
    run_names: RunNames | None = None,
) -> Row:
    """Return the row that others are compared with: the first model, unless one is named.

    Parameters
    ----------
    table : ResultTable
        the merged table
    against : str or None
        a system, a printed title, or RUN:SYSTEM; the plain name of a system that several runs have
        will do where their rows agree on every common request
    scores : ClipValues or None
        scores per clip (Default value = None: rows of one name never agree)
    run_names : RunNames or None
        run and original name of each system (Default value = None: of one run)

    Raises
    ------
    ConfigError
        if no row has that name, or several rows that differ
    """
    if against is None:
        models = [row for row in table.rows if row.competes]
        return (models or list(table.rows))[0]
    runs = run_names or {}
    for row in table.rows:
        if against in (row.system, row.title, ":".join(runs.get(row.system, ()))):
            return row
    plain = [row for row in table.rows if runs.get(row.system, ("", ""))[1] == against]
    if plain and all(_agree(scores or {}, plain[0], row) for row in plain[1:]):
        return max(plain, key=lambda row: row.asked)
    names = ", ".join(row.system for row in plain or table.rows)
    which = f", which {len(plain)} runs call rows that differ" if plain else ""
    raise ConfigError(f"--against: found {against!r}{which}, expected one of {names}")


def _agree(scores: ClipValues, one: Row, other: Row) -> bool:
    """Return whether two rows have common requests, and the same values on each of them."""
    metrics = one.scores.keys() & other.scores.keys()
    pairs = [
        (value, scores[other.system, metric][request])
        for metric in metrics
        for request, value in scores.get((one.system, metric), {}).items()
        if request in scores.get((other.system, metric), {})
    ]
    return bool(pairs) and all(isclose(a, b, rel_tol=SAME, abs_tol=SAME) for a, b in pairs)


def all_differences(table: ResultTable, scores: ClipValues, against: Row) -> tuple[Paired, ...]:
    """Return every paired difference from a row, where one exists."""
    found = _differences(table, scores, against)
    cells = ((row.system, column.metric) for row in table.rows for column in table.columns)
    return tuple(found[cell] for cell in cells if cell in found)


def differences(table: ResultTable, scores: ClipValues, against: Row) -> Sheet | None:
    """Return the differences from a row as a table; None if no metric has values per clip."""
    columns = [c for c in table.columns if (against.system, c.metric) in scores]
    others = [row for row in table.rows if row.system != against.system]
    if not columns or not others:
        return None
    disjoint: dict[str, None] = {}  # rows that share no request with the baseline
    lines, pairs, equal = [], [], []
    known = _differences(table, scores, against)
    for row in sorted(others, key=lambda row: row.made_of_real_clips):
        cells = []
        same = _agree(scores, row, against)
        if same:
            equal.append(row.title)
        for column in columns:
            found = known.get((row.system, column.metric))
            if found is not None and same:  # the same clips: there is nothing to estimate
                found = replace(found, interval=None, corrected=False)
            if found is None and column.metric in row.scores:
                disjoint[row.title] = None
            cells.append(_cell(found))
            pairs += [] if found is None else [found]
        lines.append(Line(row.title, row.made_of_real_clips, tuple(cells)))
    return Sheet(
        title=f"Paired differences from {against.title}",
        headings=tuple(f"{column.title} {ARROWS[column.better]}" for column in columns),
        lines=tuple(lines),
        footnotes=(*_footnotes(columns, pairs, list(disjoint), against), *_equal(equal, against)),
    )


def _equal(rows: list[str], against: Row) -> list[str]:
    named = " and ".join(rows)
    return [f"{named}: the same values as {against.title} on every request of both"] if rows else []


def _footnotes(
    columns: list[Column], pairs: list[Paired], disjoint: list[str], against: Row
) -> tuple[str, ...]:
    notes = [EXPLANATION]
    doubtful = {pair.metric for pair in pairs if pair.excludes_zero and not pair.reliable}
    if pairs and not doubtful and not any(pair.stands for pair in pairs):
        notes.append(NONE_DIFFERS)
    if titles := [column.title for column in columns if column.metric in doubtful]:
        notes.append(f"{', '.join(titles)}: {TOO_FEW}")
    if disjoint:
        notes.append(f"no request in common with {against.title}: {', '.join(disjoint)}")
    return tuple(notes)


def _differences(
    table: ResultTable, scores: ClipValues, against: Row
) -> dict[tuple[str, str], Paired]:
    """Return the differences of all cells that have one, by system and metric."""
    of: dict[tuple[str, str], Paired] = {}
    for column in table.columns:
        rows = [r for r in table.rows if r.system != against.system and column.metric in r.scores]
        found = paired_family(scores, column, [(row.system, against.system) for row in rows])
        of |= {
            (row.system, column.metric): one
            for row, one in zip(rows, found, strict=True)
            if one is not None
        }
    return of


def _cell(found: Paired | None) -> Cell:
    if found is None:
        return Cell(ABSENT)
    interval = ""
    if found.interval is not None:
        interval = f"[{', '.join(map(signed, found.interval))}]"
    count = f"{found.count} pair{'' if found.count == 1 else 's'}"
    return Cell(signed(found.value), interval, count, "best" if found.stands else None)
