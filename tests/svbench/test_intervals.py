"""Intervals: they hold the mean, stay within the range, and are absent where nothing is known."""

from __future__ import annotations

import tracemalloc
from random import Random

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from svbench.errors import ScoreError
from svbench.intervals import (
    example_means,
    mean_interval,
    paired_difference,
    resampled,
    student_quantile,
)


def test_one_clip_has_no_interval() -> None:
    assert mean_interval([0.5]) is None
    assert paired_difference([0.5], [0.2]).interval is None


@pytest.mark.parametrize("bad", [[], [0.5, np.nan], [np.inf, 1.0]])
def test_refuses_what_has_no_mean(bad: list[float]) -> None:
    with pytest.raises(ScoreError, match="an interval needs"):
        mean_interval(bad)


Bounds = tuple[float, float]
RANGES: list[Bounds | None] = [None, (0.0, 1.0), (-1.0, 1.0), (-2.0, 2.0)]
shares = st.lists(
    st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0])), min_size=2, max_size=30
)


def interval(values: list[float], bounds: Bounds | None, level: float = 0.95) -> Bounds:
    """Return the interval of values that are not all equal."""
    found = mean_interval(values, bounds, level)
    assert found is not None
    return found


@pytest.mark.parametrize("count", [2, 5, 8, 40])
@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
def test_equal_clips_leave_the_doubt_of_what_they_cannot_show(count: int, value: float) -> None:
    # were more than `hidden` of all clips otherwise, N equal ones would be rarer than 5 %
    hidden = 1 - 0.05 ** (1 / count)
    expected = (value - hidden * value, value + hidden * (1 - value))
    assert interval([value] * count, (0.0, 1.0)) == pytest.approx(expected)
    assert mean_interval([value] * count) is None


@pytest.mark.parametrize(("right", "count"), [(1, 5), (3, 10), (2, 40), (50, 100)])
def test_of_zeros_and_ones_it_is_at_least_wilsons(right: int, count: int) -> None:
    """Wilson's score interval of a share, in its textbook form, with Student's quantile."""
    values = [1.0] * right + [0.0] * (count - right)
    t, p = scipy.stats.t.ppf(0.975, count - 1), right / count
    centre, half = p + t * t / (2 * count), t * np.sqrt(p * (1 - p) / count + (t / count) ** 2 / 4)
    wilson = np.array([centre - half, centre + half]) / (1 + t * t / count)
    low, high = interval(values, (0.0, 1.0))
    assert low <= wilson[0] + 1e-12
    assert high >= wilson[1] - 1e-12
    assert high - low < 1.4 * (wilson[1] - wilson[0])


def test_numbers_that_must_not_change() -> None:
    # A table made today must carry the same interval tomorrow.
    found = interval([0.0, 0.0, 0.1, 0.2, 0.4, 0.4, 0.5, 1.0], (0.0, 1.0))
    assert found == pytest.approx((0.1208139194, 0.7266583131), abs=1e-9)


@pytest.mark.parametrize("bounds", [None, (-100.0, 100.0)])
def test_agrees_with_the_normal_interval_of_many_clips(bounds: Bounds | None) -> None:
    values = np.random.default_rng(1).normal(5, 2, size=4000)
    half = 1.96 * values.std(ddof=1) / np.sqrt(4000)
    found = mean_interval(values, bounds)
    np.testing.assert_allclose(found, [values.mean() - half, values.mean() + half], atol=0.002)


@given(shares, st.sampled_from(RANGES))
def test_holds_the_mean_and_stays_within_the_range(
    values: list[float], bounds: Bounds | None
) -> None:
    found = mean_interval(values, bounds)
    if found is None:
        assert bounds is None
        assert np.ptp(values) <= 1e-12
        return
    low, high = bounds or (-np.inf, np.inf)
    assert low <= found[0] <= np.mean(values) + 1e-12
    assert np.mean(values) - 1e-12 <= found[1] <= high
    assert found[0] < found[1]


@given(shares, st.sampled_from(RANGES), st.randoms(use_true_random=False))
def test_the_order_of_clips_decides_nothing(
    values: list[float], bounds: Bounds | None, random: Random
) -> None:
    turned = random.sample(values, len(values))
    assert mean_interval(turned, bounds) == mean_interval(values, bounds)


