"""One table of several runs: only what was judged alike stands side by side.

The first run sets the measure. A run of another data set, scale or clip format is left out. A
column is taken from a run if it was judged by the same settings (detectors, protocol, extractor,
weights); seeds and counts of bootstrap draws may differ, as they decide intervals alone. Metrics
that compare sets (FVD, FAD) also need the same real clips and equal counts, as their values shrink
with the number of clips. A cell that does not fit is empty, with the reason; a row without any
cell that fits is left out, with the reason among the notes.

Rows that are equal in every figure (the ceilings of two runs on the same clips) become one. Other
rows of the same name are told apart by the name of their run.

Requests of two runs are the same where both were asked on the same real clips: then an id names
one caption in both. Otherwise each run's ids get its name, so that nothing is ever paired.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from svbench.errors import DataError
from svbench.reports.judged import columns_differ, settings_differ, shortened, tables_differ
from svbench.results import ClipValues, judged_how
from svbench.types import FLOOR_OF, Column, ResultTable, Row, Score

SET: Final = "set"  # of a row's settings: the digest of its clips
REAL: Final = "real set"  # of a table's record: the digest of its real clips
REFERENCE: Final = "reference set"  # of those that sets are compared with, if they are others
UNPAIRED: Final = "its real clips are others, so its requests are not paired with those of {}"
UNSCORED: Final = "no scores of single clips (scores.csv), so nothing of it is paired"


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it was read; `scores` is None if no scores.csv was at hand."""

    name: str
    table: ResultTable
    scores: ClipValues | None


@dataclass(frozen=True, slots=True)
class Merged:
    """Several runs as one: its systems are the names of `scores`."""

    table: ResultTable
    scores: ClipValues


