"""Means over clips and over draws: clips are drawn whole, and nothing is a mean of nothing."""

from __future__ import annotations

import numpy as np
import pytest

from svbench.errors import ScoreError
from svbench.metrics.validity.condition_means import condition_means, mean_draws

NAN = float("nan")


def test_means_are_over_the_clips_that_have_a_score() -> None:
    scores = np.array([[1.0, 2.0, 6.0], [NAN, 2.0, 4.0], [NAN, NAN, NAN]])
    np.testing.assert_array_equal(condition_means(scores), [3.0, 3.0, NAN])


def test_a_draw_takes_all_conditions_of_a_clip() -> None:
    """What only depends on the clip moves all conditions alike."""
    clips = np.random.default_rng(0).standard_normal(12)
    draws = mean_draws(np.arange(5.0)[:, None] + clips, 300)
    np.testing.assert_allclose(np.diff(draws, axis=1), 1.0, atol=1e-12)
    assert draws[:, 0].std() == pytest.approx(clips.std() / np.sqrt(12), rel=0.1)


def test_draws_of_missing_scores_are_over_what_is_there() -> None:
    draws = mean_draws(np.array([[7.0, NAN, NAN], [1.0, 2.0, 3.0]]), 500)
    never = np.isnan(draws[:, 0])
    assert never.mean() == pytest.approx((2 / 3) ** 3, abs=0.05)
    assert (draws[~never, 0] == 7.0).all()
    assert np.isfinite(draws[:, 1]).all()


def test_draws_follow_from_the_seed() -> None:
    scores = np.random.default_rng(0).standard_normal((4, 6))
    np.testing.assert_array_equal(mean_draws(scores, 50), mean_draws(scores, 50))
    np.testing.assert_array_equal(mean_draws(scores, 50)[:, :2], mean_draws(scores[:2], 50))
    assert not np.array_equal(mean_draws(scores, 50), mean_draws(scores, 50, seed=1))


def test_blocks_of_draws_are_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.random.default_rng(0).standard_normal((4, 6))
    whole = mean_draws(scores, 50)
    monkeypatch.setattr("svbench.intervals._DRAWN_AT_ONCE", 60)
    np.testing.assert_array_equal(mean_draws(scores, 50), whole)


def test_refuses_no_clips_and_infinite_scores() -> None:
    with pytest.raises(ScoreError, match=r"found shape \(3, 0\)"):
        condition_means(np.empty((3, 0)))
    with pytest.raises(ScoreError, match=r"found shape \(3,\)"):
        mean_draws(np.ones(3))
    with pytest.raises(ScoreError, match="found an infinite one"):
        condition_means(np.array([[1.0, np.inf]]))
