"""How far raters agree: Krippendorff's alpha of the same pairs of clips.

alpha = 1 - D_o / D_e. D_o is the mean squared difference of two raters' values of one unit, D_e
that of any two values; 1 is full agreement, 0 what chance gives, below 0 less than that. Values
are interval data: the difference of two values is squared. Units with one value do not count.

A unit is one pair of clips, its value 1 where the first was preferred, 0.5 for a tie and 0 for the
second. Which system of a pair is the first is a matter of naming, so each unit enters in both
ways round: alpha then does not depend on it.

References
----------
- K. Krippendorff: Computing Krippendorff's alpha-reliability. University of Pennsylvania, 2011
  (its example of four observers: 0.849 for interval data).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from svbench.study.bradley_terry import Answers

Array = NDArray[np.float64]


def alpha(units: NDArray[np.int64], values: Array) -> float | None:
    """Return Krippendorff's alpha for interval data.

    Parameters
    ----------
    units : np.ndarray, shape (V,)
        which unit each value is of
    values : np.ndarray, shape (V,)
        one for each rater and unit

    Returns
    -------
    alpha : float or None
        None where no unit has two values, or all values are equal
    """
    _, place, counts = np.unique(units, return_inverse=True, return_counts=True)
    kept = counts[place] > 1
    place, pairable = place[kept], values[kept]
    if not len(pairable):
        return None
    total = len(pairable)
    expected = 2 * total * float(((pairable - pairable.mean()) ** 2).sum()) / (total - 1)
    if expected == 0:
        return None
    sizes = counts.astype(np.float64)
    sums = np.bincount(place, pairable, len(counts))
    squares = np.bincount(place, pairable**2, len(counts))
    several = sizes > 1
    within = 2 * (sizes * squares - sums**2)[several] / (sizes[several] - 1)
    return 1 - float(within.sum()) / expected


def agreement(answers: Answers, requests: NDArray[np.int64]) -> float | None:
    """Return alpha over pairs of clips that two or more raters compared; None if there are none.

    Parameters
    ----------
    answers : Answers
        on pairs of clips
    requests : np.ndarray, shape (A,)
        whose clips each answer compares; several samples of an example are several requests
    """
    low = np.minimum(answers.first, answers.second)
    value = np.where(answers.first == low, answers.outcome, 1 - answers.outcome)
    unit = _units(answers, requests)
    both = np.concatenate([unit, unit + unit.max() + 1])
    return alpha(both, np.concatenate([value, 1 - value]))


def shared(answers: Answers, requests: NDArray[np.int64]) -> int:
    """Return how many pairs of clips two or more raters compared."""
    return int((np.bincount(_units(answers, requests)) > 1).sum())


def _units(answers: Answers, requests: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which pair of clips each answer is on, whichever was called the first."""
    low = np.minimum(answers.first, answers.second)
    high = np.maximum(answers.first, answers.second)
    _, unit = np.unique(np.stack([low, high, requests], axis=1), axis=0, return_inverse=True)
    return unit
