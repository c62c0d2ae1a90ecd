"""Agreement with people: closed forms of the rank correlation, its interval, what is missing."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from svbench.errors import ScoreError
from svbench.metrics.validity.agreement import (
    agreement_of_clips,
    agreement_of_sets,
    rank_correlation,
)
from svbench.metrics.validity.condition_means import condition_means, mean_draws
from svbench.metrics.validity.human_scores import DISTORTIONS, load_human_scores

HUMAN = load_human_scores()
PEOPLE = condition_means(HUMAN.conditions).reshape(9, 10)
RISING = np.arange(8.0)


def noisy(scale: float, clips: int = 19, seed: int = 0) -> np.ndarray:
    """Return scores of clips about people's means."""
    noise = np.random.default_rng(seed).standard_normal((9, 10, clips))
    return np.asarray(PEOPLE[:, :, None] + scale * noise)


# --- the value ---------------------------------------------------------------------------------


def test_perfect_agreement_is_one_in_either_direction() -> None:
    assert rank_correlation(RISING**3, RISING, "higher").value == pytest.approx(1)
    assert rank_correlation(-RISING, RISING, "higher").value == pytest.approx(-1)
    assert rank_correlation(-RISING, RISING, "lower").value == pytest.approx(1)
    assert rank_correlation(RISING, RISING, "lower").value == pytest.approx(-1)


def test_independent_scores_correlate_by_about_nothing() -> None:
    rng = np.random.default_rng(0)
    values = [rank_correlation(rng.random(90), rng.random(90), "higher").value for _ in range(200)]
    assert np.mean(values) == pytest.approx(0, abs=0.03)
    assert np.std(values) == pytest.approx(89**-0.5, rel=0.15)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=4, max_size=30))
def test_ties_share_their_mean_rank_as_in_scipy(pairs: list[tuple[int, int]]) -> None:
    own, theirs = np.array(pairs, float).T
    if len(set(own)) == 1 or len(set(theirs)) == 1:
        with pytest.raises(ScoreError, match="the same score"):
            rank_correlation(own, theirs, "higher")
    else:
        expected = scipy.stats.spearmanr(own, theirs).statistic
        assert rank_correlation(own, theirs, "higher").value == pytest.approx(expected)


def test_values_that_differ_by_rounding_are_ties() -> None:
    rounded = np.array([0.3, 0.1 + 0.2, 0.3, 0.5])
    exact = np.array([0.3, 0.3, 0.3, 0.5])
    found = [rank_correlation(one, np.arange(4.0), "higher").value for one in (rounded, exact)]
    assert found[0] == found[1]
    with pytest.raises(ScoreError, match="the metric gave 3 conditions the same score"):
        rank_correlation(rounded[:3], np.arange(3.0), "higher")


def test_conditions_that_one_side_lacks_are_left_out() -> None:
    values, people = RISING.copy(), RISING.copy()
    values[0], people[-1] = np.nan, np.nan
    found = rank_correlation(values, people, "higher")
    assert (found.value, found.conditions, found.interval) == (pytest.approx(1), 6, None)


def test_refuses_what_has_no_correlation() -> None:
    with pytest.raises(ScoreError, match=r"found 2 conditions .* expected at least 3"):
        rank_correlation(RISING[:2], RISING[:2], "higher")
    with pytest.raises(ScoreError, match="people gave 8 conditions the same score"):
        rank_correlation(RISING, np.ones(8), "higher")
    with pytest.raises(ScoreError, match=r"found shapes \(8,\) and \(7,\)"):
        rank_correlation(RISING, RISING[1:], "higher")


# --- the interval ------------------------------------------------------------------------------


def test_the_interval_holds_the_value_and_is_a_correlation() -> None:
    for scale in (0.0, 0.1, 1.0, 5.0, 50.0):
        found = agreement_of_clips(noisy(scale), HUMAN, "higher", draws=200)
        for one in (found.overall, *found.by_distortion.values()):
            assert one is not None
            assert one.interval is not None
            assert -1 <= one.interval[0] <= one.value <= one.interval[1] <= 1


def test_a_metric_of_noise_alone_may_correlate_by_anything() -> None:
    noise = np.random.default_rng(0).standard_normal((9, 10, 19))
    found = agreement_of_clips(noise, HUMAN, "higher", draws=300).overall
    assert found is not None
    assert found.interval is not None
    assert found.interval[0] < -0.35
    assert found.interval[1] > 0.35


def test_more_clips_narrow_the_interval() -> None:
    widths = []
    for clips in (6, 24, 96):
        found = agreement_of_clips(noisy(2.0, clips), HUMAN, "higher", draws=300).overall
        assert found is not None
        assert found.interval is not None
        widths.append(found.interval[1] - found.interval[0])
    assert widths[0] > widths[1] > widths[2]


