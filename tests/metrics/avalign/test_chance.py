"""Chance: worked by hand, and the properties that make 0 chance and 1 perfect."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from svbench.errors import ScoreError
from svbench.metrics.avalign.chance import chance
from svbench.metrics.avalign.formulas import Variant
from tests.factories.av_align import av_align

VARIANTS: tuple[Variant, ...] = get_args(Variant)
FPS, LENGTH = 8.0, 4.0

moments = st.lists(
    st.floats(0, LENGTH, exclude_max=True, allow_subnormal=False), max_size=9, unique=True
)
frames = st.lists(st.integers(1, 31), max_size=9, unique=True).map(
    lambda found: [i / FPS for i in sorted(found)]  # where a detector can find a peak
)
variants = st.sampled_from(VARIANTS)


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_onset_and_one_peak(variant: Variant) -> None:
    # They meet within a window of 2/8 s of the 4 s: m = p = 1/16, adjusted 1.
    found = chance(variant, [1.0], [1.0], FPS, LENGTH)
    assert (found.score, found.ceiling) == (1, 1)
    assert found.null_mean == pytest.approx(1 / 16)
    assert found.p == pytest.approx(1 / 16)
    assert found.adjusted == pytest.approx(1)
    apart = chance(variant, [1.0], [3.0], FPS, LENGTH)
    assert (apart.score, apart.p) == (0, pytest.approx(1))
    assert apart.adjusted == pytest.approx(-1 / 15)  # (0 - 1/16) / (1 - 1/16)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_rhythm_fits_again_when_turned_by_its_period(variant: Variant) -> None:
    # Four events, 1 s apart: within 1/8 s of each of four turns all match, else none.
    found = chance(variant, [0.5, 1.5, 2.5, 3.5], [0.5, 1.5, 2.5, 3.5], FPS, LENGTH)
    assert found.null_mean == pytest.approx(1 / 4)
    assert found.p == pytest.approx(1 / 4)
    assert found.adjusted == pytest.approx(1)


def test_two_onsets_one_peak() -> None:
    # p r / (p + r - p r) with one of two matched: (1/2) / (1/2 + 1 - 1/2) = 1/2; the two windows
    # do not overlap, so the score is 1/2 for 2 x 1/4 s of the 4 s: m = 1/16.
    found = chance("corrected", [1.0, 2.0], [1.0], FPS, LENGTH)
    assert found.score == 1 / 2
    assert found.null_mean == pytest.approx(1 / 16)
    assert found.p == pytest.approx(1 / 8)
    assert found.adjusted == pytest.approx((1 / 2 - 1 / 16) / (15 / 16))


def test_the_ceiling_of_2023_is_every_onset_matched() -> None:
    # Three onsets round one peak: 3 / (3 + 1 - 3) = 3, the most there can be.
    found = chance("tempotokens-2023", [0.99, 1.0, 1.01], [1.0], FPS, LENGTH)
    assert (found.score, found.ceiling) == (3, 3)
    assert found.adjusted == pytest.approx(1)
    assert chance("tempotokens-2023", [1.0], [1.0, 2.0], FPS, LENGTH).ceiling == 1


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("onsets", "peaks"), [([], []), ([1.0], []), ([], [1.0])])
def test_empty_trains(variant: Variant, onsets: list[float], peaks: list[float]) -> None:
    found = chance(variant, onsets, peaks, FPS, LENGTH)
    assert (found.score, found.null_mean, found.p, found.adjusted) == (0, 0, 1, 0)


def test_where_every_shift_is_perfect_nothing_is_learnt() -> None:
    # Windows of 0.25 s every 0.2 s cover the whole circle.
    found = chance("corrected", [1.0], (np.arange(5) * 0.2).tolist(), FPS, 1.0)
    assert found.null_mean < 1  # one onset matches one or two of five peaks, never all
    everything = chance("corrected", [0.1, 0.3], [0.2], 8.0, 0.2)
    assert (everything.score, everything.null_mean, everything.p) == (1, pytest.approx(1), 1)
    assert everything.adjusted == 0


@pytest.mark.parametrize(("fps", "duration"), [(0.0, 4.0), (8.0, 0.0), (np.nan, 4.0)])
def test_refuses_impossible_clips(fps: float, duration: float) -> None:
    with pytest.raises(ScoreError, match="frame rate and a duration above 0"):
        chance("corrected", [1.0], [1.0], fps, duration)


@pytest.mark.parametrize("bad", [[np.nan], [[1.0]]])
def test_refuses_times_that_are_none(bad: list[float]) -> None:
    with pytest.raises(ScoreError, match="onset times must be"):
        chance("corrected", bad, [1.0], FPS, LENGTH)


@given(variants, moments, frames)
def test_for_detected_peaks_the_score_is_the_plain_one(
    variant: Variant, onsets: list[float], peaks: list[float]
) -> None:
    found = chance(variant, onsets, peaks, FPS, LENGTH)
    assert found.score == pytest.approx(av_align(variant, sorted(onsets), peaks, FPS), abs=1e-12)


@given(variants, moments)
def test_identical_trains_are_perfect(variant: Variant, times: list[float]) -> None:
    found = chance(variant, times, times, FPS, LENGTH)
    assume(found.ceiling - found.null_mean > 1e-6)
    assert found.score == (1 if times else 0)
    assert found.adjusted == (pytest.approx(1) if times else 0)


@given(variants, moments, frames, st.integers(0, 399))
def test_a_common_shift_changes_nothing(
    variant: Variant, onsets: list[float], peaks: list[float], hundredths: int
) -> None:
    # Onsets a little off the grid: a pair exactly one frame apart would hang on rounding.
    a = np.round(np.array(onsets), 2) + 0.00137
    v = np.array(peaks)
    here = chance(variant, a, v, FPS, LENGTH)
    there = chance(variant, a + hundredths / 100, v + hundredths / 100, FPS, LENGTH)
    assert there.score == pytest.approx(here.score, abs=1e-12)
    assert there.null_mean == pytest.approx(here.null_mean, abs=1e-6)
    assert there.p == pytest.approx(here.p, abs=1e-6)


@settings(max_examples=15)
@given(variants, st.lists(st.floats(0, 3.9), max_size=3), st.lists(st.floats(0, 3.9), max_size=3))
def test_the_integral_is_what_many_shifts_give(
    variant: Variant, onsets: list[float], peaks: list[float]
) -> None:
    found = chance(variant, onsets, peaks, FPS, LENGTH)
    shifts = (np.arange(300) + 0.5) / 300 * LENGTH
    scores = [chance(variant, np.array(onsets) + s, peaks, FPS, LENGTH).score for s in shifts]
    breaks = 2 * len(onsets) * len(peaks)  # each may cost one step of the sum
    assert found.null_mean == pytest.approx(np.mean(scores), abs=found.ceiling * (breaks + 1) / 300)
    assert 0 <= found.p <= 1
    assert found.adjusted <= 1 + 1e-9


@pytest.mark.parametrize("variant", VARIANTS)
def test_independent_trains_are_worth_nothing(variant: Variant) -> None:
    """A rhythm of peaks, and onsets at a random turn: the mean is 0, p is not too small."""
    rng = np.random.default_rng(0)
    adjusted, p = [], []
    for _ in range(1500):
        peaks = np.sort(rng.choice(np.arange(2, 31), rng.integers(1, 9), replace=False)) / FPS
        pattern = np.cumsum(rng.gamma(2.0, 0.2, rng.integers(1, 12)))  # any law, any turn
        found = chance(variant, pattern + rng.uniform(0, LENGTH), peaks, FPS, LENGTH)
        adjusted.append(found.adjusted)
        p.append(found.p)
    error = np.std(adjusted) / np.sqrt(len(adjusted))
    interval = np.mean(adjusted) - 2.6 * error, np.mean(adjusted) + 2.6 * error
    assert interval[0] < 0 < interval[1], f"99 % interval of the mean: {interval}"
    assert error < 0.01
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(p) <= level) < level + 0.02


def test_large_clips_are_cut_into_blocks() -> None:
    rng = np.random.default_rng(1)
    onsets, peaks = rng.uniform(0, 60, 40), np.sort(rng.choice(1800, 80, replace=False)) / 30
    whole = chance("tempotokens-2025", onsets, peaks, 30.0, 60.0)
    assert 0 < whole.null_mean < whole.ceiling
