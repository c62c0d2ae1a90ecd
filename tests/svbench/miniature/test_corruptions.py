"""Corrupted clips are worse by the given strength, and a stronger one contains the weaker."""

from __future__ import annotations

import numpy as np
import pytest

from svbench.miniature import corruptions

VIDEO = np.random.default_rng(0).integers(0, 255, (11, 8, 8, 3), dtype=np.uint8)
SOUND = (0.1 * np.random.default_rng(1).standard_normal(16000)).astype(np.float32)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.mark.parametrize("name", list(corruptions.PICTURES))
def test_pictures_keep_their_shape_and_strength_zero_changes_nothing(name: str) -> None:
    worse = corruptions.PICTURES[name]
    assert np.array_equal(worse(VIDEO, 0.0, rng()), VIDEO)
    assert worse(VIDEO, 1.0, rng()).shape == VIDEO.shape
    assert worse(VIDEO, 1.0, rng()).dtype == np.uint8


@pytest.mark.parametrize("name", list(corruptions.SOUNDS))
def test_sound_keeps_its_shape_and_strength_zero_changes_nothing(name: str) -> None:
    worse = corruptions.SOUNDS[name]
    assert np.allclose(worse(SOUND, 0.0, rng()), SOUND, atol=1e-7)
    assert worse(SOUND, 1.0, rng()).shape == SOUND.shape
    assert worse(SOUND, 1.0, rng()).dtype == np.float32


def test_eight_of_ten_frames_are_held_and_never_the_first() -> None:
    held = corruptions.drop_frames(VIDEO, 1.0, rng())
    same = [bool((held[i] == held[i - 1]).all()) for i in range(1, len(held))]
    assert sum(same) == 8
    assert np.array_equal(held[0], VIDEO[0])
    half = corruptions.drop_frames(VIDEO, 0.5, rng())
    assert all(same[i - 1] for i in range(1, 11) if (half[i] == half[i - 1]).all())


def test_forty_of_fifty_packets_are_silent() -> None:
    packets = corruptions.drop_packets(SOUND, 1.0, rng()).reshape(-1, corruptions.PACKET)
    assert (packets == 0).all(axis=1).sum() == 40


def test_four_octaves_below_eight_kilohertz_is_a_sixteenth() -> None:
    spectrum = np.abs(np.fft.rfft(corruptions.low_pass(SOUND, 1.0, rng())))
    assert spectrum[501:].max() < 1e-3
    assert spectrum[:501].max() > 1


@pytest.mark.parametrize(("strength", "level"), [(0.5, 0.01), (1.0, 0.1)])
def test_noise_has_the_level_of_its_strength(strength: float, level: float) -> None:
    silence = np.zeros(16000, np.float32)
    assert corruptions.add_sound_noise(silence, strength, rng()).std() == pytest.approx(
        level, rel=0.03
    )


def test_strengths_are_returned() -> None:
    same, strengths = corruptions.corrupt(VIDEO, corruptions.PICTURES, rng(), 0.0)
    assert same is VIDEO
    assert strengths == [0, 0, 0]
    _, strengths = corruptions.corrupt(VIDEO, corruptions.PICTURES, rng(), 1.0)
    assert all(0 < strength < 1 for strength in strengths)
