"""AV-Align: values worked out by hand, and properties that hold for any lists."""

from __future__ import annotations

import itertools
import json
from typing import get_args

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from svbench.errors import ScoreError
from svbench.metrics.avalign.events import Kind
from svbench.metrics.avalign.score import (
    DETECTORS,
    AVAlign,
    Variant,
    corrected,
    precision_recall,
    tempotokens_2023,
    tempotokens_2025,
)
from svbench.types import Features

PUBLISHED = DETECTORS["published"]
SCORES = (corrected, tempotokens_2023, tempotokens_2025)
VARIANTS: tuple[Variant, ...] = get_args(Variant)

times = st.lists(st.integers(0, 400).map(lambda i: i / 100), max_size=12)
rates = st.sampled_from([4.0, 8.0, 15.0, 29.97])


def test_the_worked_example() -> None:
    # 8 frames/s: less than 0.125 s apart. Onsets .5 and .6 match the peak .55, 2.0 none;
    # of the peaks .55 and 3.0 one is matched.
    onsets, peaks = [0.5, 0.6, 2.0], [0.55, 3.0]
    assert precision_recall(onsets, peaks, 8) == (2 / 3, 1 / 2)
    assert corrected(onsets, peaks, 8) == pytest.approx((1 / 3) / (2 / 3 + 1 / 2 - 1 / 3))  # .4
    assert tempotokens_2023(onsets, peaks, 8) == 2 / (3 + 2 - 2)
    assert tempotokens_2025(onsets, peaks, 8) == 1 / (3 + 2 - 1)


def test_one_peak_and_many_onsets() -> None:
    # What the correction is for: five onsets around one peak, c = 5, 5 / (5 + 1 - 5) = 5.
    onsets, peaks = [0.95, 0.97, 1.0, 1.03, 1.05], [1.0]
    assert tempotokens_2023(onsets, peaks, 8) == 5.0
    assert tempotokens_2025(onsets, peaks, 8) == 1 / 5
    assert corrected(onsets, peaks, 8) == 1.0


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("gap", [0.125, -0.125])
def test_exactly_one_frame_apart_is_no_match(score: type, gap: float) -> None:
    assert score([1 + gap], [1.0], 8.0) == 0.0
    assert score([1 + gap * 0.999], [1.0], 8.0) == 1.0


def test_greedy_matching_takes_what_comes_first() -> None:
    # 1.10 takes the peak 1.0, so .95 finds nothing: 1 / (2 + 2 - 1); sorted, both match.
    assert tempotokens_2025([1.10, 0.95], [1.0, 1.2], 8) == 1 / 3
    assert tempotokens_2025([0.95, 1.10], [1.0, 1.2], 8) == 1.0


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(("onsets", "peaks"), [([], []), ([1.0], []), ([], [1.0]), ([1.0], [2.0])])
def test_nothing_to_match_is_zero(score: type, onsets: list[float], peaks: list[float]) -> None:
    assert score(onsets, peaks, 8.0) == 0.0


@pytest.mark.parametrize("score", [precision_recall, *SCORES])
@pytest.mark.parametrize("fps", [0.0, -8.0, np.nan, np.inf])
def test_refuses_impossible_frame_rates(score: type, fps: float) -> None:
    with pytest.raises(ScoreError, match="needs a frame rate above 0, got"):
        score([1.0], [1.0], fps)


@pytest.mark.parametrize("score", [precision_recall, *SCORES])
def test_refuses_times_that_are_none(score: type) -> None:
    with pytest.raises(ScoreError, match="onset times must be a list of finite seconds"):
        score([np.nan], [1.0], 8.0)
    with pytest.raises(ScoreError, match="motion peak times must be"):
        score([1.0], [[np.inf]], 8.0)


@given(times, times, rates)
def test_bounds(onsets: list[float], peaks: list[float], fps: float) -> None:
    p, r = precision_recall(onsets, peaks, fps)
    assert 0 <= corrected(onsets, peaks, fps) <= 1
    assert corrected(onsets, peaks, fps) <= min(p, r) + 1e-15
    assert 0 <= tempotokens_2025(onsets, peaks, fps) <= 1
    assert tempotokens_2025(onsets, peaks, fps) <= tempotokens_2023(onsets, peaks, fps)


