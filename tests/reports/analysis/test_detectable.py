"""What a column can tell: against the power of the t-test, and at the ends of what is possible."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from svbench.intervals import student_quantile
from svbench.power import detectable_effect
from svbench.reports.analysis.detectable import detectable, of_clips, of_sets
from svbench.reports.analysis.pairwise import LEAST, stretch
from svbench.types import Column, Score
from tests.reports.analysis.test_pairwise import BOUNDED, clips, scores_of, sets, table_of

UNBOUNDED = Column("m", "M", "higher")


def even(count: int, deviation: float) -> np.ndarray:
    """Return a symmetric sample of mean 0: its interval without a range is Student's."""
    sample = np.linspace(-1, 1, count)
    return sample * deviation / sample.std(ddof=1)


@pytest.mark.parametrize("count", [40, 100, 400])
@pytest.mark.parametrize("pairs", [1, 3, 28])
def test_of_symmetric_differences_it_is_the_power_of_the_t_test(count: int, pairs: int) -> None:
    found = of_clips(UNBOUNDED, [even(count, 2.0)] * pairs, round((1 + (1 + 8 * pairs) ** 0.5) / 2))
    assert (found.count, found.comparisons) == (count, pairs)
    assert found.pair == pytest.approx(2 * detectable_effect(count, alpha=0.05 / pairs), rel=0.01)


def test_the_lead_of_a_best_model_is_larger_by_the_power_of_all_its_comparisons() -> None:
    two = of_clips(UNBOUNDED, [even(40, 1.0)], 2)
    assert two.lead == two.pair
    eight = of_clips(UNBOUNDED, [even(40, 1.0)] * 28, 8)
    assert eight.lead == pytest.approx(detectable_effect(40, 1 - 0.2 / 7, 0.05 / 28), rel=0.01)


def test_the_spread_is_that_of_three_in_four_pairs() -> None:
    gaps = [even(40, deviation) for deviation in (4.0, 1.0, 3.0, 2.0)]
    assert of_clips(UNBOUNDED, gaps, 4) == of_clips(UNBOUNDED, [even(40, 3.0)] * 4, 4)


def test_a_range_makes_few_clips_tell_less() -> None:
    gaps = [even(10, 0.05)] * 3
    bounded = of_clips(BOUNDED, gaps, 3).pair
    assert bounded is not None
    assert bounded > 1.2 * 0.05 * detectable_effect(10, alpha=0.05 / 3)


def test_where_even_the_largest_difference_is_missed_there_is_none() -> None:
    found = of_clips(BOUNDED, [even(3, 0.3)] * 3, 3)
    assert (found.pair, found.lead) == (None, None)


def test_equal_differences_have_no_spread_but_need_clips_all_the_same() -> None:
    found = of_clips(BOUNDED, [np.full(40, 0.2)], 2)
    hidden = 1 - 0.05 ** (1 / 40)  # the share of clips that may be otherwise
    assert found.pair == pytest.approx(hidden / (1 - hidden), rel=1e-6)


def test_it_halves_with_four_times_the_clips() -> None:
    few, many = (of_clips(UNBOUNDED, [even(n, 1.0)], 2).pair for n in (100, 400))
    assert few is not None
    assert many == pytest.approx(few / 2, rel=0.02)


def test_sets_need_the_distance_that_tells_them_apart_and_its_error() -> None:
    two = of_sets(Column("d", "D", "lower"), sets(3.0, 4.0))
    assert two is not None
    assert two.pair == pytest.approx(2 + stats.norm.ppf(0.8) * 2**0.5 / stats.norm.ppf(0.975))
    eight = of_sets(Column("d", "D", "lower"), sets(*range(8)))
    assert eight is not None
    told = stretch(1 - 0.05 / 28) * 2**0.5
    assert eight.pair == pytest.approx(told + stats.norm.ppf(0.8) * 2**0.5 / stats.norm.ppf(0.975))
    assert of_sets(Column("d", "D", "lower"), sets(3.0, 4.0, count=LEAST - 1)) is None


def test_a_table_without_two_models_to_compare_states_nothing() -> None:
    one = clips(0.1)
    assert detectable(table_of(one), BOUNDED, scores_of(one)) is None
    two = clips(0.1, 0.2)
    found = detectable(table_of(two), BOUNDED, scores_of(two))
    assert found is not None
    assert found.count == 40
    lone = Score("d", 1.0, "lower", 40, (0.0, 2.0), "", 40)
    assert of_sets(Column("d", "D", "lower"), [lone]) is None


def test_the_quantile_of_the_interval_is_that_of_the_power() -> None:
    assert student_quantile(1 - 0.025 / 28, 39) == pytest.approx(stats.t.ppf(1 - 0.025 / 28, 39))
