"""Confidence intervals for means over clips and for paired differences.

An interval is about one question: how far may the mean of these clips lie from the mean of all
clips of their kind? It does not cover other seeds of a system, nor how well a metric measures
what it is named after.

Metrics use it for their scores, and reports for the differences between rows; as these two rooms
do not import each other, it stands in the harness, and depends on nothing but numbers.

Conventions
-----------
One value per clip, in any order. An interval of a single clip does not exist and is None. An
interval holds the mean, lies within the range that the values can take, is wider at a higher level,
and depends on the values alone: there is no seed. `bounds` is that range; where a score can leave
it now and then, the values themselves widen it.

The interval
------------
A percentile bootstrap of 5 clips covers the mean in 84 % of cases in place of 95 (in 40 % where the
clips are mostly 0), so intervals are formed otherwise. Let m and s be mean and standard deviation
of the N clips, and k = t^2 / N with Student's quantile t at N - 1 degrees of freedom. The plain
t-interval is every mu with (m - mu)^2 <= k s^2. It takes the variance as known to be the same
wherever mu lies, which is wrong for scores near an end of their range, where few clips are high
and most are 0. The interval is the union of two that let the variance V change with mu:

1. V = phi (mu - low) (high - mu): the score interval of Wilson, with t and with the dispersion
   phi = s^2 / ((m - low) (high - m)), which is 1 for a score of 0 or 1. Few clips near an end
   show too little dispersion, so it is drawn towards 1: phi^(1 - w / N), where w grows from
   1.25 in the middle of the range to 2 at its ends. Where no clip lies on the other side of 0,
   the range is also taken from 0 on.
2. V = s^2 + g (mu - m), g = (third central moment) / (second): from the skewness of the clips,
   whatever the range.

Clips that are all equal show no dispersion. Had a share q of all clips another value, N equal ones
would come about with probability (1 - q)^N; the q for which this is 1 - level bounds the share, and
the interval reaches that share of the way to either end. Without bounds there is none.

`docs/intervals.md` shows by simulation how often each kind of interval covers, and how wide it is.
No interval from N clips covers what fewer than some 3 in N clips do, if none of them is among
the N.

References
----------
- E. B. Wilson: Probable inference, the law of succession, and statistical inference. JASA 22, 1927.
- N. J. Johnson: Modified t tests and confidence intervals for asymmetrical populations. JASA 73,
  1978 (skewness in a t-interval).
- M. Abramowitz, I. A. Stegun: Handbook of mathematical functions, 1964, 26.7 (Student's t).
- B. Efron, R. J. Tibshirani: An introduction to the bootstrap. Chapman & Hall, 1993, ch. 13.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ScoreError

Array = NDArray[np.float64]
Interval = tuple[float, float]
Ends = tuple[Array, Array]

RESAMPLES: Final = 1000  # ends of a 95 % interval then vary by a few per cent of its width
LEVEL: Final = 0.95  # what tables print
METHOD: Final = "score interval with Student's t, dispersion and skewness of the clips"
# Settings of a metric that decide its interval and its notes alone, and no value.
INTERVAL_ONLY: Final = ("seed", "resamples", "interval", "bounds", "caveat")
_DRAWN_AT_ONCE: Final = 2**20  # indices held in memory: 8 MB
_LEAST_PULL: Final = 1.25  # clips' worth of pull towards dispersion 1; chosen by simulation
_MOST_PULL: Final = 2.0  # at the ends of the range
_EQUAL: Final = 1e-12  # share of the range within which values are equal
_SERIES: Final = 100  # degrees of freedom up to which Student's t is summed exactly


@dataclass(frozen=True, slots=True)
class Difference:
    """How two systems differ on the same clips: first minus second."""

    value: float
    interval: Interval | None
    count: int  # pairs


def mean_interval(
    values: Sequence[float] | Array, bounds: Interval | None = None, level: float = LEVEL
) -> Interval | None:
    """Return a confidence interval of the mean of one value per clip.

    Parameters
    ----------
    values : sequence of float, shape=(N,)
        one per clip, N >= 1, finite
    bounds : (float, float), optional
        lowest and highest value that a clip can have (Default value = None, no such values)
    level : float
        how often the interval shall hold the mean (Default value = 0.95)

    Returns
    -------
    interval : (low, high) or None
        None for one clip, and for equal clips without bounds
    """
    sample = _checked(values)
    if len(sample) == 1:
        return None
    low, high = mean_intervals(sample[None], bounds, level)[0].tolist()
    return (low, high) if math.isfinite(high - low) else None


def example_means(requests: Sequence[str], values: Sequence[float] | Array) -> Array:
    """Return the mean value over the samples of each example, for an interval of the mean.

    With several samples for one caption (`--repeats`) clips are not independent: an interval over
    single clips would be far too narrow, as with any clustered sample (E. Miller: Adding error
    bars to evals. arXiv:2411.00640).

    Parameters
    ----------
    requests : sequence of str, shape=(N,)
        ids, "<example>/<repeat>"
    values : sequence of float, shape=(N,)

    Returns
    -------
    means : np.ndarray, shape=(M,)
        one per example; the values themselves where no example has two
    """
    array = np.asarray(values, np.float64)
    examples = list(map(example_of, requests))
    _, place, counts = np.unique(examples, return_inverse=True, return_counts=True)
    if len(counts) == len(examples):
        return array
    return np.asarray(np.bincount(place, weights=array) / counts, np.float64)


def example_places(requests: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of each request's example, to resample examples and not single clips.

    Parameters
    ----------
    requests : sequence of str, shape=(N,)
        ids, "<example>/<repeat>"

    Returns
    -------
    places : np.ndarray of int, shape=(N,)
        0 to M - 1 in the order of first occurrence; 0 to N - 1 where no example has two requests
    """
    places: dict[str, int] = {}
    found = [places.setdefault(example, len(places)) for example in map(example_of, requests)]
    return np.array(found, dtype=np.int64)


