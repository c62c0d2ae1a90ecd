"""Power of comparisons, and the clips that one needs.

How likely is it that a comparison of two rows finds a difference that is there? And turned round:
which difference is found with a given likelihood, by how many clips?

Conventions
-----------
An effect is Cohen's d of paired differences: their mean over their standard deviation (dz), so it
has no unit; its sign does not matter. n counts pairs: clips that both rows have, or examples where
a caption has several samples (`svbench.intervals.example_means`). Tests are two-sided at level
alpha. The power of an effect d at n pairs is the probability that |T| exceeds Student's quantile,
where T follows the noncentral t distribution with n - 1 degrees of freedom and noncentrality
d sqrt(n). An effect of 0 is "found" with probability alpha.

Other comparisons
-----------------
- Two rows of other clips each: Cohen's d over the common standard deviation of a row's clips, with
  n_a + n_b - 2 degrees of freedom and noncentrality d sqrt(n_a n_b / (n_a + n_b)).
- Distances between sets have no value per clip. Their bootstrap's standard deviation is taken as
  that of a normal estimate; at other counts it is expected to fall with the root of n, which holds
  for a distance well above the one of two halves of the same population.
- Several comparisons: Holm's procedure tests the smallest p-value at alpha / m; a plan made at that
  level holds for each of them.
- Several samples of a caption: m samples with intraclass correlation ICC count as much as
  m / (1 + (m - 1) ICC) captions would with one sample each. More samples never replace captions:
  the standard deviation of a caption's mean stays above sqrt(ICC) of that of one sample.

References
----------
- J. Cohen: Statistical power analysis for the behavioral sciences. 2nd ed., 1988, ch. 2 (d, dz).
- E. Miller: Adding error bars to evals. https://arxiv.org/abs/2411.00640, section 5 (planning).
- S. Holm: A simple sequentially rejective multiple test procedure. Scandinavian Journal of
  Statistics 6, 1979.
- L. Kish: Survey sampling. Wiley, 1965, 5.4 (design effect).
- A. Donner: A review of inference procedures for the intraclass correlation coefficient in the
  one-way random effects model. International Statistical Review 54, 1986 (ANOVA estimator).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ScoreError

ALPHA: Final = 0.05  # of a two-sided test
POWER: Final = 0.8  # that a comparison is planned for
_MOST_PAIRS: Final = 10**9
_CERTAIN: Final = 1e6  # noncentrality beyond which the series of scipy need not converge


def paired_power(effect: float, n: int, alpha: float = ALPHA, wider: float = 1.0) -> float:
    """Compute the power of a two-sided paired t-test.

    Parameters
    ----------
    effect : float
        mean of the differences over their standard deviation, of either sign; may be infinite
    n : int
        pairs, at least 2
    alpha : float
        how often a difference of 0 is found (Default value = 0.05)
    wider : float
        how many times wider than Student's t the interval is that must exclude 0, of few pairs
        (`svbench.intervals.widening`; Default value = 1.0: as wide)

    Raises
    ------
    ScoreError
        if there are fewer than 2 pairs, or a number is out of its range
    """
    _check(n, alpha)
    return _two_sided(effect, math.sqrt(n), n - 1, alpha, wider)


def unpaired_power(effect: float, first: int, second: int, alpha: float = ALPHA) -> float:
    """Compute the power of a two-sided t-test between two rows of other clips each.

    Parameters
    ----------
    effect : float
        difference of the means over the standard deviation of a row's clips, of either sign
    first, second : int
        clips of either row, at least 2
    alpha : float
        how often a difference of 0 is found (Default value = 0.05)

    Raises
    ------
    ScoreError
        if a row has fewer than 2 clips, or a number is out of its range
    """
    _check(min(first, second), alpha)
    root = math.sqrt(first * second / (first + second))
    return _two_sided(effect, root, first + second - 2, alpha)


def _two_sided(effect: float, root: float, freedom: int, alpha: float, wider: float = 1.0) -> float:
    """Return P(|T| > quantile) for noncentral T with noncentrality |effect| times `root`."""
    if math.isnan(effect):
        raise ScoreError("power: found an effect of NaN, expected a number")
    # imported here, as scipy takes longer to load than a command that needs no power
    from scipy.special import nctdtr, stdtrit

    noncentrality = abs(effect) * root
    if noncentrality > _CERTAIN:
        return 1.0
    quantile = wider * float(stdtrit(freedom, 1 - alpha / 2))
    # scipy's values are NaN for some tails, all of them below 1e-14
    below, beyond = np.nan_to_num(nctdtr(freedom, noncentrality, [quantile, -quantile]))
    return float(1 - below + beyond)


def detectable_effect(
    n: int, power: float = POWER, alpha: float = ALPHA, wider: float = 1.0
) -> float:
    """Compute the smallest effect that n pairs find with the given power.

    Parameters
    ----------
    n : int
        pairs, at least 2
    power : float
        between alpha and 1 (Default value = 0.8)
    alpha : float
        level of the two-sided test (Default value = 0.05)
    wider : float
        as of `paired_power`

    Raises
    ------
    ScoreError
        if there are fewer than 2 pairs, or a number is out of its range
    """
    _check(n, alpha, power)
    from scipy.optimize import brentq

    high = 1.0
    while paired_power(high, n, alpha, wider) < power:
        high *= 2
    return float(brentq(lambda effect: paired_power(effect, n, alpha, wider) - power, 0.0, high))


def needed_pairs(effect: float, power: float = POWER, alpha: float = ALPHA) -> int:
    """Compute the smallest number of pairs that find an effect with the given power.

    Parameters
    ----------
    effect : float
        mean of the differences over their standard deviation, of either sign, not 0
    power : float
        between alpha and 1 (Default value = 0.8)
    alpha : float
        level of the two-sided test (Default value = 0.05)

    Raises
    ------
    ScoreError
        if the effect is 0 or so small that no number of pairs is enough, or a number is out of
        its range
    """
    _check(2, alpha, power)
    return smallest_count(lambda n: paired_power(effect, n, alpha), power)


def needed_clips(effect: float, power: float = POWER, alpha: float = ALPHA) -> int:
    """Compute the smallest number of clips of each row that an unpaired t-test needs.

    Parameters and errors are those of `needed_pairs`, with the effect of `unpaired_power`.
    """
    _check(2, alpha, power)
    return smallest_count(lambda n: unpaired_power(effect, n, n, alpha), power)


def smallest_count(power_at: Callable[[int], float], power: float = POWER) -> int:
    """Return the smallest count from 2 on with enough power.

    Parameters
    ----------
    power_at : callable
        the power at a count, which grows with it
    power : float
        between 0 and 1 (Default value = 0.8)

    Raises
    ------
    ScoreError
        if a thousand million are not enough
    """
    low, high = 1, 2  # `low` is too few, `high` will be enough
    while power_at(high) < power:
        low, high = high, 2 * high
        if high > _MOST_PAIRS:
            raise ScoreError("power: found an effect which no number of clips finds")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_at(middle) >= power else (middle, high)
    return high


# --- several comparisons -----------------------------------------------------------------------


def holm_level(comparisons: int, alpha: float = ALPHA) -> float:
    """Return the level of the first of several tests by Holm's procedure: alpha / comparisons.

    The later ones are tested at higher levels, so a plan for this level is enough for all.

    Raises
    ------
    ScoreError
        if there is no comparison, or alpha is no level
    """
    if comparisons < 1:
        raise ScoreError(f"power: found {comparisons} comparisons, expected at least 1")
    _check(2, alpha)
    return alpha / comparisons


# --- distances between sets --------------------------------------------------------------------


def detectable_distance(
    first: float,
    second: float,
    power: float = POWER,
    alpha: float = ALPHA,
    least: float = 0.0,
) -> float:
    """Compute the smallest difference of two distances that is found with the given power.

    Parameters
    ----------
    first, second : float
        standard deviations of the two distances, of their bootstraps; at least 0
    power, alpha : float
        as of `detectable_effect`
    least : float
        difference from which on two distances may be told apart, if more than the test asks for
        (Default value = 0: the test alone)

    Returns
    -------
    difference : float
        max(z_(1 - alpha / 2) s, least) + z_power s, s = sqrt(first^2 + second^2), in the unit of
        the distance

    Raises
    ------
    ScoreError
        if a standard deviation is negative or NaN, or a number is out of its range
    """
    _check(2, alpha, power)
    scatter = _scatter(first, second)
    return _told(scatter, alpha, least) + NormalDist().inv_cdf(power) * scatter


def distance_power(
    difference: float, first: float, second: float, alpha: float = ALPHA, least: float = 0.0
) -> float:
    """Compute the power to find a difference of two distances, of these standard deviations.

    The inverse of `detectable_distance`, whose parameters and errors it has.
    """
    _check(2, alpha)
    scatter = _scatter(first, second)
    told = _told(scatter, alpha, least)
    if scatter == 0:
        return float(abs(difference) > told)
    normal = NormalDist()
    return sum(
        normal.cdf((shift - told) / scatter) for shift in (abs(difference), -abs(difference))
    )


def _told(scatter: float, alpha: float, least: float) -> float:
    return max(NormalDist().inv_cdf(1 - alpha / 2) * scatter, least)


def _scatter(first: float, second: float) -> float:
    if not (first >= 0 and second >= 0):
        raise ScoreError(
            f"power: found standard deviations {first:g} and {second:g}, expected 0 or more"
        )
    return math.hypot(first, second)


# --- several samples per caption ---------------------------------------------------------------


def design_effect(samples: int, icc: float) -> float:
    """Return 1 + (m - 1) ICC: how many times the variance of a mean grows by clusters of m clips.

    Parameters
    ----------
    samples : int
        clips per caption, m >= 1
    icc : float
        intraclass correlation of the clips of a caption, at most 1

    Raises
    ------
    ScoreError
        if there is no clip, or no clusters can have such a correlation
    """
    if samples < 1:
        raise ScoreError(f"power: found {samples} samples per caption, expected at least 1")
    if not icc <= 1 or 1 + (samples - 1) * icc < 0:
        raise ScoreError(
            f"power: found an intraclass correlation of {icc:g}, expected one of {samples} clips"
        )
    return 1 + (samples - 1) * icc


def caption_deviation(deviation: float, samples: int, icc: float) -> float:
    """Return the standard deviation of the mean of a caption's clips, from that of one clip."""
    return deviation * math.sqrt(design_effect(samples, icc) / samples)


