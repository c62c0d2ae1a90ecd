"""Whether a metric ranks distorted clips as people do: Spearman's correlation over conditions.

Conventions
-----------
A condition is one distortion at one level. The mean score that a metric gives to the clips of a
condition is correlated by ranks (ties share their mean rank) with the mean score that people gave
to clips of the same condition. Correlations are oriented: +1 is a metric that ranks as people do,
whether "higher" or "lower" is better. Clips of the metric and videos of the people need not be the
same ones. Over conditions that one side does not have (NaN) nothing is correlated: they are left
out in pairs, in each draw anew. There is no correlation of fewer than 3 conditions, or where a side
has one value throughout; then a ScoreError says so, and `Agreement.absent` holds the reason.

The value is that of the means at hand. Means that differ by rounding (a share of 1e-12 of the
largest) are ties.

The interval
------------
It answers: which correlation would infinitely many clips and videos of these kinds give? Both are
drawn anew in each draw: clips of the metric with all their conditions, and source videos of the
people with all theirs (`condition_means.mean_draws`). People's share is small: their condition
means have a reliability of .997.

The mean of few clips is noisy, and noise in either side draws a correlation towards 0. A draw adds
the same noise once more, so bootstrap values lie too low twice over: at 19 clips whose scores
spread four times as far as the condition means, a planted .90 gives .66, and its percentile
interval never holds .90. So values are corrected for attenuation. On the scale of Pearson, p = 2
sin(pi r / 6) (two normal variables), let t^2 be the variance of the true means and s^2 that of
their noise. A draw of n clips adds noise of variance f s^2, f = (n - 1) / n. Then the draws of one
side correlate with its means by a, a^2 = (t^2 + s^2) / (t^2 + (1 + f) s^2), hence its reliability
is R = t^2 / (t^2 + s^2) = 1 - (1 / a^2 - 1) / f, and

    corrected value = p / sqrt(R_metric R_people)
    corrected draw  = p_draw / (sqrt(R_metric R_people) a_metric a_people)

The interval holds the corrected value, and reaches below and above it as far as the middle 95 % of
the corrected draws reach from their median, times Student's t over the normal quantile and
sqrt(n / (n - 1)), for n clips. It is extended to hold the uncorrected value, too, and ends at -1
and 1. Fewer than 4 clips do not show their noise, so they have none. `docs/agreement.md` shows how
often it holds a planted correlation, beside the percentile, basic and BCa bootstrap.

For metrics of whole sets (FVD) draws are made by whoever computes the metric: one value for each
condition from the same drawn clips, n with replacement or n / 2 without, whose noise is equal.

References
----------
- C. Spearman: The proof and measurement of association between two things. American J. of
  Psychology 15, 1904 (both the coefficient and the correction for attenuation).
- K. Pearson: On further methods of determining correlation. 1907 (p = 2 sin(pi r / 6)).
- B. Efron, R. J. Tibshirani: An introduction to the bootstrap. Chapman & Hall, 1993.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from svbench.errors import ScoreError
from svbench.files.validity import Correlation
from svbench.intervals import LEVEL, RESAMPLES, Interval, percentile_interval, student_quantile
from svbench.metrics.validity.condition_means import condition_means, mean_draws
from svbench.metrics.validity.human_scores import DISTORTIONS, HumanScores
from svbench.types import Better

Array = NDArray[np.float64]

FEWEST_CONDITIONS: Final = 3  # two always correlate by 1 or -1
FEWEST_CLIPS: Final = 4  # of an interval
_EQUAL: Final = 12  # decimals of the largest value, beyond which values are equal
_NORMAL: Final = 1.959964  # quantile of a 95 % interval
_LEAST_RELIABILITY: Final = 0.05  # of means; with less the interval is nearly all of -1 to 1
_LEAST_DEFINED: Final = 0.9  # share of the draws that need a correlation


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a metric agrees with people, over all conditions and over the levels of each."""

    overall: Correlation | None
    by_distortion: Mapping[str, Correlation | None]
    absent: Mapping[str, str] = field(default_factory=dict)  # "overall" or a distortion -> why


