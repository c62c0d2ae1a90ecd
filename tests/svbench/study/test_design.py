"""The design of a study is balanced, whatever its numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

from svbench.errors import ConfigError
from svbench.study.design import Comparison, design, pairs_of, requests_used

NUMBERS = [  # systems, requests, raters, trials
    (2, 8, 10, 8),
    (2, 9, 7, 5),
    (3, 7, 5, 10),
    (4, 9, 11, 17),
    (5, 40, 20, 30),
    (3, 1, 4, 3),
    (2, 2, 1, 1),
    (7, 40, 10, 30),
    (12, 40, 10, 30),
]


def pair(c: Comparison) -> tuple[int, int]:
    return min(c.left, c.right), max(c.left, c.right)


def spread(counts: Iterable[int]) -> int:
    found = list(counts)
    return max(found) - min(found)


@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize("seed", [0, 1])
def test_pairs_requests_and_sides_are_balanced(
    numbers: tuple[int, int, int, int], seed: int
) -> None:
    systems, requests, raters, trials = numbers
    sheets = design(systems, requests, raters, trials, 2, seed)
    assert [len(sheet) for sheet in sheets] == [trials] * raters
    shown = [c for sheet in sheets for c in sheet]
    for one in (shown, *sheets):
        met = Counter(map(pair, one))
        assert spread([met[p] for p in met] + [0] * (len(met) < pairs_of(systems))) <= 1
    for of in {pair(c) for c in shown}:
        uses = Counter(c.request for c in shown if pair(c) == of)
        used = requests_used(systems, requests, raters, trials, 2)
        assert spread([*uses.values(), *[0] * (used - len(uses))]) <= 1
        left = sum(c.left == of[0] for c in shown if pair(c) == of)
        assert abs(2 * left - sum(uses.values())) <= 1


@pytest.mark.parametrize("numbers", NUMBERS)
def test_no_rater_sees_a_comparison_twice(numbers: tuple[int, int, int, int]) -> None:
    for sheet in design(*numbers, 2, 0):
        assert len({(*pair(c), c.request) for c in sheet}) == len(sheet)


def test_every_comparison_has_the_raters_that_were_asked_for() -> None:
    for overlap in (1, 2, 4):
        sheets = design(3, 100, 20, 30, overlap, 0)
        seen = Counter((*pair(c), c.request) for sheet in sheets for c in sheet)
        assert min(seen.values()) >= overlap


@pytest.mark.parametrize("systems", [2, 7, 12])
def test_all_requests_are_used_however_many_the_systems(systems: int) -> None:
    shown = [c for sheet in design(systems, 40, 10, 30, 2, 0) for c in sheet]
    of = Counter(request for _, request in {(pair(c), c.request) for c in shown})
    assert len(of) == 40
    assert spread(of.values()) <= 1


def test_the_seed_decides_and_orders_differ_between_raters() -> None:
    one = design(3, 10, 4, 12, 2, 0)
    assert one == design(3, 10, 4, 12, 2, 0) != design(3, 10, 4, 12, 2, 1)
    assert len({tuple(map(pair, sheet)) for sheet in one}) == 4


def test_more_trials_than_comparisons_are_refused() -> None:
    with pytest.raises(ConfigError, match="--trials: found 7, expected at most 6"):
        design(3, 2, 1, 7, 2, 0)