def example_of(request: str) -> str:
    """Return the id of a request's example; a request without repeat is one of its own."""
    return request.rpartition("/")[0] or request


def clip_mean(
    requests: Sequence[str], values: Sequence[float] | Array, bounds: Interval | None = None
) -> tuple[float, Interval | None]:
    """Return the mean over clips and its 95 % interval, which is over examples.

    Parameters
    ----------
    requests : sequence of str, shape=(N,)
        ids, "<example>/<repeat>"
    values : sequence of float, shape=(N,)
        one per clip, N >= 1, finite
    bounds : (float, float), optional
        lowest and highest value that a clip can have (Default value = None, no such values)
    """
    array = np.asarray(values, np.float64)
    return float(array.mean()), mean_interval(example_means(requests, array), bounds)


def mean_intervals(samples: Array, bounds: Interval | None = None, level: float = LEVEL) -> Array:
    """Return the intervals (R, 2) of the means of samples (R, N), N >= 2, as `mean_interval`."""
    rows = np.sort(samples, axis=1)  # sums then depend on the values alone, not on their order
    count = rows.shape[1]
    spread = student_quantile((1 + level) / 2, count - 1) ** 2 / count
    if bounds is None:
        low, high = np.full(len(rows), -np.inf), np.full(len(rows), np.inf)
        span = np.abs(rows).max(axis=1)
    else:
        low, high = np.minimum(bounds[0], rows[:, 0]), np.maximum(bounds[1], rows[:, -1])
        span = high - low
    flat = rows[:, -1] - rows[:, 0] <= _EQUAL * span
    ends = np.stack(_equal(rows.mean(axis=1), low, high, 1 - (1 - level) ** (1 / count)), axis=1)
    varied = ~flat
    ends[varied] = _varied(rows[varied], low[varied], high[varied], spread)
    return ends


def paired_difference(
    first: Sequence[float] | Array,
    second: Sequence[float] | Array,
    bounds: Interval | None = None,
    level: float = LEVEL,
) -> Difference:
    """Return the mean difference of two systems on the same clips, first minus second.

    The difference of each pair is one value, so clips that are hard for both systems do not widen
    the interval. An interval without 0 in it is evidence of a difference at that level.

    Parameters
    ----------
    first, second : sequence of float, shape=(N,)
        one value per clip, in the same order
    bounds : (float, float), optional
        lowest and highest value that a clip can have (Default value = None, no such values)
    level : float
        how often the interval shall hold the difference (Default value = 0.95)

    Raises
    ------
    ScoreError
        where there are not equally many clips, or values are not finite
    """
    a, b = _checked(first), _checked(second)
    if len(a) != len(b):
        raise ScoreError(f"a paired difference needs equally many clips, got {len(a)} and {len(b)}")
    gaps = a - b
    reach = None if bounds is None else (bounds[0] - bounds[1], bounds[1] - bounds[0])
    return Difference(float(gaps.mean()), mean_interval(gaps, reach, level), len(gaps))


def widening(deviation: float, count: int, bounds: Interval | None) -> float:
    """Return how many times wider than Student's t an interval is, about the middle of the range.

    That of the union which the range decides has dispersion phi^(1 - w / N); where the mean is in
    the middle, phi is (2 s / (high - low))^2 and w its least, so that the factor is phi^(-w / 2N).
    What is planned for few clips has to reckon with it (`svbench.power`).

    Parameters
    ----------
    deviation : float
        standard deviation of the values
    count : int
        of the values
    bounds : (float, float) or None
        lowest and highest value; None: the interval rests on the values alone

    Returns
    -------
    factor : float
        at least 1; infinite where all values are equal within a range
    """
    if bounds is None:
        return 1.0
    share = min(1.0, 2 * deviation / (bounds[1] - bounds[0]))
    return share ** (-_LEAST_PULL / count) if share > 0 else math.inf