def agreement_of_clips(
    scores: Array,
    human: HumanScores,
    better: Better,
    *,
    draws: int = RESAMPLES,
    seed: int = 0,
    apart: Collection[str] = (),
) -> Agreement:
    """Compute the agreement of a metric that scores clips.

    Parameters
    ----------
    scores : np.ndarray, shape=(D, L, n)
        of n clips at each level of each distortion, as `HumanScores.scores` orders them; NaN where
        a clip has no score
    human : HumanScores
        what people say
    better : {"lower", "higher"}
        which scores of the metric are better
    draws, seed : int
        of the interval (Default value = 1000, 0)
    apart : collection of str
        distortions that do not count in the overall agreement (Default value = none)

    Raises
    ------
    ScoreError
        if the scores are of other conditions, infinite, or of no clip
    """
    if scores.ndim != 3 or scores.shape[:2] != human.scores.shape[:2]:
        raise ScoreError(
            f"agreement: found scores of shape {scores.shape}, expected (distortions, levels, "
            f"clips) of {human.scores.shape[:2]}"
        )
    rows = scores.reshape(-1, scores.shape[2])
    return _agreement(
        condition_means(rows),
        mean_draws(rows, draws, seed),
        human,
        better,
        rows.shape[1],
        seed,
        apart,
    )


def agreement_of_sets(
    values: Array,
    draws: Array,
    human: HumanScores,
    better: Better,
    clips: int,
    *,
    seed: int = 0,
    apart: Collection[str] = (),
) -> Agreement:
    """Compute the agreement of a metric that scores whole sets of clips.

    Parameters
    ----------
    values : np.ndarray, shape=(D, L)
        of all clips at each level of each distortion; NaN where there is none
    draws : np.ndarray, shape=(draws, D, L)
        the same of drawn clips: each draw of the same clips throughout
    human : HumanScores
        what people say
    better : {"lower", "higher"}
        which values of the metric are better
    clips : int
        in a set
    seed : int
        of the draws of people's videos (Default value = 0)
    apart : collection of str
        distortions that do not count in the overall agreement (Default value = none)

    Raises
    ------
    ScoreError
        if the values are of other conditions
    """
    expected = human.scores.shape[:2]
    if values.shape != expected or draws.shape[1:] != expected:
        raise ScoreError(
            f"agreement: found values of shape {values.shape} and draws of {draws.shape}, expected "
            f"(distortions, levels) of {expected} and as many of each draw"
        )
    flat = draws.reshape(len(draws), -1)
    return _agreement(values.ravel(), flat, human, better, clips, seed, apart)


def rank_correlation(
    values: Array,
    people: Array,
    better: Better,
    draws: Array | None = None,
    people_draws: Array | None = None,
    clips: int = 0,
) -> Correlation:
    """Compute the oriented rank correlation of conditions, with its interval.

    Parameters
    ----------
    values : np.ndarray, shape=(C,)
        of the metric in each condition; NaN where there is none
    people : np.ndarray, shape=(C,)
        mean human score in each condition; higher is better
    better : {"lower", "higher"}
        which values of the metric are better
    draws : np.ndarray, shape=(B, C), optional
        `values` of drawn clips (Default value = None, no interval)
    people_draws : np.ndarray, shape=(B, C), optional
        `people` of drawn videos (Default value = None, people are taken as they are)
    clips : int
        behind `values`; of fewer than 4 there is no interval (Default value = 0)

    Returns
    -------
    correlation : Correlation
        its interval is None without draws, and where fewer than 90 % of them have a correlation

    Raises
    ------
    ScoreError
        if fewer than 3 conditions have both, or all values of one side are equal
    """
    if values.shape != people.shape or values.ndim != 1:
        raise ScoreError(
            f"a rank correlation needs a value and a human score of each condition, found shapes "
            f"{values.shape} and {people.shape}"
        )
    both = np.isfinite(values) & np.isfinite(people)
    conditions = int(both.sum())
    if conditions < FEWEST_CONDITIONS:
        raise ScoreError(
            f"found {conditions} conditions with a score and a rating, expected at least "
            f"{FEWEST_CONDITIONS}"
        )
    sign = 1.0 if better == "higher" else -1.0
    own, theirs = sign * values[None, both], people[None, both]
    value = float(_by_ranks(own, theirs)[0])
    if np.isnan(value):
        side = "the metric" if np.isnan(_by_ranks(own, own)[0]) else "people"
        raise ScoreError(f"{side} gave {conditions} conditions the same score")
    interval = None
    if draws is not None and clips >= FEWEST_CLIPS:
        theirs_drawn = None if people_draws is None else people_draws[:, both]
        interval = _interval(value, own, theirs, sign * draws[:, both], theirs_drawn, clips)
    return Correlation(value, interval, conditions)


