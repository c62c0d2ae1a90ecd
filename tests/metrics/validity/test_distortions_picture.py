"""Losses of a picture, measured by what they are named after."""

from __future__ import annotations

import numpy as np
import pytest

from svbench.errors import ScoreError
from svbench.metrics.validity.distortions import DISTORTIONS
from svbench.types import Clip, ClipSpec
from tests.factories.native_clips import numbered, shown, textured

GROWING = ("video_blur", "video_noise", "video_drops", "video_frame_rate", "video_resolution")


def flat(grey: int, size: tuple[int, int] = (64, 64), frames: int = 4) -> Clip:
    spec = ClipSpec(frames, 8, size, 8000)
    video = np.full((frames, *size, 3), grey, np.uint8)
    return Clip(video, np.zeros(4000, np.float32), spec, np.arange(frames) / 8)


def made(name: str, level: float, clip: Clip, seed: int = 0) -> Clip:
    return DISTORTIONS[name](clip, level, seed)


@pytest.mark.parametrize("name", [*GROWING, "video_codec"])
def test_errors_grow_from_mild_to_severe(name: str) -> None:
    clip = textured(4, height=200)
    errors = [
        np.mean((made(name, level, clip).video.astype(float) - clip.video) ** 2)
        for level in DISTORTIONS[name].levels
    ]
    assert errors[0] < errors[3] < errors[6] < errors[9]


@pytest.mark.parametrize(
    "name", ["video_blur", "video_drops", "video_frame_rate", "video_resolution", "video_codec"]
)
def test_a_picture_without_content_has_nothing_to_lose(name: str) -> None:
    for level in DISTORTIONS[name].levels:
        assert (made(name, level, flat(128)).video == 128).all()


def test_an_edge_is_blurred_to_a_gaussian_of_the_share_of_the_height() -> None:
    from scipy.stats import norm

    clip = flat(0, (100, 200), 1)
    clip.video[:, :, 100:] = 200
    row = made("video_blur", 0.05, clip).video[0, 50, :, 0]
    assert abs(row - 200 * norm.cdf(np.arange(200) - 99.5, scale=5)).max() <= 2


@pytest.mark.parametrize("level", [1, 5, 18, 40])
def test_noise_is_white_normal_and_of_the_stated_deviation(level: float) -> None:
    noise = made("video_noise", level, flat(128, (128, 128))).video.astype(float) - 128
    if level == 40:
        noise = noise[abs(noise) < 127]  # what is cut
    assert noise.std() == pytest.approx(np.sqrt(level**2 + 1 / 12), rel=0.02)
    assert abs(noise.mean()) < 0.02 * level
    assert np.mean((noise / level) ** 4) == pytest.approx(3, rel=0.3)
    assert abs(np.corrcoef(noise.ravel()[:-1], noise.ravel()[1:])[0, 1]) < 0.02


def test_noise_is_cut_at_black_and_white() -> None:
    for grey in (0, 255):
        video = made("video_noise", 60, flat(grey)).video
        assert 0.45 < (video == grey).mean() < 0.55


def test_lost_frames_are_held_and_what_is_lost_stays_lost() -> None:
    clip = numbered(25)
    kept = [set(shown(made("video_drops", level, clip, 3))) for level in (0.1, 0.3, 0.9)]
    assert kept[0] > kept[1] > kept[2] > {0}
    for share, frames in zip((0.1, 0.3, 0.9), kept, strict=True):
        assert 1 - len(frames) / 200 == pytest.approx(share, abs=0.08)
    found = shown(made("video_drops", 0.3, clip, 3))
    assert found == np.maximum.accumulate(found).tolist()
    assert all(n in (m, m - 1) or n < m for m, n in enumerate(found))
    assert shown(made("video_drops", 1, clip)) == [0] * 200


def test_frames_are_held_by_the_clock() -> None:
    assert shown(made("video_frame_rate", 2, numbered(1))) == [0, 0, 2, 2, 4, 4, 6, 6]
    assert shown(made("video_frame_rate", 1.5, numbered(1))) == [0, 0, 2, 3, 3, 5, 6, 6]
    uneven = numbered(times=(0, 0.05, 0.1, 0.9, 1.0, 1.05), fps=10)
    assert shown(made("video_frame_rate", 2, uneven)) == [0, 0, 0, 3, 4, 4]


def test_resolution_is_the_mean_over_areas() -> None:
    clip = flat(0, (48, 48), 1)
    clip.video[:, ::2] = 200  # finer than what is left
    assert (made("video_resolution", 2, clip).video == 100).all()


def test_small_pictures_keep_a_pixel() -> None:
    clip = numbered(size=(3, 5))
    for level in DISTORTIONS["video_resolution"].levels:
        assert made("video_resolution", level, clip).video.shape == clip.video.shape


def test_colours_survive_the_codec() -> None:
    clip = flat(0, (32, 32), 1)
    clip.video[...] = (200, 60, 20)
    assert abs(made("video_codec", 90, clip).video.astype(int) - clip.video).max() <= 3


def test_frames_that_jpeg_cannot_hold_are_refused() -> None:
    wide = flat(0, (1, 65536), 1)
    with pytest.raises(ScoreError, match="JPEG cannot hold frames of 65536 x 1 px"):
        made("video_codec", 50, wide)
