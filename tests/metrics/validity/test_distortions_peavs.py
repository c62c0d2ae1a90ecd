"""The published forms do what the released code does, the intended ones what it says."""

from __future__ import annotations

import numpy as np
import pytest

from svbench.errors import ScoreError
from svbench.metrics.validity.distortions import DISTORTIONS
from svbench.types import Clip
from tests.factories.native_clips import numbered, shown

RATE = 16000


def made(name: str, level: float, clip: Clip | None = None, seed: int = 0) -> Clip:
    return DISTORTIONS[name](numbered() if clip is None else clip, level, seed)


@pytest.mark.parametrize("form", ["audio_shift", "audio_shift+intended"])
def test_late_sound_begins_with_silence_and_loses_its_end(form: str) -> None:
    clip = numbered()
    found = made(form, -0.5).audio
    assert found.size == clip.audio.size
    assert not found[:8000].any()
    assert np.array_equal(found[8000:], clip.audio[:-8000])


def test_early_sound_loses_both_ends_as_published_and_one_as_intended() -> None:
    clip = numbered()
    assert np.array_equal(made("audio_shift", 0.5).audio, clip.audio[8000:-8000])
    found = made("audio_shift+intended", 0.5).audio
    assert found.size == clip.audio.size
    assert np.array_equal(found[:-8000], clip.audio[8000:])
    assert not found[-8000:].any()


def test_sound_later_than_the_clip_is_silence_and_sound_earlier_is_refused() -> None:
    clip = numbered(0.3, fps=10)
    assert not made("audio_shift", -2, clip).audio.any()
    assert made("audio_shift", -2, clip).audio.size == clip.audio.size
    assert not made("audio_shift+intended", 2, clip).audio.any()
    with pytest.raises(ScoreError, match=r"audio_shift at level 1: no sound is left .* 0.3 s"):
        made("audio_shift", 1, clip)


def test_fast_sound_ends_early_and_slow_sound_is_cut() -> None:
    clip = numbered()
    step = 0.8 / (clip.audio.size - 1)
    for name, speed, seconds in (("audio_speed_up", 1.5, 4 / 1.5), ("audio_slow_down", 0.5, 4)):
        found = made(name, 0.5).audio
        assert found.size == int(seconds * RATE)
        expected = clip.audio[0] + step * speed * np.arange(found.size)
        assert abs(found - expected).max() < 1.5 * step  # the nearest sample


def test_fast_pictures_end_early_and_slow_ones_are_cut() -> None:
    assert shown(made("video_speed_up", 1 / 3)) == [n * 4 // 3 for n in range(24)]
    assert shown(made("video_slow_down", 0.5)) == [n // 2 for n in range(32)]


def test_the_level_of_muting_is_kept_as_published_and_silent_as_intended() -> None:
    clip = numbered()
    for name, kept, silent in (("inter_muting", 0.3, 0.4), ("inter_muting+intended", 1, 0.3)):
        found = made(name, 0.3).audio
        at = np.arange(found.size) / RATE % (kept + silent)
        edge = np.minimum(abs(at - kept), np.minimum(at, kept + silent - at)) < 1e-4
        assert np.array_equal((found != 0)[~edge], (at < kept)[~edge])
        assert np.array_equal(found[found != 0], clip.audio[found != 0])


def test_gaps_lengthen_the_picture_as_published_only() -> None:
    published, intended = made("video_gaps", 0.5).spec, made("video_gaps+intended", 0.5).spec
    assert published.frames > 32
    assert intended.frames == 32
    frames = shown(made("video_gaps+intended", 0.5))
    there = [n for n in frames if n >= 0]
    assert there == list(range(len(there)))  # later ones only come later
    assert all(frames[n : n + 4] == [-1] * 4 for n in range(0, 32, 4) if frames[n] == -1)


def test_gaps_drop_what_fills_no_segment_as_published_only() -> None:
    clip = numbered(1.25)
    for seed in range(20):
        assert 8 not in shown(made("video_gaps", 1, clip, seed))
    whole = [shown(made("video_gaps+intended", 1, clip, seed)) for seed in range(20)]
    assert list(range(10)) in whole


def test_flicker_blanks_picture_and_sound_at_the_same_times() -> None:
    clip = numbered(fps=50)
    found = made("av_flicker", 0.3, seed=4, clip=clip)
    black = np.array(shown(found)) == -1
    silent = found.audio[:: RATE // 50][: black.size] == 0
    assert 0.1 < black.mean() < 0.9
    assert (black[: silent.size] == silent).mean() > 0.97  # up to a frame at each seam


def test_segments_are_shuffled_with_their_sound() -> None:
    clip = numbered()
    found = made("fragment_shuffle", 0.5, seed=1)
    frames = np.array(shown(found)).reshape(8, 4)
    assert sorted(frames[:, 0]) == list(range(0, 32, 4))
    assert (np.diff(frames, axis=1) == 1).all()
    assert frames[:, 0].tolist() != sorted(frames[:, 0])
    sounds = found.audio.reshape(8, 8000)
    for piece, first in zip(sounds, frames[:, 0], strict=True):
        assert np.array_equal(piece, clip.audio[first * 2000 : first * 2000 + 8000])


@pytest.mark.parametrize("seed", range(5))
def test_the_rest_of_a_shuffle_is_dropped_as_published_and_last_as_intended(seed: int) -> None:
    clip = numbered(4.25)
    assert sorted(shown(made("fragment_shuffle", 1, clip, seed))) == list(range(32))
    found = made("fragment_shuffle+intended", 1, clip, seed)
    assert sorted(shown(found)) == list(range(34))
    assert shown(found)[-2:] == [32, 33]
    assert np.array_equal(found.audio[-4000:], clip.audio[-4000:])


def test_fewer_than_two_segments_are_not_shuffled() -> None:
    assert shown(made("fragment_shuffle", 3)) == list(range(24))
    with pytest.raises(ScoreError, match=r"fragment_shuffle at level 4: no picture is left .* 2 s"):
        made("fragment_shuffle", 4, numbered(2))
    assert shown(made("fragment_shuffle+intended", 4, numbered(2))) == list(range(16))


def test_the_same_times_are_heard_at_any_sample_rate() -> None:
    """What is drawn does not depend on the rate: blanks fall at the same times."""
    silent = [
        (made("av_flicker", 0.3, numbered(rate=rate), 2).audio == 0)[:: rate // 100]
        for rate in (8000, 48000)
    ]
    size = min(map(len, silent))
    assert (silent[0][:size] == silent[1][:size]).mean() > 0.98


def test_sound_that_outlasts_its_picture_keeps_its_tail_only_where_it_is_not_cut() -> None:
    clip = numbered(4)
    longer = Clip(clip.video[:24], clip.audio, numbered(3).spec, clip.frame_times[:24])
    assert made("audio_shift", -0.5, longer).audio.size == 3 * RATE
    assert made("inter_muting", 1, longer).audio.size == 4 * RATE
    assert made("fragment_shuffle+intended", 1, longer).audio.size == 4 * RATE
    assert made("video_slow_down", 0.5, longer).spec.frames == 32  # as long as its sound
