"""Impacts: what moves and is stopped, in drawn pictures whose contacts are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from svbench.errors import ConfigError, ScoreError
from svbench.metrics.avalign.detection import EPSILON, TOLERANCE, matching
from svbench.metrics.avalign.impact_model import IMPACT_MODEL
from svbench.metrics.avalign.impact_steps import CURVES
from svbench.metrics.avalign.impacts import ImpactModel, Motion, measure, motion_of, windows
from svbench.miniature.hard_renditions import hard_clip
from svbench.types import Clip, ClipSpec

FPS = 15.0
SIZE = (180, 240)


def falling_bar(frames: int) -> NDArray[np.uint8]:
    """Draw a bar that falls over a textured scene."""
    scene = np.random.default_rng(0).integers(60, 120, SIZE).astype(np.uint8)
    video = np.repeat(scene[None, ..., None], frames, axis=0).repeat(3, axis=-1)
    for i in range(frames):
        video[i, 4 * i : 4 * i + 12, 60:170] = 230
    return video


def test_hits_of_drawn_clips_are_found_by_the_model_of_real_ones() -> None:
    right = moments = 0
    for number in (1, 4, 9):  # 15 and 30 frames/s, shaking cameras, feints
        drawn = hard_clip(0, "train", number)
        motion = motion_of(drawn.clip)
        frames = IMPACT_MODEL.impacts(motion.times, IMPACT_MODEL.trajectory(motion))
        hits = [hit.time for hit in drawn.hits]
        right += len(matching(hits, motion.times[frames], TOLERANCE + EPSILON))
        moments += len(hits) + len(frames)
    assert 2 * right / moments > 0.8  # published motion peaks: 0.3


def test_a_still_picture_has_a_constant_trajectory() -> None:
    still = np.repeat(falling_bar(1), 9, axis=0)
    still[3:, :2, :50] += 1  # what a codec may add
    odds = IMPACT_MODEL.trajectory(measure(still, np.arange(9) / FPS, FPS))
    assert np.ptp(odds) == 0
    assert not len(IMPACT_MODEL.impacts(np.arange(9) / FPS, odds))


def test_every_other_frame_is_used_at_30_frames_per_second() -> None:
    motion = measure(falling_bar(21), np.arange(21) / 30, 30.0)
    assert motion.fps == 15
    np.testing.assert_allclose(motion.times, np.arange(11) / 15)
    assert motion.curves.shape == (11, len(CURVES))


def test_two_frames_are_too_few() -> None:
    with pytest.raises(ScoreError, match="at least 3 frames, got 2"):
        measure(falling_bar(2), np.arange(2) / 30, 30.0)


def test_a_short_clip_of_a_high_rate_is_looked_at_in_smaller_steps() -> None:
    assert len(measure(falling_bar(7), np.arange(7) / 240, 240.0).times) == 3


def test_very_wide_pictures_are_squeezed() -> None:
    wide = np.zeros((3, 8, 4000, 3), np.uint8)
    assert np.isfinite(measure(wide, np.arange(3) / FPS, FPS).curves).all()


def test_a_shorter_frame_is_less_likely_to_hold_a_hit() -> None:
    motion = measure(falling_bar(9), np.arange(9) / FPS, FPS)
    at8 = replace(motion, fps=7.5)
    gain = IMPACT_MODEL.trajectory(at8) - IMPACT_MODEL.trajectory(motion)
    np.testing.assert_allclose(gain, np.log(2))


def test_curves_are_measured_once_a_clip() -> None:
    video = falling_bar(8)
    clip = Clip(video, np.zeros(8, np.float32), ClipSpec(8, FPS, SIZE, 15))
    assert motion_of(clip) is motion_of(clip)


def test_windows_do_not_depend_on_the_size_of_motion() -> None:
    curves = np.random.default_rng(1).uniform(50, 100, (20, len(CURVES)))
    louder = curves * 3
    np.testing.assert_allclose(windows(curves, 1), windows(louder, 1), atol=0.01)
    assert windows(curves, 2).shape == (20, 5 * len(CURVES))


def test_of_near_impacts_the_likelier_counts() -> None:
    model = replace(IMPACT_MODEL, threshold=0.0, refractory=0.2)
    odds = np.array([-1, 0.5, 2.0, 1.0, -1, 0.3, -0.1])
    assert model.impacts(np.arange(7) / 10, odds).tolist() == [2, 5]


def test_a_model_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ConfigError, match=f"needs {3 * len(CURVES)} finite weights"):
        ImpactModel(1, (0.0,), 0.0, 0.0, 0.2)
    with pytest.raises(ConfigError, match=r"refractory time >= 0, got .* -1"):
        replace(IMPACT_MODEL, refractory=-1.0)


def test_motion_is_of_the_frames_used() -> None:
    motion = measure(falling_bar(6), np.array([0, 0.1, 0.2, 0.3, 0.4, 0.5]), 10.0)
    assert isinstance(motion, Motion)
    np.testing.assert_allclose(motion.times, np.arange(6) / 10)
