"""Noticing: closed forms of the effect, the level from which on it is enough, and people."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from svbench.errors import ScoreError
from svbench.metrics.validity.human_scores import load_human_scores
from svbench.metrics.validity.noticing import (
    Noticed,
    effect_interval,
    noticed_by_metric,
    noticed_by_people,
    noticed_by_sets,
)
from svbench.power import detectable_effect

HUMAN = load_human_scores()
ENOUGH = detectable_effect(40)
LATE, EARLY = range(3, 10), (2, 1, 0)  # of PEAVS's audio shift: -.045 to -2 s, .125 to 1 s


def with_effects(effects: list[float], clips: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Return scores whose differences have exactly these effects."""
    gaps = np.random.default_rng(0).standard_normal(clips)
    gaps = (gaps - gaps.mean()) / gaps.std(ddof=1)
    undistorted = np.random.default_rng(1).uniform(size=clips)
    return undistorted, np.array([undistorted - (effect + gaps) for effect in effects])


def noticed(effects: list[float]) -> Noticed:
    return noticed_by_metric(*with_effects(effects), "higher")


def values(found: Noticed) -> list[float | None]:
    return [None if one is None else one.value for one in found.effects]


# --- which level -------------------------------------------------------------------------------


def test_the_effect_that_is_just_enough() -> None:
    assert pytest.approx(0.4542, abs=1e-4) == ENOUGH
    assert noticed([ENOUGH * 1.001]).first == 0
    assert noticed([ENOUGH * 0.999]).first is None


def test_all_more_severe_levels_are_noticed_too() -> None:
    assert noticed([0.1, 0.6, 0.9]).first == 1
    assert noticed([0.6, 0.1, 0.9]).first == 2
    assert noticed([0.6, 0.9, 0.1]).first is None
    assert noticed([0.6, 0.9, 1.5]).first == 0


def test_a_change_for_the_better_is_no_noticing() -> None:
    assert noticed([-0.9, -2.0]).first is None
    undistorted, distorted = with_effects([0.6, 0.9])
    assert noticed_by_metric(-undistorted, -distorted, "lower").first == 0
    assert noticed_by_metric(undistorted, distorted, "lower").first is None


def test_fewer_planned_clips_need_larger_effects() -> None:
    undistorted, distorted = with_effects([0.3, 0.5, 0.9])
    firsts = [noticed_by_metric(undistorted, distorted, "higher", n=n).first for n in (10, 40, 400)]
    assert firsts == [None if detectable_effect(10) > 0.9 else 2, 1, 0]


def test_the_effects_are_those_of_the_clips() -> None:
    found = noticed([0.2, 0.7])
    assert values(found) == [pytest.approx(0.2), pytest.approx(0.7)]
    assert [one.count for one in found.effects if one] == [20, 20]


def test_effects_are_certain_within_their_intervals() -> None:
    found = noticed([0.0, 0.3, 0.7, 1.5])  # about ±.46, ±.47, ±.5, ±.6
    assert (found.earliest, found.first, found.latest) == (1, 2, 3)


def test_what_does_not_scatter_is_always_or_never_noticed() -> None:
    clips = np.linspace(0, 1, 9)
    found = noticed_by_metric(clips, np.array([clips, clips + 0.0, clips - 0.5]), "higher")
    assert values(found) == [0.0, 0.0, math.inf]
    assert (found.earliest, found.first, found.latest) == (2, 2, 2)
    assert values(noticed_by_metric(clips, clips[None] + 0.5, "higher")) == [-math.inf]


def test_clips_without_both_scores_and_levels_without_clips_are_passed_over() -> None:
    undistorted, distorted = with_effects([0.1, 0.6, 0.6, 0.9])
    undistorted[0] = np.nan
    distorted[2, 1:] = np.nan
    distorted[1, 5] = np.nan
    found = noticed_by_metric(undistorted, distorted, "higher")
    assert values(found)[2] is None
    assert [one.count for one in found.effects if one] == [19, 18, 19]
    assert found.first == 1


def test_refuses_scores_of_other_clips() -> None:
    with pytest.raises(ScoreError, match=r"found scores of shape \(3,\) undistorted and \(2, 4\)"):
        noticed_by_metric(np.ones(3), np.ones((2, 4)), "higher")
    with pytest.raises(ScoreError, match="found 1 pairs"):
        noticed_by_metric(np.ones(3), np.ones((2, 3)), "higher", n=1)


