"""How sure a number is: seeded bootstrap over clips.

The clips of a set are drawn anew, with replacement, many times; the middle 95 % of the
values that come out is the interval (percentile bootstrap). It answers one question: how
far would the number move had other clips of the same kind been judged? It says nothing of
other seeds of a system, nor of how well a metric measures what it is named after.

Metrics bound their scores by it, and reports the differences between rows; as these two rooms
do not know each other, it stands in the harness, and knows nothing but numbers.

Conventions
-----------
One value per clip. An interval of a single clip does not exist and is None.
The numbers depend on the values, the seed and the count of resamples alone, not on the
platform or on the number of threads. Memory stays below some 20 MB for any count of clips
that fits one draw.

References
----------
- B. Efron, R. J. Tibshirani: An introduction to the bootstrap. Chapman & Hall, 1993, ch. 13.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ScoreError

Interval = tuple[float, float]

RESAMPLES: Final = 1000  # ends of a 95 % interval then vary by a few per cent of its width
LEVEL: Final = 0.95  # what tables print
_DRAWN_AT_ONCE: Final = 2**20  # indices held in memory: 8 MB


@dataclass(frozen=True, slots=True)
class Difference:
    """How two systems differ on the same clips: first minus second."""

    value: float
    interval: Interval | None
    count: int  # pairs


def resampled(count: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield draws of `count` indices below `count`, as blocks (rows, count), `resamples` in all."""
    rng = np.random.default_rng(seed)
    rows = max(1, _DRAWN_AT_ONCE // count)
    for first in range(0, resamples, rows):
        yield rng.integers(count, size=(min(rows, resamples - first), count))


def percentile_interval(draws: NDArray[np.float64], level: float = LEVEL) -> Interval:
    """Give the middle `level` share of bootstrap values."""
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)


def mean_interval(
    values: Sequence[float] | NDArray[np.float64],
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Interval | None:
    """Bound the mean of one value per clip.

    Parameters
    ----------
    values : sequence of float, shape=(N,)
        one per clip, N >= 1, finite
    seed : int
        of the draws (Default value = 0)
    resamples : int
        number of draws; 0 asks for no interval (Default value = 1000)
    level : float
        share of the draws within the interval (Default value = 0.95)

    Returns
    -------
    interval : (low, high) or None
        None for one clip or no resamples
    """
    sample = _checked(values)
    if len(sample) == 1 or resamples == 0:
        return None
    means = [sample[rows].mean(axis=1) for rows in resampled(len(sample), resamples, seed)]
    return percentile_interval(np.concatenate(means), level)


def paired_difference(
    first: Sequence[float] | NDArray[np.float64],
    second: Sequence[float] | NDArray[np.float64],
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Difference:
    """Compare two systems on the same clips: the mean of first minus second.

    Clips are drawn in pairs, so what is hard for both systems does not blur the answer.
    An interval without 0 in it speaks for a difference at that level.
    """
    a, b = _checked(first), _checked(second)
    if len(a) != len(b):
        raise ScoreError(f"a paired difference needs equally many clips, got {len(a)} and {len(b)}")
    gaps = a - b
    return Difference(float(gaps.mean()), mean_interval(gaps, seed, resamples, level), len(gaps))


def _checked(values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the values as float64 (N,), N >= 1, all finite."""
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or sample.size == 0:
        raise ScoreError(f"an interval needs one value per clip, got shape {sample.shape}")
    if not np.isfinite(sample).all():
        raise ScoreError("an interval needs finite values, got NaN or infinity")
    return sample
