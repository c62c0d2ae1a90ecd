"""Holm's correction: which of several comparisons stand if all of them shall hold together.

Where many rows are compared, some differ by chance: of 28 pairs of rows that are all alike, 1.4
differ at 5 % on average. Holm's procedure keeps the family-wise error, the probability that
even one of the comparisons of a family stands without a difference, at 5 % or less, whichever and
however many of them are true, and however they depend on each other.

Conventions
-----------
A p-value is never computed. A comparison has an interval at every level, and p <= a is the same as
an interval at level 1 - a that excludes 0; so what stands agrees with the intervals that are
printed. Of m comparisons the intervals at level 1 - 0.05 / m are looked at; if r of them exclude 0,
those of the others at level 1 - 0.05 / (m - r); and so on, until none is added. This rejects the
same hypotheses as ordered p-values do.

References
----------
- S. Holm: A simple sequentially rejective multiple test procedure. Scandinavian Journal of
  Statistics 6, 1979.
- D. Al Mohamad, J. Goeman, E. van Zwet: Simultaneous confidence intervals for ranks with
  application to ranking institutions. Biometrics 78, 2022 (ranks from pairwise comparisons).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.intervals import Interval, mean_intervals, student_quantile

ERROR: Final = 0.05  # family-wise: that any comparison of a family stands without a difference
_AT_ONCE: Final = 2**20  # values whose intervals are formed together: 8 MB

Flags = NDArray[np.bool_]
Places = NDArray[np.intp]
Array = NDArray[np.float64]


def holm(excludes: Callable[[float, Places], Flags], count: int, error: float = ERROR) -> Flags:
    """Return which of `count` comparisons stand, (count,).

    Parameters
    ----------
    excludes : callable
        whether the intervals at a level, of the comparisons at these places, exclude 0; an interval
        is wider at a higher level
    count : int
        comparisons of the family
    error : float
        family-wise error (Default value = 0.05)
    """
    stands = np.zeros(count, np.bool_)
    while not stands.all():
        left = np.flatnonzero(~stands)
        found = excludes(1 - error / len(left), left)
        if not found.any():
            break
        stands[left[found]] = True
    return stands


def holm_of_means(samples: Sequence[Array], bounds: Interval | None) -> Flags:
    """Return which means of several samples differ from 0, corrected for their number.

    Parameters
    ----------
    samples : sequence of np.ndarray, shape=(N,)
        for each comparison the differences of its pairs; N may differ
    bounds : (float, float) or None
        lowest and highest difference of a pair; None where it is not known

    Returns
    -------
    stands : np.ndarray of bool, shape=(len(samples),)
        a single pair is compared with nothing, and never stands
    """
    compared = [place for place, sample in enumerate(samples) if len(sample) > 1]

    def excludes(level: float, places: Places) -> Flags:
        return means_differ([samples[compared[place]] for place in places], bounds, level)

    stands = np.zeros(len(samples), np.bool_)
    stands[compared] = holm(excludes, len(compared))
    return stands


def means_differ(samples: Sequence[Array], bounds: Interval | None, level: float) -> Flags:
    """Return whether the intervals of means exclude 0 at a level: (len(samples),).

    Where the range of a value is not known, Student's t has to exclude 0 too: the interval rests on
    the skewness of few pairs then, which says little at high levels, while differences of two like
    rows are symmetric and Student's t errs towards too few.
    """
    found = np.zeros(len(samples), np.bool_)
    of_length: dict[int, list[int]] = {}
    for place, sample in enumerate(samples):
        of_length.setdefault(len(sample), []).append(place)
    for length, places in of_length.items():
        step = max(1, _AT_ONCE // length)
        for first in range(0, len(places), step):
            block = places[first : first + step]
            found[block] = _differ(np.stack([samples[place] for place in block]), bounds, level)
    return found


def _differ(rows: Array, bounds: Interval | None, level: float) -> Flags:
    ends = mean_intervals(rows, bounds, level)
    differ = (ends[:, 0] > 0) | (ends[:, 1] < 0)
    if bounds is None:
        count = rows.shape[1]
        error = rows.std(axis=1, ddof=1) / count**0.5
        quantile = student_quantile((1 + level) / 2, count - 1)
        differ &= np.abs(rows.mean(axis=1)) > quantile * error
    return np.asarray(differ, np.bool_)


def rank_intervals(better: Flags) -> list[tuple[int, int]]:
    """Return the ranks that each row may have, by the comparisons that stand.

    Parameters
    ----------
    better : np.ndarray of bool, shape=(K, K)
        whether row i stands as better than row j

    Returns
    -------
    list of (int, int)
        for each row 1 + the rows better than it, and K - the rows worse than it. All of them hold
        the true ranks together as often as no comparison stands in error.
    """
    count = len(better)
    return [(1 + int(better[:, row].sum()), count - int(better[row].sum())) for row in range(count)]
