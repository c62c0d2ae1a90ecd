r"""Fréchet distance between two sets of features: FVD, FAD and their kin.

Each set is summarised by a Gaussian; the distance between the two is

    d^2 = |mu_a - mu_b|^2 + tr(A + B - 2 (A B)^{1/2}),

the value that papers print as FID, FVD or FAD (it is the square of a distance).

Conventions
-----------
Features are (N, D), one row per observation; a clip may own several. All arithmetic is
float64. Covariances are divided by N - ddof. Ours is ddof = 1 (unbiased), as in pytorch-fid,
audioldm_eval (the paper's FAD), torch-fidelity and TensorFlow's FVD; ddof = 0 gives what
stylegan-v's script prints. The value shrinks as N grows (two samples of N(0, I), D = 128:
116 at N = 64, 4 at N = 2048): compare at equal N only.

How it is computed
------------------
No matrix square root is taken. With centred rows X_a, X_b (so A = X_a^T X_a / (N_a - ddof)),
the singular values of X_a X_b^T are the square roots of the eigenvalues of X_a^T X_a X_b^T X_b,
so the trace is their sum, the nuclear norm. That is exact whatever the ranks.
- N <= D: the (N_a, N_b) product and its singular values; no covariance is formed.
- N > D: with A = L L^T the eigenvalues of the symmetric L^T B L, by far the fastest. Forming A
  and B costs half the digits of the smallest eigenvalues. The loss is estimated from above
  (40 to 10^5 times the true one where measured), and where it could reach `tolerance` of the
  distance, the triangles of X = Q R take the place of X in the exact form.

The interval
------------
Clips of both sets are drawn anew, with replacement; the rows of a clip stay together. A draw
holds duplicates, so it looks poorer than the set and its distance is larger: the percentiles
alone lie above the value, often without containing it. What is printed is therefore their
spread around the value: value + (percentile - mean of the draws), not below 0. It answers how
far the number moves with the clips: it covers the expectation at this N, not the distance of
the populations, as it does not remove the bias of a small N. Tables say so (`CAVEAT`).

What happens at the edges
-------------------------
Fewer than two rows, NaN or infinity, different D, no columns: a ScoreError. Identical sets
give 0 up to rounding (about 1e-13 of the trace); what rounding turns negative is 0.

References
----------
- D. C. Dowson, B. V. Landau: The Fréchet distance between multivariate normal distributions.
  Journal of Multivariate Analysis 12, 1982.
- M. Heusel et al.: GANs trained by a two time-scale update rule converge to a local Nash
  equilibrium. NeurIPS 2017.
- T. Unterthiner et al.: Towards accurate generative models of video. arXiv:1812.01717.
- K. Kilgour et al.: Fréchet audio distance. Interspeech 2019.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ScoreError
from svbench.intervals import Interval, percentile_interval
from svbench.protocols import Extractor
from svbench.types import Better, Features, Judgement, Score, Values

TOLERANCE: Final = 1e-7  # share of the distance that rounding may cost
_DRAW_TOLERANCE: Final = 1e-3  # the same for one bootstrap draw, whose spread is far wider
_ROUNDING: Final = 2 * float(np.finfo(np.float64).eps)  # of |A| |B|, lost by forming A and B
_ROWS_PER_COLUMN: Final = 2  # merged rows beyond this are reduced to a triangle

INTERVAL: Final = "95 %, clips of both sets resampled, centred on the value"
CAVEAT: Final = (
    "brackets are a bootstrap over the clips of both sets: where the distance of other sets of "
    "these sizes would lie, not the distance of the populations, which is smaller"
)

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FeatureStats:
    """What the distance needs of a set; a + b is the summary of both sets together, exactly."""

    count: int  # N
    mean: NDArray[np.float64]  # (D,)
    rows: Matrix  # (K, D); rows.T @ rows is the sum of (x - mean)(x - mean)^T

    def __add__(self, other: FeatureStats) -> FeatureStats:
        """Merge two shards."""
        _check_same_width(self, other)
        count = self.count + other.count
        gap = other.mean - self.mean
        bridge = gap * math.sqrt(self.count * other.count / count)
        rows = np.concatenate([self.rows, other.rows, bridge[None]])
        if len(rows) > _ROWS_PER_COLUMN * rows.shape[1]:
            rows = _triangle(rows)
        return FeatureStats(count, self.mean + gap * (other.count / count), rows)


def stats(values: Values, weights: NDArray[np.int64] | None = None) -> FeatureStats:
    """Summarise features.

    Parameters
    ----------
    values : np.ndarray, shape=(N, D)
        features, finite
    weights : np.ndarray of int, shape=(N,), optional
        how often each row counts (Default value = once)
    """
    if values.ndim != 2 or values.shape[1] == 0:
        raise ScoreError(f"a Fréchet distance needs features (N, D), got shape {values.shape}")
    if weights is None:
        weights = np.ones(len(values), dtype=np.int64)
    present = weights > 0
    weights = weights[present]
    count = int(weights.sum())
    if count < 2:
        raise ScoreError(f"a Fréchet distance needs at least 2 feature rows, got {count}")
    rows = values[present].astype(np.float64)
    if not np.isfinite(rows).all():
        raise ScoreError("a Fréchet distance needs finite features, got NaN or infinity")
    mean = weights @ rows / count
    rows -= mean
    if weights.max() > 1:
        rows *= np.sqrt(weights)[:, None]
    return FeatureStats(count, mean, rows)


def distance(
    a: FeatureStats, b: FeatureStats, ddof: int = 1, tolerance: float = TOLERANCE
) -> float:
    """Measure how far two sets of features lie apart.

    Parameters
    ----------
    a, b : FeatureStats
        summaries of features of the same width, in any order
    ddof : int
        covariances are divided by N - ddof: 1 unbiased, 0 as in stylegan-v (Default value = 1)
    tolerance : float
        share of the distance that rounding may cost (Default value = 1e-7)

    Returns
    -------
    distance : float
        |mu_a - mu_b|^2 + tr(A + B - 2 (A B)^{1/2}), at least 0
    """
    _check_same_width(a, b)
    if ddof not in (0, 1):
        raise ScoreError(f"ddof must be 1 (unbiased) or 0, got {ddof}")
    freedom_a, freedom_b = a.count - ddof, b.count - ddof
    gap = a.mean - b.mean
    apart = _square(gap) + _square(a.rows) / freedom_a + _square(b.rows) / freedom_b
    if not math.isfinite(apart):
        raise ScoreError("the Fréchet distance overflows float64; are the features far too large?")
    scale = 2 / math.sqrt(freedom_a * freedom_b)
    for cross, doubt in _root_traces(a.rows, b.rows):
        value = apart - scale * cross
        if scale * doubt <= tolerance * value:
            break
    return max(value, 0.0)


def _root_traces(a: Matrix, b: Matrix) -> Iterator[tuple[float, float]]:
    """Give tr((A B)^{1/2}) of A = a.T a and B = b.T b, and how far it may be off: fastest first."""
    if min(len(a), len(b)) > a.shape[1]:
        with contextlib.suppress(np.linalg.LinAlgError):  # A is singular: only the exact way
            yield _root_trace_of_covariances(a.T @ a, b.T @ b)
        a, b = _triangle(a), _triangle(b)
    yield float(np.linalg.svd(a @ b.T, compute_uv=False).sum()), 0.0


def _root_trace_of_covariances(a: Matrix, b: Matrix) -> tuple[float, float]:
    """Give tr((A B)^{1/2}) by eigenvalues, and the most that rounding can have moved it."""
    root = np.linalg.cholesky(a)
    eigenvalues = np.linalg.eigvalsh(root.T @ (b @ root)).clip(0)
    blur = _ROUNDING * float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    low, high = (eigenvalues - blur).clip(0), eigenvalues + blur
    return float(np.sqrt(eigenvalues).sum()), float((np.sqrt(high) - np.sqrt(low)).sum())


def _triangle(rows: Matrix) -> Matrix:
    """Give R of rows = Q R, for which R.T R = rows.T rows."""
    return np.asarray(np.linalg.qr(rows, mode="r"))


def _square(values: Matrix) -> float:
    """Give the sum of squares, infinite if it overflows."""
    with np.errstate(over="ignore"):
        return float(np.vdot(values, values))


def _check_same_width(a: FeatureStats, b: FeatureStats) -> None:
    """Raise unless both sets have features of the same width."""
    if len(a.mean) != len(b.mean):
        raise ScoreError(
            f"features have {len(a.mean)} and {len(b.mean)} columns, expected the same number; "
            "were they made by different extractors?"
        )


@dataclass(frozen=True, slots=True)
class Frechet:
    """The distance as a metric of clips: FVD and FAD differ in their extractor alone."""

    name: str
    title: str
    extractor: Extractor
    ddof: int = 1
    resamples: int = 200  # each costs a distance
    seed: int = 0

    @property
    def better(self) -> Better:
        """Nearer to the real clips is better."""
        return "lower"

    @property
    def needs_reference(self) -> bool:
        """It is a distance to real clips."""
        return True

    @property
    def settings(self) -> Mapping[str, Any]:
        """Tell the features and how covariances and the interval are formed."""
        return {
            "extractor": self.extractor.key,
            "view": self.extractor.view,
            "ddof": self.ddof,
            "resamples": self.resamples,
            "seed": self.seed,
            "interval": INTERVAL,
            "caveat": CAVEAT,
        }

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        """Measure how far generated clips lie from real ones."""
        if reference is None:
            raise ScoreError(f"{self.name} needs reference clips to compare with, got none")
        if generated.extractor != reference.extractor:
            raise ScoreError(
                f"{self.name}: generated clips are described by {generated.extractor}, "
                f"reference clips by {reference.extractor}; expected the same extractor"
            )
        value = distance(stats(generated.values), stats(reference.values), self.ddof)
        score = Score(
            metric=self.name,
            value=value,
            better=self.better,
            count=generated.count,
            interval=self._interval(value, generated, reference),
            extractor=generated.extractor,
            reference_count=reference.count,
            note=_note(generated, reference),
        )
        return Judgement(score)

    def _interval(self, value: float, generated: Features, reference: Features) -> Interval | None:
        """Bootstrap both sets over clips, centred on the value (see the module)."""
        if min(generated.count, reference.count) < 2 or self.resamples == 0:
            return None
        rng = np.random.default_rng(self.seed)
        draws = np.array(
            [
                distance(_drawn(generated, rng), _drawn(reference, rng), self.ddof, _DRAW_TOLERANCE)
                for _ in range(self.resamples)
            ]
        )
        low, high = percentile_interval(draws)
        shift = value - float(draws.mean())
        return max(low + shift, 0.0), max(high + shift, 0.0)


def _drawn(features: Features, rng: np.random.Generator) -> FeatureStats:
    """Draw clips with replacement; the rows of a clip stay together."""
    clips = rng.integers(features.count, size=features.count)
    return stats(features.values, np.bincount(clips, minlength=features.count)[features.owner])


def _note(generated: Features, reference: Features) -> str:
    """Tell when there are too few rows for a covariance of full rank."""
    width = generated.values.shape[1]
    rows = len(generated.values), len(reference.values)
    if min(rows) > width:
        return ""
    return (
        f"rank-deficient: N = {rows[0]} generated and {rows[1]} reference rows for "
        f"D = {width} features; compare at equal N only"
    )
