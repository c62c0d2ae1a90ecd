r"""Fréchet distance between two sets of features, the formula of FVD and FAD.

A Gaussian is fitted to each set; the distance between the two is

    d^2 = |mu_a - mu_b|^2 + tr(A + B - 2 (A B)^{1/2}),

the value that papers print as FID, FVD or FAD (the square of the Fréchet, or 2-Wasserstein,
distance).

Conventions
-----------
Features are (N, D), one row per observation; a clip may have several. All arithmetic is
float64. Covariances are divided by N - ddof. The default is ddof = 1 (unbiased), as in pytorch-fid,
audioldm_eval (the paper's FAD), torch-fidelity and TensorFlow's FVD; ddof = 0 is that of
stylegan-v's script. The value shrinks as N grows (two samples of N(0, I), D = 128:
116 at N = 64, 4 at N = 2048): compare at equal N only.

Metrics
-------
- :func:`distance`: Fréchet distance of two sets, from their :func:`stats`.
- :class:`Frechet`: the same as a metric of clips, with a bootstrap interval.

Computation
-----------
No matrix square root is taken. With centred rows X_a, X_b (so A = X_a^T X_a / (N_a - ddof)),
the singular values of X_a X_b^T are the square roots of the eigenvalues of X_a^T X_a X_b^T X_b,
so the trace is their sum, the nuclear norm. That is exact whatever the ranks.
- N <= D: the (N_a, N_b) product and its singular values; no covariance is formed.
- N > D: with A = L L^T the eigenvalues of the symmetric L^T B L, by far the fastest. Forming A
  and B costs half the digits of the smallest eigenvalues. The loss is bounded from above (40 to
  10^5 times the true one where measured), and where it could reach `tolerance` of the distance,
  the triangular factors of X = Q R replace X in the exact form.

Interval
--------
Clips of both sets are resampled with replacement; the rows of a clip stay together, and so do the
clips of one example: several samples of a caption are alike, so captions are drawn, as many as
there are, each with all its samples (a cluster bootstrap; Davison and Hinkley, 3.8). A draw holds
duplicates, so it is less diverse than the set and its distance larger: the percentiles alone lie
above the value, often without containing it. The interval is therefore their spread around the
value: value + (percentile - mean of the draws), not below 0. It covers the expectation at this N,
not the distance of the populations, as it does not remove the bias of a small N; tables state this
(`CAVEAT`).

Edge cases
----------
Fewer than two rows, NaN or infinity, different D, no columns: a ScoreError. Identical sets have
distance 0 up to rounding (about 1e-13 of the trace); negative results of rounding are 0.

References
----------
- D. C. Dowson, B. V. Landau: The Fréchet distance between multivariate normal distributions.
  Journal of Multivariate Analysis 12, 1982.
- M. Heusel et al.: GANs trained by a two time-scale update rule converge to a local Nash
  equilibrium. NeurIPS 2017, https://arxiv.org/abs/1706.08500.
- T. Unterthiner et al.: Towards accurate generative models of video.
  https://arxiv.org/abs/1812.01717.
- K. Kilgour et al.: Fréchet audio distance. Interspeech 2019, https://arxiv.org/abs/1812.08466.
- A. C. Davison, D. V. Hinkley: Bootstrap methods and their application. Cambridge, 1997.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from svbench.errors import ScoreError
from svbench.intervals import Interval, example_places, percentile_interval
from svbench.protocols import Extractor
from svbench.types import Better, Features, Judgement, Score, Values

TOLERANCE: Final = 1e-7  # largest error by rounding, as a share of the distance
_DRAW_TOLERANCE: Final = 1e-3  # the same for a bootstrap draw, whose spread is far wider
_ROUNDING: Final = 2 * float(np.finfo(np.float64).eps)  # of |A| |B|, lost by forming A and B

INTERVAL: Final = "95 %, clips of both sets resampled, centred on the value"
CAVEAT: Final = (
    "brackets are a bootstrap over the clips of both sets: where the distance of other sets of "
    "these sizes would lie, not the distance of the populations, which is smaller"
)

Matrix = NDArray[np.float64]
Clustered = tuple[Values, NDArray[np.int64]]  # rows, and the example that each belongs to


@dataclass(frozen=True, slots=True, eq=False)
class FeatureStats:
    """Mean and scatter of a set of features."""

    count: int  # N
    mean: NDArray[np.float64]  # (D,)
    rows: Matrix  # (K, D); rows.T @ rows is the sum of (x - mean)(x - mean)^T


def _check_same_width(a: FeatureStats, b: FeatureStats) -> None:
    """Raise ScoreError unless both sets have features of the same width."""
    if len(a.mean) != len(b.mean):
        raise ScoreError(
            f"features have {len(a.mean)} and {len(b.mean)} columns, expected the same number; "
            "were they made by different extractors?"
        )


def stats(values: Values, weights: NDArray[np.int64] | None = None) -> FeatureStats:
    """Compute mean and scatter of features.

    Parameters
    ----------
    values : np.ndarray, shape=(N, D)
        features, finite
    weights : np.ndarray of int, shape=(N,), optional
        how often each row counts (Default value = None, once)

    Raises
    ------
    ScoreError
        if there are fewer than two rows, no columns, or values that are not finite
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
    """Compute the Fréchet distance between two sets of features.

    Parameters
    ----------
    a, b : FeatureStats
        of features of the same width, in any order
    ddof : int
        covariances are divided by N - ddof: 1 unbiased, 0 as in stylegan-v (Default value = 1)
    tolerance : float
        largest error by rounding, as a share of the distance (Default value = 1e-7)

    Returns
    -------
    distance : float
        |mu_a - mu_b|^2 + tr(A + B - 2 (A B)^{1/2}), at least 0

    Raises
    ------
    ScoreError
        if widths differ, ddof is neither 0 nor 1, or the distance overflows float64
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
    for cross, error in _root_traces(a.rows, b.rows):
        value = apart - scale * cross
        if scale * error <= tolerance * value:
            break
    return max(value, 0.0)


def _root_traces(a: Matrix, b: Matrix) -> Iterator[tuple[float, float]]:
    """Yield tr((A B)^{1/2}) of A = a.T a, B = b.T b and its largest error, fastest way first."""
    if min(len(a), len(b)) > a.shape[1]:
        with contextlib.suppress(np.linalg.LinAlgError):  # A is singular: only the exact form
            yield _root_trace_of_covariances(a.T @ a, b.T @ b)
        a, b = _triangle(a), _triangle(b)
    yield float(np.linalg.svd(a @ b.T, compute_uv=False).sum()), 0.0


def _root_trace_of_covariances(a: Matrix, b: Matrix) -> tuple[float, float]:
    """Return tr((A B)^{1/2}) by eigenvalues, and its largest error by rounding."""
    root = np.linalg.cholesky(a)
    eigenvalues = np.linalg.eigvalsh(root.T @ (b @ root)).clip(0)
    blur = _ROUNDING * float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    low, high = (eigenvalues - blur).clip(0), eigenvalues + blur
    return float(np.sqrt(eigenvalues).sum()), float((np.sqrt(high) - np.sqrt(low)).sum())


def _triangle(rows: Matrix) -> Matrix:
    """Return R of rows = Q R, so that R.T R = rows.T rows."""
    return np.asarray(np.linalg.qr(rows, mode="r"))


def _square(values: Matrix) -> float:
    """Return the sum of squares, infinite if it overflows."""
    with np.errstate(over="ignore"):
        return float(np.vdot(values, values))


@dataclass(frozen=True, slots=True)
class Frechet:
    """The Fréchet distance as a metric of clips; FVD and FAD differ in their extractor alone."""

    name: str
    title: str
    extractor: Extractor
    ddof: int = 1
    resamples: int = 200  # of the bootstrap, one distance each
    seed: int = 0

    @property
    def better(self) -> Better:
        """Return "lower": nearer to the real clips is better."""
        return "lower"

    @property
    def needs_reference(self) -> bool:
        """Return True: it is a distance to real clips."""
        return True

    @property
    def feature_settings(self) -> Mapping[str, Any]:
        """Return what decides the rows that are compared, whatever the distance."""
        return {"extractor": self.extractor.key, "view": self.extractor.view}

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return extractor, covariance and interval settings."""
        return {
            **self.feature_settings,
            "ddof": self.ddof,
            "resamples": self.resamples,
            "seed": self.seed,
            "interval": INTERVAL,
            "caveat": CAVEAT,
        }

    def compared(
        self, generated: Features, reference: Features | None, name: str
    ) -> tuple[Features, Features]:
        """Return the rows of either side that a distance of this name compares.

        Raises
        ------
        ScoreError
            without reference clips, or with features of different extractors
        """
        if reference is None:
            raise ScoreError(f"{name} needs reference clips to compare with, got none")
        if generated.extractor != reference.extractor:
            raise ScoreError(
                f"{name}: features of generated clips are by {generated.extractor}, "
                f"of reference clips by {reference.extractor}; expected the same extractor"
            )
        return generated, reference

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        """Compute the distance of generated clips from real ones.

        Raises
        ------
        ScoreError
            as `compared`, or where the distance is undefined (see `stats` and `distance`)
        """
        generated, reference = self.compared(generated, reference, self.name)
        # Sums are then rounded alike however many cores there are, and threads do not wait for
        # each other in matrices this small, which on a busy machine takes far longer than the work.
        with threadpool_limits(1):
            value = distance(stats(generated.values), stats(reference.values), self.ddof)
            interval = self._interval(value, generated, reference)
        score = Score(
            metric=self.name,
            value=value,
            better=self.better,
            count=generated.count,
            interval=interval,
            extractor=generated.extractor,
            reference_count=reference.count,
            note=_note(generated, reference),
        )
        return Judgement(score)

    def _interval(self, value: float, generated: Features, reference: Features) -> Interval | None:
        """Compute the bootstrap interval over examples, centred on the value (see the module)."""
        sets = _clustered(generated), _clustered(reference)
        if min(int(places.max()) for _, places in sets) < 1 or self.resamples == 0:
            return None
        rng = np.random.default_rng(self.seed)
        draws = np.array(
            [
                distance(*_resample(sets, rng), self.ddof, _DRAW_TOLERANCE)
                for _ in range(self.resamples)
            ]
        )
        low, high = percentile_interval(draws)
        shift = value - float(draws.mean())
        return max(low + shift, 0.0), max(high + shift, 0.0)


