"""Regression check: a table against a golden table.

Nothing is compared silently. Tables of another data set, scale, clip format, seed or count of
real clips are not compared at all. A row that was generated or counted otherwise, and a column that
was scored otherwise (detectors, protocol, extractor, weights), are reported with the settings that
differ, and their cells are not compared. Every other cell has one outcome:

    same      equal to the last bit
    within    moved, by no more than its tolerance
    left      moved by more than its tolerance, for better or worse
    unlike    scored with other settings than the golden one
    missing   in the golden table alone
    added     in the new table alone

Only the first two pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from svbench.files.results import DATA, protocol_record
from svbench.reports.compare.comparability import (
    columns_differ,
    score_settings,
    settings_differ,
    shortened,
    tables_differ,
)
from svbench.reports.compare.golden import Golden
from svbench.types import Column, ResultTable, Row

Outcome = Literal["same", "within", "left", "unlike", "missing", "added"]
WORDS: Final[Mapping[Outcome, str]] = {
    "same": "the same",
    "within": "within tolerance",
    "left": "beyond tolerance",
    "unlike": "judged otherwise",
    "missing": "missing",
    "added": "added",
}
MOST_NAMED: Final = 3  # rows and columns that a summary names of each outcome
PASSES: Final[frozenset[Outcome]] = frozenset({"same", "within"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One cell, or a whole row (no metric), column (no system) or table (neither)."""

    outcome: Outcome
    system: str = ""
    metric: str = ""
    golden: float | None = None
    now: float | None = None
    allowed: str = ""
    reason: str = ""

    @property
    def passes(self) -> bool:
        """Return whether this is as in the golden table, or within tolerance."""
        return self.outcome in PASSES

    @property
    def place(self) -> str:
        """Return what this finding is about: a cell, row, column or the table."""
        if self.system and self.metric:
            return f"{self.system}, {self.metric}"
        if self.system or self.metric:
            return f"row {self.system}" if self.system else f"column {self.metric}"
        return "the table"

    @property
    def change(self) -> str:
        """Return the signed change of the value; "" if one of the two is absent."""
        if self.golden is None or self.now is None:
            return ""
        return "0" if self.golden == self.now else f"{self.now - self.golden:+.4g}"

    def __str__(self) -> str:
        """Return the finding in one line."""
        moved = f"{printed(self.golden)} -> {printed(self.now)}" if self.change else ""
        return f"{self.place}: {': '.join(filter(None, (WORDS[self.outcome], moved, self.reason)))}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """All findings, in the order of the golden table."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()  # differences that may be
    better: Mapping[str, str] = field(default_factory=dict)  # metric -> "lower" or "higher"

    @property
    def passes(self) -> bool:
        """Return whether every cell is within tolerance of the golden table."""
        return all(finding.passes for finding in self.findings)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """Return the findings that do not pass."""
        return tuple(finding for finding in self.findings if not finding.passes)

    @property
    def summary(self) -> str:
        """Return the counts of outcomes in one line, naming rows and columns that did not pass."""
        counts = Counter(finding.outcome for finding in self.findings)
        parts = [
            f"{counts[outcome]} {words}{self._places(outcome)}"
            for outcome, words in WORDS.items()
            if counts[outcome]
        ]
        return ", ".join(parts) or "nothing to compare"

    def _places(self, outcome: Outcome) -> str:
        places = [finding.place for finding in self.failures if finding.outcome == outcome]
        more = f"; and {len(places) - MOST_NAMED} more" if len(places) > MOST_NAMED else ""
        return f" ({'; '.join(places[:MOST_NAMED])}{more})" if places else ""

    def direction(self, finding: Finding) -> str:
        """Return "better" or "worse" for a value that moved, else ""."""
        if finding.golden is None or finding.now is None or finding.golden == finding.now:
            return ""
        rose = finding.now > finding.golden
        return "better" if rose == (self.better.get(finding.metric) == "higher") else "worse"


def find_drift(golden: Golden, table: ResultTable) -> Verdict:
    """Compare a table with a golden one."""
    before = golden.results
    better = {column.metric: column.better for column in (*table.columns, *before.columns)}
    notes = _Notes(golden.may_differ)
    record = protocol_record(table.record)
    if DATA not in before.record:  # a golden table of an older version
        record.pop(DATA, None)
    unlike = (
        *tables_differ(before, table),
        *notes.differences("", protocol_record(before.record), record),
    )
    if unlike:
        return Verdict((Finding("unlike", reason=shortened(unlike)),), notes.lines, better)
    findings = tuple(_findings(golden, table, notes))
    return Verdict(findings, notes.lines, better)


