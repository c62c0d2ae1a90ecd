"""Detectable differences: how small a difference of two models a column can still tell.

A column without a mark says little unless one knows what it could have shown. For each column the
smallest true difference is computed that this table finds in 80 % of cases, with as many clips and
models as it has, and with the spread that the models' differences have in it.

Conventions
-----------
A difference is found where it stands against the strictest level of its family, 0.05 over the
number of pairs (`svbench.reports.analysis.pairwise`), so that it does not depend on whether other
models differ. It is in the unit of the column. `pair` is the difference of two models; `lead` that
of a model from all others which gets it marked as the best: all K - 1 of its comparisons stand in
80 % of cases (each in 1 - 0.2 / (K - 1), by Bonferroni's inequality).

Metrics with a value per clip: let s be the standard deviation of the paired differences. A pair
of models is chosen so that those of three in four pairs are no larger. Its differences are shifted
until the table's interval tells their mean c from 0. As both the mean and the interval vary with
the clips, a true difference of c is found in half of all cases; the noncentrality with which
Student's t exceeds c sqrt(n) / s in 80 % of them is approximated by Abramowitz and Stegun's
26.7.10. For Student's interval this is the sample size of the paired t-test; the table's interval
is wider where clips are few.

Metrics of whole sets: let h be half of a 95 % interval, likewise the upper quartile. Two distances
are told apart from z sqrt(2) h or 2 h on, whichever is more, as in `pairwise`; to that comes
z(0.8) sqrt(2) h / 1.96 for the error of their difference.

`svbench.power` has the exact noncentral t of scipy, whose import takes as long as a report does; a
test compares the two.

References
----------
- J. Cohen: Statistical power analysis for the behavioral sciences. 2nd ed., 1988, ch. 2.
- M. Abramowitz, I. A. Stegun: Handbook of mathematical functions, 1964, 26.7.10 (noncentral t).
- E. Miller: Adding error bars to evals. https://arxiv.org/abs/2411.00640, section 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import Final

import numpy as np

from svbench.files.results import ClipValues
from svbench.intervals import LEVEL, Interval, student_quantile
from svbench.reports.analysis.holm import ERROR, Array, means_differ
from svbench.reports.analysis.pairwise import (
    gaps_of,
    ranked,
    reach_of,
    sets_comparable,
    stretch,
)
from svbench.types import Column, ResultTable, Score

POWER: Final = 0.8  # share of cases in which a detectable difference is found
_STEPS: Final = 30  # of bisection: a billionth of the range


@dataclass(frozen=True, slots=True)
class Detectable:
    """The smallest differences that a column finds in 80 % of cases; None: not even the largest."""

    column: Column
    count: int  # pairs of clips behind a comparison, or clips of a set
    comparisons: int  # of the family
    pair: float | None  # between two models
    lead: float | None  # of the best from all others


def detectable(table: ResultTable, column: Column, scores: ClipValues) -> Detectable | None:
    """Return what a column can tell; None where no two of its models can be compared."""
    rows = ranked(table, column)
    if any(metric == column.metric for _, metric in scores):
        _, gaps = gaps_of(rows, column, scores)
        return of_clips(column, gaps, len(rows)) if gaps else None
    return of_sets(column, [row.scores[column.metric] for row in rows])


def of_clips(column: Column, gaps: Sequence[Array], models: int) -> Detectable:
    """Return what the paired differences of all pairs of models can tell.

    Parameters
    ----------
    column : Column
        the metric, with the range of a value if it is known
    gaps : sequence of np.ndarray, shape=(N,)
        the differences of each pair of models that can be compared, one or more
    models : int
        of the column
    """
    deviations = np.array([gap.std(ddof=1) for gap in gaps])
    chosen = int(np.argsort(deviations, kind="stable")[_upper(len(gaps))])
    gap, count = gaps[chosen], len(gaps[chosen])
    level, reach = 1 - ERROR / len(gaps), reach_of(column)
    least = _least_told(gap - gap.mean(), reach, level)
    error = float(deviations[chosen]) / count**0.5

    def found(power: float) -> float | None:
        size = None if least is None else _with_power(least, error, count - 1, power)
        return None if size is None or (reach is not None and size > reach[1]) else size

    return Detectable(column, count, len(gaps), found(POWER), found(_of_all(models)))


def _upper(count: int) -> int:
    """Return the place of the upper quartile among sorted values: three in four are no larger."""
    return -(-3 * count // 4) - 1


def _with_power(least: float, error: float, freedom: int, power: float) -> float:
    """Return the true mean whose estimate exceeds `least` with a power.

    `error` is the standard error of the estimate, and `least` a multiple of it that varies with it
    as Student's quantile does: A&S 26.7.10, solved for the noncentrality.
    """
    if error == 0:
        return least
    t = least / error
    z = NormalDist().inv_cdf(power)
    return error * (t * (1 - 1 / (4 * freedom)) + z * math.sqrt(1 + t * t / (2 * freedom)))


def _least_told(centred: Array, reach: Interval | None, level: float) -> float | None:
    """Return the least mean that is told from 0 where differences deviate from it like these do.

    In either direction; None if even the largest is not.
    """
    low, high = 0.0, reach[1] if reach is not None else _unbounded_end(centred, level)

    def told(mean: float) -> bool:
        return bool(means_differ([centred + mean, mean - centred], reach, level).all())

    if not told(high):
        return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if told(middle) else (middle, high)
    return high


def _unbounded_end(centred: Array, level: float) -> float:
    """Return a mean that is surely told: ten times Student's half interval."""
    quantile = student_quantile((1 + level) / 2, len(centred) - 1)
    return 10 * quantile * float(centred.std(ddof=1)) / math.sqrt(len(centred))


def of_sets(column: Column, scores: Sequence[Score]) -> Detectable | None:
    """Return what the distances of whole sets can tell; None if no two can be compared."""
    pairs = [(a, b) for a, b in combinations(scores, 2) if sets_comparable(a, b)]
    halves = [
        (score.interval[1] - score.interval[0]) / 2
        for score in {id(s): s for pair in pairs for s in pair}.values()
        if score.interval is not None
    ]
    if not pairs:
        return None
    half = sorted(halves)[_upper(len(halves))]
    told = half * max(2.0, stretch(1 - ERROR / len(pairs)) * 2**0.5)
    error = half * 2**0.5 / NormalDist().inv_cdf((1 + LEVEL) / 2)
    pair, lead = (
        told + NormalDist().inv_cdf(power) * error for power in (POWER, _of_all(len(scores)))
    )
    return Detectable(column, pairs[0][0].count, len(pairs), pair, lead)


def _of_all(models: int) -> float:
    """Return the power of each comparison of a model with which all of them are found."""
    return 1 - (1 - POWER) / max(1, models - 1)
