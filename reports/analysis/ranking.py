"""Ranking: which cells of a column are marked best and second best, and on what evidence.

Only models compete: rows made of real clips, and shuffled clips of another row, are ceilings and
floors. Every pair of the models of a column is compared, corrected for the number of pairs
(`svbench.reports.analysis.pairwise`), and what stands bounds the rank of each. A place is marked
where it is the only one that the comparisons leave: the best is better than every other model, the
second worse than one and better than all others. Two leaders that cannot be told apart are both
left unmarked; their ranks, 1 to 2, are in the page, in CSV and JSON and in `svbench report
--ranks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from svbench.errors import DataError
from svbench.files.results import ClipValues
from svbench.reports.analysis.paired import Paired, bounds_of, paired
from svbench.reports.analysis.pairwise import LEAST, Standing, standing
from svbench.types import Column, ResultTable

Place = Literal["best", "second"]
PLACES: Final[Sequence[Place]] = ("best", "second")
Ranks = Mapping[tuple[str, str], tuple[int, int]]  # (system, metric) -> lowest, highest rank
EXPLANATION: Final = (
    "bold: better than every other model; underlined: worse than one, better than all others; by "
    "paired differences over requests (where a metric has no value per clip, as FVD and FAD: by "
    f"intervals that do not overlap, over {LEAST} clips or more), at 5 % for all pairs of models "
    "of a column together (Holm), not for all columns together"
)
UNMARKED: Final = "nothing is marked best: no scores of single clips (scores.csv) were at hand"


@dataclass(frozen=True, slots=True)
class PlaceComparison:
    """One place of one column: whether its row holds it, and the comparison that decides."""

    metric: str
    place: Place
    system: str
    following: str  # the next system, or else the first that it cannot be told apart from
    stands: bool  # whether the place is marked
    comparisons: int  # that the mark is corrected for
    evidence: Paired | None = None  # None: of a whole set, or without a common request


def standings(table: ResultTable, scores: ClipValues) -> tuple[Standing, ...]:
    """Compare the models of every column."""
    return tuple(standing(table, column, scores) for column in table.columns)


def compare_places(table: ResultTable, scores: ClipValues) -> tuple[PlaceComparison, ...]:
    """Return the first and the second of every column, each with the model that decides on it."""
    return tuple(
        _compared(found, rank, scores)
        for found in standings(table, scores)
        for rank in range(min(len(PLACES), len(found.rows) - 1))
    )


def marked_places(found: Iterable[Standing]) -> Mapping[tuple[str, str], Place]:
    """Return the marked cells: (system, metric) -> place.

    The last model of a column is never marked, as nothing is worse.
    """
    return {
        (row.system, one.column.metric): place
        for one in found
        for rank, (place, row) in enumerate(zip(PLACES, one.rows[:-1], strict=False), 1)
        if one.ranks[row.system] == (rank, rank)
    }


def ranks_of(found: Iterable[Standing]) -> Ranks:
    """Return the ranks that each cell may have; none of a column with a single model."""
    return {
        (system, one.column.metric): ranks
        for one in found
        if len(one.rows) > 1
        for system, ranks in one.ranks.items()
    }


def _compared(found: Standing, rank: int, scores: ClipValues) -> PlaceComparison:
    others = (*range(rank + 1, len(found.rows)), *range(rank))
    alike = [other for other in others if not found.apart(rank, other)]
    first, second = found.rows[rank], found.rows[alike[0] if alike else rank + 1]
    return PlaceComparison(
        metric=found.column.metric,
        place=PLACES[rank],
        system=first.system,
        following=second.system,
        stands=not alike,
        comparisons=found.comparisons,
        evidence=_evidence(scores, found.column, first.system, second.system),
    )


def _evidence(scores: ClipValues, column: Column, first: str, second: str) -> Paired | None:
    """Return the paired difference of two rows, if there is one."""
    try:
        return paired(scores, column.metric, first, second, bounds=bounds_of(column))
    except DataError:
        return None
