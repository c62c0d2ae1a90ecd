r"""IS: inception score of sound, how sure and how varied the classes are that a tagger finds.

With p_i = softmax of the logits of clip i (`audio_tagging`) and m their mean over a part of the
set, the score of a part is exp(mean_i KL(p_i || m)), and that of the set the mean over its parts.
It is 1 where all clips sound alike, and at most the number of classes, or of clips in a part.
Real clips play no role: what is clear and varied scores high, whatever was asked for.

Conventions
-----------
av-benchmark's `ISC-PANNS-mean` and `ISC-PASST-mean`, which are torch-fidelity's: the clips, in
their order, are permuted by `numpy.random.RandomState(2020)` and cut into 10 parts, part i from
floor(i N / 10) to floor((i + 1) N / 10). Arithmetic is float64. The permutation depends on the
order of the clips, which is that of the requests, so the value is the same whatever the number of
workers; the standard deviation over parts (divided by 10) stands in a note, as it is printed
beside published values. It is no interval of the score.

Metrics
-------
- :func:`inception_score`: mean and deviation over parts.
- :class:`InceptionScore`: the same as a metric of clips, with a bootstrap interval.

Interval
--------
Examples are drawn with replacement, each with all its clips, and every draw is scored in parts as
the set is. A draw holds duplicates, so its parts are less varied; the interval is the spread of
the draws around the value, as in `frechet`. It holds the expectation at this N: scores grow with N
(a part of n clips scores at most n), so compare at equal N only.

Edge cases
----------
Fewer clips than parts: a ScoreError.

References
----------
- T. Salimans et al.: Improved techniques for training GANs. NeurIPS 2016,
  https://arxiv.org/abs/1606.03498.
- S. Barratt, R. Sharma: A note on the inception score. https://arxiv.org/abs/1801.01973 (its bias).
- https://github.com/toshas/torch-fidelity, https://github.com/hkchengrex/av-benchmark
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ScoreError
from svbench.intervals import Interval, example_places, percentile_interval
from svbench.metrics.audio_tagging import TaggerFeatures, logits
from svbench.types import Better, Features, Judgement, Score, Values

PARTS: Final = 10
PERMUTATION_SEED: Final = 2020
# Of the record: raise it whenever the code computes other numbers for equal settings.
CODE_VERSION: Final = 1

INTERVAL: Final = "95 %, clips resampled, centred on the value"
CAVEAT: Final = (
    "grows with the number of clips; brackets are a bootstrap over clips: where the score of other "
    "sets of this size would lie"
)

Matrix = NDArray[np.float64]


def inception_score(
    values: Values, parts: int = PARTS, seed: int | None = PERMUTATION_SEED
) -> tuple[float, float]:
    """Compute the inception score of a set, and its deviation over parts.

    Parameters
    ----------
    values : np.ndarray, shape=(N, K)
        logits
    parts : int
        of the set (Default value = 10)
    seed : int or None
        of the permutation; None: the clips stay in their order (Default value = 2020)

    Returns
    -------
    mean, deviation : float
        over parts; the deviation is divided by their number, not by one less

    Raises
    ------
    ScoreError
        if there are fewer clips than parts
    """
    if len(values) < parts:
        raise ScoreError(
            f"an inception score over {parts} parts needs at least {parts} clips, got {len(values)}"
        )
    if seed is not None:
        values = values[np.random.RandomState(seed).permutation(len(values))]
    scores = _scores(*_probabilities(values), parts)
    return float(scores.mean()), float(scores.std())


def _probabilities(values: Values) -> tuple[Matrix, Matrix]:
    """Return the softmax of logits (N, K), and sum_k p log p of each row (N,)."""
    from scipy.special import log_softmax

    logs = log_softmax(values.astype(np.float64), axis=1)
    chances = np.exp(logs)
    return chances, (chances * logs).sum(axis=1)


def _scores(chances: Matrix, certainty: Matrix, parts: int) -> Matrix:
    """Return the score of each part of rows (N, K) in their order: (parts,).

    KL(p_i || m) averaged over i is the mean of sum p log p less sum m log m.
    """
    from scipy.special import xlogy

    edges = np.arange(parts + 1) * len(chances) // parts
    counts = np.diff(edges)
    means = np.add.reduceat(chances, edges[:-1]) / counts[:, None]
    sure = np.add.reduceat(certainty, edges[:-1]) / counts
    found: Matrix = np.exp(sure - xlogy(means, means).sum(axis=1))
    return found


@dataclass(frozen=True, slots=True)
class InceptionScore:
    """The inception score as a metric of clips."""

    extractor: TaggerFeatures
    resamples: int = 200  # of the bootstrap
    seed: int = 0

    @property
    def name(self) -> str:
        """Return the name, of network, sampling and view."""
        return f"is@{self.extractor.name}"

    @property
    def title(self) -> str:
        """Return the title of its column."""
        return f"IS ({self.extractor.title})"

    @property
    def better(self) -> Better:
        """Return "higher": surer and more varied is better."""
        return "higher"

    @property
    def needs_reference(self) -> bool:
        """Return False: real clips play no role."""
        return False

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return extractor, parts and interval settings."""
        return {
            "compares": ["audio"],
            "extractor": self.extractor.key,
            "view": self.extractor.view,
            "parts": PARTS,
            "permutation": PERMUTATION_SEED,
            "code": CODE_VERSION,
            "resamples": self.resamples,
            "seed": self.seed,
            "interval": INTERVAL,
            "caveat": CAVEAT,
        }

    def score(self, generated: Features, reference: Features | None = None) -> Judgement:
        """Compute the inception score of a set of clips from their logits.

        Raises
        ------
        ScoreError
            if there are fewer clips than parts
        """
        del reference
        found = logits(generated)
        value, deviation = inception_score(found.values)
        score = Score(
            metric=self.name,
            value=value,
            better=self.better,
            count=generated.count,
            interval=self._interval(value, found),
            extractor=generated.extractor,
            note=f"standard deviation over {PARTS} parts {deviation:.4g}",
        )
        return Judgement(score)

    def _interval(self, value: float, found: Features) -> Interval | None:
        """Compute the bootstrap interval over examples, centred on the value (see the module)."""
        chances, certainty = _probabilities(found.values)
        draws = np.array(
            [
                _scores(chances[rows], certainty[rows], PARTS).mean()
                for rows in _drawn(example_places(found.requests), self.resamples, self.seed)
            ]
        )
        if not len(draws):
            return None
        low, high = percentile_interval(draws)
        shift = value - float(draws.mean())
        return max(low + shift, 1.0), max(high + shift, 1.0)


def _drawn(places: NDArray[np.int64], resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of examples that are drawn with replacement, in the order of the draw.

    Draws of fewer rows than parts are left out, as they have no score.
    """
    rng = np.random.default_rng(seed)
    count = int(places.max()) + 1
    rows_of = np.split(
        np.argsort(places, kind="stable"), np.cumsum(np.bincount(places, minlength=count))[:-1]
    )
    for _ in range(resamples if count > 1 else 0):
        rows = np.concatenate([rows_of[i] for i in rng.integers(count, size=count)])
        if len(rows) >= PARTS:
            yield rows
