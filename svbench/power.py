"""Power of the paired t-test, and the clips that a comparison needs.

How likely is it that a comparison of two rows on the same clips finds a difference that is there?
And turned round: which difference is found with a given likelihood, by how many clips?

Conventions
-----------
An effect is Cohen's d of paired differences: their mean over their standard deviation (dz), so it
has no unit; its sign does not matter. n counts pairs: clips that both rows have, or examples where
a caption has several samples (`svbench.intervals.example_means`). Tests are two-sided at level
alpha. The power of an effect d at n pairs is the probability that |T| exceeds Student's quantile,
where T follows the noncentral t distribution with n - 1 degrees of freedom and noncentrality
d sqrt(n). An effect of 0 is "found" with probability alpha.

References
----------
- J. Cohen: Statistical power analysis for the behavioral sciences. 2nd ed., 1988, ch. 2 (dz).
- E. Miller: Adding error bars to evals. https://arxiv.org/abs/2411.00640, section 5 (planning).
"""

from __future__ import annotations

import math
from typing import Final

from svbench.errors import ScoreError

ALPHA: Final = 0.05  # of a two-sided test
POWER: Final = 0.8  # that a comparison is planned for
_MOST_PAIRS: Final = 10**9
_CERTAIN: Final = 1e6  # noncentrality beyond which the series of scipy need not converge
_ONE_SIDED: Final = 8.0  # beyond it less than Phi(-8) = 6e-16 lies on the wrong side of 0


def paired_power(effect: float, n: int, alpha: float = ALPHA) -> float:
    """Compute the power of a two-sided paired t-test.

    Parameters
    ----------
    effect : float
        mean of the differences over their standard deviation, of either sign; may be infinite
    n : int
        pairs, at least 2
    alpha : float
        how often a difference of 0 is found (Default value = 0.05)

    Raises
    ------
    ScoreError
        if there are fewer than 2 pairs, or a number is out of its range
    """
    _check(n, alpha)
    if math.isnan(effect):
        raise ScoreError("power: found an effect of NaN, expected a number")
    # imported here, as scipy takes longer to load than a command that needs no power
    from scipy.special import nctdtr, stdtrit

    noncentrality = abs(effect) * math.sqrt(n)
    if noncentrality > _CERTAIN:
        return 1.0
    quantile = float(stdtrit(n - 1, 1 - alpha / 2))
    found = 1 - float(nctdtr(n - 1, noncentrality, quantile))
    if noncentrality < _ONE_SIDED:  # scipy's value of this tail is NaN for some larger ones
        found += float(nctdtr(n - 1, noncentrality, -quantile))
    return found


def detectable_effect(n: int, power: float = POWER, alpha: float = ALPHA) -> float:
    """Compute the smallest effect that n pairs find with the given power.

    Parameters
    ----------
    n : int
        pairs, at least 2
    power : float
        between alpha and 1 (Default value = 0.8)
    alpha : float
        level of the two-sided test (Default value = 0.05)

    Raises
    ------
    ScoreError
        if there are fewer than 2 pairs, or a number is out of its range
    """
    _check(n, alpha, power)
    from scipy.optimize import brentq

    high = 1.0
    while paired_power(high, n, alpha) < power:
        high *= 2
    return float(brentq(lambda effect: paired_power(effect, n, alpha) - power, 0.0, high))


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
    low, high = 1, 2  # power grows with n: `low` is too few, `high` will be enough
    while paired_power(effect, high, alpha) < power:
        low, high = high, 2 * high
        if high > _MOST_PAIRS:
            raise ScoreError(f"power: found effect {effect:g}, which no number of clips finds")
    while high - low > 1:
        middle = (low + high) // 2
        enough = paired_power(effect, middle, alpha) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def _check(n: int, alpha: float, power: float | None = None) -> None:
    """Raise ScoreError for numbers with which there is no test."""
    if n < 2:
        raise ScoreError(f"power: found {n} pairs, expected at least 2")
    if not 0 < alpha < 1:
        raise ScoreError(f"power: found a level of {alpha:g}, expected one between 0 and 1")
    if power is not None and not alpha < power < 1:
        raise ScoreError(f"power: found {power:g}, expected a power between {alpha:g} and 1")
