"""Properties that every distortion has, whatever it does."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from svbench.errors import ConfigError, ScoreError
from svbench.metrics.validity.distortions import DISTORTIONS, Distortion
from svbench.types import Clip
from tests.factories.native_clips import numbered, textured

EACH = pytest.mark.parametrize("distortion", DISTORTIONS.values(), ids=DISTORTIONS)
CUT = {"audio_shift", "audio_speed_up", "audio_slow_down", "av_flicker", "fragment_shuffle"}
# level at which nothing happens, and the largest difference in steps of 255 and of full scale
STILL = {
    "audio_shift": (0, 0),
    "audio_shift+intended": (0, 0),
    "inter_muting": (1e6, 0),
    "video_gaps+intended": (1e6, 0),
    "fragment_shuffle+intended": (1e6, 0),
    "video_blur": (1e-6, 0),
    "video_noise": (0, 0),
    "video_drops": (0, 0),
    "video_frame_rate": (1, 0),
    "video_resolution": (1, 0),
    "video_codec": (100, 3),
    "audio_noise": (math.inf, 0),
    "audio_pitch": (0, 0.01),
    "audio_gain": (0, 0),
    "audio_codec": (256, 0.15),
}


def gentle(distortion: Distortion) -> float:
    """Return a level that leaves something of a short clip."""
    arm = next(iter(distortion.arms.values()))
    return 0.3 if distortion.unit == "s" else distortion.levels[arm[0]]


def outcome(distortion: Distortion, clip: Clip, level: float) -> Clip | str:
    """Return the distorted clip, or why there is none."""
    try:
        return distortion(clip, level, 0)
    except ScoreError as error:
        return str(error)


@EACH
def test_names_levels_and_arms_fit(distortion: Distortion) -> None:
    assert DISTORTIONS[distortion.name] is distortion
    assert len(set(distortion.levels)) == len(distortion.levels) == 10
    assert sorted(i for arm in distortion.arms.values() for i in arm) == list(range(10))
    assert all(
        distortion.accepts[0] <= level <= distortion.accepts[1] for level in distortion.levels
    )
    assert distortion.changes
    assert distortion.changes <= {"picture", "sound"}


def test_nine_are_rated_and_intended_forms_stand_beside_published_ones() -> None:
    assert sum(one.rated for one in DISTORTIONS.values()) == 9
    for name, one in DISTORTIONS.items():
        if name.endswith("+intended"):
            published = DISTORTIONS[name.removesuffix("+intended")]
            assert published.remark
            assert (published.levels, published.unit) == (one.levels, one.unit)
            assert not one.rated
    assert all(
        one.rated == (one.source == "PEAVS")
        for one in DISTORTIONS.values()
        if not one.name.endswith("+intended")
    )


@EACH
def test_only_what_is_claimed_is_touched_and_results_are_clips(distortion: Distortion) -> None:
    clip = textured()
    before = clip.video.copy(), clip.audio.copy()
    for level in distortion.levels[::3]:
        found = outcome(distortion, clip, level)
        if isinstance(found, str):
            continue
        assert ("picture" in distortion.changes) != (found.video is clip.video)
        assert ("sound" in distortion.changes) != (found.audio is clip.audio)
        assert found.times is not None
        assert found.audio.dtype == np.float32
        assert abs(found.audio).max() <= 1
    assert np.array_equal(clip.video, before[0])
    assert np.array_equal(clip.audio, before[1])


def alike(one: Clip, other: Clip) -> bool:
    return np.array_equal(one.video, other.video) and np.array_equal(one.audio, other.audio)


@EACH
def test_the_seed_decides_what_is_drawn_and_nothing_else(distortion: Distortion) -> None:
    clip = textured()
    level = 0.3 if distortion.unit == "s" else distortion.levels[5]
    found = [distortion(clip, level, seed) for seed in (1, 1, 2)]
    assert alike(found[0], found[1])
    assert alike(found[0], found[2]) != distortion.draws
    assert not alike(found[0], clip)


@pytest.mark.parametrize("name", STILL)
def test_at_its_limit_a_distortion_does_nothing(name: str) -> None:
    level, most = STILL[name]
    clip = textured()
    found = DISTORTIONS[name](clip, level, 0)
    assert found.video.shape == clip.video.shape
    assert found.audio.shape == clip.audio.shape
    assert abs(found.video.astype(int) - clip.video).max() <= most
    assert np.sqrt(np.mean((found.audio - clip.audio) ** 2)) <= most


@EACH
def test_levels_out_of_range_are_refused_in_one_line(distortion: Distortion) -> None:
    for level in (math.nan, distortion.accepts[0] - 1e9, distortion.accepts[1] + 1e9):
        if math.isnan(level) or math.isfinite(level):
            with pytest.raises(ConfigError, match=r"^[^\n]*found level .* expected [^\n]*$"):
                distortion(numbered(), level, 0)


@EACH
def test_clips_that_are_shorter_than_the_level(distortion: Distortion) -> None:
    """A clip of 0.3 s is distorted, or refused in one line that names the distortion."""
    clip = numbered(0.3, fps=10)
    for level in distortion.levels:
        found = outcome(distortion, clip, level)
        if isinstance(found, str):
            assert re.fullmatch(
                f"{re.escape(distortion.name)} at level {level:g}: no .* left .*", found
            )
        else:
            assert found.spec.frames > 0
            assert found.audio.size > 0


@EACH
def test_a_clip_of_one_frame_and_one_sample(distortion: Distortion) -> None:
    clip = numbered(times=(0.0,), seconds=1 / 16000, fps=10)
    found = [outcome(distortion, clip, level) for level in distortion.levels]
    assert all(isinstance(one, str) or one.spec.frames * one.audio.size for one in found)


@EACH
def test_sound_is_needed_where_it_is_changed(distortion: Distortion) -> None:
    clip = replace(numbered(), audio=np.zeros(0, np.float32))
    if "sound" in distortion.changes:
        with pytest.raises(ScoreError, match="without sound"):
            distortion(clip, gentle(distortion), 0)


@EACH
def test_frames_at_times_of_their_own_and_any_sample_rate(distortion: Distortion) -> None:
    times = tuple(np.cumsum([0.0, *np.tile([0.05, 0.2, 0.125], 10)]))
    clip = numbered(seconds=4, fps=8, rate=22050, times=times, size=(4, 6))
    found = distortion(clip, gentle(distortion), 0)
    assert found.spec.sample_rate == 22050
    assert found.spec.fps == 8
    if "picture" not in distortion.changes:
        assert found.times is clip.times


@EACH
def test_a_conformed_clip_becomes_a_native_one(distortion: Distortion) -> None:
    clip = textured()
    native = distortion(clip, gentle(distortion), 5)
    assert alike(distortion(replace(clip, times=None), gentle(distortion), 5), native)


@EACH
def test_lengths_stay_unless_an_edit_says_otherwise(distortion: Distortion) -> None:
    clip = numbered()
    found = distortion(clip, gentle(distortion), 0)
    if distortion.source == "svbench" or distortion.name == "audio_shift+intended":
        assert found.spec == clip.spec
        assert found.audio.size == clip.audio.size
