"""The mildest level of a distortion that a metric notices, and that people notice.

Conventions
-----------
An arm is a series of levels from mild to severe. A level is noticed if a two-sided paired t-test at
5 % of n = 40 clips, undistorted against distorted, finds it worse with power .8. Whether it does
follows from the effect dz: mean over standard deviation of the differences of the clips at hand,
so it does not depend on how many those are (`svbench.power`). An effect of .454 is just enough.
Differences count in the direction in which undistorted clips are better; the other is no noticing.
The mildest level that is noticed is the one from which on all more severe levels are noticed, too:
a level that is noticed below one that is not is not counted. Levels without an effect (NaN: fewer
than two clips have both scores) are passed over.

How sure that is: the 95 % interval of dz from m clips, that of the noncentral t distribution with
m - 1 degrees of freedom. At m = 19 an effect that is just enough, .454, may be -.02 to .92, so
the mildest level is known within `Noticed.earliest` (upper ends of the effects) and
`Noticed.latest` (lower ends) only. The effect itself is some 4 % too large at m = 19 on average
(Hedges' factor); it is not corrected, as sample sizes are planned with the plain one.

Differences that do not scatter have an infinite effect, of their sign; none at all an effect of 0.

Metrics of whole sets have no difference per clip. Their difference between the undistorted and the
distorted set has a standard error over draws of clips, e at m clips, which falls as 1 / sqrt(m)
(the delta method: the distance is smooth in the moments of the features), so dz = difference /
(e sqrt(m)) stands in for that of clips. Both sets must be compared with the same reference, of
other clips: against itself an undistorted set is at distance 0, and anything is "worse".

For people, dz is that of videos that were rated undistorted as well (46, of which 10 to 46 have a
level), by the same rule as for metrics. "People" are then the mean of some 7 raters for each clip.

References
----------
- J. Cohen: Statistical power analysis for the behavioral sciences. 2nd ed., 1988, ch. 2.
- G. Cumming, S. Finch: A primer on the understanding, use, and calculation of confidence
  intervals that are based on central and noncentral distributions. Educ. Psychol. Meas. 61, 2001.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import chdtri, nctdtr

from svbench.errors import ScoreError
from svbench.intervals import LEVEL, Interval
from svbench.metrics.validity.human_scores import HumanScores
from svbench.power import ALPHA, POWER, detectable_effect
from svbench.types import Better

Array = NDArray[np.float64]

PLANNED: Final = 40  # clips
_EQUAL: Final = 1e-12  # share of the largest score, within which scores are equal
_LARGE: Final = 1e4  # t, beyond which its scatter is that of the standard deviation alone


@dataclass(frozen=True, slots=True)
class Effect:
    """How much worse a level is than no distortion, in standard deviations of the difference."""

    value: float  # dz; positive: worse
    interval: Interval | None  # 95 %; None where the differences do not scatter
    count: int  # clips that have both


@dataclass(frozen=True, slots=True)
class Noticed:
    """Places in an arm, from mild to severe, from which on every level is noticed."""

    first: int | None  # None: not even the most severe level is
    earliest: int | None  # were the effects as large as their intervals allow
    latest: int | None  # were they as small
    effects: tuple[Effect | None, ...]  # of each level; None: too few clips have both


def noticed_by_metric(
    undistorted: Array,
    distorted: Array,
    better: Better,
    *,
    n: int = PLANNED,
    power: float = POWER,
    alpha: float = ALPHA,
) -> Noticed:
    """Return from which level on a metric of clips notices an arm.

    Parameters
    ----------
    undistorted : np.ndarray, shape=(m,)
        scores of clips; NaN where a clip has none
    distorted : np.ndarray, shape=(L, m)
        scores of the same clips at the levels of the arm, from mild to severe
    better : {"lower", "higher"}
        which scores of the metric are better
    n, power, alpha
        clips that are planned for, power and level of the test (Default value = 40, 0.8, 0.05)

    Raises
    ------
    ScoreError
        if the scores are not of the same clips, or the test is none
    """
    if distorted.ndim != 2 or undistorted.shape != distorted.shape[1:]:
        raise ScoreError(
            f"noticing: found scores of shape {undistorted.shape} undistorted and "
            f"{distorted.shape} distorted, expected (clips) and (levels, clips)"
        )
    sign = 1.0 if better == "higher" else -1.0
    effects = [_paired(sign * undistorted, sign * level) for level in distorted]
    return _noticed(effects, detectable_effect(n, power, alpha))


def noticed_by_sets(
    differences: Array,
    draws: Array,
    clips: int,
    *,
    n: int = PLANNED,
    power: float = POWER,
    alpha: float = ALPHA,
) -> Noticed:
    """Return from which level on a metric of whole sets notices an arm.

    Parameters
    ----------
    differences : np.ndarray, shape=(L,)
        how much worse the set is at each level than undistorted, from mild to severe; NaN where
        it has no score
    draws : np.ndarray, shape=(B, L)
        the same of drawn clips: m of m with replacement, or m / 2 without
    clips : int
        m, at least 2
    n, power, alpha
        clips that are planned for, power and level of the test (Default value = 40, 0.8, 0.05)

    Raises
    ------
    ScoreError
        if the draws are not of these levels, there are fewer than 2 clips, or the test is none
    """
    if draws.ndim != 2 or differences.shape != draws.shape[1:] or clips < 2:
        raise ScoreError(
            f"noticing: found differences of shape {differences.shape}, draws of {draws.shape} and "
            f"{clips} clips, expected (levels), (draws, levels) and at least 2"
        )
    effects = [
        _of_set(float(value), level, clips)
        for value, level in zip(differences, draws.T, strict=True)
    ]
    return _noticed(effects, detectable_effect(n, power, alpha))


def noticed_by_people(
    human: HumanScores,
    distortion: str,
    levels: Sequence[int],
    *,
    n: int = PLANNED,
    power: float = POWER,
    alpha: float = ALPHA,
) -> Noticed:
    """Return from which level on people notice an arm of a distortion.

    Parameters
    ----------
    human : HumanScores
        what people say
    distortion : str
        one that people rated
    levels : sequence of int
        places of the arm's levels in the distortion's table, from mild to severe
    n, power, alpha
        clips that are planned for, power and level of the test (Default value = 40, 0.8, 0.05)

    Raises
    ------
    ScoreError
        if people did not rate it, or the test is none
    """
    distorted = human.of(distortion)[list(levels)]
    return noticed_by_metric(human.originals, distorted, "higher", n=n, power=power, alpha=alpha)


def effect_interval(effect: float, count: int) -> Interval:
    """Compute the 95 % interval of a paired effect dz from its noncentral t distribution.

    Parameters
    ----------
    effect : float
        dz of `count` pairs, finite
    count : int
        pairs, at least 2

    Raises
    ------
    ScoreError
        if there are fewer than 2 pairs, or the effect is not finite
    """
    if count < 2 or not np.isfinite(effect):
        raise ScoreError(f"noticing: found the effect {effect:g} of {count} pairs, expected 2")
    root = float(np.sqrt(count))
    tail = (1 - LEVEL) / 2
    t = effect * root
    ends = [_noncentrality(t, count - 1, share) / root for share in (1 - tail, tail)]
    return ends[0], ends[1]


# --- effects -----------------------------------------------------------------------------------


def _paired(undistorted: Array, distorted: Array) -> Effect | None:
    """Return the effect over clips that have both scores, higher being better."""
    both = np.isfinite(undistorted) & np.isfinite(distorted)
    if both.sum() < 2:
        return None
    before, after = undistorted[both], distorted[both]
    scale = float(max(np.abs(before).max(), np.abs(after).max()))
    gaps = before - after
    return _effect(float(gaps.mean()), float(gaps.std(ddof=1)), len(gaps), scale)


def _of_set(difference: float, draws: Array, clips: int) -> Effect | None:
    known = draws[np.isfinite(draws)]
    if not np.isfinite(difference) or len(known) < 2:
        return None
    deviation = float(known.std(ddof=1) * np.sqrt(clips))
    return _effect(difference, deviation, clips, float(np.abs(known).max()))


def _effect(mean: float, deviation: float, count: int, scale: float) -> Effect:
    if deviation > _EQUAL * scale:
        value = mean / deviation
        return Effect(value, effect_interval(value, count), count)
    if abs(mean) <= _EQUAL * scale:
        return Effect(0.0, None, count)
    return Effect(float(np.copysign(np.inf, mean)), None, count)


def _noncentrality(t: float, freedom: int, share: float) -> float:
    """Return the noncentrality for which a share (.025 or .975) of the distribution lies below t.

    T is (Z + noncentrality) / S with S^2 = chi^2 / freedom. S lies between its 1 % and its 99 %
    quantile, and Z within 2.5, but for shares below .025; so the root lies between `low` and
    `high`. Far outside scipy's values are NaN, and for large t, where Z no longer matters.
    """
    if t < 0:
        return -_noncentrality(-t, freedom, 1 - share)
    if t > _LARGE:
        return float(t * np.sqrt(chdtri(freedom, share) / freedom))

    def excess(noncentrality: float) -> float:
        if noncentrality >= 0:
            return float(nctdtr(freedom, noncentrality, t)) - share
        return 1 - float(nctdtr(freedom, -noncentrality, -t)) - share

    low, high = t * np.sqrt(chdtri(freedom, [0.99, 0.01]) / freedom) + [-2.5, 2.5]
    return float(brentq(excess, low, high))


# --- levels ------------------------------------------------------------------------------------


def _noticed(effects: Sequence[Effect | None], needed: float) -> Noticed:
    values = [None if one is None else one.value for one in effects]
    ends = [None if one is None else one.interval or (one.value, one.value) for one in effects]
    return Noticed(
        _first(values, needed),
        _first([None if end is None else end[1] for end in ends], needed),
        _first([None if end is None else end[0] for end in ends], needed),
        tuple(effects),
    )


def _first(effects: Sequence[float | None], needed: float) -> int | None:
    """Return the place from which on every effect is large enough, or None."""
    found = None
    for place in reversed(range(len(effects))):
        effect = effects[place]
        if effect is not None and effect < needed:
            break
        found = place if effect is not None else found
    return found