@given(times, times, rates)
def test_2023_exceeds_one_exactly_when_the_paper_says(
    onsets: list[float], peaks: list[float], fps: float
) -> None:
    p, _ = precision_recall(onsets, peaks, fps)
    matched = round(p * len(onsets))
    above = tempotokens_2023(onsets, peaks, fps) > 1
    assert above == (2 * matched > len(onsets) + len(peaks))


@given(st.lists(st.integers(0, 64), max_size=12), st.lists(st.integers(0, 64), max_size=12))
def test_corrected_is_symmetric(onsets: list[int], peaks: list[int]) -> None:
    # 1/16 s grid and 8 frames/s: every comparison is exact, so rounding cannot favour a side.
    a, v = np.array(onsets) / 16, np.array(peaks) / 16
    assert precision_recall(a, v, 8) == precision_recall(v, a, 8)[::-1]
    assert corrected(a, v, 8) == pytest.approx(corrected(v, a, 8), abs=1e-15)


@given(times, rates)
def test_a_list_agrees_with_itself(moments: list[float], fps: float) -> None:
    assume(moments)
    assert corrected(moments, moments, fps) == 1.0


@given(times, times, rates, st.randoms())
def test_order_does_not_matter(
    onsets: list[float], peaks: list[float], fps: float, random: np.random.RandomState
) -> None:
    shuffled_onsets, shuffled_peaks = list(onsets), list(peaks)
    random.shuffle(shuffled_onsets)
    random.shuffle(shuffled_peaks)
    for score in (corrected, tempotokens_2023):
        assert score(onsets, peaks, fps) == score(shuffled_onsets, shuffled_peaks, fps)


@given(times, times, rates)
def test_a_lower_frame_rate_never_matches_less(
    onsets: list[float], peaks: list[float], fps: float
) -> None:
    fine, coarse = precision_recall(onsets, peaks, fps), precision_recall(onsets, peaks, fps / 2)
    assert all(c >= f for c, f in zip(coarse, fine, strict=True))


# The metric


def events(*clips: tuple[list[float], list[float]], magnitude: float = 1.0) -> Features:
    """Give the events of clips of 4 s at 8 frames/s, each (onsets, peaks)."""
    rows: list[tuple[float, float, float]] = []
    owner: list[int] = []
    for i, (onsets, peaks) in enumerate(clips):
        mine = [(Kind.CLIP, 4.0, 8.0), (Kind.LEVEL, 0.0, 0.5)]
        mine += [(Kind.ONSET, time, 3.0) for time in onsets]
        mine += [(Kind.PEAK, time, magnitude) for time in peaks]
        rows += mine
        owner += [i] * len(mine)
    names = tuple(f"clip{i}/0" for i in range(len(clips)))
    return Features("av-events-test", np.array(rows, dtype=np.float64), np.array(owner), names)


def test_a_set_scores_the_mean_of_its_clips() -> None:
    judged = AVAlign("corrected", PUBLISHED).score(
        events(([1.0, 2.0], [1.0, 2.0]), ([1.0], [3.0]), ([0.5, 0.6, 2.0], [0.55, 3.0])), None
    )
    assert [clip.value for clip in judged.clips] == pytest.approx([1.0, 0.0, 0.4])
    assert judged.score.value == pytest.approx(1.4 / 3)
    assert judged.score.count == 3
    assert judged.score.extractor == "av-events-test"
    assert judged.score.reference_count is None
    assert judged.score.note == ""


def test_a_clip_tells_why_it_scored_so() -> None:
    judged = AVAlign("corrected", PUBLISHED).score(events(([0.5, 0.6, 2.0], [0.55, 3.0])), None)
    assert judged.clips[0].request_id == "clip0/0"
    assert judged.clips[0].detail == {
        "precision": 2 / 3,
        "recall": 1 / 2,
        "onset_times": (0.5, 0.6, 2.0),
        "motion_peak_times": (0.55, 3.0),
    }


@pytest.mark.parametrize(
    ("variant", "expected"), [*zip(VARIANTS, (0.4, 2 / 3, 1 / 4), strict=True)]
)
def test_variants(variant: Variant, expected: float) -> None:
    judged = AVAlign(variant, PUBLISHED).score(events(([0.5, 0.6, 2.0], [0.55, 3.0])), None)
    assert judged.score.value == pytest.approx(expected)


