"""One table of several runs: only what was judged alike stands side by side.

The first run sets the measure. A run of another clip format is left out, and so is one of another
data set or scale that shares no request with it. A column is taken from a run if it was judged by
the same settings (detectors, protocol, extractor, weights), on clips that were read alike as far
as the metric reads them (frame choice, channels); seeds and counts of bootstrap draws may differ,
as they decide intervals alone. Metrics that compare sets (FVD, FAD) also need the same real clips
and equal counts, as their values shrink with the number of clips. A cell that does not fit is
empty, with the reason; a row without any cell that fits is left out, with the reason among the
notes.

Rows that are equal in every figure (the ceilings of two runs on the same clips) become one. Other
rows of the same name are told apart by the name of their run.

Which requests of two runs are the same, `svbench.reports.compare.requests` decides; the others get
the name of their run, so that they are never paired.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from svbench.errors import DataError
from svbench.files.results import REQUESTS, ClipValues, judged_how
from svbench.reports.compare.requests import REAL, Run, SharedRequests
from svbench.reports.tables.judged import (
    columns_differ,
    data_differ,
    formats_differ,
    reading_differs,
    settings_differ,
    shortened,
)
from svbench.types import FLOOR_OF, Column, ResultTable, Row, Score

SET: Final = "set"  # of a row's settings: the digest of its clips
REFERENCE: Final = "reference set"  # of a record: clips that sets are compared with, if others
MINIATURE: Final = "mini"  # the scale of figures that are not comparable with published ones


@dataclass(frozen=True, slots=True)
class Merged:
    """Several runs as one: its systems are the names of `scores`."""

    table: ResultTable
    scores: ClipValues
    called: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # system -> run, its name


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
    rows, scores, called = merging.named()
    notes = dict.fromkeys(note for table in tables for note in table.notes)
    return Merged(
        replace(
            first.table,
            title=f"{first.table.title}: {', '.join(run.name for run in joined)}",
            scale=next((t.scale for t in tables if t.scale == MINIATURE), first.table.scale),
            columns=tuple(merging.columns.values()),
            rows=rows,
            notes=(*notes, *merging.notes),
            record=shared,
        ),
        scores,
        called,
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
    requests: SharedRequests = field(default_factory=SharedRequests)

    def add(self, run: Run) -> bool:
        """Add the rows of a run that fit; return whether any did."""
        first = self.first
        self.requests.add(run)
        unlike = formats_differ(first.table, run.table)
        apart = not self.requests.shared(run, first)
        if apart:
            unlike = (*data_differ(first.table, run.table), *unlike)
        if unlike:
            self.notes.append(f"{run.name} left out: {shortened(unlike)}")
            return False
        unfit = self._unfit(run)
        before = list(self.notes)
        refused: dict[str, dict[str, None]] = {}  # why a cell does not fit -> its columns
        added = [self._add_row(run, row, unfit, refused) for row in run.table.rows]
        if not any(added):
            self.notes = [*before, _left_out(run, refused)]
            return False
        if run is not first and (said := self.requests.note(run, first)):
            self.notes.append(said)
        return True

    def _unfit(self, run: Run) -> dict[str, str]:
        """Return by column why a run's values cannot stand beside the others; "" if they can."""
        filled = {metric for row in run.table.rows for metric in row.scores}
        unfit = {}
        for column in run.table.columns:
            name = column.metric
            if name not in self.columns or (name in filled and name not in self.filled):
                self.columns[name] = column  # an empty one has no settings to hold others to
            known = columns_differ(self.columns[name], column) if name in filled else ()
            reading = reading_differs(self.first.table.spec, run.table.spec, name)
            unfit[name] = shortened((*reading, *known)) if name in filled else ""
        self.filled |= filled
        return unfit

    def named(self) -> tuple[tuple[Row, ...], ClipValues, Mapping[str, tuple[str, str]]]:
        """Return rows, scores of clips, and what a row is called in its run.

        Rows of one name are told apart by their run's.
        """
        times = Counter(entry.read.system for entry in self.entries)
        rows, scores, called = [], {}, {}
        for entry in self.entries:
            row, run = entry.kept, entry.run
            unjudged = self.columns.keys() - row.scores.keys() - row.absent.keys()
            absent = {**row.absent, **dict.fromkeys(unjudged, f"not judged in {run.name}")}
            row = replace(row, absent=absent)
            if times[row.system] > 1:
                system, title = f"{row.system} ({run.name})", f"{row.title} ({run.name})"
                row = replace(row, system=system, title=title)
            if times[row.floor_of or ""] > 1:  # its set is told apart by the name of the run, too
                settings = {**row.settings, FLOOR_OF: f"{row.floor_of} ({run.name})"}
                row = replace(row, settings=settings)
            rows.append(row)
            called[row.system] = (run.name, entry.read.system)
            for (system, metric), values in (run.scores or {}).items():
                if system == entry.read.system and metric in row.scores:
                    scores[row.system, metric] = self.requests.named(run, values)
        return tuple(rows), scores, called

    def _add_row(
        self, run: Run, row: Row, unfit: Mapping[str, str], refused: dict[str, dict[str, None]]
    ) -> bool:
        reasons = {
            metric: reason
            for metric, score in row.scores.items()
            if (reason := unfit.get(metric) or self._set_differs(run, row, score))
        }
        for metric, reason in reasons.items():
            refused.setdefault(reason, {})[metric] = None
        kept = {metric: s for metric, s in row.scores.items() if metric not in reasons}
        if row.scores and not kept:
            said = shortened(tuple(dict.fromkeys(reasons.values())))
            self.notes.append(f"{row.title} of {run.name} left out, judged otherwise: {said}")
            return False
        others = [entry for entry in self.entries if entry.read.system == row.system]
        # what two runs say alike of the same clips stands there once
        if any(_alike(entry.read, row) and entry.kept.scores == kept for entry in others):
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
        """Return why a distance between sets cannot stand beside the others; "" if it can."""
        if score.reference_count is None:
            return ""
        record, other = self.first.table.record, run.table.record
        seed = ["seed"] if row.made_of_real_clips else []  # it draws their halves
        keys = [REAL, REFERENCE, *seed]
        if self._read_otherwise(run) and record.get(REQUESTS) == other.get(REQUESTS) is not None:
            keys.remove(REAL)  # the same files, and a column that does not fit was refused above
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

    def _read_otherwise(self, run: Run) -> bool:
        """Return whether clips were read otherwise; real sets then have other digests."""
        one, other = self.first.table.spec, run.table.spec
        return (one.frame_choice, one.channels) != (other.frame_choice, other.channels)


def _alike(one: Row, other: Row) -> bool:
    """Return whether two rows of one name were made alike.

    Real clips have another digest where they lie as they are than where a run keeps copies.
    """
    real = one.made_of_real_clips and other.made_of_real_clips
    unsaid = {SET} if real else set()
    kept = ({k: v for k, v in r.settings.items() if k not in unsaid} for r in (one, other))
    return not settings_differ(*kept)


def _left_out(run: Run, refused: Mapping[str, Mapping[str, None]]) -> str:
    """Return why no cell of a run fits: each setting that differs, with its columns."""
    titles = {column.metric: column.title for column in run.table.columns}
    said = [
        f"{reason} (in {', '.join(titles[name] for name in titles if name in metrics)})"
        for reason, metrics in refused.items()
    ]
    return f"{run.name} left out, judged otherwise: {'; '.join(said) or 'it has no row'}"


def _counts(score: Score) -> dict[str, Any]:
    return {
        "clips": score.count,
        "real clips compared with": score.reference_count,
        "extractor": score.extractor,
    }
