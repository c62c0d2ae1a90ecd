"""Losses of a sound, measured by what they are named after."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from svbench.metrics.validity.distortions import DISTORTIONS
from svbench.types import Clip, ClipSpec

Sound = NDArray[np.float32]


def clip_of(sound: Sound, rate: int = 16000) -> Clip:
    spec = ClipSpec(1, 1, (1, 1), rate)
    return Clip(np.zeros((1, 1, 1, 3), np.uint8), sound.astype(np.float32), spec, np.zeros(1))


def made(name: str, level: float, sound: Sound, rate: int = 16000, seed: int = 0) -> Sound:
    return DISTORTIONS[name](clip_of(sound, rate), level, seed).audio


def tone(frequency: float, rate: int = 16000, seconds: float = 1, peak: float = 0.3) -> Sound:
    at = np.arange(round(rate * seconds)) / rate
    return (peak * np.sin(2 * np.pi * frequency * at)).astype(np.float32)


def pitch(sound: Sound, rate: int = 16000) -> float:
    """Return the strongest frequency of the middle, in Hz."""
    middle = sound[sound.size // 4 : -sound.size // 4]
    spectrum = abs(np.fft.rfft(middle * np.hanning(middle.size), 1 << 17))
    return float(np.argmax(spectrum) * rate / (1 << 17))


def ratio(sound: Sound, noise: Sound) -> float:
    return float(
        10 * np.log10(np.mean(sound.astype(float) ** 2) / np.mean(noise.astype(float) ** 2))
    )


@pytest.mark.parametrize("level", DISTORTIONS["audio_noise"].levels)
@pytest.mark.parametrize("peak", [0.01, 0.1])
def test_noise_has_the_stated_ratio_whatever_the_level_of_the_sound(
    level: float, peak: float
) -> None:
    sound = tone(440, peak=peak)
    noise = made("audio_noise", level, sound) - sound
    assert ratio(sound, noise) == pytest.approx(level, abs=0.2)
    assert abs(np.corrcoef(noise[:-1], noise[1:])[0, 1]) < 0.05


def test_silence_stays_silent() -> None:
    silence = np.zeros(8000, np.float32)
    for name in ("audio_noise", "audio_pitch", "audio_gain"):
        for level in DISTORTIONS[name].levels:
            assert not made(name, level, silence).any()
    assert abs(made("audio_codec", 6, silence)).max() < 1e-4


@pytest.mark.parametrize("level", DISTORTIONS["audio_pitch"].levels)
@pytest.mark.parametrize("rate", [16000, 44100])
def test_the_pitch_moves_by_semitones_and_the_length_stays(level: float, rate: int) -> None:
    sound = tone(440, rate)
    found = made("audio_pitch", level, sound, rate)
    assert found.size == sound.size
    assert pitch(found, rate) == pytest.approx(440 * 2 ** (level / 12), rel=0.01)


@pytest.mark.parametrize("size", [1, 2, 5, 100, 2047, 2049])
def test_the_pitch_of_short_sounds(size: int) -> None:
    sound = tone(440)[:size]
    for level in DISTORTIONS["audio_pitch"].levels:
        assert made("audio_pitch", level, sound).size == size


def test_gain_is_in_decibels_and_clips() -> None:
    sound = tone(440, peak=0.3)
    assert made("audio_gain", -20, sound) == pytest.approx(sound * 0.1, abs=1e-7)
    loud = made("audio_gain", 20, sound)
    assert abs(loud).max() == 1
    assert loud == pytest.approx(np.clip(sound * 10, -1, 1), abs=1e-6)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000, 96000])
def test_the_codec_keeps_length_and_time_at_any_rate(rate: int) -> None:
    draws = np.random.default_rng(0)
    sound = np.zeros(rate, np.float32)
    sound[rate // 2 : rate // 2 + rate // 50] = 0.5 * draws.standard_normal(rate // 50).clip(-1, 1)
    found = made("audio_codec", 128, sound, rate)
    assert found.size == sound.size
    centre = [
        np.average(np.arange(rate), weights=x.astype(float) ** 2) / rate for x in (sound, found)
    ]
    assert centre[1] == pytest.approx(centre[0], abs=0.003)


def test_fewer_bits_lose_more() -> None:
    """Of a chord in noise; a codec may miss the wave, so spectra are compared."""
    draws = np.random.default_rng(0)
    sound = tone(440) + tone(1320) + 0.1 * draws.standard_normal(16000).astype(np.float32)

    def spectrum(x: Sound) -> NDArray[np.float64]:
        frames = x[: x.size // 512 * 512].reshape(-1, 512) * np.hanning(512)
        return np.asarray(np.log(abs(np.fft.rfft(frames)) + 1e-3))

    lost = [
        float(np.mean(abs(spectrum(made("audio_codec", level, sound)) - spectrum(sound))))
        for level in (256, 48, 16, 6)
    ]
    assert lost == sorted(lost)
    assert lost[-1] > 2 * lost[0]


@pytest.mark.parametrize("size", [1, 7, 479, 961])
@pytest.mark.parametrize("rate", [16000, 44100])
def test_the_codec_of_short_sounds(size: int, rate: int) -> None:
    for level in DISTORTIONS["audio_codec"].levels:
        assert made("audio_codec", level, tone(440, rate)[:size], rate).size == size
