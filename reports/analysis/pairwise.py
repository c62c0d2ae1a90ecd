"""Pairwise comparisons of the models of a column, corrected for how many there are.

Which model looks best is read from the same clips that are to show it, so a comparison of the first
two alone is one of many that could have been made. The family is therefore every pair of models
of a column, K (K - 1) / 2 of K models, and Holm's correction holds over all of them: in at most 5 %
of columns without any difference are two models told apart at all, and in far fewer is one of them
better than every other (`docs/intervals.md`). A column is a family of its own, as each asks
another question; there is no correction over the columns of a table.

Conventions
-----------
Metrics with a value per clip: the paired difference over the requests that both rows have (of
several samples of an example, their mean), by the intervals of `svbench.intervals`. A pair without
a common request, or with fewer than `LEAST_UNBOUNDED` pairs where the range of a value is not
known, is not compared, and does not count in the family.

Metrics of whole sets (FVD, FAD, KVD) have a value and an interval alone. Let h and g be the halves
of two 95 % intervals that face each other. The rows differ at level 1 - a where their distance is
more than z sqrt(h^2 + g^2), z = Phi^-1(1 - a / 2) / Phi^-1(0.975), and the intervals do not
overlap. Two rows share their real clips, so the error of their distance is smaller than that: the
rule errs towards too few. Sets of unequal size, or of fewer than `LEAST` clips, are not compared.

References
----------
- `svbench.reports.analysis.holm`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import Final

import numpy as np

from svbench.files.results import ClipValues
from svbench.intervals import LEVEL, Interval, example_means
from svbench.reports.analysis.holm import (
    Array,
    Flags,
    Places,
    holm,
    holm_of_means,
    rank_intervals,
)
from svbench.reports.analysis.paired import LEAST_UNBOUNDED, bounds_of
from svbench.types import Column, ResultTable, Row, Score

LEAST: Final = 10  # clips of either set that intervals of whole sets must rest on
_HALF: Final = NormalDist().inv_cdf((1 + LEVEL) / 2)  # standard errors in half an interval

Pair = tuple[int, int]  # places of two rows


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """The models of a column from best to worst by value, and which of them stand apart."""

    column: Column
    rows: tuple[Row, ...]
    better: Flags  # (K, K), whether row i stands as better than row j
    comparisons: int  # pairs that could be compared: the family

    @property
    def ranks(self) -> dict[str, tuple[int, int]]:
        """Return the lowest and highest rank of each system, at 95 % for all of them together."""
        intervals = rank_intervals(self.better)
        return {row.system: of for row, of in zip(self.rows, intervals, strict=True)}

    def apart(self, one: int, other: int) -> bool:
        """Return whether two rows, by their places, differ."""
        return bool(self.better[one, other] or self.better[other, one])


def standing(table: ResultTable, column: Column, scores: ClipValues) -> Standing:
    """Compare every pair of the models of a column."""
    rows = ranked(table, column)
    if any(metric == column.metric for _, metric in scores):
        pairs, apart = _by_clips(rows, column, scores)
    else:
        pairs, apart = sets_apart([row.scores[column.metric] for row in rows])
    better = np.zeros((len(rows), len(rows)), np.bool_)
    for (one, other), stands in zip(pairs, apart, strict=True):
        better[one, other] = stands
    return Standing(column, rows, better, len(pairs))


def ranked(table: ResultTable, column: Column) -> tuple[Row, ...]:
    """Return the models that have a score in a column, the best first."""
    models = [row for row in table.rows if row.competes and column.metric in row.scores]
    return tuple(
        sorted(
            models,
            key=lambda row: row.scores[column.metric].value,
            reverse=column.better == "higher",
        )
    )


def reach_of(column: Column) -> Interval | None:
    """Return the lowest and highest difference of two values of a clip, if these are known."""
    bounds = bounds_of(column)
    return None if bounds is None else (bounds[0] - bounds[1], bounds[1] - bounds[0])


def gaps_of(
    rows: Sequence[Row], column: Column, scores: ClipValues
) -> tuple[list[Pair], list[Array]]:
    """Return the pairs that can be compared, and their differences, each (N,), first minus second.

    One value per example that both rows have; N is 2 or more.
    """
    values = _Values(rows, column.metric, scores)
    least = 2 if bounds_of(column) is not None else LEAST_UNBOUNDED
    found = [(pair, values.gaps(*pair)) for pair in combinations(range(len(rows)), 2)]
    kept = [(pair, gaps) for pair, gaps in found if len(gaps) >= least]
    return [pair for pair, _ in kept], [gaps for _, gaps in kept]


def sets_comparable(one: Score, other: Score) -> bool:
    """Return whether two scores of whole sets have intervals, over equally many clips each."""
    alike = (one.count, one.reference_count) == (other.count, other.reference_count)
    enough = min(one.count, LEAST if one.reference_count is None else one.reference_count) >= LEAST
    return alike and enough and one.interval is not None and other.interval is not None


def stretch(level: float) -> float:
    """Return how many times wider a normal interval at a level is than one at 95 %."""
    return NormalDist().inv_cdf((1 + level) / 2) / _HALF


def _by_clips(
    rows: Sequence[Row], column: Column, scores: ClipValues
) -> tuple[list[Pair], list[bool]]:
    """Return the pairs of rows that were compared, and whether the first stands as the better."""
    pairs, gaps = gaps_of(rows, column, scores)
    sign = 1 if column.better == "higher" else -1
    # where rows lack clips, the common requests may contradict the means of the whole sets
    agrees = [sign * float(gap.mean()) > 0 for gap in gaps]
    stands = holm_of_means(gaps, reach_of(column))
    return pairs, [bool(s and a) for s, a in zip(stands, agrees, strict=True)]


def sets_apart(scores: Sequence[Score]) -> tuple[list[Pair], list[bool]]:
    """Return the pairs of sets that were compared, and whether they stand apart."""
    pairs = [
        (i, j)
        for i, j in combinations(range(len(scores)), 2)
        if sets_comparable(scores[i], scores[j])
    ]
    sides = [_facing(scores[i], scores[j]) for i, j in pairs]
    distance, halves = (np.array([side[k] for side in sides]) for k in (0, 1))

    def excludes(level: float, places: Places) -> Flags:
        first, second = halves[places].T
        needed = np.maximum(first + second, stretch(level) * np.hypot(first, second))
        return np.asarray(distance[places] > needed, np.bool_)

    return pairs, holm(excludes, len(pairs)).tolist()


def _facing(one: Score, other: Score) -> tuple[float, tuple[float, float]]:
    """Return the distance of two scores, and the halves of their intervals that face each other."""
    low, high = sorted((one, other), key=lambda score: score.value)
    upper = low.value if low.interval is None else low.interval[1]
    lower = high.value if high.interval is None else high.interval[0]
    return high.value - low.value, (max(0.0, upper - low.value), max(0.0, high.value - lower))


class _Values:
    """The values of a metric as an array over rows and requests, for all pairs of rows."""

    def __init__(self, rows: Sequence[Row], metric: str, scores: ClipValues) -> None:
        of = [dict(scores.get((row.system, metric), {})) for row in rows]
        # sorted: the order of the file has no effect
        self._requests = sorted(set().union(*of))
        self._values = np.array(
            [[values.get(request, np.nan) for request in self._requests] for values in of]
        )
        self._whole = not np.isnan(self._values).any()
        if self._whole and self._requests:
            self._values = np.stack(
                [example_means(self._requests, values) for values in self._values]
            )

    def gaps(self, one: int, other: int) -> Array:
        """Return the differences of two rows, one per example that both have."""
        first, second = self._values[one], self._values[other]
        if self._whole:
            return np.asarray(first - second)
        both = np.flatnonzero(~(np.isnan(first) | np.isnan(second)))
        shared = [self._requests[place] for place in both]
        if not shared:
            return np.empty(0)
        return example_means(shared, first[both]) - example_means(shared, second[both])
