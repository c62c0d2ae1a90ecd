"""Power of the paired t-test: published tables, closed forms and a simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from svbench.errors import ScoreError
from svbench.power import (
    caption_deviation,
    design_effect,
    detectable_distance,
    detectable_effect,
    holm_level,
    intraclass_correlation,
    needed_clips,
    needed_pairs,
    paired_power,
    unpaired_power,
)


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


@pytest.mark.parametrize("n", [2, 5, 19, 40, 100, 1000])
def test_power_is_a_number_for_every_effect(n: int) -> None:
    """Scipy's tails are NaN here and there: with 5 pairs at effects of 26 to 28."""
    for alpha in (0.05, 1e-4):
        powers = np.array([paired_power(float(e), n, alpha) for e in np.logspace(0, 5, 300)])
        assert (np.diff(powers) >= -1e-12).all()
        assert powers[-1] == pytest.approx(1.0)


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


# --- other comparisons -------------------------------------------------------------------------


# Cohen's tables 2.4.1, two-tailed, per row: d = .2: 393 (normal approximation), .5: 64, .8: 26
@pytest.mark.parametrize(
    ("effect", "power", "n"), [(0.2, 0.8, 394), (0.5, 0.8, 64), (0.8, 0.8, 26), (0.5, 0.9, 86)]
)
def test_clips_per_row_of_published_tables(effect: float, power: float, n: int) -> None:
    assert needed_clips(effect, power) == n
    assert unpaired_power(effect, n, n) >= power > unpaired_power(effect, n - 1, n - 1)


def test_unpaired_power_is_the_share_of_tests_that_find_the_effect() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.6, 1.0, (10_000, 15)), rng.normal(0.0, 1.0, (10_000, 30))
    found = scipy.stats.ttest_ind(one, other, axis=1).pvalue < 0.05
    assert unpaired_power(0.6, 15, 30) == pytest.approx(found.mean(), abs=0.015)
    assert unpaired_power(0.6, 15, 30) == pytest.approx(unpaired_power(-0.6, 30, 15))
    assert unpaired_power(0.0, 15, 30) == pytest.approx(0.05)


def test_several_comparisons_need_more_clips() -> None:
    assert holm_level(1) == 0.05
    assert holm_level(7) == pytest.approx(0.05 / 7)
    needed = [needed_pairs(0.5, alpha=holm_level(m)) for m in (1, 3, 7)]
    assert needed == sorted(needed)
    assert needed[0] == 34


def test_two_distances_differ_by_the_normal_distribution() -> None:
    assert detectable_distance(3.0, 4.0) == pytest.approx(5 * (1.959964 + 0.841621), rel=1e-6)
    rng = np.random.default_rng(0)
    gap = detectable_distance(3.0, 4.0)
    estimates = rng.normal(gap, 3.0, 20_000) - rng.normal(0.0, 4.0, 20_000)
    assert (np.abs(estimates) > 1.959964 * 5).mean() == pytest.approx(0.8, abs=0.01)


def test_samples_of_a_caption_count_less_than_captions() -> None:
    assert design_effect(5, 0.0) == 1.0
    assert design_effect(5, 1.0) == 5.0
    assert design_effect(1, 0.7) == 1.0
    assert caption_deviation(2.0, 4, 0.0) == pytest.approx(1.0)  # independent: 2 / sqrt(4)
    assert caption_deviation(2.0, 4, 1.0) == pytest.approx(2.0)  # all alike
    assert caption_deviation(2.0, 10**6, 0.25) == pytest.approx(1.0, rel=1e-5)  # not below


def test_the_intraclass_correlation_of_a_worked_example() -> None:
    # Shrout and Fleiss 1979, table 2: six targets, four judges; ICC(1, 1) = .17
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    icc = intraclass_correlation(np.ravel(ratings).astype(float), np.repeat(np.arange(6), 4))
    assert icc == pytest.approx(0.166, abs=5e-4)


@pytest.mark.parametrize("planted", [0.0, 0.3, 0.8])
def test_the_intraclass_correlation_is_that_of_the_clips(planted: float) -> None:
    rng = np.random.default_rng(1)
    sizes = rng.integers(1, 6, 3000)
    places = np.repeat(np.arange(3000), sizes)
    captions = planted**0.5 * rng.standard_normal(3000)
    values = captions[places] + (1 - planted) ** 0.5 * rng.standard_normal(len(places))
    assert intraclass_correlation(values, places) == pytest.approx(planted, abs=0.03)


def test_alike_clips_correlate_wholly_and_few_not_at_all() -> None:
    assert intraclass_correlation([1.0, 1.0, 3.0, 3.0], [0, 0, 1, 1]) == 1.0
    assert intraclass_correlation([1.0, 2.0, 1.0, 2.0], [0, 0, 1, 1]) == pytest.approx(-1.0)
    assert intraclass_correlation([1.0, 2.0, 3.0], [0, 1, 2]) is None
    assert intraclass_correlation([1.0, 2.0], [0, 0]) is None
    assert intraclass_correlation([1.0, 1.0, 1.0], [0, 0, 1]) is None


def test_refuses_numbers_of_no_plan() -> None:
    with pytest.raises(ScoreError, match="found 1 pairs, expected at least 2"):
        unpaired_power(0.5, 1, 9)
    with pytest.raises(ScoreError, match="found 0 comparisons"):
        holm_level(0)
    with pytest.raises(ScoreError, match=r"standard deviations -1 and 2"):
        detectable_distance(-1.0, 2.0)
    with pytest.raises(ScoreError, match="found 0 samples per caption"):
        design_effect(0, 0.5)
    with pytest.raises(ScoreError, match=r"correlation of 1.5"):
        design_effect(2, 1.5)
    with pytest.raises(ScoreError, match=r"correlation of -0.9"):
        design_effect(3, -0.9)
    with pytest.raises(ScoreError, match=r"values \(3,\) in clusters \(2,\)"):
        intraclass_correlation([1.0, 2.0, 3.0], [0, 1])
