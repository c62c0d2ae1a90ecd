r"""Fréchet distances extrapolated to infinitely many clips: FVD-inf and FAD-inf.

A Fréchet distance of finite sets is too large by about c / N. Distances of subsets of both sets
therefore lie on a line over 1 / N, and its value at 0 is an estimate for the populations.

Conventions
-----------
Features are (N, D), several rows per clip and clips per example; subsets are of examples, whose
rows stay together. A subset of share f has that share of the examples of *both* sides, since each
set adds its own part to the bias; the line is over 1 / f, which is proportional to 1 / N on either
side, and the value is its height at 0. Subsets are drawn without replacement, as the line is that
of sets of independent clips: shares `SHARES`, `DRAWS` seeded orders of the examples, and of each
order the first and the last f of them, which are the two halves at f = 1/2.

Definitions
-----------
- :func:`extrapolated`: svbench's, of both sets and without replacement.
- :func:`fadtk_infinity`: that of fadtk, by name: subsets of the generated rows alone, *with*
  replacement. Draws with replacement from N rows approach those N rows and not the population
  behind them, so its limit is about the plain distance with all the bias of N
  (`docs/distances.md` measures it).

Metrics
-------
- :class:`Extrapolated`: the extrapolation as a metric of clips, from a `Frechet`.

Interval
--------
Delete-a-group jackknife: the examples of both sets are dealt into `GROUPS` groups, and the value is
computed without each, in the same orders, so that no noise of the draws is added. The interval is
the value +- t standard deviations with GROUPS - 1 degrees of freedom. It covers the distance of the
populations as far as the bias is linear in 1 / N.

Edge cases
----------
In subsets of no more rows than features the bias is not linear in 1 / N, and what is extrapolated
is far above the distance of the populations: a ScoreError unless the smallest subsets have more
rows than features. The value may be negative, and is not clipped. R^2 of the line is in the note.

References
----------
- M. J. Chong, D. Forsyth: Effectively unbiased FID and Inception score and where to find them.
  CVPR 2020, https://arxiv.org/abs/1911.07023.
- A. Gui et al.: Adapting Fréchet audio distance for generative music evaluation. ICASSP 2024,
  https://arxiv.org/abs/2311.01616; https://github.com/microsoft/fadtk (commit ec74b1f).
- P. S. Kott: The delete-a-group jackknife. Journal of Official Statistics 17, 2001.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from svbench.errors import ScoreError
from svbench.intervals import LEVEL, Interval, student_quantile
from svbench.metrics.frechet import TOLERANCE, distance, stats
from svbench.metrics.frechet_features import OfFrechetFeatures
from svbench.metrics.kernel_distance import examples_of
from svbench.types import Features, Judgement, Values

# Of the record: raise it whenever the code computes other numbers for equal settings.
CODE_VERSION: Final = 1
SHARES: Final = (1.0, 4 / 5, 2 / 3, 4 / 7, 1 / 2)  # 1 / f evenly spaced, as a fit wants it
DRAWS: Final = 2  # orders of the examples, two subsets of each
GROUPS: Final = 10  # of the jackknife

FADTK_STEPS: Final = 25
FADTK_LEAST: Final = 500  # rows of its smallest subset

INTERVAL: Final = f"95 %, delete-a-group jackknife over examples, {GROUPS} groups"
CAVEAT: Final = (
    "extrapolated to infinitely many clips by a line over 1 / N, so it may be negative; brackets "
    "are where the distance of the populations lies, as far as the line holds"
)

Labels = NDArray[np.int64]
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """A line fitted by least squares."""

    intercept: float
    slope: float
    r2: float  # share of the variance of the heights; 1 where these are all equal


def fit_line(at: Sequence[float] | Array, heights: Sequence[float] | Array) -> Line:
    """Fit a line through points (K,), (K,), K >= 2."""
    x, y = np.asarray(at, np.float64), np.asarray(heights, np.float64)
    slope, intercept = np.polyfit(x, y, 1)
    spread = float(np.square(y - y.mean()).sum())
    left = float(np.square(y - (slope * x + intercept)).sum())
    return Line(float(intercept), float(slope), 1 - left / spread if spread > 0 else 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """The rows of one set, and the example of each."""

    values: Values  # (N, D)
    examples: Labels  # (N,)

    def only(self, chosen: Labels) -> Values:
        """Return the rows of some examples."""
        return self.values[np.isin(self.examples, chosen)]

    def without(self, dropped: Labels) -> _Side:
        """Return the side without some examples."""
        kept = ~np.isin(self.examples, dropped)
        return _Side(self.values[kept], self.examples[kept])


def extrapolated(
    generated: tuple[Values, Labels],
    reference: tuple[Values, Labels],
    *,
    ddof: int = 1,
    seed: int = 0,
) -> tuple[Line, float]:
    """Extrapolate the Fréchet distance of two sets to infinitely many examples.

    Parameters
    ----------
    generated, reference : (np.ndarray, np.ndarray of int), shapes (N, D), (N,)
        features, and which example each row belongs to, with the same numbers on both sides
    ddof : int
        covariances are divided by N - ddof (Default value = 1)
    seed : int
        of the orders in which examples form subsets, and of the groups (Default value = 0)

    Returns
    -------
    line : Line
        over 1 / f; its intercept is the value
    deviation : float
        standard deviation of the value, by the jackknife

    Raises
    ------
    ScoreError
        if the smallest subsets have no more rows than features, or examples are fewer than groups
    """
    sides = _Side(*generated), _Side(*reference)
    names = np.unique(np.concatenate([side.examples for side in sides]))
    _check_enough(sides)
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(names) for _ in range(DRAWS)]
    groups = np.array_split(rng.permutation(names), GROUPS)
    line = _line(sides, orders, ddof)
    values = [_line([s.without(g) for s in sides], orders, ddof).intercept for g in groups]
    spread = np.square(np.array(values) - np.mean(values)).sum()
    return line, math.sqrt((GROUPS - 1) / GROUPS * float(spread))


def _check_enough(sides: Sequence[_Side]) -> None:
    """Raise ScoreError unless subsets of the smallest share have covariances of full rank."""
    for side, which in zip(sides, ("generated", "reference"), strict=True):
        rows, width = side.values.shape
        count = len(np.unique(side.examples))
        if rows * min(SHARES) <= width or count < 2 * GROUPS:
            raise ScoreError(
                f"an extrapolation needs subsets of half of the clips with more rows than "
                f"features, and {2 * GROUPS} examples: more than {2 * width} rows for D = {width}; "
                f"found {rows} {which} rows of {count} examples"
            )


def _line(sides: Sequence[_Side], orders: Sequence[Labels], ddof: int) -> Line:
    """Fit the line of mean distances over 1 / f."""
    heights = [_mean_distance(sides, orders, share, ddof) for share in SHARES]
    return fit_line([1 / share for share in SHARES], heights)


def _mean_distance(
    sides: Sequence[_Side], orders: Sequence[Labels], share: float, ddof: int
) -> float:
    """Return the mean distance of subsets of a share of the examples."""
    if share == 1:
        return _distance(sides[0].values, sides[1].values, ddof)
    found = []
    for order in orders:
        for direction in (order, order[::-1]):
            one, other = (side.only(_first(side, direction, share)) for side in sides)
            found.append(_distance(one, other, ddof))
    return float(np.mean(found))


def _first(side: _Side, order: Labels, share: float) -> Labels:
    """Return the first share of a side's own examples in an order of all examples."""
    own = order[np.isin(order, side.examples)]
    return own[: round(share * len(own))]