def _clustered(features: Features) -> Clustered:
    """Return features with the number of each row's example, (N,)."""
    return features.values, example_places(features.requests)[features.owner]


def _resample(
    sets: tuple[Clustered, Clustered], rng: np.random.Generator
) -> tuple[FeatureStats, FeatureStats]:
    """Return the statistics of examples of both sets, drawn with replacement.

    All clips of an example, and all rows of a clip, stay together.
    """
    return _drawn(*sets[0], rng), _drawn(*sets[1], rng)


def _drawn(values: Values, places: NDArray[np.int64], rng: np.random.Generator) -> FeatureStats:
    examples = int(places.max()) + 1
    times = np.bincount(rng.integers(examples, size=examples), minlength=examples)
    return stats(values, times[places])


def _note(generated: Features, reference: Features) -> str:
    """Return what a reader must know of a distance: clusters of clips, too few rows; else ""."""
    return "; ".join(filter(None, (_clusters(generated), _rank(generated, reference))))


def _clusters(generated: Features) -> str:
    """Return how many examples the interval is over, where they have several clips; else ""."""
    examples = len(set(example_places(generated.requests)))
    return "" if examples == generated.count else f"interval over {examples} captions"


def _rank(generated: Features, reference: Features) -> str:
    """Return a warning where there are too few rows for covariances of full rank, else ""."""
    width = generated.values.shape[1]
    rows = len(generated.values), len(reference.values)
    if min(rows) > width:
        return ""
    return (
        f"rank-deficient: N = {rows[0]} generated and {rows[1]} reference rows for "
        f"D = {width} features; compare at equal N only"
    )
