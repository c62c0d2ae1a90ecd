"""Intervals: seeded, right on average, and nothing where nothing can be said."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from svbench.errors import ScoreError
from svbench.intervals import mean_interval, paired_difference, resampled

values_of_clips = st.lists(st.floats(-100, 100), min_size=2, max_size=30)


def test_one_clip_has_no_interval() -> None:
    assert mean_interval([0.5]) is None
    assert paired_difference([0.5], [0.2]).interval is None


def test_no_resamples_no_interval() -> None:
    assert mean_interval([0.5, 0.7], resamples=0) is None


@pytest.mark.parametrize("bad", [[], [0.5, np.nan], [np.inf, 1.0]])
def test_refuses_what_has_no_mean(bad: list[float]) -> None:
    with pytest.raises(ScoreError, match="an interval needs"):
        mean_interval(bad)


def test_equal_clips_leave_no_doubt() -> None:
    assert mean_interval([0.25] * 8) == (0.25, 0.25)


def test_the_seed_decides() -> None:
    values = np.random.default_rng(0).random(20)
    assert mean_interval(values, seed=3) == mean_interval(values, seed=3)
    assert mean_interval(values, seed=3) != mean_interval(values, seed=4)


def test_numbers_that_must_not_change() -> None:
    # Four clips: a table made today must carry the same interval tomorrow.
    assert mean_interval([0.0, 0.1, 0.4, 1.0], seed=0) == pytest.approx((0.05, 0.775), abs=1e-12)


def test_agrees_with_the_normal_interval_of_many_clips() -> None:
    values = np.random.default_rng(1).normal(5, 2, size=4000)
    interval = mean_interval(values, seed=0)
    assert interval is not None
    half = 1.96 * values.std(ddof=1) / np.sqrt(4000)
    np.testing.assert_allclose(interval, [values.mean() - half, values.mean() + half], atol=0.01)


@given(values_of_clips, st.floats(-10, 10), st.floats(0.1, 10))
def test_moves_and_grows_with_the_values(values: list[float], shift: float, scale: float) -> None:
    sample = np.array(values)
    plain = mean_interval(sample, resamples=50)
    moved = mean_interval(sample * scale + shift, resamples=50)
    assert plain is not None
    np.testing.assert_allclose(moved, np.array(plain) * scale + shift, atol=1e-9)
    assert sample.min() - 1e-9 <= plain[0] <= plain[1] <= sample.max() + 1e-9


def test_pairs_are_compared_as_pairs() -> None:
    hard = np.random.default_rng(2).normal(0, 10, size=50)  # what is hard for both
    difference = paired_difference(hard + 0.1, hard)
    assert difference.value == pytest.approx(0.1)
    assert difference.interval == pytest.approx((0.1, 0.1))
    assert difference.count == 50


@given(values_of_clips)
def test_nothing_differs_from_itself(values: list[float]) -> None:
    difference = paired_difference(values, values, resamples=20)
    assert (difference.value, difference.interval) == (0.0, (0.0, 0.0))


def test_refuses_unequal_pairs() -> None:
    with pytest.raises(ScoreError, match="equally many clips, got 2 and 3"):
        paired_difference([1, 2], [1, 2, 3])


@pytest.mark.parametrize(("count", "resamples"), [(1, 5), (7, 1000), (2**20 + 1, 3), (20_000, 120)])
def test_draws_are_as_many_as_asked_for(count: int, resamples: int) -> None:
    blocks = list(resampled(count, resamples, seed=0))
    assert sum(len(block) for block in blocks) == resamples
    assert all(block.shape[1] == count for block in blocks)
    assert max(int(block.max()) for block in blocks) < count


def test_many_clips_stay_within_memory() -> None:
    values = np.random.default_rng(0).random(20_000)
    tracemalloc.start()
    mean_interval(values, resamples=200)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40e6  # all draws at once would be 32 MB of indices per 200