def _distance(generated: Values, reference: Values, ddof: int) -> float:
    return distance(stats(generated), stats(reference), ddof, TOLERANCE)


# --- fadtk's definition ------------------------------------------------------------------------


def fadtk_infinity(
    generated: Values,
    reference: Values,
    draw: Callable[[int, int], Labels],
    *,
    steps: int = FADTK_STEPS,
    least: int = FADTK_LEAST,
) -> Line:
    """Compute the FAD-inf of fadtk: a line over 1 / n of n generated rows with replacement.

    Parameters
    ----------
    generated, reference : np.ndarray, shape=(N, D), (M, D)
        rows; all of the reference count in every distance
    draw : callable
        (N, n) -> n indices below N, e.g. `RandomState.randint`; fadtk's have no seed
    steps : int
        sizes n, evenly spaced from `least` to N, rounded down (Default value = 25)
    least : int
        the smallest size (Default value = 500)

    Raises
    ------
    ScoreError
        if there are fewer rows than `least` or sets have no distance
    """
    count = len(generated)
    if count <= least:
        raise ScoreError(f"FAD-inf of fadtk needs more than {least} rows, got {count}")
    sizes = np.linspace(least, count, steps).astype(int)
    fixed = stats(reference)
    found = [distance(stats(generated[draw(count, int(n))]), fixed) for n in sizes]
    return fit_line(1 / sizes, found)


# --- the metric --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Extrapolated(OfFrechetFeatures):
    """A Fréchet distance extrapolated to infinitely many clips, as a metric of clips."""

    compares: Sequence[str] = ("vision", "audio")

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return extractor, protocol, subsets and interval."""
        return {
            **self.frechet.feature_settings,
            "ddof": self.frechet.ddof,
            "subsets": {
                "seed": self.frechet.seed,
                "shares": list(SHARES),
                "draws": DRAWS,
                "of": "examples of both sets, without replacement",
            },
            "code": CODE_VERSION,
            "compares": list(self.compares),
            "interval": INTERVAL,
            "caveat": CAVEAT,
        }

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        """Extrapolate the distance of generated clips from real ones.

        Raises
        ------
        ScoreError
            without reference clips, with features of different extractors, or with too few clips
            (see `extrapolated`)
        """
        one, other = self.frechet.compared(generated, reference, self.name)
        labels = examples_of(one, other)
        sides = (one.values, labels[0]), (other.values, labels[1])
        with threadpool_limits(1):  # as of the Fréchet distance
            line, deviation = extrapolated(*sides, ddof=self.frechet.ddof, seed=self.frechet.seed)
        interval = _interval(line.intercept, deviation)
        note = f"line over 1 / N: R² = {line.r2:.3f}"
        return self.judged(line.intercept, interval, one, other, note)


def _interval(value: float, deviation: float) -> Interval:
    reach = student_quantile((1 + LEVEL) / 2, GROUPS - 1) * deviation
    return value - reach, value + reach