# --- the interval of an effect -----------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3, 5, 19, 40, 200])
@pytest.mark.parametrize("effect", [0.0, 0.1, 0.454, 2.0, 10.0, -0.454, -3.0])
def test_the_interval_turns_the_noncentral_t_round(effect: float, count: int) -> None:
    low, high = effect_interval(effect, count)
    assert low < effect < high
    root = math.sqrt(count)
    sign = math.copysign(1, effect)  # of two tails scipy knows the one of positive t
    shares = [
        scipy.stats.nct.cdf(abs(effect) * root, count - 1, sign * end * root) for end in (low, high)
    ]
    assert sorted(shares) == pytest.approx([0.025, 0.975], abs=1e-9)


def test_the_interval_that_the_docstring_states() -> None:
    assert effect_interval(0.454, 19) == pytest.approx((-0.02, 0.92), abs=0.005)


@pytest.mark.parametrize("effect", [1e4, 1e6, 1e12])
def test_the_interval_of_vast_effects_is_that_of_the_deviation(effect: float) -> None:
    low, high = effect_interval(effect, 19)
    expected = np.sqrt(scipy.stats.chi2.ppf([0.025, 0.975], 18) / 18)
    assert (low / effect, high / effect) == pytest.approx(tuple(expected), rel=1e-4)


def test_the_interval_covers_the_effect() -> None:
    drawn = np.random.default_rng(0).normal(0.5, 1.0, size=(400, 19))
    ends = [effect_interval(float(g.mean() / g.std(ddof=1)), 19) for g in drawn]
    assert np.mean([low <= 0.5 <= high for low, high in ends]) == pytest.approx(0.95, abs=0.025)


def test_refuses_effects_without_an_interval() -> None:
    with pytest.raises(ScoreError, match="of 1 pairs"):
        effect_interval(0.5, 1)
    with pytest.raises(ScoreError, match="the effect inf"):
        effect_interval(math.inf, 5)


# --- sets and people ---------------------------------------------------------------------------


def test_a_set_whose_score_is_a_mean_has_the_effect_of_its_clips() -> None:
    rng = np.random.default_rng(0)
    gaps = rng.normal([[0.1], [0.6], [0.9]], 1.0, size=(3, 25))
    drawn = gaps[:, rng.integers(25, size=(4000, 25))].mean(axis=2).T
    of_set = noticed_by_sets(gaps.mean(axis=1), drawn, 25)
    of_clips = noticed_by_metric(np.zeros(25), -gaps, "higher")
    assert values(of_set) == pytest.approx(values(of_clips), rel=0.06)
    assert of_set.first == of_clips.first


def test_sets_that_differ_without_scatter_or_have_no_score() -> None:
    draws = np.column_stack([np.zeros(5), np.ones(5), np.full(5, np.nan)])
    assert values(noticed_by_sets(np.array([0.0, 1.0, np.nan]), draws, 8)) == [0, math.inf, None]
    with pytest.raises(ScoreError, match="1 clips"):
        noticed_by_sets(np.zeros(3), draws, 1)


def test_people_notice_late_sound_from_a_quarter_of_a_second_on_and_early_sound_sooner() -> None:
    late = noticed_by_people(HUMAN, "audio_shift", LATE)
    assert late.first == 3  # -.25 s
    assert (late.earliest, late.latest) == (2, 4)  # between -.125 and -.5 s
    assert noticed_by_people(HUMAN, "audio_shift", EARLY).first == 0  # .125 s
    assert [one.count for one in late.effects if one] == [42, 41, 39, 35, 10, 22, 35]


def test_pairs_tell_of_people_what_all_their_videos_tell() -> None:
    """Unpaired, of some 167 videos a level and 46 originals, the same levels are far enough."""
    originals = HUMAN.originals[np.isfinite(HUMAN.originals)]
    paired = values(noticed_by_people(HUMAN, "audio_shift", LATE))
    for effect, level in zip(paired, HUMAN.of("audio_shift")[list(LATE)], strict=True):
        clips = level[np.isfinite(level)]
        both = math.sqrt((originals.var(ddof=1) + clips.var(ddof=1)) / 2)
        unpaired = (originals.mean() - clips.mean()) / both
        assert effect is not None
        assert (effect > ENOUGH) == (unpaired > 0.634)  # 40 and 40 unpaired clips need .634


def test_people_did_not_rate_blur() -> None:
    with pytest.raises(ScoreError, match="people rated no 'blur'"):
        noticed_by_people(HUMAN, "blur", range(3))
