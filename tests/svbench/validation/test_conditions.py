"""Conditions: their names, seeds and digests."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.errors import ConfigError
from svbench.metrics.validity import distortions
from svbench.metrics.validity.distortions import DISTORTIONS
from svbench.types import Recording, Sample
from svbench.validation.conditions import UNDISTORTED, Condition, chosen, conditions_of

SAMPLE = Sample("a/0", "a dog", Recording(Path("a.mp4")), "digest")
DRAWING = Condition("fragment_shuffle", 0.5)
FIXED = Condition("audio_shift", -0.5)


def test_all_levels_of_all_distortions_stand_behind_the_undistorted_clips() -> None:
    found = list(conditions_of(DISTORTIONS))
    assert found[0] == UNDISTORTED
    assert len(found) == 1 + sum(len(one.levels) for one in DISTORTIONS.values())
    assert len({str(one) for one in found}) == len(found)
    assert str(FIXED) == "audio_shift -0.5"


def test_distortions_are_chosen_by_name() -> None:
    published = [name for name in DISTORTIONS if not name.endswith("+intended")]
    assert list(chosen([], 10)) == published
    assert list(chosen(["av_flicker", "audio_shift+intended"], 10)) == [
        "av_flicker",
        "audio_shift+intended",
    ]
    with pytest.raises(ConfigError, match="--distortions: found 'echo', expected some of audio_sh"):
        chosen(["echo"], 10)


def test_a_seed_depends_on_run_clip_distortion_and_level_alone() -> None:
    other = Sample("b/0", "", SAMPLE.recording, "another")
    seeds = [
        DRAWING.seed(SAMPLE, 0),
        DRAWING.seed(SAMPLE, 1),
        DRAWING.seed(other, 0),
        Condition("fragment_shuffle", 1.0).seed(SAMPLE, 0),
        Condition("av_flicker", 0.5).seed(SAMPLE, 0),
    ]
    assert len(set(seeds)) == len(seeds)
    assert DRAWING.seed(Sample("a/0", "", SAMPLE.recording, "other bytes"), 0) == seeds[0]


def test_a_digest_names_all_that_decides_a_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = [
        UNDISTORTED.of(SAMPLE, 0).digest,
        FIXED.of(SAMPLE, 0).digest,
        Condition("audio_shift", -1.0).of(SAMPLE, 0).digest,
        DRAWING.of(SAMPLE, 0).digest,
        DRAWING.of(SAMPLE, 1).digest,
        FIXED.of(Sample("a/0", "", SAMPLE.recording, "other"), 0).digest,
    ]
    monkeypatch.setattr(distortions, "CODE_VERSION", -1)
    digests.append(FIXED.of(SAMPLE, 0).digest)
    assert len(set(digests)) == len(digests)


def test_what_draws_nothing_is_found_again_whatever_the_seed() -> None:
    assert FIXED.of(SAMPLE, 0) == FIXED.of(SAMPLE, 5)
    assert UNDISTORTED.of(SAMPLE, 0) == UNDISTORTED.of(SAMPLE, 5)


def test_rated_distortions_keep_all_levels_and_the_others_some_from_mild_to_severe() -> None:
    found = chosen([], 5)
    for name, one in found.items():
        whole = DISTORTIONS[name]
        if one.rated:
            assert one is whole
            continue
        assert len(one.levels) == 5
        assert (one.levels[0], one.levels[-1]) == (whole.levels[0], whole.levels[-1])
        for arm, places in one.arms.items():
            mild_to_severe = [whole.levels[place] for place in whole.arms[arm]]
            kept = [one.levels[place] for place in places]
            assert kept == [level for level in mild_to_severe if level in kept]
    assert chosen(["video_blur"], 10)["video_blur"].levels == DISTORTIONS["video_blur"].levels
