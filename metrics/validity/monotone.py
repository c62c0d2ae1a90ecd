"""Whether a metric gets no better from mild to severe along an arm of a distortion.

Conventions
-----------
The values of an arm are the means of its levels, from mild to severe. A metric is monotone if no
more severe level scores better than a milder one. That is a statement on the means at hand; with
few clips two close levels change places by chance. So there is a p-value as well: of the largest
rise, in standard errors, against the largest that draws of clips show about the means, whatever the
pair of levels (a maximum over pairs holds the family-wise error). The rise found follows Student's
t, and is compared at the normal quantile of the same probability, as draws scatter normally. A
small p says that the metric really rates something more severe as better; a large one that it may
be monotone. Levels of equal means, the hardest case, are called rising in 5 to 8 % of studies of 19
or 40 clips at p < .05; without Student's t it is up to 17 %.

Values that are missing (NaN) are passed over.

References
----------
- P. H. Westfall, S. S. Young: Resampling-based multiple testing. Wiley, 1993, ch. 2 (the maximum
  of centred statistics over pairs).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr

from svbench.types import Better

Array = NDArray[np.float64]

_EQUAL: Final = 1e-12  # share of the largest value, within which values are equal


@dataclass(frozen=True, slots=True)
class Monotone:
    """Whether the means fall, and whether chance explains it where they do not."""

    falls: bool  # no more severe level scores better than a milder one
    p: float | None  # of the largest rise by chance; None without draws, or without any scatter


def monotone(
    values: Array, better: Better, draws: Array | None = None, clips: int = 0
) -> Monotone | None:
    """Return whether a metric gets no better from mild to severe.

    Parameters
    ----------
    values : np.ndarray, shape=(L,)
        means of the levels, from mild to severe; NaN where there is none
    better : {"lower", "higher"}
        which values of the metric are better
    draws : np.ndarray, shape=(B, L), optional
        the same of drawn clips (Default value = None)
    clips : int
        behind `values`; of fewer than 2 there is no p-value (Default value = 0)

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
    if draws is None or clips < 2:
        return Monotone(falls, None)
    return Monotone(falls, _p_value(rises, sign * draws[:, known], clips))


def _rises(means: Array) -> Array:
    """Return how much better each more severe level is than each milder one: (B, pairs)."""
    mild, severe = np.triu_indices(means.shape[1], 1)
    return np.asarray(means[:, severe] - means[:, mild])


def _p_value(rises: Array, draws: Array, clips: int) -> float | None:
    """Return the share of draws whose largest rise about the means is at least that found."""
    drawn = _rises(draws[np.isfinite(draws).all(axis=1)])
    if len(drawn) < 2:
        return None
    errors = drawn.std(axis=0, ddof=1)
    varied = errors > _EQUAL * np.abs(draws[np.isfinite(draws)]).max()
    if not varied.any():
        return None
    apart = ((drawn - rises)[:, varied] / errors[varied]).max(axis=1)
    t = (rises[varied] / errors[varied]).max() * np.sqrt((clips - 1) / clips)
    largest = ndtri(stdtr(clips - 1, t))
    return float((1 + (apart >= largest).sum()) / (1 + len(apart)))
