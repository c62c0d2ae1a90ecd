"""The formulas of AV-Align: values worked out by hand, and properties that hold for any lists."""

from __future__ import annotations

from functools import partial
from typing import get_args

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from svbench.errors import ScoreError
from svbench.metrics.avalign.formulas import (
    FORMULAS,
    Variant,
    match,
    precision_recall,
)
from tests.factories.av_align import av_align

VARIANTS: tuple[Variant, ...] = get_args(Variant)
SCORES = tuple(partial(av_align, variant) for variant in VARIANTS)

times = st.lists(st.integers(0, 400).map(lambda i: i / 100), max_size=12)
rates = st.sampled_from([4.0, 8.0, 15.0, 29.97])


def test_the_worked_example() -> None:
    # 8 frames/s: less than 0.125 s apart. Onsets .5 and .6 match the peak .55, 2.0 none;
    # of the peaks .55 and 3.0 one is matched.
    onsets, peaks = [0.5, 0.6, 2.0], [0.55, 3.0]
    assert precision_recall(match(onsets, peaks, 8)) == (2 / 3, 1 / 2)
    assert av_align("corrected", onsets, peaks, 8) == pytest.approx(
        (1 / 3) / (2 / 3 + 1 / 2 - 1 / 3)
    )  # .4
    assert av_align("tempotokens-2023", onsets, peaks, 8) == 2 / (3 + 2 - 2)
    assert av_align("tempotokens-2025", onsets, peaks, 8) == 1 / (3 + 2 - 1)


def test_one_peak_and_many_onsets() -> None:
    # What the correction is for: five onsets around one peak, c = 5, 5 / (5 + 1 - 5) = 5.
    onsets, peaks = [0.95, 0.97, 1.0, 1.03, 1.05], [1.0]
    assert av_align("tempotokens-2023", onsets, peaks, 8) == 5.0
    assert av_align("tempotokens-2025", onsets, peaks, 8) == 1 / 5
    assert av_align("corrected", onsets, peaks, 8) == 1.0


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("gap", [0.125, -0.125])
def test_exactly_one_frame_apart_is_no_match(score: type, gap: float) -> None:
    assert score([1 + gap], [1.0], 8.0) == 0.0
    assert score([1 + gap * 0.999], [1.0], 8.0) == 1.0


def test_greedy_matching_takes_what_comes_first() -> None:
    # 1.10 takes the peak 1.0, so .95 finds nothing: 1 / (2 + 2 - 1); sorted, both match.
    assert av_align("tempotokens-2025", [1.10, 0.95], [1.0, 1.2], 8) == 1 / 3
    assert av_align("tempotokens-2025", [0.95, 1.10], [1.0, 1.2], 8) == 1.0


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(("onsets", "peaks"), [([], []), ([1.0], []), ([], [1.0]), ([1.0], [2.0])])
def test_nothing_to_match_is_zero(score: type, onsets: list[float], peaks: list[float]) -> None:
    assert score(onsets, peaks, 8.0) == 0.0


@pytest.mark.parametrize("score", [match, *SCORES])
@pytest.mark.parametrize("fps", [0.0, -8.0, np.nan, np.inf])
def test_refuses_impossible_frame_rates(score: type, fps: float) -> None:
    with pytest.raises(ScoreError, match="needs a frame rate above 0, got"):
        score([1.0], [1.0], fps)


@pytest.mark.parametrize("score", [match, *SCORES])
def test_refuses_invalid_times(score: type) -> None:
    with pytest.raises(ScoreError, match="onset times must be a list of finite seconds"):
        score([np.nan], [1.0], 8.0)
    with pytest.raises(ScoreError, match="motion peak times must be"):
        score([1.0], [[np.inf]], 8.0)


@given(times, times, rates)
def test_bounds(onsets: list[float], peaks: list[float], fps: float) -> None:
    p, r = precision_recall(match(onsets, peaks, fps))
    assert 0 <= av_align("corrected", onsets, peaks, fps) <= 1
    assert av_align("corrected", onsets, peaks, fps) <= min(p, r) + 1e-15
    assert 0 <= av_align("tempotokens-2025", onsets, peaks, fps) <= 1
    assert av_align("tempotokens-2025", onsets, peaks, fps) <= av_align(
        "tempotokens-2023", onsets, peaks, fps
    )


@given(times, times, rates)
def test_2023_exceeds_one_exactly_when_the_paper_says(
    onsets: list[float], peaks: list[float], fps: float
) -> None:
    p, _ = precision_recall(match(onsets, peaks, fps))
    matched = round(p * len(onsets))
    above = av_align("tempotokens-2023", onsets, peaks, fps) > 1
    assert above == (2 * matched > len(onsets) + len(peaks))


@given(st.lists(st.integers(0, 64), max_size=12), st.lists(st.integers(0, 64), max_size=12))
def test_corrected_is_symmetric(onsets: list[int], peaks: list[int]) -> None:
    # 1/16 s grid and 8 frames/s: every comparison is exact, so rounding cannot favour a side.
    a, v = np.array(onsets) / 16, np.array(peaks) / 16
    assert precision_recall(match(a, v, 8)) == precision_recall(match(v, a, 8))[::-1]
    assert av_align("corrected", a, v, 8) == pytest.approx(
        av_align("corrected", v, a, 8), abs=1e-15
    )


@given(times, rates)
def test_a_list_agrees_with_itself(moments: list[float], fps: float) -> None:
    assume(moments)
    assert av_align("corrected", moments, moments, fps) == 1.0


@given(times, times, rates, st.randoms())
def test_order_does_not_matter(
    onsets: list[float], peaks: list[float], fps: float, random: np.random.RandomState
) -> None:
    shuffled_onsets, shuffled_peaks = list(onsets), list(peaks)
    random.shuffle(shuffled_onsets)
    random.shuffle(shuffled_peaks)
    for variant in ("corrected", "tempotokens-2023"):
        score = partial(av_align, variant)
        assert score(onsets, peaks, fps) == score(shuffled_onsets, shuffled_peaks, fps)


@given(times, times, rates)
def test_a_lower_frame_rate_never_matches_less(
    onsets: list[float], peaks: list[float], fps: float
) -> None:
    fine, coarse = (
        precision_recall(match(onsets, peaks, fps)),
        precision_recall(match(onsets, peaks, fps / 2)),
    )
    assert all(c >= f for c, f in zip(coarse, fine, strict=True))


@given(st.lists(st.tuples(times, times), min_size=1, max_size=4), rates)
def test_leading_axes_are_independent(
    pairs: list[tuple[list[float], list[float]]], fps: float
) -> None:
    # Lists are padded to one shape: a moment far away from all others matches nothing.
    size = max(len(moments) for pair in pairs for moments in pair) + 1
    matches = np.zeros((len(pairs), size, size), dtype=bool)
    for block, (onsets, peaks) in zip(matches, pairs, strict=True):
        block[: len(onsets), : len(peaks)] = match(onsets, peaks, fps)
    for formula in FORMULAS.values():
        assert formula(matches).tolist() == [float(formula(block)) for block in matches]
