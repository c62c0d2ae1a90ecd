"""Golden files: a table to keep to, the tolerance of each metric, and the history of changes.

The file is JSON, for people to read and edit:

    tolerances   metric -> {"absolute": 0.01}, {"relative": 0.05}, {"interval": true}, or several;
                 a value within one of them passes
    may_differ   settings whose differences are only noted, as they do not belong to the protocol:
                 digests of clips, whose values the tolerances bound anyhow, and the version of
                 torch, which decides rounding
    history      date, version of svbench, reason and changes, oldest first
    results      the golden results.json itself

"interval" allows values within the golden value's own 95 % interval: wide, but as wide as the
number of clips requires. "relative" is a share of the golden value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from svbench.errors import ConfigError, DataError
from svbench.files.results import dump_table, table_of
from svbench.files.text import REASON, read_json, shown
from svbench.reports.compare.comparability import REFERENCE
from svbench.types import ResultTable, Score

SCHEMA: Final = 1
EVERY: Final = "all"  # in place of a metric's name: every column
MAY_DIFFER: Final = ("set", "real set", REFERENCE, "torch")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The tolerance of a metric: bounds on the change of a value, of which one must hold."""

    absolute: float | None = None
    relative: float | None = None
    interval: bool = False

    def __post_init__(self) -> None:
        bounds = [bound for bound in (self.absolute, self.relative) if bound is not None]
        if not bounds and not self.interval:
            raise ConfigError("a tolerance needs a bound: absolute, relative or interval")
        if not all(0 <= bound < float("inf") for bound in bounds):
            raise ConfigError(f"a tolerance must be 0 or more, got {self}")

    def allows(self, golden: Score, value: float) -> bool:
        """Return whether a value is within one of the bounds."""
        gap = abs(value - golden.value)
        within = golden.interval
        return (
            (self.absolute is not None and gap <= self.absolute)
            or (self.relative is not None and gap <= self.relative * abs(golden.value))
            or (self.interval and within is not None and within[0] <= value <= within[1])
        )

    def __str__(self) -> str:
        """Return the bounds as printed in a table."""
        parts = [] if self.absolute is None else [f"±{self.absolute:g}"]
        parts += [] if self.relative is None else [f"±{100 * self.relative:g} %"]
        return " or ".join([*parts, *(["golden interval"] if self.interval else [])])


USUAL: Final = Tolerance(absolute=1e-3, relative=1e-3)  # what another processor's rounding moves


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the history."""

    date: str  # YYYY-MM-DD
    svbench: str  # version
    reason: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Golden:
    """A table to keep to, with tolerances and history."""

    results: ResultTable
    tolerances: Mapping[str, Tolerance]
    history: tuple[Entry, ...] = ()
    may_differ: tuple[str, ...] = MAY_DIFFER

    def tolerance(self, metric: str) -> Tolerance:
        """Return the tolerance of a metric; `USUAL` if the file names none."""
        return self.tolerances.get(metric, USUAL)


def load_golden(path: Path) -> Golden:
    """Load and validate a golden file."""
    record = read_json(path, "a golden file; make one by --update --reason '...'")
    found = record.get("golden") if isinstance(record, dict) else None
    if found != SCHEMA:
        raise DataError(f"--golden {path}: found golden schema {shown(found)}, expected {SCHEMA}")
    results = table_of(record.get("results"), path)
    try:
        parts = TypeAdapter(_Parts).validate_python(record)
    except ValidationError as error:
        first = error.errors()[0]
        place = shown(".".join(map(str, first["loc"])))
        raise DataError(f"--golden {path}: {place}: {shown(first['msg'], REASON)}") from error
    return Golden(results, parts.tolerances, parts.history, parts.may_differ)


def dump_golden(golden: Golden) -> str:
    """Return the text of a golden file."""
    parts = _Parts(golden.tolerances, golden.may_differ, golden.history)
    record = TypeAdapter(_Parts).dump_python(parts, mode="json")
    for bounds in record["tolerances"].values():
        for name in [name for name, bound in bounds.items() if bound in (None, False)]:
            del bounds[name]
    results = json.loads(dump_table(golden.results))
    whole = {"golden": SCHEMA, **record, "results": results}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def updated(
    old: Golden | None, table: ResultTable, named: Mapping[str, Tolerance], entry: Entry
) -> Golden:
    """Return a golden file with a new table, the old tolerances, and one more entry of history.

    Parameters
    ----------
    old : Golden or None
        the golden file to update, or None to make the first one
    table : ResultTable
        the new table
    named : Mapping[str, Tolerance]
        tolerances to set, by metric or for all by `EVERY`
    entry : Entry
        date, version, reason and changes

    Raises
    ------
    ConfigError
        if a tolerance is for a metric that the table lacks
    """
    metrics = [column.metric for column in table.columns]
    for name in named:
        if name not in (EVERY, *metrics):
            raise ConfigError(
                f"--tolerance: found {name!r}, expected {EVERY} or one of {', '.join(metrics)}"
            )
    before = {} if old is None else old.tolerances
    usual = {metric: before.get(metric, USUAL) for metric in metrics}
    every = dict.fromkeys(metrics, named[EVERY]) if EVERY in named else {}
    tolerances = {**usual, **every, **{m: named[m] for m in metrics if m in named}}
    if old is None:
        return Golden(table, tolerances, (entry,))
    new = REFERENCE in table.record and REFERENCE not in {*old.results.record, *old.may_differ}
    may_differ = (*old.may_differ, *((REFERENCE,) if new else ()))
    history = (*old.history, entry)
    return Golden(table, tolerances, history, may_differ)


def parse_tolerances(texts: Sequence[str]) -> dict[str, Tolerance]:
    """Parse `METRIC=absolute:0.01`, `METRIC=relative:0.05,absolute:0.1`, `METRIC=interval`."""
    found: dict[str, Tolerance] = {}
    for metric, tolerance in map(_parse, texts):
        if metric in found:
            raise ConfigError(f"--tolerance: found {metric!r} twice, expected each once")
        found[metric] = tolerance
    return found


def _parse(text: str) -> tuple[str, Tolerance]:
    metric, _, bounds = text.rpartition("=")
    known: dict[str, Any] = {}
    for bound in bounds.split(","):
        kind, _, number = bound.strip().partition(":")
        if kind in known:
            raise ConfigError(f"--tolerance: found {text!r}, expected each bound once")
        try:
            known[kind] = True if bound.strip() == "interval" else float(number)
        except ValueError:
            known = {}
            break
    if not metric or not known or not set(known) <= {"absolute", "relative", "interval"}:
        raise ConfigError(
            f"--tolerance: found {text!r}, expected METRIC=absolute:0.01, METRIC=relative:0.05 or "
            "METRIC=interval"
        )
    if not all(0 <= bound < float("inf") for bound in known.values()):
        raise ConfigError(f"--tolerance: found {text!r}, expected finite bounds, 0 or more")
    return metric, Tolerance(**known)


@dataclass(frozen=True, slots=True)
class _Parts:
    """A golden file without its table."""

    tolerances: Mapping[str, Tolerance]
    may_differ: tuple[str, ...]
    history: tuple[Entry, ...]
