"""Models that were trained with several seeds: means and differences over seeds and clips.

Rows that are one recipe, trained again with another seed, tell how far a training's luck moves its
scores. An interval over clips does not hold that: it is about this one set of weights. Where a
model has several trainings, its mean over them and the difference of two models get an interval of
both levels, seeds and captions.

Conventions
-----------
Rows are crossed with captions: every training answers the same requests, and what they share is a
caption's difficulty. A model's score is the mean over its trainings; only captions that all rows
compared have are used. A difference is the first model minus the second, in the metric's own unit.

The interval
------------
With k trainings of a model whose means scatter by s_seed, and n captions whose differences (of the
means over trainings) scatter by s_caption,

    var = s_seed^2 / k + s_caption^2 / n,

the first term once for each model. The quantile is Student's at the degrees of freedom of
Satterthwaite, rounded down. What neither seed nor caption explains stands in both terms, so the
interval is somewhat wide where that is most of the scatter. It is never narrower than svbench's own
interval over captions, and equals it where trainings do not differ. A model that was trained once
adds no term of seeds: of it the interval covers captions alone.

Metrics of whole sets (FVD, FAD) have a value per training and none per clip: their interval is that
of the trainings' values alone, which hold the noise of each generated set. It is Welch's. That of a
mean ends at 0, unless the metric goes below it, as unbiased distances do (KVD, KAD, FVD-inf).

References
----------
- F. E. Satterthwaite: An approximate distribution of estimates of variance components. Biometrics
  Bulletin 2, 1946.
- B. L. Welch: The generalization of "Student's" problem when several different population variances
  are involved. Biometrika 34, 1947.
- X. Bouthillier et al.: Accounting for variance in machine learning benchmarks. MLSys 2021,
  https://arxiv.org/abs/2103.03098 (why seeds are a source of variance of their own).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import DataError
from svbench.files.results import ClipValues
from svbench.intervals import LEVEL, Interval, example_means, mean_interval, student_quantile
from svbench.reports.analysis.holm import Flags, Places, holm
from svbench.reports.analysis.paired import LEAST_UNBOUNDED, bounds_of
from svbench.types import Column, ResultTable, Score

Array = NDArray[np.float64]
_NOTHING: Final = 1e-12  # relative standard deviation of trainings that are equal but for rounding


@dataclass(frozen=True, slots=True)
class Trainings:
    """A model, and the rows that are trainings of it."""

    name: str
    systems: tuple[str, ...]  # as in the table and in scores.csv; one: trained once


@dataclass(frozen=True, slots=True)
class OverSeeds:
    """The mean of a model over its trainings, or the difference of two models."""

    metric: str
    first: str
    second: str | None  # None: the mean of `first`
    value: float
    interval: Interval | None  # 95 % unless asked otherwise, over trainings and captions
    trainings: tuple[int, ...]  # of each model
    captions: int | None  # None: a distance between sets
    bounded: bool = True  # whether the range of a clip's value is known

    differs: bool = False  # whether two models differ, corrected for how many are compared

    @property
    def reliable(self) -> bool:
        """Return whether the interval can be relied on (as `Paired.reliable`)."""
        few = self.captions is not None and self.captions < LEAST_UNBOUNDED
        return self.interval is not None and (self.bounded or not few)

    @property
    def excludes_zero(self) -> bool:
        """Return whether the interval lies on one side of 0."""
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]


def family(
    table: ResultTable,
    scores: ClipValues,
    column: Column,
    models: Sequence[tuple[Trainings, Trainings | None]],
) -> list[OverSeeds]:
    """Return the means of models, or the differences of pairs, that a column has.

    Those without a score are left out. Which differences stand is corrected for their number by
    Holm's procedure (`svbench.reports.analysis.holm`).
    """
    found = []
    for of in models:
        with suppress(DataError):
            found.append((of, over_seeds(table, scores, column, *of)))
    judged = [of for of, one in found if one.second is not None and one.reliable]

    def excludes(level: float, places: Places) -> Flags:
        pairs = [judged[place] for place in places.tolist()]
        at = (over_seeds(table, scores, column, *pair, level=level) for pair in pairs)
        return np.array([one.excludes_zero for one in at])

    stands = dict(zip(judged, holm(excludes, len(judged)).tolist(), strict=True))
    return [replace(one, differs=stands.get(of, False)) for of, one in found]


def over_seeds(
    table: ResultTable,
    scores: ClipValues,
    column: Column,
    first: Trainings,
    second: Trainings | None = None,
    *,
    level: float = LEVEL,
) -> OverSeeds:
    """Compute a model's mean over its trainings, or its difference from another model.

    Parameters
    ----------
    table : ResultTable
        which holds the rows of both
    scores : ClipValues
        their scores per clip
    column : Column
        of the metric
    first : Trainings
        the model
    second : Trainings, optional
        which is subtracted (Default value = None: the mean alone)
    level : float
        of the interval (Default value = 0.95)

    Raises
    ------
    DataError
        if a training has no score, or no caption is scored in all of them
    """
    models = (first,) if second is None else (first, second)
    systems = [system for model in models for system in model.systems]
    if any((system, column.metric) in scores for system in systems):
        return _of_clips(scores, column, models, level)
    return _of_sets(table, column, models, level)


def interval_over_seeds(
    captions: Sequence[float] | Array,
    trainings: Sequence[Sequence[float] | Array],
    bounds: Interval | None = None,
    level: float = LEVEL,
) -> Interval | None:
    """Return the interval of a mean over captions, with the scatter of trainings behind it.

    Parameters
    ----------
    captions : sequence of float, shape=(n,)
        one value per caption: mean over trainings, or the difference of two such means
    trainings : sequence of sequences of float
        for each model the mean of each training; a single training adds nothing
    bounds : (float, float), optional
        lowest and highest value of a caption (Default value = None, not known)
    level : float
        how often the interval shall hold the mean (Default value = 0.95)

    Returns
    -------
    interval : (low, high) or None
        None where `svbench.intervals.mean_interval` has none: of one caption, and of equal ones
        without bounds
    """
    values = np.asarray(captions, np.float64)
    own = mean_interval(values, bounds, level)
    terms = [*_terms(trainings), *_terms([values])]
    if own is None or len(terms) < 2 or not any(term for term, _ in terms[:-1]):
        return own
    mean, half = float(values.mean()), _half(terms, level)
    low, high = min(own[0], mean - half), max(own[1], mean + half)
    return (low, high) if bounds is None else (max(low, bounds[0]), min(high, bounds[1]))


def _terms(samples: Sequence[Sequence[float] | Array]) -> list[tuple[float, int]]:
    """Return the variance of the mean of each sample of two or more, with its freedom."""
    found = []
    for sample in samples:
        values = np.asarray(sample, np.float64)
        if len(values) > 1:
            deviation = float(values.std(ddof=1))
            equal = deviation <= _NOTHING * float(np.abs(values).max())
            found.append((0.0 if equal else deviation**2 / len(values), len(values) - 1))
    return found


def _half(terms: Sequence[tuple[float, int]], level: float) -> float:
    """Return half the width of the interval of a sum of independent means (Satterthwaite)."""
    variance = sum(term for term, _ in terms)
    if variance == 0:
        return 0.0
    freedom = variance**2 / sum(term**2 / of for term, of in terms)
    quantile = student_quantile((1 + level) / 2, max(1, math.floor(freedom)))
    return quantile * math.sqrt(variance)


# --- scores per clip ---------------------------------------------------------------------------


def _of_clips(
    scores: ClipValues, column: Column, models: Sequence[Trainings], level: float
) -> OverSeeds:
    shared = _shared(scores, column.metric, models)
    means = [_by_caption(scores, column.metric, model, shared) for model in models]
    captions = means[0].mean(axis=0)
    if len(models) == 2:
        captions = captions - means[1].mean(axis=0)
    trainings = [of.mean(axis=1) for of in means]
    bounds = bounds_of(column)
    if bounds is not None and len(models) == 2:
        bounds = bounds[0] - bounds[1], bounds[1] - bounds[0]
    interval = interval_over_seeds(captions, trainings, bounds, level)
    return OverSeeds(
        column.metric,
        *_names(models),
        value=float(captions.mean()),
        interval=interval,
        trainings=tuple(len(of) for of in trainings),
        captions=len(captions),
        bounded=bounds is not None,
    )


def _shared(scores: ClipValues, metric: str, models: Sequence[Trainings]) -> list[str]:
    """Return the requests that every training was scored on, sorted."""
    systems = [system for model in models for system in model.systems]
    for system in systems:
        if (system, metric) not in scores:
            raise DataError(f"{metric}: found no scores per clip of {system!r}")
    found = set(scores[systems[0], metric])
    for system in systems[1:]:
        found &= scores[system, metric].keys()
    if not found:
        raise DataError(f"{metric}: found no request that is scored in all of {', '.join(systems)}")
    return sorted(found)


def _by_caption(scores: ClipValues, metric: str, model: Trainings, shared: Sequence[str]) -> Array:
    """Return the mean of each training on each caption: (k, n)."""
    rows = ([scores[system, metric][request] for request in shared] for system in model.systems)
    return np.stack([example_means(shared, row) for row in rows])


# --- distances between sets --------------------------------------------------------------------


def _of_sets(
    table: ResultTable, column: Column, models: Sequence[Trainings], level: float
) -> OverSeeds:
    scores = [_distances(table, column.metric, model) for model in models]
    values = [[score.value for score in of] for of in scores]
    means = [float(np.mean(of)) for of in values]
    value = means[0] - means[1] if len(models) == 2 else means[0]
    terms = _terms(values)
    interval = None
    if terms:
        half = _half(terms, level)
        cut = len(models) == 1 and not any(map(_below_zero, scores[0]))
        interval = max(0.0, value - half) if cut else value - half, value + half
    counts = tuple(len(of) for of in values)
    return OverSeeds(column.metric, *_names(models), value, interval, counts, None)


def _distances(table: ResultTable, metric: str, model: Trainings) -> list[Score]:
    rows = {row.system: row for row in table.rows}
    found = []
    for system in model.systems:
        score = rows[system].scores.get(metric)
        if score is None:
            raise DataError(f"{metric}: found no score of {system!r}")
        found.append(score)
    return found


def _below_zero(score: Score) -> bool:
    """Return whether a distance, or its interval, shows that the metric may be negative."""
    return score.value < 0 or (score.interval is not None and score.interval[0] < 0)


def _names(models: Sequence[Trainings]) -> tuple[str, str | None]:
    return models[0].name, models[1].name if len(models) == 2 else None
