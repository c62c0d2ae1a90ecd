"""Which cells of a column are marked best and second best, and what that rests on.

Only models compete: a reference row made of real clips is a ceiling or a floor, and so is a row
made by shuffling the clips of another. The models of a
column are put in order by their values, and a place is marked only where it is known to be one:

- metrics with a value for each clip: where the paired difference from the next row excludes 0
  (95 %, over the requests that both rows have; see `svbench.reports.tables.paired`);
- metrics of whole sets (FVD, FAD), for which no paired value exists: where the two intervals do
  not overlap, and both rest on equally many clips, at least `LEAST`. This asks for more than a
  test at 5 % would; the bootstrap of fewer clips is too narrow to carry a place.

The best is held against the second, the second against the third; the last row of a column is
held against nothing and never marked. Many such comparisons are made in one table, and nothing
corrects for their number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from svbench.errors import DataError
from svbench.files.results import ClipValues
from svbench.reports.tables.paired import Paired, bounds_of, paired
from svbench.types import Column, ResultTable, Row, Score

Place = Literal["best", "second"]
PLACES: Final[Sequence[Place]] = ("best", "second")
EXPLANATION: Final = (
    "bold: the best of the models, underlined: the second best, each only where the interval of "
    "its paired difference from the next row excludes 0 (95 %, over requests); where a "
    "metric has no value per clip (FVD, FAD), only where the two intervals do not overlap and rest "
    "on 10 clips or more"
)
LEAST: Final = 10  # clips of either set that intervals of whole sets must rest on
UNREAD: Final = "nothing is marked best: no scores of single clips (scores.csv) were at hand"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One place of one column, held against the next row."""

    metric: str
    place: Place
    system: str
    following: str  # the next row's system
    stands: bool  # whether the place is marked
    evidence: Paired | None = None  # None: judged by the two intervals


def compare_places(table: ResultTable, scores: ClipValues) -> tuple[Comparison, ...]:
    """Compare best with second and second with third in every column."""
    per_clip = {metric for _, metric in scores}
    return tuple(
        _compare(column, place, first, second, scores if column.metric in per_clip else None)
        for column in table.columns
        for place, (first, second) in zip(PLACES, pairwise(_in_order(table, column)), strict=False)
    )


def places(table: ResultTable, scores: ClipValues) -> Mapping[tuple[str, str], Place]:
    """Give the marked cells: (system, metric) -> place."""
    found = compare_places(table, scores)
    return {(c.system, c.metric): c.place for c in found if c.stands}


def _in_order(table: ResultTable, column: Column) -> list[Row]:
    models = [row for row in table.rows if row.competes and column.metric in row.scores]
    return sorted(
        models,
        key=lambda row: row.scores[column.metric].value,
        reverse=column.better == "higher",
    )


def _compare(
    column: Column,
    place: Place,
    first: Row,
    second: Row,
    scores: ClipValues | None,
) -> Comparison:
    one, other = first.scores[column.metric], second.scores[column.metric]
    if scores is None:
        stands, evidence = _apart(one, other), None
    else:
        try:
            evidence = paired(
                scores, column.metric, first.system, second.system, bounds=bounds_of(column)
            )
        except DataError:  # rows without a common request cannot be told apart
            return Comparison(column.metric, place, first.system, second.system, False)
        # where rows lack clips, the common requests may say the opposite of the whole sets
        agrees = (evidence.value > 0) == (column.better == "higher")
        stands = evidence.stands and agrees
    return Comparison(column.metric, place, first.system, second.system, stands, evidence)


def _apart(one: Score, other: Score) -> bool:
    """Check whether two intervals of equally large sets do not overlap."""
    alike = (one.count, one.reference_count) == (other.count, other.reference_count)
    enough = min(one.count, LEAST if one.reference_count is None else one.reference_count) >= LEAST
    if one.interval is None or other.interval is None or not (alike and enough):
        return False
    return one.interval[1] < other.interval[0] or other.interval[1] < one.interval[0]