def resampled(count: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield draws of `count` indices below `count`, as blocks (rows, count), `resamples` in all."""
    rng = np.random.default_rng(seed)
    rows = max(1, _DRAWN_AT_ONCE // count)
    for first in range(0, resamples, rows):
        yield rng.integers(count, size=(min(rows, resamples - first), count))


def percentile_interval(draws: Array, level: float = LEVEL) -> Interval:
    """Return the middle `level` share of bootstrap values."""
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)


@lru_cache(maxsize=256)
def student_quantile(probability: float, freedom: int) -> float:
    """Return the quantile of Student's t, for 0.5 < probability < 1 and freedom >= 1.

    Without scipy, whose import takes longer than a report does. Few degrees of freedom: the finite
    series of Abramowitz and Stegun, 26.7.3-4, inverted by bisection. Many: their expansion 26.7.5.
    """
    z = NormalDist().inv_cdf(probability)
    if freedom > _SERIES:
        return z + (z**3 + z) / (4 * freedom) + _later_terms(z, freedom)
    low, high = 0.0, math.pi / 2  # of atan(t / sqrt(freedom))
    for _ in range(60):
        angle = (low + high) / 2
        if _student_central(angle, freedom) < 2 * probability - 1:
            low = angle
        else:
            high = angle
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _later_terms(z: float, freedom: int) -> float:
    """Return terms of second to fourth order in 1 / freedom."""
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    fourth = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return ((fourth / freedom + third) / freedom + second) / freedom**2


def _student_central(angle: float, freedom: int) -> float:
    """Return P(|T| < sqrt(freedom) tan(angle))."""
    odd = freedom % 2
    term, total = (math.cos(angle) if odd else 1.0), 0.0
    for i in range(1 + odd, freedom, 2):
        total += term
        term *= math.cos(angle) ** 2 * i / (i + 1)
    inner = math.sin(angle) * total
    return 2 / math.pi * (angle + inner) if odd else inner


def _equal(mean: Array, low: Array, high: Array, hidden: float) -> Ends:
    """Return the ends of the mean where all values are equal and a share of others is hidden."""
    return mean - hidden * (mean - low), mean + hidden * (high - mean)


def _varied(rows: Array, low: Array, high: Array, spread: float) -> Array:
    """Return the union of the intervals above, for samples that are not all equal: (R, 2)."""
    mean = rows.mean(axis=1)
    found = [(mean, mean), _skewed(rows, spread)]
    if len(rows) and np.isfinite(low).all():
        found.append(_scored(rows, low, high, spread))
        from_zero = np.where(rows[:, 0] >= 0, np.maximum(low, 0), low)
        to_zero = np.where(rows[:, -1] <= 0, np.minimum(high, 0), high)
        found.append(_scored(rows, from_zero, to_zero, spread))
    lows, highs = zip(*found, strict=True)
    return np.stack(
        [np.maximum(np.min(lows, axis=0), low), np.minimum(np.max(highs, axis=0), high)], axis=1
    )


def _skewed(rows: Array, spread: float) -> Ends:
    """Return the ends of (m - mu)^2 <= k (s^2 + g (mu - m))."""
    mean, span = rows.mean(axis=1), rows[:, -1] - rows[:, 0]
    apart = (rows - mean[:, None]) / span[:, None]  # so that no power underflows
    lean = spread * (apart**3).mean(axis=1) / (apart**2).mean(axis=1)
    root = np.sqrt(lean**2 + 4 * spread * apart.var(axis=1, ddof=1))
    return mean + span * (lean - root) / 2, mean + span * (lean + root) / 2


def _scored(rows: Array, low: Array, high: Array, spread: float) -> Ends:
    """Return the ends of (m - mu)^2 <= k phi (mu - low) (high - mu)."""
    place = (rows.mean(axis=1) - low) / (high - low)
    variance = rows.var(axis=1, ddof=1) / (high - low) ** 2
    dispersion = np.minimum(1, variance / (place * (1 - place)))
    pull = np.maximum(_LEAST_PULL, _MOST_PULL * np.abs(2 * place - 1))
    k = spread * dispersion ** (1 - pull / rows.shape[1])
    centre, half = place + k / 2, np.sqrt(k * place * (1 - place) + k * k / 4)
    lower, upper = (centre - half) / (1 + k), (centre + half) / (1 + k)
    return low + (high - low) * lower, low + (high - low) * upper


def _checked(values: Sequence[float] | Array) -> Array:
    """Return the values as float64 (N,), N >= 1, all finite."""
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or sample.size == 0:
        raise ScoreError(f"an interval needs one value per clip, got shape {sample.shape}")
    if not np.isfinite(sample).all():
        raise ScoreError("an interval needs finite values, got NaN or infinity")
    return sample
