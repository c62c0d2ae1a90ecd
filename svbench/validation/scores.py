"""The scores of a metric under every condition.

A metric of clips gives each clip a value under each condition; a paired one, as KL, compares the
distorted clip with itself undistorted. A distance between sets gives none:
it compares the distorted clips with undistorted ones, and to be no comparison of a clip with itself
it takes a half of either kind. All conditions are compared at equal counts, the undistorted one
with what two halves of real clips differ by, which is not 0. What scores a set alone, as IS, is
scored on the same halves, of the distorted clips: so it has draws, too.

Draws
-----
`SPLITS` times the clips are split into two halves A and B; each split gives two draws, the distance
of the distorted A from the undistorted B and the reverse. The splits are the same under every
condition, so the difference of two conditions is paired. The value is the mean of the draws, its
interval holds 95 % of them. A half-sample without replacement spreads about the whole sample as
the whole sample does about its population (the delete-half jackknife), and holds no clip twice,
which distances between sets of clips drawn with replacement would take for likeness.

References
----------
- J. Shao, C. F. J. Wu: A general theory for jackknife variance estimation. Annals of Statistics 17,
  1989 (delete-d).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ScoreError
from svbench.intervals import Interval, percentile_interval
from svbench.protocols import Metric
from svbench.types import Features
from svbench.validation.conditions import UNDISTORTED, Condition
from svbench.walk.extract import Extraction
from svbench.walk.halves import LEAST_HALVED, TOO_FEW
from svbench.walk.judging import NO_FEATURES
from svbench.walk.plan import is_paired

SPLITS: Final = 25  # two distances each, under every condition


@dataclass(frozen=True, slots=True)
class Value:
    """The score of a set of clips."""

    value: float
    interval: Interval | None
    count: int  # clips


@dataclass(frozen=True, slots=True, eq=False)
class MetricScores:
    """The scores of one metric under every condition.

    Parameters
    ----------
    metric : Metric
        the metric
    conditions : tuple of Condition
        in the order of the rows of the arrays
    clips : np.ndarray, shape=(conditions, clips), optional
        the value of each clip, NaN where it has none; None for draws
    draws : np.ndarray, shape=(conditions, draws), optional
        of distances and scores of sets, NaN where there are none
    values : dict
        the score under each condition that has one
    absent : dict
        why the others have none
    """

    metric: Metric
    conditions: tuple[Condition, ...]
    clips: NDArray[np.float64] | None = None
    draws: NDArray[np.float64] | None = None
    values: Mapping[Condition, Value] = field(default_factory=dict)
    absent: Mapping[Condition, str] = field(default_factory=dict)

    @property
    def rows(self) -> NDArray[np.float64]:
        """Return the values of clips or the draws, one row for each condition."""
        found = self.draws if self.clips is None else self.clips
        assert found is not None
        return found

    def row(self, condition: Condition) -> NDArray[np.float64]:
        """Return the values of clips, or the draws, under one condition."""
        found: NDArray[np.float64] = self.rows[self.conditions.index(condition)]
        return found


def score_conditions(
    metric: Metric, extracted: Mapping[Condition, Extraction], requests: Sequence[str], seed: int
) -> MetricScores:
    """Score all conditions by one metric.

    Parameters
    ----------
    metric : Metric
        the metric
    extracted : mapping from Condition to Extraction
        the features, of the undistorted clips too
    requests : sequence of str
        of all clips, in the order of the columns of `MetricScores.clips`
    seed : int
        draws the halves of sets
    """
    key = metric.extractor.key
    features = {condition: one.features.get(key) for condition, one in extracted.items()}
    reasons = {condition: one.reasons.get(key, NO_FEATURES) for condition, one in extracted.items()}
    if _scores_sets(metric, features.values()):
        return _of_sets(metric, features, reasons, seed)
    return _of_clips(metric, features, reasons, requests)


def _scores_sets(metric: Metric, found: Iterable[Features | None]) -> bool:
    """Return whether clips have no values of their own: a distance, or the score of a set."""
    if metric.needs_reference:
        return not is_paired(metric)
    for features in found:
        with suppress(ScoreError):
            if features is not None:
                return not metric.score(features, None).clips
    return False


def _of_clips(
    metric: Metric,
    features: Mapping[Condition, Features | None],
    reasons: Mapping[Condition, str],
    requests: Sequence[str],
) -> MetricScores:
    """Score all conditions by the values of clips."""
    rows = np.full((len(features), len(requests)), np.nan)
    place = {request: number for number, request in enumerate(requests)}
    real = features[UNDISTORTED] if is_paired(metric) else None
    values, absent = dict[Condition, Value](), dict[Condition, str]()
    for row, (condition, of_clips) in zip(rows, features.items(), strict=True):
        if of_clips is None:
            absent[condition] = reasons[condition]
            continue
        if is_paired(metric) and real is None:
            absent[condition] = reasons[UNDISTORTED]
            continue
        try:
            judged = metric.score(of_clips, real)
        except ScoreError as error:
            absent[condition] = str(error)
            continue
        for clip in judged.clips:
            row[place[clip.request_id]] = clip.value
        score = judged.score
        values[condition] = Value(score.value, score.interval, score.count)
    return MetricScores(metric, tuple(features), rows, None, values, absent)


def _of_sets(
    metric: Metric,
    features: Mapping[Condition, Features | None],
    reasons: Mapping[Condition, str],
    seed: int,
) -> MetricScores:
    """Score all conditions by halves of the clips."""
    conditions = tuple(features)
    rows = np.full((len(features), 2 * SPLITS), np.nan)
    values, absent = dict[Condition, Value](), dict[Condition, str]()
    # What a distortion leaves alone has the features of the undistorted clips, and their scores.
    known: dict[tuple[object, ...], tuple[NDArray[np.float64], int] | str] = {}
    for row, (condition, distorted) in zip(rows, features.items(), strict=True):
        content = _content(distorted)
        if content not in known:
            known[content] = _drawn(metric, distorted, features[UNDISTORTED], seed)
        found = known[content]
        if isinstance(found, str):
            absent[condition] = reasons[condition] if distorted is None else found
            continue
        row[:], count = found
        values[condition] = Value(float(row.mean()), percentile_interval(row), count)
    return MetricScores(metric, conditions, None, rows, values, absent)


def _content(features: Features | None) -> tuple[object, ...]:
    if features is None:
        return ()
    return features.requests, features.owner.tobytes(), features.values.tobytes()


def _drawn(
    metric: Metric, distorted: Features | None, real: Features | None, seed: int
) -> tuple[NDArray[np.float64], int] | str:
    """Return the draws of a set's score and the number of clips, or why there are none."""
    if distorted is None or real is None:
        return NO_FEATURES
    shared = [request for request in real.requests if request in set(distorted.requests)]
    if len(shared) < LEAST_HALVED:
        return f"{TOO_FEW.format(LEAST_HALVED)}, found {len(shared)}"
    try:
        draws = [
            metric.score(
                distorted.only(one), real.only(other) if metric.needs_reference else None
            ).score.value
            for one, other in splits(shared, seed)
        ]
    except ScoreError as error:
        return f"halves of {len(shared)} clips: {error}"
    return np.array(draws), len(shared)


def splits(requests: Sequence[str], seed: int) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    """Yield halves of clips, each split in both orders.

    Of an odd number of clips a draw leaves out one, so that both halves are equally large.
    """
    rng = np.random.default_rng(seed)
    half = len(requests) // 2
    for _ in range(SPLITS):
        order = [requests[i] for i in rng.permutation(len(requests))]
        one, other = frozenset(order[:half]), frozenset(order[half : 2 * half])
        yield one, other
        yield other, one