@given(shares, st.sampled_from(RANGES[1:]), st.floats(0.5, 0.99), st.floats(0.5, 0.99))
def test_a_higher_level_is_wider(
    values: list[float], bounds: Bounds, one: float, other: float
) -> None:
    inner, outer = (interval(values, bounds, level) for level in sorted((one, other)))
    assert outer[0] <= inner[0] + 1e-12
    assert inner[1] <= outer[1] + 1e-12


@given(shares)
def test_turns_and_grows_with_the_values(values: list[float]) -> None:
    low, high = interval(values, (0.0, 1.0))
    mirrored = interval([1 - v for v in values], (0.0, 1.0))
    np.testing.assert_allclose(mirrored, (1 - high, 1 - low), atol=1e-6)
    scaled = interval([2 * v for v in values], (0.0, 2.0))
    np.testing.assert_allclose(scaled, (2 * low, 2 * high), atol=1e-9)


def test_more_of_the_same_is_narrower() -> None:
    widths = [np.diff(interval([0.0, 0.2, 1.0] * n, (0.0, 1.0)))[0] for n in (1, 2, 4, 16, 64)]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < widths[0] / 8


def test_a_score_beyond_the_range_widens_it() -> None:
    low, high = interval([0.5, 1.25, 1.0], (0.0, 1.0))
    assert 0 <= low < 1.0
    assert 1.0 < high <= 1.25


def test_students_quantile_is_scipys() -> None:
    for freedom in [*range(1, 130), 200, 1000, 20_000]:
        for probability in (0.6, 0.9, 0.975, 0.995, 0.9995):
            expected = scipy.stats.t.ppf(probability, freedom)
            assert student_quantile(probability, freedom) == pytest.approx(expected, rel=1e-8)


def test_pairs_are_compared_as_pairs() -> None:
    hard = np.random.default_rng(2).normal(0, 10, size=50)  # what is hard for both
    small = np.random.default_rng(3).normal(0.1, 0.01, size=50)
    difference = paired_difference(hard + small, hard)
    assert difference.value == pytest.approx(0.1, abs=0.01)
    assert difference.interval == pytest.approx((0.1, 0.1), abs=0.01)
    assert difference.count == 50


def test_the_range_of_a_difference_is_twice_that_of_the_scores() -> None:
    a, b = [0.9, 0.8, 1.0], [0.1, 0.3, 0.0]
    gaps = np.subtract(a, b)
    assert paired_difference(a, b, (0, 1)).interval == mean_interval(gaps, (-1, 1))
    assert paired_difference(b, a, (0, 1)).interval == mean_interval(-gaps, (-1, 1))


@given(shares)
def test_nothing_is_known_to_differ_from_itself(values: list[float]) -> None:
    difference = paired_difference(values, values, (0, 1))
    hidden = 1 - 0.05 ** (1 / len(values))
    assert difference.value == 0.0
    assert difference.interval == pytest.approx((-hidden, hidden))
    assert paired_difference(values, values).interval is None


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
    mean_interval(values, (0.0, 1.0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5e6


def test_samples_of_one_example_count_once_in_an_interval() -> None:
    requests = [f"{i}/{repeat}" for i in range(6) for repeat in range(4)]
    examples = np.random.default_rng(0).uniform(size=6)
    repeated = np.repeat(examples, 4)  # samples without new information
    means = example_means(requests, repeated)
    np.testing.assert_allclose(np.sort(means), np.sort(examples))
    assert mean_interval(means, (0, 1)) == pytest.approx(mean_interval(examples, (0, 1)))
    assert mean_interval(repeated, (0, 1)) != pytest.approx(mean_interval(examples, (0, 1)))


def test_without_repeats_values_stay_as_they_are() -> None:
    values = np.array([0.3, 0.1, 0.2])
    np.testing.assert_array_equal(example_means(["b/0", "a/0", "a/b/0"], values), values)
    np.testing.assert_array_equal(example_means(["b", "a", "c"], values), values)
