"""Power of the paired t-test: published tables, closed forms and a simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from svbench.errors import ScoreError
from svbench.power import detectable_effect, needed_pairs, paired_power


def test_two_pairs_have_a_closed_form() -> None:
    """With one degree of freedom and no effect, |T| beyond tan(pi (1 - alpha) / 2) is alpha."""
    assert paired_power(0.0, 2) == pytest.approx(0.05, abs=1e-9)


@pytest.mark.parametrize("n", [2, 5, 19, 40, 1000])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_no_effect_is_found_at_the_level(n: int, alpha: float) -> None:
    assert paired_power(0.0, n, alpha) == pytest.approx(alpha, abs=1e-9)


# R's power.t.test and G*Power, whose results statsmodels' TTestPower is tested against
@pytest.mark.parametrize(
    ("effect", "power", "n"), [(0.5, 0.8, 34), (0.2, 0.8, 199), (0.8, 0.8, 15), (0.5, 0.9, 44)]
)
def test_pairs_of_published_tables(effect: float, power: float, n: int) -> None:
    assert needed_pairs(effect, power) == n
    assert paired_power(effect, n) >= power > paired_power(effect, n - 1)


def test_many_pairs_approach_the_normal_distribution() -> None:
    effect = (scipy.stats.norm.ppf(0.975) + scipy.stats.norm.ppf(0.8)) / 100
    assert paired_power(effect, 10_000) == pytest.approx(0.8, abs=2e-4)
    assert detectable_effect(10_000) == pytest.approx(effect, rel=1e-3)


@pytest.mark.parametrize("n", [2, 3, 8, 19, 40, 500])
def test_the_detectable_effect_has_just_the_power(n: int) -> None:
    effect = detectable_effect(n, 0.8)
    assert paired_power(effect, n) == pytest.approx(0.8, abs=1e-9)
    assert needed_pairs(effect * 1.0001) == n


def test_power_is_the_share_of_tests_that_find_the_effect() -> None:
    drawn = np.random.default_rng(0).normal(0.4, 1.0, size=(20_000, 19))
    found = scipy.stats.ttest_1samp(drawn, 0.0, axis=1).pvalue < 0.05
    assert paired_power(0.4, 19) == pytest.approx(found.mean(), abs=0.01)


@pytest.mark.parametrize("effect", [0.1, 0.5, 1.0, 3.0])
def test_power_is_that_of_the_noncentral_t_and_has_no_sign(effect: float) -> None:
    quantile = scipy.stats.t.ppf(0.975, 18)
    beyond = scipy.stats.nct(18, effect * math.sqrt(19))
    expected = beyond.sf(quantile) + beyond.cdf(-quantile)
    assert paired_power(effect, 19) == pytest.approx(expected, abs=1e-9)
    assert paired_power(-effect, 19) == paired_power(effect, 19)


@pytest.mark.parametrize("effect", [10.0, 1e3, 1e5, 1e12, math.inf])
def test_an_effect_without_scatter_is_always_found(effect: float) -> None:
    assert paired_power(effect, 40) == pytest.approx(1.0)
    assert needed_pairs(effect) in (2, 3)


def test_power_grows_with_pairs_and_effect() -> None:
    by_n = [paired_power(0.3, n) for n in range(2, 200)]
    by_effect = [paired_power(e, 40) for e in np.linspace(0, 2, 50)]
    assert np.all(np.diff(by_n) > 0)
    assert np.all(np.diff(by_effect) >= 0)


def test_refuses_what_is_no_test() -> None:
    with pytest.raises(ScoreError, match="found 1 pairs, expected at least 2"):
        paired_power(0.5, 1)
    with pytest.raises(ScoreError, match="effect of NaN"):
        paired_power(math.nan, 5)
    with pytest.raises(ScoreError, match="level of 1, expected"):
        paired_power(0.5, 5, 1.0)
    with pytest.raises(ScoreError, match=r"found 0.01, expected a power between 0.05"):
        detectable_effect(5, 0.01)
    with pytest.raises(ScoreError, match="no number of clips finds"):
        needed_pairs(0.0)
