"""Whether a metric gets no better from mild to severe along an arm of a distortion.

Conventions
-----------
The values of an arm are the means of its levels, from mild to severe. A metric is monotone if no
more severe level scores better than a milder one. That is a statement on the means at hand; with
few clips two close levels change places by chance. So there is a p-value as well: of the largest
rise, in standard errors, against the rises that draws of clips show about the means, whatever the
pair of levels (a maximum over pairs holds the family-wise error). A small p says that the metric
really rates something more severe as better; a large one that it may be monotone.

Values that are missing (NaN) are passed over.

References
----------
- P. Hall, J. L. Horowitz: Bootstrap methods for testing monotonicity, in the spirit of which the
  largest studentised rise is centred; P. H. Westfall, S. S. Young: Resampling-based multiple
  testing. Wiley, 1993, ch. 2 (the maximum over pairs).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.types import Better

Array = NDArray[np.float64]

_EQUAL: Final = 1e-12  # share of the largest value, within which values are equal


@dataclass(frozen=True, slots=True)
class Monotone:
    """Whether the means fall, and whether chance explains it where they do not."""

    falls: bool  # no more severe level scores better than a milder one
    p: float | None  # of the largest rise by chance; None without draws, or without any scatter


def monotone(values: Array, better: Better, draws: Array | None = None) -> Monotone | None:
    """Return whether a metric gets no better from mild to severe.

    Parameters
    ----------
    values : np.ndarray, shape=(L,)
        means of the levels, from mild to severe; NaN where there is none
    better : {"lower", "higher"}
        which values of the metric are better
    draws : np.ndarray, shape=(B, L), optional
        the same of drawn clips (Default value = None)

    Returns
    -------
    found : Monotone or None
        None where fewer than two levels have a value
    """
    known = np.isfinite(values)
    if known.sum() < 2:
        return None
    sign = 1.0 if better == "higher" else -1.0
    means = sign * values[known]
    rises = _rises(means[None])[0]
    falls = bool((rises <= _EQUAL * np.abs(means).max()).all())
    return Monotone(falls, None if draws is None else _p_value(rises, sign * draws[:, known]))


def _rises(means: Array) -> Array:
    """Return how much better each more severe level is than each milder one: (B, pairs)."""
    mild, severe = np.triu_indices(means.shape[1], 1)
    return np.asarray(means[:, severe] - means[:, mild])


def _p_value(rises: Array, draws: Array) -> float | None:
    """Return the share of draws whose largest rise about the means is at least that found."""
    drawn = _rises(draws[np.isfinite(draws).all(axis=1)])
    if len(drawn) < 2:
        return None
    errors = drawn.std(axis=0, ddof=1)
    varied = errors > _EQUAL * np.abs(draws[np.isfinite(draws)]).max()
    if not varied.any():
        return None
    apart = ((drawn - rises)[:, varied] / errors[varied]).max(axis=1)
    largest = (rises[varied] / errors[varied]).max()
    return float((1 + (apart >= largest).sum()) / (1 + len(apart)))
