"""Bradley-Terry: closed forms, planted orders, separation, and how often intervals cover."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import spearmanr

from svbench.errors import ScoreError
from svbench.study.bradley_terry import (
    Answers,
    circular_triads,
    fit,
    preferences,
    shares_of,
    strengths_of,
    triples,
)
from svbench.study.design import design
from tests.goldens.places import fact


def answers(*rows: tuple[int, int, float, int, int]) -> Answers:
    first, second, outcome, rater, request = (
        np.array(column) for column in zip(*rows, strict=True)
    )
    return Answers(first, second, outcome.astype(float), rater, request)


def test_of_two_systems_the_difference_is_the_log_odds_of_the_wins() -> None:
    strengths = strengths_of(np.array([[0.0, 30.0], [10.0, 0.0]]))
    assert strengths[0] - strengths[1] == pytest.approx(math.log(3), abs=1e-12)
    assert shares_of(strengths) == pytest.approx([0.75, 0.25], abs=1e-12)


def test_a_tie_counts_as_half_a_win_of_each() -> None:
    rows = [(0, 1, outcome, i % 3, i) for i, outcome in enumerate([1, 1, 0.5, 0.5, 0, 1])]
    found = fit(answers(*rows), 2)
    assert found.shares == pytest.approx([4 / 6, 2 / 6], abs=1e-12)


def test_shares_that_follow_the_model_give_back_its_strengths() -> None:
    planted = np.array([1.0, 0.25, -1.25])
    strengths = strengths_of(40 * preferences(planted) * (1 - np.eye(3)))
    assert strengths == pytest.approx(planted, abs=1e-9)


def test_three_systems_are_compared_by_way_of_the_third() -> None:
    wins = np.array([[0.0, 30, 0], [10, 0, 20], [0, 10, 0]])  # 0 and 2 never met
    strengths = strengths_of(wins)
    assert strengths[0] - strengths[2] == pytest.approx(math.log(3) + math.log(2), abs=1e-9)


def test_the_estimate_is_where_expected_wins_are_the_observed() -> None:
    wins = np.random.default_rng(0).integers(1, 40, (6, 6)).astype(float)
    np.fill_diagonal(wins, 0)
    strengths = strengths_of(wins)
    expected = ((wins + wins.T) * preferences(strengths)).sum(axis=1)
    assert expected == pytest.approx(wins.sum(axis=1), abs=1e-7)


def test_an_almost_separated_table_is_fitted() -> None:
    strengths = strengths_of(np.array([[0.0, 9999, 9999], [1, 0, 9999], [0, 1, 0]]))
    assert strengths[0] > strengths[1] > strengths[2]


def test_a_system_that_won_all_gets_a_finite_share_by_one_tie() -> None:
    found = fit(answers(*((0, 1, 1.0, i % 4, i) for i in range(20))), 2)
    assert found.separated
    assert found.shares[0] == pytest.approx(20.5 / 21)
    low, high = found.intervals[0] or (0, 0)
    assert low < 0.86 < found.shares[0] < high < 1  # 0.05 ** (1 / 20): what 20 of 20 exclude


def test_without_a_finite_estimate_there_is_none() -> None:
    with pytest.raises(ScoreError, match="never won or lost"):
        strengths_of(np.array([[0.0, 5], [0, 0]]))


def test_systems_that_nothing_connects_are_refused() -> None:
    with pytest.raises(ScoreError, match="no answers connect"):
        fit(answers((0, 1, 1.0, 0, 0), (2, 3, 1.0, 0, 0)), 4)


@pytest.mark.parametrize("one", ["rater", "request"])
def test_of_one_rater_or_one_request_there_is_no_interval(one: str) -> None:
    rows = [
        (0, 1, i % 2, 0 if one == "rater" else i, 0 if one == "request" else i) for i in range(8)
    ]
    assert fit(answers(*rows), 2).intervals == (None, None)


def test_neither_names_nor_sides_nor_order_change_the_fit() -> None:
    given = simulated(np.array([0.8, 0.0, -0.8]), 6, 12, 12, 0.3, np.random.default_rng(3))
    turned = Answers(given.second, given.first, 1 - given.outcome, given.rater, given.request)
    mixed = np.random.default_rng(4).permutation(len(given.outcome))
    other = Answers(
        *(of[mixed] for of in (turned.first, turned.second)),
        turned.outcome[mixed],
        9 - given.rater[mixed],
        99 - given.request[mixed],
    )
    one, two = fit(given, 3), fit(other, 3)
    assert one.shares == pytest.approx(two.shares, abs=1e-12)
    assert np.array(one.intervals) == pytest.approx(np.array(two.intervals), abs=1e-9)


def test_answers_that_come_in_clusters_widen_the_interval() -> None:
    one = answers(*((0, 1, float(i % 10 < 6), i % 10, i) for i in range(200)))  # a rater always
    other = answers(*((0, 1, float(i % 10 < 6), i // 20, i) for i in range(200)))
    widths = [np.ptp(fit(given, 2).intervals[0] or ()) for given in (one, other)]
    assert widths[0] > 2 * widths[1]


def test_circles_are_counted() -> None:
    circle = np.array([[0, 2, 0], [0, 0, 2], [2, 0, 0]])
    assert (circular_triads(circle), triples(3)) == (1, 1)
    assert circular_triads(np.array([[0, 2, 2], [0, 0, 2], [0, 0, 0]])) == 0
    assert circular_triads(np.array([[0, 1, 0], [1, 0, 2], [2, 0, 0]])) == 0  # 0 and 1 are tied


def simulated(
    strengths: np.ndarray,
    raters: int,
    trials: int,
    requests: int,
    spread: float,
    rng: np.random.Generator,
) -> Answers:
    """Return answers of raters whose taste differs, on requests that differ, by `spread`."""
    systems = len(strengths)
    of_request = rng.normal(0, spread, (systems, requests))
    of_rater = rng.normal(0, spread, (systems, raters))
    rows = []
    for rater, shown in enumerate(design(systems, requests, raters, trials, 2, 0)):
        for c in shown:
            here = strengths + of_request[:, c.request] + of_rater[:, rater]
            won = rng.random() < expit(here[c.left] - here[c.right])
            rows.append((c.left, c.right, float(won), rater, c.request))
    return answers(*rows)


@pytest.mark.parametrize(
    ("strengths", "spread"), [((0.5, -0.5), 0.0), ((0.5, -0.5), 0.5), ((1.0, 0.0, -1.0), 0.5)]
)
def test_intervals_cover_the_share_in_the_population(
    strengths: tuple[float, ...], spread: float
) -> None:
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    gaps = np.subtract.outer(strengths, strengths)[..., None] + 2 * spread * points
    won = expit(gaps) @ (weights / weights.sum())  # over raters and requests
    shares = (won.sum(axis=1) - 0.5) / (len(strengths) - 1)
    rng, hits = np.random.default_rng(7), []
    for _ in range(150):
        found = fit(simulated(np.array(strengths), 10, 24, 30, spread, rng), len(strengths))
        ends = np.array(found.intervals)
        hits.append((ends[:, 0] <= shares) & (shares <= ends[:, 1]))
    assert 0.91 <= np.mean(hits) <= 0.995


def test_the_order_of_peavs_is_found_by_simulated_raters() -> None:
    with fact("peavs_conditions.csv").open(encoding="utf-8") as file:
        means, spreads = np.array([(r["mean"], r["sd"]) for r in csv.DictReader(file)], float).T
    rng, rows = np.random.default_rng(0), []
    for rater, shown in enumerate(design(len(means), 5, 60, 60, 1, 0)):
        for c in shown:
            left, right = rng.normal(means[[c.left, c.right]], spreads[[c.left, c.right]])
            rows.append((c.left, c.right, float(left > right), rater, c.request))
    found = fit(answers(*rows), len(means))
    assert spearmanr(found.shares, means).statistic > 0.95
