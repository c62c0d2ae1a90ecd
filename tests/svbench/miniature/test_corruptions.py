"""Spoilt clips are worse by what was asked for, and a stronger way holds the weaker."""

from __future__ import annotations

import numpy as np
import pytest

from svbench.miniature import corruptions

VIDEO = np.random.default_rng(0).integers(0, 255, (11, 8, 8, 3), dtype=np.uint8)
SOUND = (0.1 * np.random.default_rng(1).standard_normal(16000)).astype(np.float32)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.mark.parametrize("way", list(corruptions.PICTURES))
def test_pictures_keep_their_form_and_strength_zero_keeps_them(way: str) -> None:
    worse = corruptions.PICTURES[way]
    assert np.array_equal(worse(VIDEO, 0.0, rng()), VIDEO)
    assert worse(VIDEO, 1.0, rng()).shape == VIDEO.shape
    assert worse(VIDEO, 1.0, rng()).dtype == np.uint8


@pytest.mark.parametrize("way", list(corruptions.SOUNDS))
def test_sound_keeps_its_form_and_strength_zero_keeps_it(way: str) -> None:
    worse = corruptions.SOUNDS[way]
    assert np.allclose(worse(SOUND, 0.0, rng()), SOUND, atol=1e-7)
    assert worse(SOUND, 1.0, rng()).shape == SOUND.shape
    assert worse(SOUND, 1.0, rng()).dtype == np.float32


def test_eight_of_ten_frames_are_held_and_never_the_first() -> None:
    held = corruptions.stuttering(VIDEO, 1.0, rng())
    same = [bool((held[i] == held[i - 1]).all()) for i in range(1, len(held))]
    assert sum(same) == 8
    assert np.array_equal(held[0], VIDEO[0])
    half = corruptions.stuttering(VIDEO, 0.5, rng())
    assert all(same[i - 1] for i in range(1, 11) if (half[i] == half[i - 1]).all())


def test_forty_of_fifty_packets_are_silent() -> None:
    packets = corruptions.patchy(SOUND, 1.0, rng()).reshape(-1, corruptions.PACKET)
    assert (packets == 0).all(axis=1).sum() == 40


def test_four_octaves_below_eight_kilohertz_is_a_sixteenth() -> None:
    spectrum = np.abs(np.fft.rfft(corruptions.muffled(SOUND, 1.0, rng())))
    assert spectrum[501:].max() < 1e-3
    assert spectrum[:501].max() > 1


@pytest.mark.parametrize(("strength", "level"), [(0.5, 0.01), (1.0, 0.1)])
def test_noise_is_as_loud_as_it_says(strength: float, level: float) -> None:
    silence = np.zeros(16000, np.float32)
    assert corruptions.hissing(silence, strength, rng()).std() == pytest.approx(level, rel=0.03)


def test_what_was_done_is_told() -> None:
    same, strengths = corruptions.spoilt(VIDEO, corruptions.PICTURES, rng(), 0.0)
    assert same is VIDEO
    assert strengths == [0, 0, 0]
    _, strengths = corruptions.spoilt(VIDEO, corruptions.PICTURES, rng(), 1.0)
    assert all(0 < strength < 1 for strength in strengths)
