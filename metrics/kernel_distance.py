r"""Kernel distance between two sets of features: the squared maximum mean discrepancy, unbiased.

With a kernel k, generated rows x and real rows y,

    MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y),

which is 0 where both sets are of one population. Unlike a Fréchet distance it has an estimate
whose expectation is the distance of the populations at any number of clips. KVD is the one of I3D
logits with the cubic polynomial of KID, KAD that of VGGish embeddings with a Gaussian kernel.

Conventions
-----------
Features are (N, D), one row per observation, and all arithmetic is float64. Rows of one example
are not independent: the windows of a clip, several clips of one caption, and, where the reference
holds the real clip of a caption that is generated, that pair too. Each mean is therefore over the
pairs of rows of *different* examples, which makes it unbiased whatever the dependence within an
example. kadtk and others leave out only pairs of a row with itself; `kernel_variants` has these
published definitions by name. They are equal where every row is an example of its own.

Metrics
-------
- :func:`squared_mmd`: estimate and variance for two sets.
- :class:`KernelDistance`: the same as a metric of clips, from a `Frechet` whose features it shares.

Interval
--------
The estimate is a U-statistic over examples. Its variance is that of the delete-one jackknife over
examples, in closed form from the sums of kernels of each example. It estimates the variance of the
first-order projection, 4 zeta_1 / N (as the plug-in variances of Bounliphone et al. and Sutherland
et al. do for one row per example and equal counts), without bias, and that of the rest twice, so it
is not too small in expectation (Efron and Stein), and up to twice too large where both populations
are equal. The interval is the value +- t standard deviations, t of Student at the smaller count of
examples less one. `docs/distances.md` shows how often it
covers. The bandwidth counts as fixed.

Edge cases
----------
The value may be negative: it is unbiased, so about half of all values are where two populations
are equal. It is not clipped, as a mean of clipped values would be biased. Fewer than two examples
on a side: a ScoreError; fewer than four: no interval. A set scored against itself, by the same
names, is 0.

References
----------
- A. Gretton et al.: A kernel two-sample test. JMLR 13, 2012 (Lemma 6).
- T. Unterthiner et al.: Towards accurate generative models of video (KVD).
  https://arxiv.org/abs/1812.01717.
- M. Bińkowski et al.: Demystifying MMD GANs (KID). https://arxiv.org/abs/1801.01401.
- Y. Chung et al.: KAD: no more FAD! https://arxiv.org/abs/2502.15602.
- W. Bounliphone et al.: A test of relative similarity for model selection in generative models.
  ICLR 2016, https://arxiv.org/abs/1511.04581.
- D. J. Sutherland et al.: Generative models and model criticism via optimized maximum mean
  discrepancy. ICLR 2017, https://arxiv.org/abs/1611.04488.
- B. Efron, C. Stein: The jackknife estimate of variance. Annals of Statistics 9, 1981.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from svbench.errors import ScoreError
from svbench.intervals import LEVEL, Interval, example_of, student_quantile
from svbench.metrics.frechet_features import OfFrechetFeatures
from svbench.metrics.kernels import TILE, Kernel
from svbench.types import Features, Judgement, Values

# Of the record: raise it whenever the code computes other numbers for equal settings.
CODE_VERSION: Final = 1
LEAST: Final = 4  # examples on a side that an interval rests on

INTERVAL: Final = "95 %, Student's t with the variance of a U-statistic over examples"
CAVEAT: Final = (
    "unbiased, so a value of two equal populations scatters around 0 and may be negative; brackets "
    "are where the distance of the populations lies"
)

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """An unbiased estimate of MMD^2, and of its variance."""

    value: float
    variance: float | None  # None: too few examples


@dataclass(frozen=True, slots=True, eq=False)
class _Sets:
    """The rows of both sets, sorted by example, generated rows first."""

    rows: Matrix  # (N, D)
    cell: Labels  # (N,), each row's cell: the rows of an example on one side; non-decreasing
    example: Labels  # (cells,), non-decreasing
    side: Labels  # (cells,), 0 generated, 1 reference
    counts: Matrix  # (examples, 2), rows of each example on each side

    @property
    def pairs(self) -> Matrix:
        """Return the number of ordered pairs of rows of different examples, side by side (2, 2)."""
        total = self.counts.sum(axis=0)
        return np.outer(total, total) - self.counts.T @ self.counts


def squared_mmd(
    generated: Values,
    reference: Values,
    kernel: Kernel,
    examples: tuple[Labels, Labels] | None = None,
) -> Estimate:
    """Estimate the squared maximum mean discrepancy of two populations, without bias.

    Parameters
    ----------
    generated, reference : np.ndarray, shape=(N, D), (M, D)
        features, finite
    kernel : Kernel
        fitted to the reference here, if it needs to be
    examples : (np.ndarray of int, np.ndarray of int), shape=(N,), (M,), optional
        which example each row belongs to, with the same numbers on both sides (Default value =
        None, every row is one of its own)

    Returns
    -------
    estimate : Estimate
        may be negative

    Raises
    ------
    ScoreError
        if rows are not finite, differ in width, or are of fewer than two examples on a side
    """
    for values in (generated, reference):
        _check_rows(values)
    if generated.shape[1] != reference.shape[1]:
        raise ScoreError(
            f"features have {generated.shape[1]} and {reference.shape[1]} columns, expected the "
            "same number; were they made by different extractors?"
        )
    if examples is None:
        both = np.arange(len(generated) + len(reference))
        examples = both[: len(generated)], both[len(generated) :]
    sets = _arranged(generated, reference, examples)
    with np.errstate(over="ignore", invalid="ignore"):  # the value is checked
        sums = _sums(sets, kernel.fitted(reference.astype(np.float64)))
    value = float(_combined(_totals(sums, sets) / sets.pairs))
    if not math.isfinite(value):
        raise ScoreError("the kernel distance overflows float64; are the features far too large?")
    return Estimate(value, _variance(value, sums, sets))


def _check_rows(values: Values) -> None:
    """Raise ScoreError unless features are (N, D) and finite."""
    if values.ndim != 2 or values.shape[1] == 0:
        raise ScoreError(f"a kernel distance needs features (N, D), got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ScoreError("a kernel distance needs finite features, got NaN or infinity")


def _arranged(generated: Values, reference: Values, examples: tuple[Labels, Labels]) -> _Sets:
    """Sort rows by example and side."""
    for labels in examples:
        if len(np.unique(labels)) < 2:
            raise ScoreError(
                "a kernel distance needs clips of at least 2 examples on either side, "
                f"got {len(np.unique(labels))}"
            )
    names, place = np.unique(np.concatenate(examples), return_inverse=True)
    side = np.repeat([0, 1], [len(generated), len(reference)])
    counts = [np.bincount(place[side == s], minlength=len(names)) for s in (0, 1)]
    order = np.lexsort((side, place))
    rows = np.concatenate([generated, reference]).astype(np.float64)[order]
    keys, cell = np.unique(2 * place[order] + side[order], return_inverse=True)
    return _Sets(rows, cell, keys // 2, keys % 2, np.stack(counts, axis=1).astype(np.float64))


# --- sums over pairs ---------------------------------------------------------------------------


def _sums(sets: _Sets, kernel: Kernel) -> Matrix:
    """Sum the kernels of each cell with the rows of either side, of other examples: (cells, 2)."""
    sums, sides = np.zeros((len(sets.side), 2)), np.eye(2)[sets.side]
    for one, other, found in _tiles(sets, kernel):
        sums[one] += found @ sides[other]
    return sums


def _tiles(sets: _Sets, kernel: Kernel) -> Iterator[tuple[slice, slice, Matrix]]:
    """Yield the kernels of blocks of cells, summed over the rows of each, 0 within an example."""
    blocks = list(_blocks(sets))
    for number, (cells, rows) in enumerate(blocks):
        for others, columns in blocks[number:]:
            found = kernel(sets.rows[rows], sets.rows[columns])
            found = _gathered(_gathered(found, sets.cell[rows]).T, sets.cell[columns]).T
            if others == cells:
                found[sets.example[cells][:, None] == sets.example[others]] = 0
                yield cells, others, found
            else:
                yield cells, others, found
                yield others, cells, found.T


def _blocks(sets: _Sets) -> Iterator[tuple[slice, slice]]:
    """Yield blocks of cells and their rows, about `TILE` rows each; no example is divided."""
    first_row = np.searchsorted(sets.cell, np.arange(len(sets.side) + 1))
    first_cell = np.searchsorted(sets.example, np.arange(len(sets.counts) + 1))
    starts = first_row[first_cell]  # of the rows of each example
    start = 0
    while start < len(sets.counts):
        end = max(start + 1, int(np.searchsorted(starts, starts[start] + TILE, side="right")) - 1)
        cells = slice(int(first_cell[start]), int(first_cell[end]))
        yield cells, slice(int(starts[start]), int(starts[end]))
        start = end


def _gathered(values: Matrix, labels: Labels) -> Matrix:
    """Return the sums of consecutive rows of equal, non-decreasing labels."""
    starts = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
    return values if len(starts) == len(labels) else np.add.reduceat(values, starts, axis=0)


def _totals(sums: Matrix, sets: _Sets) -> Matrix:
    """Return the sums of kernels over all pairs, side by side (2, 2)."""
    return np.eye(2)[sets.side].T @ sums


# --- variance ----------------------------------------------------------------------------------


def _variance(value: float, sums: Matrix, sets: _Sets) -> float | None:
    """Return the jackknife variance over examples, None where these are too few."""
    if (sets.counts > 0).sum(axis=0).min() < LEAST:
        return None
    without = _values_without(sums, sets)
    return (len(without) - 1) / len(without) * float(np.square(without - value).sum())


def _values_without(sums: Matrix, sets: _Sets) -> NDArray[np.float64]:
    """Compute the estimate without each example, (examples,)."""
    of = np.zeros((len(sets.counts), 2, 2))  # what an example's rows of a side share with a side
    np.add.at(of, (sets.example, sets.side), sums)
    left = _totals(sums, sets) - of - of.transpose(0, 2, 1)
    others = sets.counts.sum(axis=0) - sets.counts
    shared = sets.counts[:, :, None] * others[:, None, :]
    pairs = sets.pairs - shared - shared.transpose(0, 2, 1)
    return _combined(left / pairs)


def _combined(means: Matrix) -> NDArray[np.float64]:
    """Return E k(x, x') + E k(y, y') - 2 E k(x, y) from means (..., 2, 2) of both sides."""
    return np.asarray(means[..., 0, 0] + means[..., 1, 1] - means[..., 0, 1] - means[..., 1, 0])


# --- the metric --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class KernelDistance(OfFrechetFeatures):
    """The kernel distance as a metric of clips, of the features of a Fréchet distance."""

    kernel: Kernel
    scale: float = 1.0  # of printed values: 100 in kadtk
    compares: Sequence[str] = ("vision", "audio")

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return extractor, protocol, kernel and interval."""
        return {
            **self.frechet.feature_settings,
            "kernel": dict(self.kernel.settings),
            "scale": self.scale,
            "pairs": "of different examples",
            "code": CODE_VERSION,
            "compares": list(self.compares),
            "interval": INTERVAL,
            "caveat": CAVEAT,
        }

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        """Compute the distance of generated clips from real ones.

        Raises
        ------
        ScoreError
            without reference clips, with features of different extractors, or where the distance
            is undefined (see `squared_mmd`)
        """
        one, other = self.frechet.compared(generated, reference, self.name)
        with threadpool_limits(1):  # sums are then rounded alike however many cores there are
            found = squared_mmd(one.values, other.values, self.kernel, examples_of(one, other))
        interval = self._interval(found, one, other)
        return self.judged(self.scale * found.value, interval, one, other)

    def _interval(self, found: Estimate, one: Features, other: Features) -> Interval | None:
        if found.variance is None:
            return None
        freedom = min(len(set(map(example_of, side.requests))) for side in (one, other)) - 1
        reach = student_quantile((1 + LEVEL) / 2, freedom) * math.sqrt(found.variance)
        return self.scale * (found.value - reach), self.scale * (found.value + reach)


def examples_of(*sides: Features) -> tuple[Labels, Labels]:
    """Return the number of the example that each row of either side belongs to."""
    names = [np.array([example_of(request) for request in side.requests]) for side in sides]
    _, places = np.unique(np.concatenate(names), return_inverse=True)
    first, second = np.split(places.astype(np.int64), [len(names[0])])
    return first[sides[0].owner], second[sides[1].owner]
