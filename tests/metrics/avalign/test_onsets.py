"""Onsets: clicks where they were put, nothing in silence, librosa's own numbers."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from numpy.typing import NDArray

from svbench.errors import ConfigError, ScoreError
from svbench.metrics.avalign.onsets import PUBLISHED, OnsetSettings, onset_strength, onset_times

RATE = 16000


def clicks(times: list[float], seconds: float = 3.0) -> NDArray[np.float32]:
    """Return silence with short bursts of noise that begin at `times`."""
    rng = np.random.default_rng(0)
    sound = np.zeros(int(seconds * RATE), dtype=np.float32)
    fade = np.exp(-np.arange(800) / 150)
    for time in times:
        start = int(time * RATE)
        sound[start : start + 800] = 0.5 * fade * rng.standard_normal(800)
    return sound


def test_finds_clicks_where_they_are() -> None:
    put = [0.5, 1.25, 2.0]
    times, strengths = onset_times(clicks(put), RATE)
    # An analysis frame is centred on its time and sees 46 ms ahead of it.
    np.testing.assert_allclose(times, put, atol=0.05)
    assert (strengths > 1).all()
    assert times.dtype == strengths.dtype == np.float64


@pytest.mark.parametrize("settings", [PUBLISHED, OnsetSettings(16000, 256, 1024, delta=0.3)])
@pytest.mark.parametrize("samples", [0, 1, 2, 100, 2047, 16000])
def test_silence_of_any_length_has_no_onset(samples: int, settings: OnsetSettings) -> None:
    times, strengths = onset_times(np.zeros(samples, dtype=np.float32), RATE, settings)
    assert times.shape == strengths.shape == (0,)


def test_one_loud_sample_has_no_onset() -> None:
    assert onset_times(np.ones(1, dtype=np.float32), RATE)[0].size == 0


def test_a_steady_tone_begins_once() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE).astype(np.float32)
    times, _ = onset_times(tone, RATE)
    assert len(times) == 1
    assert times[0] < 0.1


def test_the_published_settings_are_librosas_defaults() -> None:
    sound = np.random.default_rng(1).standard_normal(2 * RATE).astype(np.float32)
    at_22050 = librosa.resample(sound, orig_sr=RATE, target_sr=22050)
    strength = librosa.onset.onset_strength(y=at_22050, sr=22050)
    frames = librosa.onset.onset_detect(onset_envelope=strength, sr=22050)
    times, strengths = onset_times(sound, RATE, PUBLISHED)
    np.testing.assert_array_equal(times, librosa.frames_to_time(frames, sr=22050))
    np.testing.assert_array_equal(strengths, strength[frames])
    assert len(times) > 5


def test_times_lie_on_the_grid_of_the_hop() -> None:
    settings = OnsetSettings(sample_rate=16000, hop_length=256, n_fft=1024)
    times, _ = onset_times(clicks([0.4, 1.1, 2.2]), RATE, settings)
    steps = times * 16000 / 256
    assert len(times) == 3
    np.testing.assert_allclose(steps, steps.round(), atol=1e-9)


def test_a_larger_delta_keeps_what_stands_out() -> None:
    sound = clicks([0.5, 1.5])
    sound += 0.003 * np.random.default_rng(2).standard_normal(len(sound)).astype(np.float32)
    every, _ = onset_times(sound, RATE, OnsetSettings(delta=0.02))
    strong, _ = onset_times(sound, RATE, OnsetSettings(delta=0.4))
    np.testing.assert_allclose(strong, [0.5, 1.5], atol=0.05)
    assert len(every) > len(strong)


def test_onsets_keep_the_waiting_time_apart() -> None:
    sound = clicks([0.5, 0.7, 0.9, 2.0])
    times, _ = onset_times(sound, RATE, OnsetSettings(wait=0.5))
    assert len(times) >= 2
    assert (np.diff(times) > 0.5 - 512 / 22050).all()
    assert len(times) < len(onset_times(sound, RATE)[0])


def test_refuses_stereo() -> None:
    with pytest.raises(ScoreError, match=r"mono sound of shape \(S,\), got \(100, 2\)"):
        onset_times(np.zeros((100, 2), dtype=np.float32), RATE)


@pytest.mark.parametrize(
    "bad", [{"sample_rate": 0}, {"hop_length": 0}, {"delta": -0.1}, {"wait": -1.0}]
)
def test_refuses_impossible_settings(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="onset settings need positive numbers"):
        OnsetSettings(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", [PUBLISHED, OnsetSettings(16000, 256, 1024, 64)])
def test_strength_equals_that_of_librosa_which_makes_its_filters_each_time(
    settings: OnsetSettings,
) -> None:
    sound = np.random.default_rng(1).standard_normal(RATE).astype(np.float32)
    at_rate = librosa.resample(sound, orig_sr=RATE, target_sr=settings.sample_rate)
    expected = librosa.onset.onset_strength(
        y=at_rate,
        sr=settings.sample_rate,
        hop_length=settings.hop_length,
        n_fft=settings.n_fft,
        n_mels=settings.n_mels,
    )
    np.testing.assert_array_equal(onset_strength(sound, RATE, settings), expected)
