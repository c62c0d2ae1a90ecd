"""Ranking: which cells of a column are marked best and second best, and on what evidence.

Only models compete: rows made of real clips, and shuffled clips of another row, are ceilings and
floors. The models of a column are sorted by value, and a place is marked only where the evidence
supports it:

- metrics with a value for each clip: where the paired difference from the next row excludes 0
  (95 %, over the requests that both rows have; see `svbench.reports.analysis.paired`);
- metrics of whole sets (FVD, FAD), which have no paired values: where the two intervals do not
  overlap and both rest on equally many clips, at least `LEAST`. This is stricter than a test at
  5 %; the bootstrap of fewer clips is too narrow to support a place.

The best is compared with the second, the second with the third; the last row of a column is
compared with none and never marked. There is no correction for multiple comparisons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from svbench.errors import DataError
from svbench.files.results import ClipValues
from svbench.reports.analysis.paired import Paired, bounds_of, paired
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
UNMARKED: Final = "nothing is marked best: no scores of single clips (scores.csv) were at hand"


@dataclass(frozen=True, slots=True)
class PlaceComparison:
    """One place of one column, compared with the next row."""

    metric: str
    place: Place
    system: str
    following: str  # the next row's system
    stands: bool  # whether the place is marked
    evidence: Paired | None = None  # None: of a whole set, compared by the two intervals


def compare_places(table: ResultTable, scores: ClipValues) -> tuple[PlaceComparison, ...]:
    """Compare the best with the second and the second with the third model of every column."""
    per_clip = {metric for _, metric in scores}
    return tuple(
        _compare(column, place, first, second, scores if column.metric in per_clip else None)
        for column in table.columns
        for place, (first, second) in zip(PLACES, pairwise(_ranked(table, column)), strict=False)
    )


def marked_places(table: ResultTable, scores: ClipValues) -> Mapping[tuple[str, str], Place]:
    """Return the marked cells: (system, metric) -> place."""
    found = compare_places(table, scores)
    return {(c.system, c.metric): c.place for c in found if c.stands}


def _ranked(table: ResultTable, column: Column) -> list[Row]:
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
) -> PlaceComparison:
    one, other = first.scores[column.metric], second.scores[column.metric]
    if scores is None:
        stands, evidence = _disjoint(one, other), None
    else:
        try:
            evidence = paired(
                scores, column.metric, first.system, second.system, bounds=bounds_of(column)
            )
        except DataError:  # rows without a common request cannot be compared
            return PlaceComparison(column.metric, place, first.system, second.system, False)
        # where rows lack clips, the common requests may contradict the means of the whole sets
        agrees = (evidence.value > 0) == (column.better == "higher")
        stands = evidence.stands and agrees
    return PlaceComparison(column.metric, place, first.system, second.system, stands, evidence)


def _disjoint(one: Score, other: Score) -> bool:
    """Return whether the intervals of two equally large sets do not overlap."""
    alike = (one.count, one.reference_count) == (other.count, other.reference_count)
    enough = min(one.count, LEAST if one.reference_count is None else one.reference_count) >= LEAST
    if one.interval is None or other.interval is None or not (alike and enough):
        return False
    return one.interval[1] < other.interval[0] or other.interval[1] < one.interval[0]