@dataclass(slots=True)
class _Notes:
    """Collects differences of settings that may differ, which are only noted."""

    may_differ: tuple[str, ...]
    found: dict[str, dict[str, str]] = field(default_factory=dict)  # setting -> row -> difference

    def differences(
        self, row: str, before: Mapping[str, Any], now: Mapping[str, Any]
    ) -> tuple[str, ...]:
        """Return the differences that may not be, and collect the others as notes."""
        for name in self.may_differ:
            pair = [{k: v for k, v in of.items() if k == name} for of in (before, now)]
            for difference in settings_differ(*pair):
                self.found.setdefault(name, {})[row] = difference
        bound = [{k: v for k, v in m.items() if k not in self.may_differ} for m in (before, now)]
        return settings_differ(*bound)

    @property
    def lines(self) -> tuple[str, ...]:
        """Return one line for each setting that differs and may."""
        lines = []
        for name, rows in self.found.items():
            differences = set(rows.values())
            what = differences.pop() if len(differences) == 1 else f"{name} differs"
            named = ", ".join(filter(None, rows))
            lines.append(f"noted only: {what}{f' (rows: {named})' if named else ''}")
        return tuple(lines)


def _findings(golden: Golden, table: ResultTable, notes: _Notes) -> Iterator[Finding]:
    old_columns = {column.metric: column for column in golden.results.columns}
    new_columns = {column.metric: column for column in table.columns}
    compared = []
    for name, column in old_columns.items():
        found = _column(name, column, new_columns.get(name), golden.results, table)
        if found is None:
            compared.append(name)
        else:
            yield found
    for name in [name for name in new_columns if name not in old_columns]:
        yield Finding("added", metric=name, reason="the golden table has no such column")
    old_rows = {row.system: row for row in golden.results.rows}
    new_rows = {row.system: row for row in table.rows}
    for name, old in old_rows.items():
        new = new_rows.get(name)
        if new is None:
            yield Finding("missing", name, reason="the new table has no such row")
            continue
        differences = _row_differs(old, new, notes)
        if differences:
            yield Finding("unlike", name, reason=shortened(differences))
            continue
        for metric in compared:
            yield from _cell(golden, metric, old, new)
    for name in [name for name in new_rows if name not in old_rows]:
        yield Finding("added", name, reason="the golden table has no such row")


def _column(
    name: str, old: Column, new: Column | None, before: ResultTable, table: ResultTable
) -> Finding | None:
    """Return why a column cannot be compared as a whole; None if it can."""
    if new is None:
        return Finding("missing", metric=name, reason="the new table has no such column")
    filled = [any(name in row.scores for row in of.rows) for of in (before, table)]
    if filled == [True, False]:
        reasons = dict.fromkeys(row.absent.get(name, "") for row in table.rows)
        return Finding("missing", metric=name, reason="; ".join(filter(None, reasons)))
    if filled == [False, True]:
        return Finding("added", metric=name, reason="the golden column is empty")
    differences = columns_differ(old, new)
    return Finding("unlike", metric=name, reason=shortened(differences)) if differences else None


def _row_differs(old: Row, new: Row, notes: _Notes) -> tuple[str, ...]:
    made = notes.differences(old.system, old.settings, new.settings)
    return (*settings_differ(_requested(old), _requested(new)), *made)


def _requested(row: Row) -> dict[str, Any]:
    return {
        "clips requested": row.asked,
        "clips left out": sorted(row.left_out),
        "made of real clips": row.made_of_real_clips,
    }


def _cell(golden: Golden, metric: str, old: Row, new: Row) -> Iterator[Finding]:
    """Yield the finding of one cell; none if it is empty in both tables."""
    before, now = old.scores.get(metric), new.scores.get(metric)
    system, allowed = old.system, golden.tolerance(metric)
    if before is None and now is None:
        return
    if now is None:
        reason = new.absent.get(metric, "no reason given")
        golden_value = None if before is None else before.value
        yield Finding("missing", system, metric, golden_value, reason=reason)
        return
    if before is None:
        yield Finding("added", system, metric, now=now.value, reason="the golden cell is empty")
        return
    differences = settings_differ(score_settings(before), score_settings(now))
    outcome: Outcome = "left"
    if differences:
        outcome = "unlike"
    elif before.value == now.value:
        outcome = "same"
    elif allowed.allows(before, now.value):
        outcome = "within"
    yield Finding(
        outcome, system, metric, before.value, now.value, str(allowed), shortened(differences)
    )


def printed(value: float | None) -> str:
    """Return a value with six significant digits; "" for None."""
    return "" if value is None else f"{value:.6g}"
