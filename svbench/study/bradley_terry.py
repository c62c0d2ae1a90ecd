"""The Bradley-Terry model of paired comparisons, with intervals clustered by rater and request.

System i is preferred to j with probability 1 / (1 + exp(theta_j - theta_i)); a tie counts as half
a win of each, so that of two systems the fitted share of wins is the observed one and theta_1 -
theta_2 its log-odds. Strengths theta are printed as a system's share of wins: its probability of
being preferred, averaged over the other systems of the study; all of them average 0.5.

Separation
----------
The estimate is finite if and only if systems cannot be divided into two groups of which one never
won against the other (Ford). Otherwise one tie is added to every pair that was compared, as half an
observation each way does for the log-odds of a share of 0 or 1; `Fit.separated` says so.

Intervals
---------
Answers of one rater depend on each other, and so do answers on the clips of one request. The
variance of the estimate is therefore the two-way clustered one: that of sums over raters, plus that
of sums over requests, minus that of sums over their crossings, each times G / (G - 1) for G
clusters (Cameron, Gelbach and Miller). It is never taken to be smaller than that of independent
answers, which also holds where a system won all. The interval is formed for the log-odds of the
share, with Student's t of as many degrees of freedom as there are raters or requests, whichever are
fewer, minus 1. A bootstrap over both at once (the pigeonhole bootstrap) would be too wide by up to
sqrt(3) where single answers vary most (Owen). Of one rater or one request there is no interval.

References
----------
- R. A. Bradley, M. E. Terry: Rank analysis of incomplete block designs. Biometrika 39, 1952.
- L. R. Ford: Solution of a ranking problem from binary comparisons. Am. Math. Monthly 64, 1957.
- D. R. Hunter: MM algorithms for generalized Bradley-Terry models. Annals of Statistics 32, 2004.
- J. B. S. Haldane: The estimation and significance of the logarithm of a ratio of frequencies.
  Annals of Human Genetics 20, 1956 (half an observation each way).
- A. C. Cameron, J. B. Gelbach, D. L. Miller: Robust inference with multiway clustering. JBES 29,
  2011.
- A. B. Owen: The pigeonhole bootstrap. Annals of Applied Statistics 1, 2007.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.special import expit, logit

from svbench.errors import ScoreError
from svbench.intervals import LEVEL, Interval, student_quantile

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

MOST_STEPS: Final = 200  # of Newton's method, which needs some 10
LONGEST_STEP: Final = 1.0  # in log-odds: a full step may overshoot where shares are near 0 or 1
CLOSE: Final = 1e-12  # log-odds; the last step's length


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Answers of raters, A in all, each on a pair of systems."""

    first: Indices  # (A,), index of a system
    second: Indices  # (A,)
    outcome: Array  # (A,): 1 the first was preferred, 0 the second, 0.5 neither
    rater: Indices  # (A,)
    request: Indices  # (A,)

    def wins(self, systems: int) -> Array:
        """Return how often each system won against each other, ties half; shape (S, S)."""
        found = np.zeros((systems, systems))
        np.add.at(found, (self.first, self.second), self.outcome)
        np.add.at(found, (self.second, self.first), 1 - self.outcome)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """The strengths of S systems and what follows from them."""

    strengths: Array  # (S,), log-odds, 0 on average
    shares: Array  # (S,), of wins against the other systems, 0..1
    intervals: tuple[Interval | None, ...]  # of the shares
    separated: bool  # one tie was added to every pair


def fit(answers: Answers, systems: int, level: float = LEVEL) -> Fit:
    """Fit the model to answers.

    Parameters
    ----------
    answers : Answers
        at least one on every system
    systems : int
        how many systems there are, at least 2
    level : float
        how often an interval shall hold the share (Default value = 0.95)

    Raises
    ------
    ScoreError
        where systems were never compared, not even by way of others
    """
    wins = answers.wins(systems)
    separated = not _is_finite(wins)
    if separated:
        wins = wins + 0.5 * (wins + wins.T > 0)
    strengths = strengths_of(wins)
    shares = shares_of(strengths)
    variances = _share_variances(answers, strengths, wins + wins.T)
    freedom = min(len(np.unique(answers.rater)), len(np.unique(answers.request))) - 1
    if freedom < 1:
        return Fit(strengths, shares, (None,) * systems, separated)
    reach = student_quantile((1 + level) / 2, freedom) * np.sqrt(variances)
    low, high = expit(logit(shares) - reach), expit(logit(shares) + reach)
    return Fit(strengths, shares, tuple(zip(low.tolist(), high.tolist(), strict=True)), separated)