def test_only_tempotokens_2025_drops_faint_peaks() -> None:
    faint = events(([1.0], [1.0]), magnitude=0.0999)
    enough = events(([1.0], [1.0]), magnitude=0.1)
    assert AVAlign("tempotokens-2025", PUBLISHED).score(faint, None).score.value == 0.0
    assert AVAlign("tempotokens-2025", PUBLISHED).score(enough, None).score.value == 1.0
    assert AVAlign("tempotokens-2023", PUBLISHED).score(faint, None).score.value == 1.0
    assert AVAlign("corrected", PUBLISHED).score(faint, None).score.value == 1.0


def test_the_interval_holds_the_value_and_needs_no_seed() -> None:
    rng = np.random.default_rng(0)
    clips = [(rng.random(5).tolist(), rng.random(5).tolist()) for _ in range(12)]
    score = AVAlign("corrected", PUBLISHED).score(events(*clips), None).score
    assert score.interval is not None
    assert score.interval[0] < score.value < score.interval[1]
    assert AVAlign("corrected", PUBLISHED).score(events(*clips), None).score == score


def test_clips_that_all_score_0_or_1_leave_doubt_within_the_range() -> None:
    perfect = [([1.0], [1.0])] * 5
    mute: list[tuple[list[float], list[float]]] = [([], [])] * 5
    assert AVAlign("corrected", PUBLISHED).score(
        events(*perfect), None
    ).score.interval == pytest.approx((0.5493, 1), abs=1e-4)
    assert AVAlign("corrected", PUBLISHED).score(
        events(*mute), None
    ).score.interval == pytest.approx((0, 0.4507), abs=1e-4)


def test_one_clip_has_no_interval() -> None:
    assert (
        AVAlign("corrected", PUBLISHED).score(events(([1.0], [1.0])), None).score.interval is None
    )


@pytest.mark.parametrize(
    ("clips", "note"),
    [
        ([([], []), ([1.0], [])], "1 of 2 clips has neither onset nor motion peak and counts as 0"),
        (
            [([], []), ([], []), ([], [1.0])],
            "2 of 3 clips have neither onset nor motion peak and count as 0",
        ),
    ],
)
def test_mute_clips_are_counted_aloud(
    clips: list[tuple[list[float], list[float]]], note: str
) -> None:
    assert AVAlign("corrected", PUBLISHED).score(events(*clips), None).score.note == note


def test_no_clips_no_score() -> None:
    nothing = Features("e", np.empty((0, 3)), np.empty(0, dtype=np.int64), ())
    with pytest.raises(ScoreError, match="needs at least one clip"):
        AVAlign("corrected", PUBLISHED).score(nothing, None)


def test_names() -> None:
    metric = AVAlign("corrected", PUBLISHED)
    assert metric.name == "av-align-corrected@published"
    assert metric.title == "AV-Align (corrected, published detectors)"
    native = AVAlign("tempotokens-2023", DETECTORS["miniature"], "native")
    assert native.name == "av-align-tempotokens-2023@miniature+native"
    assert native.title == "AV-Align (tempotokens-2023, miniature detectors, native clips)"
    assert native.extractor.view == "native"
    assert (metric.better, metric.needs_reference) == ("higher", False)


def test_every_metric_has_its_own_name_and_variants_share_an_extractor() -> None:
    views = ("conformed", "native")
    metrics = [
        AVAlign(*these)  # type: ignore[arg-type]
        for these in itertools.product(VARIANTS, DETECTORS.values(), views)
    ]
    assert len({metric.name for metric in metrics}) == len(metrics)
    assert len({metric.extractor.key for metric in metrics}) == len(DETECTORS) * 2


def test_settings_can_be_written_and_tell_everything() -> None:
    settings = json.loads(json.dumps(AVAlign("tempotokens-2025", PUBLISHED).settings))
    assert settings["variant"] == "tempotokens-2025"
    assert settings["floor"] == 0.1
    assert settings["view"] == "conformed"
    assert "1/fps" in settings["window"]
    assert settings["detectors"]["onsets"]["sample_rate"] == 22050
    assert settings["detectors"]["flow"]["winsize"] == 15
    assert set(settings["detectors"]["peaks"].values()) == {0.0}  # every peak counts