def test_the_direction_of_a_metric_turns_nothing_but_signs() -> None:
    first = agreement_of_clips(noisy(1.0), HUMAN, "higher", draws=100)
    assert agreement_of_clips(-noisy(1.0), HUMAN, "lower", draws=100) == first


def test_the_same_clips_and_seed_give_the_same_bits() -> None:
    first = agreement_of_clips(noisy(1.0), HUMAN, "higher", draws=100)
    assert agreement_of_clips(noisy(1.0), HUMAN, "higher", draws=100) == first
    assert agreement_of_clips(noisy(1.0), HUMAN, "higher", draws=100, seed=5) != first


@pytest.mark.parametrize("clips", [1, 3, 4])
def test_three_clips_have_no_interval(clips: int) -> None:
    found = agreement_of_clips(noisy(0.1, clips), HUMAN, "higher", draws=50).overall
    assert found is not None
    assert (found.interval is None) == (clips < 4)


def test_mostly_equal_draws_have_no_interval() -> None:
    scores = np.zeros((5, 20))
    scores[:, 0] = np.arange(5.0)  # in a third of the draws this clip is absent
    draws = mean_draws(scores, 300)
    found = rank_correlation(condition_means(scores), np.arange(5.0), "higher", draws, clips=20)
    assert (found.value, found.interval) == (pytest.approx(1), None)


# --- distortions and sets ----------------------------------------------------------------------


def test_each_distortion_is_correlated_over_its_own_levels() -> None:
    scores = noisy(0.5)
    found = agreement_of_clips(scores, HUMAN, "higher", draws=50)
    assert tuple(found.by_distortion) == DISTORTIONS
    assert found.absent == {}
    for number, name in enumerate(DISTORTIONS):
        expected = scipy.stats.spearmanr(scores[number].mean(axis=1), PEOPLE[number]).statistic
        one = found.by_distortion[name]
        assert one is not None
        assert (one.value, one.conditions) == (pytest.approx(expected), 10)


def test_a_metric_that_a_distortion_leaves_as_it_was_has_a_reason() -> None:
    """FAD of a distorted picture: all levels are equal, so there is no correlation with them."""
    scores = noisy(0.5)
    scores[2] = 0.1 * np.arange(19)
    scores[4] = np.nan
    found = agreement_of_clips(scores, HUMAN, "higher", draws=50)
    assert found.by_distortion["video_speed_up"] is None
    assert found.absent["video_speed_up"] == "the metric gave 10 conditions the same score"
    assert found.absent["video_slow_down"].startswith("found 0 conditions with a score")
    assert found.overall is not None
    assert found.overall.conditions == 80
    assert found.overall.interval is not None


def test_a_clip_without_a_score_is_left_out_of_that_condition_alone() -> None:
    scores = noisy(0.5)
    scores[0, 0, 3:] = np.nan
    scores[1, 5] = np.nan
    found = agreement_of_clips(scores, HUMAN, "higher", draws=100).overall
    expected = scipy.stats.spearmanr(
        np.delete(condition_means(scores.reshape(90, -1)), 15), np.delete(PEOPLE.ravel(), 15)
    ).statistic
    assert found is not None
    assert (found.value, found.conditions) == (pytest.approx(expected), 89)
    assert found.interval is not None
    assert np.isfinite(found.interval).all()


def test_nothing_at_all_has_a_reason() -> None:
    found = agreement_of_clips(np.full((9, 10, 4), np.nan), HUMAN, "higher", draws=20)
    assert found.overall is None
    assert set(found.absent) == {"overall", *DISTORTIONS}


def test_sets_agree_as_means_of_clips_do() -> None:
    """A set's score that is a mean of clips has the draws of that mean."""
    scores = noisy(1.0)
    rows = scores.reshape(90, -1)
    values = condition_means(rows).reshape(9, 10)
    draws = mean_draws(rows, 100, 3).reshape(100, 9, 10)
    of_sets = agreement_of_sets(values, draws, HUMAN, "higher", 19, seed=3)
    assert of_sets == agreement_of_clips(scores, HUMAN, "higher", draws=100, seed=3)


def test_refuses_scores_of_other_conditions() -> None:
    with pytest.raises(ScoreError, match=r"found scores of shape \(9, 9, 4\)"):
        agreement_of_clips(np.ones((9, 9, 4)), HUMAN, "higher")
    with pytest.raises(ScoreError, match=r"draws of \(5, 90\)"):
        agreement_of_sets(np.ones((9, 10)), np.ones((5, 90)), HUMAN, "higher", 4)
