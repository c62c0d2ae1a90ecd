"""Scores that were computed elsewhere, beside a run: imported.json, and the columns of it.

results.json holds what a run computed. Scores per clip of other programs (`score_forms`) are not of
it: they are kept beside it in imported.json, with the digests of the files that they come from, and
whoever loads results to show them joins both. Their columns are marked as not computed here, and
named so that no computed one is called alike. The digests are settings of the column, so `compare`
puts two runs side by side only where both rest on the same files.

A row whose clips changed since scores were imported for it has none, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar

from pydantic import TypeAdapter

from svbench.errors import ConfigError, DataError
from svbench.files.results import ClipValues
from svbench.files.score_forms import ForeignScores
from svbench.files.text import shown
from svbench.files.versioned_lists import dump_list, load_list
from svbench.intervals import clip_mean
from svbench.types import Better, Column, ResultTable, Row, Score

T = TypeVar("T")
IMPORTED_FILE: Final = "imported.json"
PREFIX: Final = "imported-"  # of columns: imported-vbench@subject_consistency
VERSION: Final = 1
EXPECTED: Final = "what --import-scores wrote"
CHANGED: Final = "its clips changed since scores were imported for them"
NONE: Final = "no scores were imported for it"
UNUSUAL: Final = re.compile(r"[^\w.+-]+")  # signs that the name of a column has not
NAMED: Final = 5  # clips that an error or a note names
NO_ENTRY: Final = "no entry"


@dataclass(frozen=True, slots=True)
class ImportedRow:
    """The scores of the clips of one system."""

    system: str
    set: str  # digest of its set when they were imported
    file: str  # name of the file that they come from
    sha256: str  # of that file
    values: Mapping[str, float]  # request -> score
    missing: Mapping[str, str] = field(default_factory=dict)  # request without a score -> why

    def note(self, clips: int) -> str:
        """Return which of so many clips have no score; "" if all have one."""
        if len(self.values) >= clips:
            return ""
        named = [f"{shown(name)} ({why})" for name, why in list(self.missing.items())[:NAMED]]
        more = ["..."] if len(self.missing) > NAMED else []
        which = f": {', '.join([*named, *more])}" if named else ""
        return f"{clips - len(self.values)} of {clips} clips have no score in {self.file}{which}"


@dataclass(frozen=True, slots=True)
class ImportedColumn:
    """One column of scores that another program computed."""

    name: str  # as that program calls it
    form: str  # of `score_forms`
    better: Better
    rows: tuple[ImportedRow, ...]

    @property
    def metric(self) -> str:
        """Return the name of its column."""
        return column_name(self.form, self.name)

    def column(self) -> Column:
        """Return its column."""
        files = {row.system: {"file": row.file, "sha256": row.sha256} for row in self.rows}
        named = dict.fromkeys(f"{row.file}, sha256 {row.sha256[:12]}" for row in self.rows)
        settings = {
            "computed": "elsewhere",
            "form": self.form,
            "files": files,
            "caveat": f"not computed here but imported ({'; '.join(named)})",
        }
        return Column(
            self.metric, f"{self.name} ({self.form}, not computed here)", self.better, settings
        )


def column_name(form: str, name: str) -> str:
    """Return the name of the column of scores, from the form of their file and their name in it."""
    return f"{PREFIX}{form}@{UNUSUAL.sub('-', name)}"


_ADAPTER: Final = TypeAdapter(ImportedColumn)


# --- the file ----------------------------------------------------------------------------------


def dump_imported(columns: Sequence[ImportedColumn]) -> str:
    """Return the text of imported.json."""
    return dump_list("columns", VERSION, columns)


def load_imported(folder: Path) -> tuple[ImportedColumn, ...]:
    """Load the columns imported beside a run; none where there is no imported.json.

    Raises
    ------
    DataError
        if the file holds something else
    """
    return load_list(folder / IMPORTED_FILE, "columns", VERSION, _ADAPTER, EXPECTED)


# --- importing ---------------------------------------------------------------------------------


def imported(
    before: Sequence[ImportedColumn], foreign: ForeignScores, row: Row, requests: Iterable[str]
) -> tuple[ImportedColumn, ...]:
    """Return columns with the scores of a file for one row, in place of former ones of that row.

    Parameters
    ----------
    before : sequence of ImportedColumn
        what was imported already
    foreign : ForeignScores
        the file
    row : Row
        whose clips are scored
    requests : iterable of str
        of these clips

    Raises
    ------
    DataError
        if the file names a clip that the row has not, or one in two ways
        or two columns have one name but for unusual signs
    ConfigError
        if a column was imported in the other direction
    """
    requests = sorted(requests)
    places, found = _places(requests), {one.metric: one for one in before}
    failed = _by_request(foreign.failed.items(), places, row, foreign.file)
    for column in foreign.columns:
        values = _by_request(column.values, places, row, foreign.file)
        new = ImportedRow(
            row.system,
            row.settings.get("set", ""),
            foreign.file.name,
            foreign.sha256,
            values,
            _missing(requests, values, failed, row),
        )
        one = ImportedColumn(column.name, column.form, column.better, (new,))
        old = found.get(one.metric, one)
        if old.name != one.name:  # one would take the other's place
            raise DataError(
                f"{foreign.file}: found the columns {shown(old.name)} and {shown(one.name)}, both "
                f"of which would be {one.metric}, expected names that differ in letters or digits"
            )
        if old.better != one.better:
            raise ConfigError(
                f"{foreign.file}: found {column.name} as better {one.better}, expected "
                f"{old.better} as it was imported for {old.rows[0].system}"
            )
        others = (other for other in old.rows if other.system != row.system)
        found[one.metric] = replace(one, rows=tuple(sorted((*others, new), key=lambda r: r.system)))
    return tuple(found.values())


def _places(requests: Sequence[str]) -> dict[tuple[str, ...], str]:
    """Return the request of each name: its id, or that of its example where it is the only one."""
    examples: dict[str, list[str]] = {}
    for request in requests:
        examples.setdefault(request.rpartition("/")[0] or request, []).append(request)
    single = {name: of[0] for name, of in examples.items() if len(of) == 1}
    return {
        _parts(name): of for name, of in (*single.items(), *zip(requests, requests, strict=True))
    }


def _by_request(
    values: Iterable[tuple[str, T]],
    places: Mapping[tuple[str, ...], str],
    row: Row,
    file: Path,
) -> dict[str, T]:
    """Return values by request; raise DataError for clips that are unknown or there twice."""
    found: dict[str, T] = {}
    unknown = []
    for name, value in values:
        request = _request(name, places)
        if request is None:
            unknown.append(name)
        elif request in found:
            raise DataError(f"{file}: found two entries of {shown(request)}, expected one")
        else:
            found[request] = value
    if unknown:
        more = ", ..." if len(unknown) > NAMED else ""
        raise DataError(
            f"{file}: found {len(unknown)} clips that {row.title} has not "
            f"({', '.join(map(shown, unknown[:NAMED]))}{more}), expected ids or paths of its clips"
        )
    return found


def _missing(
    requests: Iterable[str], values: Mapping[str, float], failed: Mapping[str, str], row: Row
) -> dict[str, str]:
    """Return why clips of a row have no score; those that a program failed at come first."""
    why = {name: f"status {status}" for name, status in failed.items() if name not in values}
    without = (name for name in requests if name not in values and name not in row.left_out)
    return {**why, **{name: why.get(name, NO_ENTRY) for name in without}}


def _request(name: str, places: Mapping[tuple[str, ...], str]) -> str | None:
    """Return the request of an id, or of a path that ends with one, with or without a suffix."""
    whole = name.replace("\\", "/")
    for text in (whole, str(PurePosixPath(whole).with_suffix("")) if _parts(whole) else ""):
        parts = _parts(text)
        for start in range(len(parts)):  # the longest id first
            if parts[start:] in places:
                return places[parts[start:]]
    return None


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part for part in PurePosixPath(name).parts if part not in ("/", ".", ".."))


# --- showing -----------------------------------------------------------------------------------


def with_imported(table: ResultTable, columns: Sequence[ImportedColumn]) -> ResultTable:
    """Return a table with the imported columns behind its own."""
    for one in columns:
        of = {row.system: row for row in one.rows}
        rows = tuple(_joined(row, one, of) for row in table.rows)
        table = replace(table, columns=(*table.columns, one.column()), rows=rows)
    return table


def _joined(row: Row, column: ImportedColumn, of: Mapping[str, ImportedRow]) -> Row:
    """Return a row with its cell of an imported column."""
    metric, one = column.metric, of.get(row.system)
    if one is None or not one.values or not _fits(one, row):
        why = CHANGED if one and one.values else NONE
        return replace(row, absent={**row.absent, metric: why})
    value, interval = clip_mean(list(one.values), list(one.values.values()))
    note = one.note(row.asked - len(row.left_out))
    score = Score(metric, value, column.better, len(one.values), interval, note=note)
    return replace(row, scores={**row.scores, metric: score})


def _fits(one: ImportedRow, row: Row) -> bool:
    return one.set == row.settings.get("set", "")


def imported_scores(table: ResultTable, columns: Sequence[ImportedColumn]) -> ClipValues:
    """Return the imported scores per clip, of rows whose clips did not change."""
    rows = {row.system: row for row in table.rows}
    return {
        (one.system, column.metric): one.values
        for column in columns
        for one in column.rows
        if one.system in rows and _fits(one, rows[one.system])
    }