def merge(runs: Sequence[Run]) -> Merged:
    """Merge runs; fewer than two that fit together are a `DataError`."""
    first = runs[0]
    merging = _Merging(first)
    joined = [run for run in runs if merging.add(run)]
    if len(joined) < 2:
        raise DataError.of(merging.notes or [f"found {len(runs)} run, expected two or more"])
    tables = [run.table for run in joined]
    shared = {
        key: value
        for key, value in judged_how(first.table.record).items()
        if all(table.record.get(key) == value for table in tables)
    }
    rows, scores = merging.named()
    notes = dict.fromkeys(note for table in tables for note in table.notes)
    return Merged(
        replace(
            first.table,
            title=f"{first.table.title}: {', '.join(run.name for run in joined)}",
            columns=tuple(merging.columns.values()),
            rows=rows,
            notes=(*notes, *merging.notes),
            record=shared,
        ),
        scores,
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    """A row that fits, as read and as merged."""

    run: Run
    read: Row
    kept: Row  # without the cells that do not fit


@dataclass(slots=True)
class _Merging:
    """What is merged so far."""

    first: Run
    columns: dict[str, Column] = field(default_factory=dict)
    filled: set[str] = field(default_factory=set)  # columns that some row has a score in
    entries: list[_Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, run: Run) -> bool:
        """Add the rows of a run that fit; tell whether any did."""
        unlike = tables_differ(self.first.table, run.table)
        if unlike:
            self.notes.append(f"{run.name} left out: {shortened(unlike)}")
            return False
        filled = {metric for row in run.table.rows for metric in row.scores}
        unfit = {}
        for column in run.table.columns:
            name = column.metric
            if name not in self.columns or (name in filled and name not in self.filled):
                self.columns[name] = column  # an empty one has no settings to hold others to
            known = columns_differ(self.columns[name], column) if name in filled else ()
            unfit[name] = shortened(known)
        self.filled |= filled
        added = [self._add_row(run, row, unfit) for row in run.table.rows]
        if run is not self.first and any(added):
            self._say_what_is_not_paired(run)
        return any(added)

    def named(self) -> tuple[tuple[Row, ...], dict[tuple[str, str], Mapping[str, float]]]:
        """Give rows and scores of clips; rows of one name are told apart by their run's."""
        times = Counter(entry.read.system for entry in self.entries)
        rows, scores = [], {}
        for entry in self.entries:
            row, run = entry.kept, entry.run
            if times[row.system] > 1:
                system, title = f"{row.system} ({run.name})", f"{row.title} ({run.name})"
                row = replace(row, system=system, title=title)
            if times[row.floor_of or ""] > 1:  # its set is told apart by the name of the run, too
                settings = {**row.settings, FLOOR_OF: f"{row.floor_of} ({run.name})"}
                row = replace(row, settings=settings)
            rows.append(row)
            for (system, metric), values in (run.scores or {}).items():
                if system == entry.read.system and metric in row.scores:
                    scores[row.system, metric] = self._by_request(run, values)
        return tuple(rows), scores

    def _add_row(self, run: Run, row: Row, unfit: Mapping[str, str]) -> bool:
        reasons = {
            metric: reason
            for metric, score in row.scores.items()
            if (reason := unfit.get(metric) or self._set_differs(run, row, score))
        }
        kept = {metric: s for metric, s in row.scores.items() if metric not in reasons}
        if row.scores and not kept:
            said = shortened(tuple(dict.fromkeys(reasons.values())))
            self.notes.append(f"{row.title} of {run.name} left out, judged otherwise: {said}")
            return False
        others = [entry for entry in self.entries if entry.read.system == row.system]
        same = (row.settings, kept)  # what two runs say alike of the same clips stands there once
        if any((entry.read.settings, entry.kept.scores) == same for entry in others):
            return True
        for entry in others[:1]:
            made = [{k: v for k, v in r.settings.items() if k != SET} for r in (entry.read, row)]
            differences = settings_differ(*made)
            if differences:
                whose = f"{row.title} of {run.name} and of {entry.run.name}"
                self.notes.append(f"{whose} were made otherwise: {shortened(differences)}")
        unlike = {metric: f"judged otherwise: {reason}" for metric, reason in reasons.items()}
        new = replace(row, scores=kept, absent={**row.absent, **unlike})
        self.entries.append(_Entry(run, row, new))
        return True

    def _set_differs(self, run: Run, row: Row, score: Score) -> str:
        """Say why a distance between sets cannot stand beside those merged so far, or nothing."""
        if score.reference_count is None:
            return ""
        record, other = self.first.table.record, run.table.record
        seed = ("seed",) if row.made_of_real_clips else ()  # it draws their halves
        keys = (REAL, REFERENCE, *seed)
        differences = settings_differ(*({k: r[k] for k in keys if k in r} for r in (record, other)))
        alike = [
            entry.read.scores[score.metric]
            for entry in self.entries
            if entry.read.made_of_real_clips == row.made_of_real_clips
            and score.metric in entry.kept.scores
        ]
        if not differences and alike:
            differences = settings_differ(_counts(alike[0]), _counts(score))
        return shortened(differences)

    def _by_request(self, run: Run, values: Mapping[str, float]) -> Mapping[str, float]:
        """Give values by request; ids that need not name the same request get the run's name."""
        if self._paired(run):
            return values
        return {f"{run.name}: {request}": value for request, value in values.items()}

    def _paired(self, run: Run) -> bool:
        real = self.first.table.record.get(REAL)
        return run is self.first or (real is not None and real == run.table.record.get(REAL))

    def _say_what_is_not_paired(self, run: Run) -> None:
        if run.scores is None:
            self.notes.append(f"{run.name}: {UNSCORED}")
        elif not self._paired(run):
            self.notes.append(f"{run.name}: {UNPAIRED.format(self.first.name)}")


def _counts(score: Score) -> dict[str, Any]:
    return {
        "clips": score.count,
        "real clips compared with": score.reference_count,
        "extractor": score.extractor,
    }
