"""Input transforms of ImageBind: windows by hand, crops, spectrograms without leaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from svbench.errors import ConfigError, ScoreError
from svbench.metrics.networks.imagebind_config import HUGE
from svbench.metrics.networks.imagebind_inputs import (
    MEL_MEAN,
    MEL_SPREAD,
    PROTOCOLS,
    InputProtocol,
    fbank,
    frame_indices,
    spectrograms,
    video_crops,
    windows,
)
from tests.factories.small_imagebind import SMALL

PUBLISHED = PROTOCOLS["published"]
LEAKY = PROTOCOLS["published-leaky"]


def noise(samples: int, seed: int = 0) -> np.ndarray:
    """Return noise with mean 0.1, larger than that of recordings."""
    rng = np.random.default_rng(seed)
    return (0.1 + 0.2 * rng.standard_normal(samples)).clip(-1, 1).astype(np.float32)


def pictures(count: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def test_windows_of_four_seconds() -> None:
    # the last start is 2 s: i * 2 / 4 and i * 2 / 2, or in release 0.1.5 i * 2 / 5 and i * 2 / 3
    starts = [start for start, _ in windows(4.0, 5, 2.0, "first-to-last")]
    assert starts == [0, 0.5, 1, 1.5, 2]
    assert windows(4.0, 3, 2.0, "first-to-last") == [(0, 2), (1, 3), (2, 4)]
    late = [float(start) for start, _ in windows(4.0, 5, 2.0, "first-to-before-last")]
    assert late == [0, 0.4, 0.8, 1.2, 1.6]
    assert windows(1.5, 3, 2.0, "first-to-last") == [(0, 2)] * 3
    assert windows(4.0, 1, 2.0, "first-to-last") == [(0, 2)]


def test_frames_are_the_first_and_last_of_a_window() -> None:
    # 8 frames/s: from 0, 4, 8, 12, 16, each 16 frames long
    assert frame_indices(32, 8.0, PUBLISHED, 2) == [(0, 15), (4, 19), (8, 23), (12, 27), (16, 31)]
    assert frame_indices(32, 8.0, PUBLISHED, 3)[0] == (0, 7, 15)
    # a clip of 1 s is all there is to see; one frame is first and last
    assert frame_indices(8, 8.0, PUBLISHED, 2) == [(0, 7)] * 5
    assert frame_indices(1, 8.0, PUBLISHED, 2) == [(0, 0)] * 5


def test_too_few_frames_per_second() -> None:
    with pytest.raises(ScoreError, match=r"no frame at 0\.3 frames/s"):
        frame_indices(2, 0.3, PUBLISHED, 2)


@pytest.mark.parametrize(
    ("size", "distinct"), [((32, 32), 1), ((32, 50), 3), ((50, 32), 3), ((64, 65), 1)]
)
def test_crops_that_come_once_are_all_crops(size: tuple[int, int], distinct: int) -> None:
    video = pictures(32, *size)
    crops, which = video_crops(video, 8.0, PUBLISHED, SMALL)
    assert crops.shape == (5 * distinct, 3, 2, 32, 32)
    assert len(which) == 15
    sampled = frame_indices(32, 8.0, PUBLISHED, 2)
    one_by_one = [
        video_crops(video[list(frames)], 2.0, replace(PUBLISHED, video_windows=1, seconds=1), SMALL)
        for frames in sampled
    ]
    full = torch.cat([part[index] for part, index in one_by_one])
    torch.testing.assert_close(crops[which], full, rtol=0, atol=1e-5)  # shapes change roundings


def test_crops_are_left_middle_right() -> None:
    video = np.zeros((32, 32, 64, 3), np.uint8)
    video[:, :, 40:] = 255  # dark up to column 40, bright from there
    crops, which = video_crops(video, 8.0, PUBLISHED, SMALL)
    bright = (crops[which][:3] > 0).float().mean(dim=(1, 2, 3, 4))
    assert bright.tolist() == [0, 8 / 32, 24 / 32]
    middle, _ = video_crops(video, 8.0, replace(PUBLISHED, crops=1), SMALL)
    assert torch.equal(middle, crops[which][1::3])


def test_pixels_are_normalised_as_clip_does() -> None:
    video = np.full((32, 32, 32, 3), 255, np.uint8)
    crops, _ = video_crops(video, 8.0, PUBLISHED, SMALL)
    expected = (1 - 0.48145466) / 0.26862954
    assert crops[0, 0, 0, 0, 0].item() == pytest.approx(expected)


def test_means_do_not_leak_unless_asked() -> None:
    sound = noise(64000)
    kept = sound.copy()
    clean, leaky = (spectrograms(sound, 16000, p, HUGE) for p in (PUBLISHED, LEAKY))
    assert np.array_equal(sound, kept)
    assert clean.shape == (3, 1, 128, 204)
    assert torch.equal(clean[0], leaky[0])
    assert not torch.equal(clean[1], leaky[1])
    # a window is independent of the others
    alone = spectrograms(sound[16000:48000], 16000, replace(PUBLISHED, audio_windows=1), HUGE)
    assert torch.equal(clean[1], alone[0])


def test_short_sound_is_filled_up_before_it_is_normalised() -> None:
    found = spectrograms(noise(16000), 16000, PUBLISHED, HUGE)
    assert found.shape == (3, 1, 128, 204)
    assert torch.equal(found[0], found[2])
    frames = 1 + (16000 - 400) // 160  # 98
    filled = torch.full((128, 204 - frames), -MEL_MEAN / MEL_SPREAD)
    torch.testing.assert_close(found[0, 0, :, frames:], filled)
    assert found[0, 0, :, frames - 1].std() > 0.01


def test_sound_shorter_than_a_spectrum_is_refused() -> None:
    with pytest.raises(
        ScoreError, match=r"399 samples at 16000 Hz, expected at least 400 \(25 ms\)"
    ):
        spectrograms(noise(399), 16000, PUBLISHED, HUGE)


def test_silence_has_a_spectrogram() -> None:
    found = spectrograms(np.zeros(64000, np.float32), 16000, PUBLISHED, HUGE)
    floor = (np.log(np.finfo(np.float32).eps) - MEL_MEAN) / MEL_SPREAD
    torch.testing.assert_close(found[..., :198], torch.full((3, 1, 128, 198), float(floor)))


def test_a_tone_lies_in_its_bin() -> None:
    # mel(1000) = 1127 ln(1 + 1000/700) = 999.99; bins lie (mel(8000) - mel(20)) / 129 = 21.77
    # apart from mel(20) = 31.75, so the tone is nearest to the centre 999.99 - 31.75 over 21.77,
    # that is 44.5, and bins count from 1: number 43 or 44 here
    times = torch.arange(16000) / 16000
    loudest = fbank(0.5 * torch.sin(2 * torch.pi * 1000 * times), 128).argmax(dim=1)
    assert set(loudest.tolist()) <= {43, 44}


@pytest.mark.parametrize("change", [{"crops": 2}, {"video_windows": 0}, {"seconds": 0.0}])
def test_protocols_that_cannot_be(change: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="ImageBind"):
        InputProtocol("odd", **change)
