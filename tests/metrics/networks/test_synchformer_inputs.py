"""What Synchformer gets: frames by the rule of ffmpeg, sound, spectrograms."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from svbench.errors import ConfigError
from svbench.metrics.networks.synchformer_config import PUBLISHED, Size, SynchformerConfig
from svbench.metrics.networks.synchformer_inputs import (
    MEL_MEAN,
    MEL_SPREAD,
    Material,
    frame_choice,
    log_mel,
    prepare,
    window_starts,
)
from svbench.types import Clip, ClipSpec
from tests.factories.small_synchformer import CONFIG


def by_fractions(rate: Fraction, count: int) -> list[int]:
    """Return the frames by the definition: the last with floor(25 t + 1/2) <= i."""
    half, ticks = Fraction(1, 2), []
    for source in range(count + 1):
        ticks.append((25 * source / rate + half).__floor__())
    return [max(s for s in range(count) if ticks[s] <= i) for i in range(ticks[-1])]


@pytest.mark.parametrize(
    "rate", [Fraction(r) for r in (8, 12, 15, 24, 25, 30, 50, 60)] + [Fraction(30000, 1001)]
)
def test_frames_follow_the_definition_at_every_rate(rate: Fraction) -> None:
    times = np.arange(97) / float(rate)
    assert frame_choice(times, float(rate)).tolist() == by_fractions(rate, 97)


def test_of_equally_near_frames_the_later_is_taken() -> None:
    # at 30 frames/s, frame 3 is shown at 2.5 frames of 1/25 s
    assert frame_choice(np.arange(5) / 30, 30.0).tolist() == [0, 1, 2, 4]


def test_a_late_frame_is_not_shown_early() -> None:
    chosen = frame_choice(np.array([0.0, 0.5]), 10.0)
    assert chosen.tolist() == [0] * 13 + [1, 1]  # 12.5 rounds up; the last lasts 0.1 s


def clip(frames: int, fps: float, seconds_of_sound: float) -> Clip:
    video = np.zeros((frames, 32, 32, 3), np.uint8)
    sound = np.full(round(seconds_of_sound * 16000), 0.5, np.float32)
    return Clip(video, sound, ClipSpec(frames, fps, (32, 32), 16000), np.arange(frames) / fps)


def test_sound_lasts_as_long_as_the_frames() -> None:
    short = prepare(clip(16, 8.0, 1.9), CONFIG)
    assert (len(short.frames), len(short.sound)) == (50, 32000)
    assert not short.sound[round(1.9 * 16000) :].any()
    longer = prepare(clip(16, 8.0, 3.0), CONFIG)
    assert len(longer.sound) == 32000
    assert longer.sound.all()
    assert len(prepare(clip(16, 8.0, 3.0), CONFIG, most=20).frames) == 20


def test_segments_of_a_clip_and_of_its_first_seconds() -> None:
    whole = Material(np.zeros((120, 32, 32, 3), np.uint8), np.zeros(76800, np.float32))
    assert whole.segments == PUBLISHED.segments == 14
    assert whole.cut(119).segments == 13
    assert whole.cut(15).segments == 0
    filled = whole.cut(100).filled(120)
    assert (filled.segments, len(filled.sound)) == (14, 76800)
    assert whole.filled(10).segments == 14


def test_pixels_and_spectrograms_of_black_and_silence() -> None:
    black = Material(np.zeros((16, 32, 32, 3), np.uint8), np.zeros(10240, np.float32))
    assert (black.pictures(0) == -1).all()
    mel = black.mel(0, 32).numpy()
    assert mel.shape == (32, 66)
    silence = (np.log(1e-6) - MEL_MEAN) / (2 * MEL_SPREAD)
    np.testing.assert_allclose(mel[:, :65], silence, rtol=1e-5)
    np.testing.assert_allclose(mel[:, 65], -MEL_MEAN / (2 * MEL_SPREAD), rtol=1e-6)


def test_a_tone_is_loudest_in_its_band() -> None:
    time = np.arange(10240) / 16000
    mel = log_mel(np.sin(2 * np.pi * 1000 * time).astype(np.float32), 128)[:, 10:50].mean(1)
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 130) / 2595) - 1)
    loudest = int(mel.argmax())
    assert edges[loudest] < 1000 < edges[loudest + 2]


@pytest.mark.parametrize(
    ("segments", "starts"),
    [(14, [0]), (17, [0, 3]), (24, [0, 10]), (28, [0, 14]), (29, [0, 14, 15])],
)
def test_windows_follow_each_other_and_the_last_ends_with_the_clip(
    segments: int, starts: list[int]
) -> None:
    assert list(window_starts(segments, 14)) == starts


def test_the_published_sizes() -> None:
    assert (PUBLISHED.positions, PUBLISHED.least_frames) == (198, 120)
    assert PUBLISHED.least_seconds == 4.8
    np.testing.assert_allclose(PUBLISHED.offsets, np.arange(-10, 11) / 5, atol=1e-12)


def test_sizes_are_read_from_plain_values_and_checked() -> None:
    assert SynchformerConfig.of({"width": 24, "video": {"layers": 1, "heads": 12}}) == replace(
        PUBLISHED, width=24, video=Size(1, 12)
    )
    with pytest.raises(ConfigError, match="all heads divide"):
        SynchformerConfig(width=100)
