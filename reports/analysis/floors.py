"""Floors: which models score better than their clips do when shuffled.

A score of audio-video agreement means little alone, so a row is compared with its floor: its own
video with the audio of other clips of the set (`svbench score`, see `svbench.walk.shuffled_floor`),
or else the control `shuffled` of the whole table. A row stands clear of its floor where the
paired difference (over the clips that both have) lies on the better side of 0, at 5 % for all
models of a column together (`svbench.reports.analysis.families`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from svbench.files.results import ClipValues
from svbench.reports.analysis.families import paired_family
from svbench.reports.analysis.paired import Paired
from svbench.types import Column, ResultTable, Row

SHUFFLED: Final = "shuffled"  # the floor of all rows of `svbench run`
NAMED: Final = 4  # rows that a sentence names


@dataclass(frozen=True, slots=True)
class Clearance:
    """A row compared with its floor."""

    row: Row
    floor: Row
    gain: Paired  # row minus floor
    clear: bool  # better than the floor beyond sampling error

    def __str__(self) -> str:
        """Return row, gain, interval and count in one phrase."""
        title = f"{self.row.title} {_signed(self.gain.value)}"
        if self.gain.interval is None:
            return f"{title} on a single clip"
        low, high = map(_signed, self.gain.interval)
        return f"{title} [{low}, {high}] over {self.gain.count} clips"


def floor_of(table: ResultTable, row: Row) -> Row | None:
    """Return the floor of a row: the one made from its clips, or else that of the table."""
    own = [one for one in table.rows if one.floor_of == row.system]
    shared = [one for one in table.rows if one.made_of_real_clips and one.system == SHUFFLED]
    return next(iter([*own, *shared]), None)


def clearances(table: ResultTable, column: Column, scores: ClipValues) -> tuple[Clearance, ...]:
    """Compare every model of a column with its floor, where both have scores per clip."""
    of = [(row, floor_of(table, row)) for row in table.rows if row.competes]
    pairs = [(row, floor) for row, floor in of if floor is not None]
    gains = paired_family(scores, column, [(row.system, floor.system) for row, floor in pairs])
    return tuple(
        Clearance(row, floor, gain, gain.stands and _better(gain, column))
        for (row, floor), gain in zip(pairs, gains, strict=True)
        if gain is not None  # it is None without scores per clip, or without any of the same clip
    )


def _better(gain: Paired, column: Column) -> bool:
    return (gain.value > 0) == (column.better == "higher")


def verdict(table: ResultTable, column: Column, scores: ClipValues) -> str:
    """Return a sentence on which rows stand clear of their floors; "" if no row has one."""
    found = clearances(table, column, scores)
    clear = [one for one in found if one.clear]
    others = [one for one in found if not one.clear]
    if not found:
        return ""
    if not clear:
        return f"No row stands clear of its floor in {column.title}: {_listed(others)}"
    rest = f"; not clear: {_listed(others)}" if others else ""
    if len(clear) == 1:
        _, _, gain = str(clear[0]).partition(f"{clear[0].row.title} ")
        verb = f"stands clear of its {_kind(clear[0])}floor"
        return f"{clear[0].row.title} {verb} in {column.title}: {gain}{rest}"
    return f"Clear of their floors in {column.title}: {_listed(clear)}{rest}"


def verdicts(table: ResultTable, scores: ClipValues) -> list[str]:
    """Return the verdicts of all columns, if rows of the table have floors of their own."""
    if all(row.floor_of is None for row in table.rows):
        return []
    found = (verdict(table, column, scores) for column in table.columns)
    return [sentence for sentence in found if sentence]


def _kind(found: Clearance) -> str:
    return "shuffled " if found.floor.floor_of is not None else ""


def _listed(found: Sequence[Clearance]) -> str:
    more = [f"and {len(found) - NAMED} more"] if len(found) > NAMED else []
    return ", ".join([*map(str, found[:NAMED]), *more])


def _signed(value: float) -> str:
    return f"{value:+z.3f}".replace("-", "−")
