"""Whether a metric falls along an arm: the raw order, and what chance explains."""

from __future__ import annotations

import numpy as np
import pytest

from svbench.metrics.validity.condition_means import condition_means, mean_draws
from svbench.metrics.validity.monotone import monotone

FALLING = np.array([5.0, 4.0, 4.0, 2.0])


def falls(values: np.ndarray, better: str = "higher") -> bool:
    found = monotone(values, "higher" if better == "higher" else "lower")
    assert found is not None
    return found.falls


def p_value(scores: np.ndarray, draws: int = 300) -> float | None:
    draw = mean_draws(scores, draws)
    found = monotone(condition_means(scores), "higher", draw, scores.shape[1])
    assert found is not None
    return found.p


def test_equal_levels_are_no_rise() -> None:
    assert falls(FALLING)
    assert falls(np.full(4, 0.1))
    assert falls(-FALLING, "lower")
    assert not falls(FALLING, "lower")
    assert not falls(np.array([5.0, 3.0, 4.0, 2.0]))
    assert falls(np.array([0.3, 0.1 + 0.2]))  # by rounding


def test_missing_levels_are_passed_over() -> None:
    assert falls(np.array([5.0, np.nan, 4.0]))
    assert not falls(np.array([4.0, np.nan, 5.0]))
    assert monotone(np.array([5.0, np.nan]), "higher") is None


def test_a_rise_beyond_chance_has_a_small_p() -> None:
    noise = np.random.default_rng(0).standard_normal((4, 30))
    rising = np.array([5.0, 3.0, 4.5, 2.0])[:, None] + noise
    found = p_value(rising)
    assert found is not None
    assert found < 0.01
    found = p_value(FALLING[:, None] + noise)
    assert found is not None
    assert found > 0.3


def test_level_means_that_are_equal_are_seldom_called_rising() -> None:
    """The least favourable falling order; 400 studies of 19 clips, at 5 %."""
    rng = np.random.default_rng(0)
    found = [p_value(rng.standard_normal((5, 19)), 150) for _ in range(400)]
    assert 0.02 <= np.mean([p is not None and p < 0.05 for p in found]) <= 0.08


def test_without_scatter_there_is_no_p() -> None:
    assert p_value(np.repeat(FALLING[:, None], 5, axis=1)) is None
    found = monotone(FALLING, "higher")
    assert found is not None
    assert found.p is None


def test_p_does_not_depend_on_the_unit() -> None:
    scores = np.random.default_rng(1).standard_normal((4, 10))
    assert p_value(scores) == pytest.approx(p_value(1000 * scores + 7))