def strengths_of(wins: Array) -> Array:
    """Return the strengths theta (S,) of a table of wins (S, S), 0 on average.

    Raises
    ------
    ScoreError
        where there is no finite estimate
    """
    if not _is_finite(wins):
        raise ScoreError(
            "Bradley-Terry: found systems that never won or lost against all others, expected none"
        )
    played = wins + wins.T
    strengths = np.zeros(len(wins))
    for _ in range(MOST_STEPS):
        expected = played * preferences(strengths)
        gradient = wins.sum(axis=1) - expected.sum(axis=1)
        step = np.linalg.solve(_information(strengths, played) + 1.0, gradient)
        step *= min(1.0, LONGEST_STEP / max(np.abs(step).max(), CLOSE))
        strengths = strengths + step
        if np.abs(step).max() < CLOSE:
            break
    else:
        raise ScoreError(f"Bradley-Terry: found no estimate within {MOST_STEPS} steps")
    return np.asarray(strengths - strengths.mean())


def preferences(strengths: Array) -> Array:
    """Return the probability that each system is preferred to each other, shape (S, S)."""
    return np.asarray(expit(strengths[:, None] - strengths[None, :]))


def shares_of(strengths: Array) -> Array:
    """Return the share of wins of each system against the others, shape (S,)."""
    found = preferences(strengths)
    return np.asarray((found.sum(axis=1) - 0.5) / (len(strengths) - 1))


def _is_finite(wins: Array) -> bool:
    """Return whether every system won against every other, at least by way of others (Ford).

    Raises ScoreError where some were not even compared by way of others.
    """
    groups, _ = connected_components(wins + wins.T > 0, directed=False)
    if groups > 1:
        raise ScoreError(
            "Bradley-Terry: found systems that no answers connect, expected each to be compared "
            "with others, directly or by way of them"
        )
    groups, _ = connected_components(wins > 0, connection="strong")
    return bool(groups == 1)


def _information(strengths: Array, played: Array) -> Array:
    """Return minus the second derivatives of the log-likelihood, (S, S); its rows add up to 0."""
    found = preferences(strengths)
    weight = played * found * found.T
    return np.asarray(np.diag(weight.sum(axis=1)) - weight)


def _share_variances(answers: Answers, strengths: Array, played: Array) -> Array:
    """Return the variance of the log-odds of each share, (S,)."""
    systems = len(strengths)
    inverse = np.linalg.inv(_information(strengths, played) + 1.0)
    bread = np.asarray(inverse - 1 / systems**2, np.float64)
    surprise = answers.outcome - expit(strengths[answers.first] - strengths[answers.second])
    scores = np.zeros((len(surprise), systems))
    each = np.arange(len(surprise))
    scores[each, answers.first] += surprise
    scores[each, answers.second] -= surprise
    crossings = answers.rater * (answers.request.max() + 1) + answers.request
    middle = (
        _clustered(scores, answers.rater)
        + _clustered(scores, answers.request)
        - _clustered(scores, crossings)
    )
    slopes = _share_slopes(strengths)
    robust = _quadratic(slopes, bread @ middle @ bread)
    return np.maximum(robust, _quadratic(slopes, bread))


def _clustered(scores: Array, labels: Indices) -> Array:
    """Return the sum over clusters of the outer products of their scores, (S, S)."""
    _, place = np.unique(labels, return_inverse=True)
    count = int(place.max()) + 1
    sums = np.zeros((count, scores.shape[1]))
    np.add.at(sums, place, scores)
    return np.asarray(sums.T @ sums * count / max(count - 1, 1), np.float64)


def _share_slopes(strengths: Array) -> Array:
    """Return the derivatives of the log-odds of each share, row by row; shape (S, S)."""
    found = preferences(strengths)
    slopes = -found * found.T
    np.fill_diagonal(slopes, 0)
    np.fill_diagonal(slopes, -slopes.sum(axis=1))
    shares = shares_of(strengths)
    return np.asarray(slopes / (len(strengths) - 1) / (shares * (1 - shares))[:, None])


def _quadratic(rows: Array, matrix: Array) -> Array:
    return np.asarray(np.einsum("is,st,it->i", rows, matrix, rows))


def circular_triads(wins: Array) -> int:
    """Return how many triples of systems beat each other in a circle, by majorities of answers.

    Pairs that are tied, or were not compared, are part of no circle (M. G. Kendall, B. Babington
    Smith: On the method of paired comparisons. Biometrika 31, 1940).
    """
    beats = (wins > wins.T).astype(np.int64)
    return int(np.trace(beats @ beats @ beats)) // 3


def triples(systems: int) -> int:
    """Return how many triples of systems there are."""
    return systems * (systems - 1) * (systems - 2) // 6


def order_of(shares: Sequence[float]) -> list[int]:
    """Return the indices of systems from the best to the worst."""
    return sorted(range(len(shares)), key=lambda one: -shares[one])
