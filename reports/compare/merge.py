"""Merging of runs into one table, in which only comparable scores stand side by side.

The first run is the measure. A run of another clip format is left out, and so is one of another
data set or scale that shares no request with it. A column is taken from a run if it was scored with
the same settings (detectors, protocol, extractor, weights), on clips that were decoded alike as far
as the metric depends on it (frame choice, channels); seeds and numbers of bootstrap draws may
differ, as they decide intervals alone. Metrics that compare sets (FVD, FAD) also need the same real
clips and equal counts, as their values shrink with the number of clips. A cell that is not
comparable is empty, with the reason; a row without any comparable cell is left out, with the reason
among the notes.

Rows that are equal in every number (the ceilings of two runs on the same clips) become one. A row
that could not be made in one run, but in another, is that of the other. Other rows of the same name
are distinguished by the name of their run.

`svbench.reports.compare.shared_requests` decides which requests of two runs are the same; the
others get the name of their run, so that they are never paired.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from svbench.errors import DataError
from svbench.files.results import REQUESTS, ClipValues, protocol_record
from svbench.reports.compare.comparability import (
    ALL,
    REAL,
    REFERENCE,
    columns_differ,
    data_differ,
    decoding_differs,
    formats_differ,
    identities_differ,
    score_settings,
    settings_differ,
    shortened,
)
from svbench.reports.compare.shared_requests import Run, SharedRequests
from svbench.types import FLOOR_OF, Column, ResultTable, Row, Score

SET: Final = "set"  # of a row's settings: the digest of its clips
MINIATURE: Final = "mini"  # the scale whose numbers are not comparable with published ones


@dataclass(frozen=True, slots=True)
class Merged:
    """Several runs as one."""

    table: ResultTable
    scores: ClipValues  # by the systems of `table`
    run_names: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    # system -> name of its run, and its name there


def merge(runs: Sequence[Run]) -> Merged:
    """Merge runs; raise DataError if fewer than two are comparable."""
    runs = _without_absent(runs)
    first = runs[0]
    merging = _Merging(first)
    joined = [run for run in runs if merging.add(run)]
    if len(joined) < 2:
        raise DataError.of(merging.notes or [f"found {len(runs)} run, expected two or more"])
    tables = [run.table for run in joined]
    shared = {
        key: value
        for key, value in protocol_record(first.table.record).items()
        if all(table.record.get(key) == value for table in tables)
    }
    rows, scores, run_names = merging.named()
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
        run_names,
    )


def alone(run: Run) -> Merged:
    """Return one run in the form of several."""
    names = {row.system: (run.name, row.system) for row in run.table.rows}
    return Merged(run.table, run.scores or {}, names)


def _without_absent(runs: Sequence[Run]) -> list[Run]:
    """Return runs without rows that could not be made there, but in another one."""
    made = {row.system for run in runs for row in run.table.rows if row.asked}

    def kept(table: ResultTable) -> ResultTable:
        rows = tuple(row for row in table.rows if row.asked or row.system not in made)
        return replace(table, rows=rows)

    return [replace(run, table=kept(run.table)) for run in runs]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A comparable row, as read and as merged."""

    run: Run
    read: Row
    kept: Row  # without the cells that are not comparable


