"""Planning a comparison: how many clips tell differences of a given size, judged by a pilot run.

A run that was made measures what a plan needs: how far the paired differences of its rows scatter,
how alike several samples of a caption are, how far the bootstrap of its distances spreads. From
these follow the difference that n captions detect, and the captions that a difference needs.

Conventions
-----------
Differences are in a column's own unit, without sign. n counts captions: requests, or examples where
a caption has several samples, whose differences are averaged first. Only models are compared;
where a run has fewer than two, all its rows are, as a first guess. The scatter of a column is that
which three in four pairs of these rows do not exceed, and a plan for K rows is made at the level at
which Holm's procedure starts with all K (K - 1) / 2 pairs, as in the notes of tables
(`svbench.reports.analysis.detectable`).

A difference is detectable if its interval at that level excludes 0 with probability 0.8. That is
the power of a paired t-test, whose quantile is widened as svbench's intervals are wider at few
clips. Distances between sets (FVD, FAD) have no paired values: two estimates with the spread of
their bootstraps are compared, whose intervals must not overlap either, and that spread is expected
to fall with the root of n.

References
----------
- `svbench.power`, which computes power, levels and design effects.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import DataError, ScoreError
from svbench.files.people import METRIC as PEOPLE
from svbench.files.results import ClipValues
from svbench.intervals import Interval, example_means, example_places, widening
from svbench.power import (
    POWER,
    caption_deviation,
    detectable_distance,
    detectable_effect,
    distance_power,
    holm_level,
    intraclass_correlation,
    paired_power,
    smallest_count,
)
from svbench.reports.analysis.paired import LEAST_UNBOUNDED
from svbench.reports.analysis.pairwise import LEAST, reach_of
from svbench.types import Column, ResultTable, Row, Score

SHARES: Final = (1.0, 0.5, 0.25)  # of the observed gap, for which n is planned
SAMPLES: Final = (1, 2, 4, 8)  # per caption
_EQUAL: Final = 1e-12  # standard deviation of differences that are equal but for rounding
_Z: Final = NormalDist().inv_cdf(0.975)  # ends of a 95 % interval, in standard deviations


@dataclass(frozen=True, slots=True)
class Needed:
    """The captions that a difference needs."""

    difference: float
    n: int | None  # None: more than any benchmark has


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """What one column of a run tells about further runs."""

    metric: str
    title: str
    paired: bool  # False: a distance between sets
    n: int  # captions of the run
    deviation: float  # of a caption's paired difference; of a distance: of two bootstraps at n
    at: int  # captions that the next two are for
    detectable: float
    power: float | None  # that the given difference is found at that n; None: none is given
    gap: float | None  # between the best and the second row; None: of one row
    needed: tuple[Needed, ...]  # for the given difference, or for shares of the gap
    icc: float | None = None  # of paired differences of samples of a caption; None: no repeats
    by_samples: tuple[Needed, ...] = ()  # captions with each of `SAMPLES` samples


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run tells about further runs, column by column."""

    run: str
    rows: tuple[str, ...]  # whose differences were measured
    compared: int  # rows that the plan is for
    level: float
    columns: tuple[ColumnPlan, ...]
    absent: Mapping[str, str]  # title of a column -> why nothing can be planned
    models: bool = True  # whether the rows are models


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked beside the run."""

    n: int | None = None  # captions; None: as many as the run has
    difference: float | None = None  # in the unit of each column; None: shares of the gap
    rows: int | None = None  # that will be compared; None: as many as the run has


def plan_of(table: ResultTable, scores: ClipValues, question: Question) -> Plan:
    """Plan further runs by one that was made.

    Parameters
    ----------
    table : ResultTable
        of the run
    scores : ClipValues
        its scores per clip
    question : Question
        for which n, difference and number of rows

    Raises
    ------
    DataError
        if the run has fewer than two rows with scores, or no column of it tells them apart
    """
    rows = [row for row in table.rows if row.competes and row.scores]
    models = len(rows) >= 2
    if not models:
        rows = [row for row in table.rows if row.floor_of is None and row.scores]
    if len(rows) < 2:
        raise DataError(
            f"{table.title}: found {len(rows)} row with scores, expected two or more, whose "
            "differences a plan rests on"
        )
    compared = question.rows or len(rows)
    level = holm_level(math.comb(compared, 2))
    found, absent = [], {}
    for column in table.columns:
        try:
            found.append(_column(column, rows, scores, question, level))
        except ScoreError as error:
            absent[column.title] = str(error)
    if not found:
        title, reason = next(iter(absent.items()), (table.title, "it has no column"))
        raise DataError(f"{title}: {reason}; nothing can be planned by this run")
    names = tuple(row.title for row in rows)
    return Plan(table.title, names, compared, level, tuple(found), absent, models)


def _column(
    column: Column, rows: Sequence[Row], scores: ClipValues, question: Question, level: float
) -> ColumnPlan:
    """Return the plan of a column; raise ScoreError where it has no two rows to compare."""
    scored = sorted(
        (row for row in rows if column.metric in row.scores),
        key=lambda row: row.scores[column.metric].value,
        reverse=column.better == "higher",
    )
    if len(scored) < 2:
        raise ScoreError(f"found {len(scored)} rows with a score, expected two or more")
    if column.metric.partition("@")[0] == PEOPLE:
        raise ScoreError("how many raters a study needs stands in docs/human-study.md")
    if any((row.system, column.metric) in scores for row in scored):
        return _paired(column, [row.system for row in scored], scores, question, level)
    return _distance(column, [row.scores[column.metric] for row in scored], question, level)


# --- columns with a score for each clip --------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Differences:
    """The differences of two rows, of each caption and of each clip."""

    captions: NDArray[np.float64]  # (n,)
    clips: NDArray[np.float64]  # (N,)
    places: NDArray[np.int64]  # (N,), the caption of each clip


def _differences(scores: ClipValues, metric: str, one: str, other: str) -> _Differences | None:
    left, right = scores.get((one, metric), {}), scores.get((other, metric), {})
    shared = sorted(left.keys() & right.keys())
    clips = np.array([left[request] - right[request] for request in shared])
    captions = example_means(shared, clips)
    return _Differences(captions, clips, example_places(shared)) if len(captions) > 1 else None


@dataclass(frozen=True, slots=True)
class _Test:
    """The test that a plan is for: its level, and the range of a difference of the column."""

    level: float
    reach: Interval | None  # lowest and highest difference; None: not known

    def power(self, difference: float, deviation: float, n: int) -> float:
        wider = widening(deviation, n, self.reach)
        return paired_power(difference / deviation, n, self.level, wider)

    def detectable(self, deviation: float, n: int) -> float:
        wider = widening(deviation, n, self.reach)
        return deviation * detectable_effect(n, POWER, self.level, wider)

    def needed(self, difference: float, deviation: float) -> Needed:
        least = 2 if self.reach else LEAST_UNBOUNDED  # fewer pairs without a range never differ
        try:
            found = smallest_count(lambda n: self.power(difference, deviation, n))
        except ScoreError:  # so small that no number finds it
            return Needed(difference, None)
        return Needed(difference, max(found, least))


def _paired(
    column: Column, systems: Sequence[str], scores: ClipValues, question: Question, level: float
) -> ColumnPlan:
    pairs = combinations(systems, 2)  # the best and the second first
    found = [_differences(scores, column.metric, *pair) for pair in pairs]
    measured = [pair for pair in found if pair is not None]
    if not measured:
        raise ScoreError("found no two rows with two captions in common")
    deviation = _upper([float(pair.captions.std(ddof=1)) for pair in measured])
    if deviation <= _EQUAL:
        raise ScoreError("every difference of two rows is the same, so nothing tells their scatter")
    gap = None if found[0] is None else abs(float(found[0].captions.mean()))
    test = _Test(level, reach_of(column))
    n = len(measured[0].captions)
    at, given, asked = question.n or n, question.difference, _asked(question, gap)
    icc = _correlation(measured)
    return ColumnPlan(
        metric=column.metric,
        title=column.title,
        paired=True,
        n=n,
        deviation=deviation,
        at=at,
        detectable=test.detectable(deviation, at),
        power=None if given is None else test.power(given, deviation, at),
        gap=gap,
        needed=tuple(test.needed(difference, deviation) for difference in asked),
        icc=icc,
        by_samples=_by_samples(measured, icc, asked, test),
    )


def _correlation(measured: Sequence[_Differences]) -> float | None:
    """Return the mean intraclass correlation of the pairs of rows that have one."""
    found = [intraclass_correlation(pair.clips, pair.places) for pair in measured]
    known = [icc for icc in found if icc is not None]
    return float(np.mean(known)) if known else None


def _by_samples(
    measured: Sequence[_Differences], icc: float | None, asked: Sequence[float], test: _Test
) -> tuple[Needed, ...]:
    """Return the captions that the middle difference needs, with 1, 2, 4 and 8 samples of each."""
    if icc is None or not asked:
        return ()
    one = _upper([float(pair.clips.std(ddof=1)) for pair in measured])
    scatters = (caption_deviation(one, samples, max(icc, 0.0)) for samples in SAMPLES)
    return tuple(test.needed(asked[len(asked) // 2], scatter) for scatter in scatters)


# --- distances between sets --------------------------------------------------------------------


def _distance(
    column: Column, scores: Sequence[Score], question: Question, level: float
) -> ColumnPlan:
    counts = {score.count for score in scores}
    if len(counts) > 1:
        raise ScoreError(f"found sets of {min(counts)} to {max(counts)} clips, expected equal ones")
    n, one = counts.pop(), _upper([_spread(score) for score in scores])
    at, given = question.n or n, question.difference
    there = one * math.sqrt(n / at)
    gap = abs(scores[0].value - scores[1].value)
    found = detectable_distance(one, one, POWER, level, least=2 * _Z * one)
    return ColumnPlan(
        metric=column.metric,
        title=column.title,
        paired=False,
        n=n,
        deviation=math.hypot(one, one),
        at=at,
        detectable=found * math.sqrt(n / at),
        power=None
        if given is None
        else distance_power(given, there, there, level, least=2 * _Z * there),
        gap=gap,
        needed=tuple(
            Needed(d, max(LEAST, math.ceil(n * (found / d) ** 2))) for d in _asked(question, gap)
        ),
    )


def _spread(score: Score) -> float:
    """Return the standard deviation of a distance by its interval, whose lower end may be cut."""
    if score.interval is None:
        raise ScoreError("found no interval of a distance, expected one of its bootstrap")
    low, high = score.interval
    half = (high - low) / 2 if low > 0 else high - score.value
    return half / _Z


def _asked(question: Question, gap: float | None) -> tuple[float, ...]:
    if question.difference is not None:
        return (question.difference,)
    return () if not gap else tuple(share * gap for share in SHARES)


def _upper(values: Sequence[float]) -> float:
    """Return the value that three in four do not exceed."""
    return float(np.quantile(values, 0.75, method="inverted_cdf"))
