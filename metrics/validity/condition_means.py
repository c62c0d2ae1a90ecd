"""Means of conditions over clips, and what they would be for other clips of the same kind.

Conventions
-----------
A condition is one distortion at one level. Scores are (C, n): C conditions of the same n clips,
where clip j is the source of every entry of column j, so a draw of clips takes whole columns: all
conditions of a clip together (a cluster bootstrap). NaN marks a clip that has no score in a
condition. The mean of a condition is over the clips that do have one, in the draws too; a condition
without any has none (NaN), which is never replaced by a number. Where clips differ much from each
other, conditions that lack different clips are hard to compare: a table should say how many lack.

Means are formed by sums that no thread count changes, so the same clips and seed give the same
bits. The order of the clips matters to the draws; callers sort them.

References
----------
- A. C. Davison, D. V. Hinkley: Bootstrap methods and their application. Cambridge, 1997, 3.8
  (clustered data).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ScoreError
from svbench.intervals import RESAMPLES, resampled

Array = NDArray[np.float64]


def condition_means(scores: Array) -> Array:
    """Compute the mean score of each condition.

    Parameters
    ----------
    scores : np.ndarray, shape=(C, n)
        of n clips in C conditions; NaN where a clip has none

    Returns
    -------
    means : np.ndarray, shape=(C,)
        NaN where no clip has a score

    Raises
    ------
    ScoreError
        if there is no clip, or a score is infinite
    """
    _check(scores)
    return np.asarray(_weighted(scores, np.ones((1, scores.shape[1])))[0])


def mean_draws(scores: Array, draws: int = RESAMPLES, seed: int = 0) -> Array:
    """Compute the means of conditions over clips that are drawn with replacement.

    Parameters
    ----------
    scores : np.ndarray, shape=(C, n)
        of n clips in C conditions; NaN where a clip has none
    draws : int
        sets of n clips that are drawn (Default value = 1000)
    seed : int
        of the draws (Default value = 0)

    Returns
    -------
    means : np.ndarray, shape=(draws, C)
        NaN where no clip of the draw has a score

    Raises
    ------
    ScoreError
        if there is no clip, or a score is infinite
    """
    _check(scores)
    clips = scores.shape[1]
    blocks = [_times_drawn(drawn) for drawn in resampled(clips, draws, seed)]
    return np.concatenate([_weighted(scores, times) for times in blocks])


def _check(scores: Array) -> None:
    if scores.ndim != 2 or 0 in scores.shape:
        raise ScoreError(
            f"means of conditions need scores (conditions, clips), found shape {scores.shape}"
        )
    if np.isinf(scores).any():
        raise ScoreError("means of conditions need finite scores, found an infinite one")


def _times_drawn(drawn: NDArray[np.int64]) -> Array:
    """Return how often each clip is in each draw: indices (rows, n) to counts (rows, n)."""
    rows, clips = drawn.shape
    places = drawn + clips * np.arange(rows)[:, None]
    times = np.bincount(places.ravel(), minlength=drawn.size).reshape(rows, clips)
    return times.astype(np.float64)


def _weighted(scores: Array, times: Array) -> Array:
    """Return the means (rows, C) of scores (C, n), each clip counted (rows, n) times."""
    known = np.isfinite(scores)
    # einsum, not matmul: BLAS may order its sums by the number of threads
    sums = np.einsum("dn,cn->dc", times, np.where(known, scores, 0.0))
    counts = np.einsum("dn,cn->dc", times, known.astype(float))
    means = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means
