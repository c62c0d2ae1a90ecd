"""Holm's step-down procedure, and the ranks that comparisons leave open."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from svbench.intervals import mean_interval
from svbench.reports.analysis.holm import (
    Flags,
    Places,
    holm,
    holm_of_means,
    means_differ,
    rank_intervals,
)


def by_p_values(p: list[float], error: float = 0.05) -> list[bool]:
    """Return what Holm's procedure rejects as he states it, by ordered p-values."""
    rejected = [False] * len(p)
    for step, place in enumerate(np.argsort(p)):
        if p[place] > error / (len(p) - step):
            break
        rejected[place] = True
    return rejected


def by_levels(p: list[float]) -> list[bool]:
    def excludes(level: float, places: Places) -> Flags:
        return np.array([p[place] <= 1 - level + 1e-15 for place in places])

    return holm(excludes, len(p)).tolist()


def test_the_example_of_a_textbook() -> None:
    # 0.01 <= 0.05 / 4 and 0.0125 <= 0.05 / 3, but 0.03 > 0.05 / 2, so 0.04 falls with it
    assert by_levels([0.04, 0.01, 0.03, 0.0125]) == [False, True, False, True]
    assert by_levels([0.05]) == [True]
    assert by_levels([]) == []
    assert by_levels([0.012, 0.016, 0.024, 0.049]) == [True] * 4  # each at its own step alone


@pytest.mark.parametrize("seed", range(20))
def test_levels_reject_what_ordered_p_values_do(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = (rng.random(12) ** rng.integers(1, 8)).tolist()
    assert by_levels(p) == by_p_values(p)


def test_means_of_normal_samples_are_those_of_t_tests_and_holm() -> None:
    # without a range and without skewness the interval is Student's: samples are made symmetric
    rng = np.random.default_rng(0)
    halves = rng.normal(0, 1, (8, 20))
    shifts = np.linspace(0, 0.9, 8)[:, None]
    samples = np.concatenate([halves, -halves], axis=1) + shifts
    p = stats.ttest_1samp(samples, 0, axis=1).pvalue.tolist()
    found = holm_of_means(list(samples), None).tolist()
    assert found == by_p_values(p)
    assert 0 < sum(found) < 8
    assert sum(value <= 0.05 for value in p) > sum(found)  # the correction matters here


def test_one_comparison_is_the_interval_at_95_per_cent() -> None:
    rng = np.random.default_rng(1)
    for shift in (0.0, 0.05, 0.1, 0.2):
        sample = np.clip(rng.normal(shift, 0.2, 30), -1, 1)
        low, high = mean_interval(sample, (-1, 1)) or (0.0, 0.0)
        assert holm_of_means([sample], (-1, 1)).tolist() == [low > 0 or high < 0]


def test_samples_of_unequal_length_and_single_pairs_are_judged_in_their_places() -> None:
    rng = np.random.default_rng(2)
    far, near = rng.normal(0.5, 0.1, 50), rng.normal(0, 0.1, 40)
    samples = [near, np.array([0.9]), far, far[:30], near[:40]]
    assert holm_of_means(samples, (-1, 1)).tolist() == [False, False, True, True, False]
    assert means_differ([], (-1, 1), 0.95).tolist() == []


def with_t(t: float, count: int = 40) -> np.ndarray:
    """Return a symmetric sample whose t statistic is `t`."""
    centred = np.linspace(-1, 1, count)
    return centred + t * centred.std(ddof=1) / count**0.5


def test_a_single_pair_does_not_count_in_the_family() -> None:
    close = with_t(2.1)
    assert 0.025 < stats.ttest_1samp(close, 0).pvalue < 0.05
    assert holm_of_means([close], None).tolist() == [True]
    assert holm_of_means([close, np.array([0.9])], None).tolist() == [True, False]
    assert holm_of_means([close, with_t(0)], None).tolist() == [False, False]
    assert holm_of_means([close, with_t(5)], None).tolist() == [True, True]  # one is left, at 5 %


def test_without_a_range_students_t_has_to_exclude_zero_too() -> None:
    tail = -np.log1p(-(np.arange(40) + 0.5) / 40)  # of an exponential distribution
    sample = tail - tail.mean() + 0.45
    low, _ = mean_interval(sample, None, 0.999) or (0.0, 0.0)
    assert low > 0
    assert stats.ttest_1samp(sample, 0).pvalue > 0.001
    assert means_differ([sample, sample + 0.5], None, 0.999).tolist() == [False, True]


def test_ranks_are_counted_from_the_comparisons_that_stand() -> None:
    better = np.zeros((4, 4), np.bool_)
    assert rank_intervals(better) == [(1, 4)] * 4
    better[0, 1:] = True  # the first is better than all others, the last worse than two
    better[1, 3] = True
    assert rank_intervals(better) == [(1, 1), (2, 3), (2, 4), (3, 4)]
    assert rank_intervals(np.triu(np.ones((3, 3), np.bool_), 1)) == [(1, 1), (2, 2), (3, 3)]
