"""How often tables call a model best in error, and find what they state: docs/ranking.md, in short.

Seeds are fixed. Bars: at most 5 % of tables without a difference tell any two models apart (200
tables; the share among so few is allowed one and a half standard errors above 5 %), and stated
differences are found in 80 % of cases.
"""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest

RANKING: ModuleType = importlib.import_module("make_ranking")
TABLES = 200
SLACK = 0.025  # 1.6 standard errors of a share of 0.05 among 200
CASES = [
    (title, count)
    for title, shape in RANKING.SHAPES.items()
    for count in RANKING.COUNTS
    if RANKING.comparable(shape, count)
]
ASYMPTOTIC = [(title, count) for title, count in CASES if count >= 40 and "90 %" not in title]


@pytest.mark.parametrize(("title", "count"), CASES)
def test_of_eight_like_models_hardly_any_table_tells_two_apart(title: str, count: int) -> None:
    any_two, best = RANKING.null(RANKING.SHAPES[title], count, TABLES)
    assert any_two <= 0.05 + SLACK
    assert best <= 0.01  # the bar is 0.05


@pytest.mark.parametrize("title", list(RANKING.SHAPES)[:4])
def test_of_two_like_leaders_one_is_seldom_called_best(title: str) -> None:
    assert RANKING.tied(RANKING.SHAPES[title], 40, TABLES) <= 0.05 + SLACK


@pytest.mark.parametrize("title", list(RANKING.SHAPES)[:4])
def test_all_ranks_of_a_table_hold(title: str) -> None:
    holds, width = RANKING.ranks(RANKING.SHAPES[title], 40, TABLES)
    assert holds >= 0.95 - SLACK
    assert 2 < width < 8  # they say something, though no more than is known


@pytest.mark.parametrize(("title", "count"), ASYMPTOTIC)
def test_a_difference_of_the_stated_size_is_found(title: str, count: int) -> None:
    found = RANKING.power(RANKING.SHAPES[title], count, 40)
    assert found["found"] >= 0.8
    assert found["difference"] < found["lead"]
    assert found["stated"] == 1


def test_uncorrected_comparisons_miss_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the bar is one: intervals at 95 % tell two of eight like models apart mostly."""
    differ = importlib.import_module("svbench.reports.analysis.holm").means_differ
    monkeypatch.setattr(
        RANKING, "holm_of_means", lambda samples, reach: differ(samples, reach, 0.95)
    )
    any_two, _ = RANKING.null(next(iter(RANKING.SHAPES.values())), 40, TABLES)
    assert any_two > 0.25


def test_like_sets_are_seldom_told_apart() -> None:
    assert RANKING.sets(12, 4, 4) == (0, 0)