@dataclass(slots=True)
class _Merging:
    """The state of a merge."""

    first: Run
    columns: dict[str, Column] = field(default_factory=dict)
    taken_from: dict[str, Run] = field(default_factory=dict)  # by column
    filled: set[str] = field(default_factory=set)  # columns that some row has a score in
    entries: list[_Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    requests: SharedRequests = field(default_factory=SharedRequests)

    def add(self, run: Run) -> bool:
        """Add the comparable rows of a run; return whether there are any."""
        first = self.first
        self.requests.add(run)
        names = first.name, run.name
        unlike = formats_differ(first.table, run.table, runs=names)
        if not self.requests.shared(run, first):
            unlike = (*data_differ(first.table, run.table, runs=names), *unlike)
        if unlike:
            self.notes.append(f"{run.name} left out: {'; '.join(unlike)}")
            return False
        differing = self._differing_columns(run)
        before = list(self.notes)
        refused: dict[str, dict[str, None]] = {}  # why a cell is not comparable -> its columns
        added = [self._add_row(run, row, differing, refused) for row in run.table.rows]
        if not any(added):
            self.notes = [*before, _left_out(run, refused)]
            return False
        if run is not first and (note := self.requests.note(run, first)):
            self.notes.append(note)
        if other := identities_differ(first.table.record, run.table.record, runs=names):
            self.notes.append(f"{run.name} rests on other data: {'; '.join(other)}")
        return True

    def _differing_columns(self, run: Run) -> dict[str, str]:
        """Return by column why a run's values are not comparable with the others; "" if they are.

        The first filled column of a name is the measure.
        """
        filled = {metric for row in run.table.rows for metric in row.scores}
        reasons = {}
        for column in run.table.columns:
            name = column.metric
            if name not in self.columns or (name in filled and name not in self.filled):
                self.columns[name] = column  # an empty one has no settings to compare with
                self.taken_from[name] = run
            names = self.taken_from[name].name, run.name
            known = columns_differ(self.columns[name], column, runs=names) if name in filled else ()
            spec, names = self.first.table.spec, (self.first.name, run.name)
            decoding = decoding_differs(spec, run.table.spec, column, runs=names)
            reasons[name] = shortened((*decoding, *known), where=ALL) if name in filled else ""
        self.filled |= filled
        return reasons

    def named(self) -> tuple[tuple[Row, ...], ClipValues, Mapping[str, tuple[str, str]]]:
        """Return rows, scores per clip, and run and original name of each row.

        Rows of one name get that of their run behind it.
        """
        times = Counter(entry.read.system for entry in self.entries)
        rows, scores, run_names = [], {}, {}
        for entry in self.entries:
            row, run = entry.kept, entry.run
            unjudged = self.columns.keys() - row.scores.keys() - row.absent.keys()
            absent = {**row.absent, **dict.fromkeys(unjudged, f"not judged in {run.name}")}
            row = replace(row, absent=absent)
            if times[row.system] > 1:
                system, title = f"{row.system} ({run.name})", f"{row.title} ({run.name})"
                row = replace(row, system=system, title=title)
            if times[row.floor_of or ""] > 1:  # its set was renamed, too
                settings = {**row.settings, FLOOR_OF: f"{row.floor_of} ({run.name})"}
                row = replace(row, settings=settings)
            rows.append(row)
            run_names[row.system] = (run.name, entry.read.system)
            for (system, metric), values in (run.scores or {}).items():
                if system == entry.read.system and metric in row.scores:
                    scores[row.system, metric] = self.requests.named(run, values)
        return tuple(rows), scores, run_names

    def _add_row(
        self, run: Run, row: Row, differing: Mapping[str, str], refused: dict[str, dict[str, None]]
    ) -> bool:
        """Add the comparable cells of a row; return whether there are any."""
        reasons = {
            metric: reason
            for metric, score in row.scores.items()
            if (reason := differing.get(metric) or self._set_differs(run, row, score))
        }
        for metric, reason in reasons.items():
            refused.setdefault(reason, {})[metric] = None
        kept = {metric: s for metric, s in row.scores.items() if metric not in reasons}
        if row.scores and not kept:
            why = shortened(tuple(dict.fromkeys(reasons.values())), where=ALL)
            self.notes.append(f"{row.title} of {run.name} left out, judged otherwise: {why}")
            return False
        others = [entry for entry in self.entries if entry.read.system == row.system]
        # equal scores of the same clips in two runs stand in the table once
        if any(_same_row(entry.read, row) and entry.kept.scores == kept for entry in others):
            return True
        for entry in others[:1]:
            one, other = (
                {k: v for k, v in r.settings.items() if k != SET} for r in (entry.read, row)
            )
            differences = settings_differ(one, other, runs=(entry.run.name, run.name))
            if differences:
                whose = f"{row.title} of {run.name} and of {entry.run.name}"
                self.notes.append(f"{whose} were made otherwise: {'; '.join(differences)}")
        unlike = {metric: f"judged otherwise: {reason}" for metric, reason in reasons.items()}
        new = replace(row, scores=kept, absent={**row.absent, **unlike})
        self.entries.append(_Entry(run, row, new))
        return True

    def _set_differs(self, run: Run, row: Row, score: Score) -> str:
        """Return why a distance between sets is not comparable with the others; "" if it is."""
        if score.reference_count is None:
            return ""
        record, other = self.first.table.record, run.table.record
        seed = ["seed"] if row.made_of_real_clips else []  # it draws their halves
        keys = [REAL, REFERENCE, *seed]
        if self._decoded_otherwise(run) and record.get(REQUESTS) == other.get(REQUESTS) is not None:
            keys.remove(REAL)  # the same files; columns that depend on decoding were refused before
        before, now = ({k: r[k] for k in keys if k in r} for r in (record, other))
        differences = settings_differ(before, now, runs=(self.first.name, run.name))
        alike = [
            entry
            for entry in self.entries
            if entry.read.made_of_real_clips == row.made_of_real_clips
            and score.metric in entry.kept.scores
        ]
        if not differences and alike:
            measure = alike[0].read.scores[score.metric]
            names = alike[0].run.name, run.name
            differences = settings_differ(
                score_settings(measure), score_settings(score), runs=names
            )
        return "; ".join(differences)

    def _decoded_otherwise(self, run: Run) -> bool:
        """Return whether clips were decoded otherwise; real sets then have other digests."""
        one, other = self.first.table.spec, run.table.spec
        return (one.frame_choice, one.channels) != (other.frame_choice, other.channels)


def _same_row(one: Row, other: Row) -> bool:
    """Return whether two rows of one name have the same settings.

    The digest of real clips is ignored: originals have another than a run's lossless copies.
    """
    real = one.made_of_real_clips and other.made_of_real_clips
    ignored = {SET} if real else set()
    kept = ({k: v for k, v in r.settings.items() if k not in ignored} for r in (one, other))
    return not settings_differ(*kept)


def _left_out(run: Run, refused: Mapping[str, Mapping[str, None]]) -> str:
    """Return why no cell of a run is comparable: each setting that differs, with its columns."""
    titles = {column.metric: column.title for column in run.table.columns}
    parts = [
        f"{reason} (in {', '.join(titles[name] for name in titles if name in metrics)})"
        for reason, metrics in refused.items()
    ]
    return f"{run.name} left out, judged otherwise: {'; '.join(parts) or 'it has no row'}"