def intraclass_correlation(
    values: Sequence[float] | NDArray[np.float64], clusters: Sequence[int] | NDArray[np.int64]
) -> float | None:
    """Estimate the correlation of clips of one caption, by one-way analysis of variance.

    Parameters
    ----------
    values : sequence of float, shape=(N,)
        one per clip
    clusters : sequence of int, shape=(N,)
        the caption of each clip, 0 to M - 1, each at least once
        (`svbench.intervals.example_places`)

    Returns
    -------
    icc : float or None
        (MSB - MSW) / (MSB + (m0 - 1) MSW), where m0 is the mean number of clips per caption,
        corrected for unequal numbers (Donner 1986); below 0 where clips of a caption differ more
        than captions do. None with fewer than two captions, without a caption of two clips, and
        where all values are equal.

    Raises
    ------
    ScoreError
        if there are not as many clusters as values
    """
    array, places = np.asarray(values, np.float64), np.asarray(clusters, np.int64)
    if array.ndim != 1 or array.shape != places.shape:
        raise ScoreError(f"power: found values {array.shape} in clusters {places.shape}")
    sizes = np.bincount(places)
    count, captions = len(array), len(sizes)
    if captions < 2 or count == captions:
        return None
    means = np.bincount(places, weights=array) / sizes
    between = float(sizes @ np.square(means - array.mean())) / (captions - 1)
    within = float(np.square(array - means[places]).sum()) / (count - captions)
    size = (count - float(np.square(sizes).sum()) / count) / (captions - 1)
    whole = between + (size - 1) * within
    return (between - within) / whole if whole > 0 else None


def _check(n: int, alpha: float, power: float | None = None) -> None:
    """Raise ScoreError for numbers with which there is no test."""
    if n < 2:
        raise ScoreError(f"power: found {n} pairs, expected at least 2")
    if not 0 < alpha < 1:
        raise ScoreError(f"power: found a level of {alpha:g}, expected one between 0 and 1")
    if power is not None and not alpha < power < 1:
        raise ScoreError(f"power: found {power:g}, expected a power between {alpha:g} and 1")
