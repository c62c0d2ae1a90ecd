"""The pieces of synthesised sound, by hand-computed levels, pitches and times."""

from __future__ import annotations

import numpy as np
import pytest

from svbench.miniature.drawing import sounds
from svbench.miniature.drawing.scenes import SPEC

RNG = np.random.default_rng


def pitch(sound: sounds.Sound) -> float:
    """Return the strongest frequency, 1/s."""
    return float(np.abs(np.fft.rfft(sound)).argmax() * sounds.RATE / len(sound))


def test_noise_keeps_to_its_band() -> None:
    made = sounds.noise(RNG(0), 1000, 2000)
    power = np.abs(np.fft.rfft(made)) ** 2
    frequency = np.fft.rfftfreq(len(made), 1 / sounds.RATE)
    inside = power[(frequency > 700) & (frequency < 2900)].sum()
    assert len(made) == SPEC.samples
    assert made.std() == pytest.approx(1)
    assert inside > 0.95 * power.sum()
    octave = power[(frequency > 3900) & (frequency < 4100)].mean()  # one above the edge
    middle = power[(frequency > 1350) & (frequency < 1450)].mean()
    assert 10 * np.log10(octave / middle) == pytest.approx(-24, abs=1.5)


def test_tilted_noise_falls_by_6_db_an_octave() -> None:
    power = np.abs(np.fft.rfft(sounds.noise(RNG(0), 20, 8000, tilt=1))) ** 2
    frequency = np.fft.rfftfreq(SPEC.samples, 1 / sounds.RATE)
    low = power[(frequency > 300) & (frequency < 340)].mean()
    high = power[(frequency > 1200) & (frequency < 1360)].mean()
    assert 10 * np.log10(high / low) == pytest.approx(-12, abs=1.5)


def test_a_glide_has_its_pitch_and_its_harmonics() -> None:
    steady = np.full(16000, 400.0)
    spectrum = np.abs(np.fft.rfft(sounds.harmonic_tone(steady, (1, 0.5, 0.25)))) / 8000
    assert spectrum[[400, 800, 1200, 1600]] == pytest.approx([1, 0.5, 0.25, 0], abs=1e-6)
    rising = sounds.harmonic_tone(np.linspace(200, 1000, 16000))
    assert pitch(rising[:3200]) == pytest.approx(280, abs=80)
    assert pitch(rising[-3200:]) == pytest.approx(920, abs=80)


def test_partials_decay() -> None:
    rung = sounds.damped_partials(RNG(0), (500,), (0.1,), (1,), 0.5)
    assert pitch(rung) == pytest.approx(500, abs=3)
    assert np.abs(rung).max() == pytest.approx(1)
    early, late = np.abs(rung[:320]).max(), np.abs(rung[3200:3520]).max()
    assert late / early == pytest.approx(np.exp(-2), rel=0.1)  # 0.2 s later, by 0.1 s each 1/e
    assert rung[-1] == 0


def test_a_bubble_rises() -> None:
    made = sounds.bubble(600, 0.05, rise=0.5)
    half = len(made) // 2
    assert len(made) == 4000  # five times 0.05 s
    assert 600 < pitch(made[:half]) < pitch(made[half:]) < 900


def test_pieces_are_mixed_at_their_times() -> None:
    click = np.array([1.0, -1.0])
    whole = sounds.mixed_at([(0.5, 0.5, click), (3.99995, 1.0, click), (9.0, 1.0, click)])
    assert len(whole) == SPEC.samples
    assert np.flatnonzero(whole).tolist() == [8000, 8001, 63999]  # what is behind the end is cut
    assert whole[[8000, 8001, 63999]].tolist() == [0.5, -0.5, 1.0]


def test_one_sound_repeated_at_frames() -> None:
    whole = sounds.repeated_at(np.ones(1), [2, 15], RNG(0))
    assert np.flatnonzero(whole).tolist() == [8000, 60000]
    assert ((whole[[8000, 60000]] >= 0.75) & (whole[[8000, 60000]] <= 1)).all()


def test_grains_are_as_dense_as_the_drive() -> None:
    drive = np.repeat([0.0, 1.0], 8)
    whole = sounds.grains(RNG(0), [np.ones(1)], drive, 500)
    early, late = np.flatnonzero(whole[:28000]), np.flatnonzero(whole[28000:])
    assert len(early) == 0
    assert len(late) > 450  # a few fall together


def test_a_drive_is_joined_straight_or_held() -> None:
    drive = np.zeros(16)
    drive[1] = 1.0
    straight, held = sounds.interpolated(drive), sounds.stepped(drive, soft=0.05)
    assert straight[[0, 2000, 4000, 6000, 8000]] == pytest.approx([0, 0.5, 1, 0.5, 0])
    assert held[[0, 3999, 4400, 4800, 7999, 8800]] == pytest.approx([0, 0, 0.5, 1, 1, 0], abs=0.01)


def test_mastering_leaves_headroom_and_a_faint_background() -> None:
    quiet = np.zeros(SPEC.samples)
    quiet[0] = 0.01
    made = sounds.mastered(quiet, RNG(0))
    assert made.dtype == np.float32
    assert 0.44 < made[0] < 0.86
    assert 20 * np.log10(made[1:].std()) == pytest.approx(-62, abs=0.5)