# --- all conditions, and each distortion -------------------------------------------------------


def _agreement(
    values: Array,
    draws: Array,
    human: HumanScores,
    better: Better,
    clips: int,
    seed: int,
    apart: Collection[str],
) -> Agreement:
    """Compute what all conditions give but those `apart`, and the levels of each distortion."""
    people = condition_means(human.conditions)
    people_draws = mean_draws(human.conditions, len(draws), seed + 1)  # apart from the clips'
    levels = human.scores.shape[1]
    parts: dict[str, Any] = {
        "overall": np.repeat([name not in apart for name in DISTORTIONS], levels)
    } | {
        name: slice(first * levels, (first + 1) * levels) for first, name in enumerate(DISTORTIONS)
    }
    found: dict[str, Correlation | None] = dict.fromkeys(parts)
    absent = {}
    for name, part in parts.items():
        try:
            found[name] = rank_correlation(
                values[part], people[part], better, draws[:, part], people_draws[:, part], clips
            )
        except ScoreError as error:
            absent[name] = str(error)
    return Agreement(found.pop("overall"), found, absent)


# --- correlation of rows -----------------------------------------------------------------------


def _by_ranks(first: Array, second: Array) -> Array:
    """Return Spearman's correlation of rows, (B, C) or (1, C) each; NaN where there is none."""
    first, second = np.broadcast_arrays(first, second)
    both = np.isfinite(first) & np.isfinite(second)
    whole = both.all(axis=1)
    found = np.full(len(first), np.nan)
    found[whole] = _of_whole_rows(first[whole], second[whole])
    for row in np.flatnonzero(~whole & (both.sum(axis=1) >= FEWEST_CONDITIONS)):
        kept = both[row]
        found[row] = _of_whole_rows(first[row, kept][None], second[row, kept][None])[0]
    return found


def _of_whole_rows(first: Array, second: Array) -> Array:
    a, b = _centred_ranks(first), _centred_ranks(second)
    norm = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    found = np.full(len(a), np.nan)
    np.divide((a * b).sum(axis=1), norm, out=found, where=norm > 0)
    return found


def _centred_ranks(rows: Array) -> Array:
    """Return ranks minus their mean; values that differ by rounding are ties."""
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
    scaled = np.divide(rows, largest, out=np.zeros_like(rows), where=largest > 0)
    ranks = rankdata(np.round(scaled, _EQUAL), axis=1)
    return np.asarray(ranks - (rows.shape[1] + 1) / 2)


# --- interval ----------------------------------------------------------------------------------


def _interval(
    value: float,
    own: Array,
    theirs: Array,
    own_drawn: Array,
    theirs_drawn: Array | None,
    clips: int,
) -> Interval | None:
    """Return the interval of the correlation for infinitely many clips and videos."""
    drawn = _by_ranks(own_drawn, theirs if theirs_drawn is None else theirs_drawn)
    defined = np.isfinite(drawn)
    if defined.mean() < _LEAST_DEFINED:
        return None
    added = (clips - 1) / clips
    kept, reliability = _reliability(own_drawn, own, added)
    if theirs_drawn is not None:  # of so many videos that f is 1
        of_people = _reliability(theirs_drawn, theirs, 1.0)
        kept, reliability = kept * of_people[0], reliability * of_people[1]
    corrected = float(_pearson(value) / np.sqrt(reliability))
    draws = _pearson(drawn[defined]) / (np.sqrt(reliability) * kept)
    low, high = percentile_interval(draws)
    middle = float(np.median(draws))
    wider = student_quantile((1 + LEVEL) / 2, clips - 1) / _NORMAL * np.sqrt(clips / (clips - 1))
    ends = _spearman(corrected + wider * (np.array([low, high]) - middle))
    return min(float(ends[0]), value), max(float(ends[1]), value)


def _reliability(draws: Array, means: Array, added: float) -> tuple[float, float]:
    """Return a and R of one side; `added` is f."""
    found = float(_pearson(float(np.nanmean(_by_ranks(draws, means)))))
    kept = max(found, float((1 + added * (1 - _LEAST_RELIABILITY)) ** -0.5))
    return kept, 1 - (1 / kept**2 - 1) / added


def _pearson(ranks: Array | float) -> Array:
    return np.asarray(2 * np.sin(np.pi * np.asarray(ranks) / 6))


def _spearman(pearson: Array) -> Array:
    return np.asarray(6 / np.pi * np.arcsin(np.clip(pearson, -1, 1) / 2))
