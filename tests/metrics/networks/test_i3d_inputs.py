"""Windows and frames for I3D: where windows start, and how frames are resized and cropped."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812

from svbench.metrics.networks.i3d_inputs import centre_square, network_input, window_starts


def video(frames: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (frames, 2, 3, 3), dtype=np.uint8)


def test_windows_of_a_clip() -> None:
    assert window_starts(video(36), "first", 16) == [0]
    assert window_starts(video(36), "all", 16) == [0, 16]
    assert window_starts(video(31), "all", 16) == [0]
    assert window_starts(video(16), "drawn", 16) == [0]


@settings(max_examples=25)
@given(frames=st.integers(16, 40), seed=st.integers(0, 2**31))
def test_a_drawn_window_lies_inside_and_follows_from_pixels_and_seed(
    frames: int, seed: int
) -> None:
    pixels = video(frames, seed)
    (start,) = window_starts(pixels, "drawn", 16, seed)
    assert 0 <= start <= frames - 16
    assert window_starts(pixels[:, ::-1][:, ::-1], "drawn", 16, seed) == [start]


def test_every_window_is_drawn_about_as_often() -> None:
    starts = [window_starts(video(20, seed), "drawn", 16)[0] for seed in range(500)]
    counts = np.bincount(starts, minlength=5)
    assert len(counts) == 5
    # 100 each; chi-square with 4 degrees of freedom exceeds 18.5 once in a thousand
    assert ((counts - 100) ** 2 / 100).sum() < 18.5
    others = [window_starts(video(20, seed), "drawn", 16, seed=1)[0] for seed in range(500)]
    assert starts != others


def test_frames_of_the_right_size_are_only_scaled() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    for resize in ("stretch", "crop"):
        x = network_input(frames, 8, resize)
        assert x.shape == (3, 3, 8, 8)
        np.testing.assert_allclose(x.permute(1, 2, 3, 0), frames / 127.5 - 1, atol=1e-6)


def test_a_square_is_cut_out_of_the_middle_in_whole_numbers() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 8, 12, 3), dtype=np.uint8)
    same = centre_square(
        frames, 8
    )  # already of that height: the middle, in numbers cut off, not rounded
    off = frames[:, :, 2:10].astype(int) - same
    assert same.dtype == np.uint8
    assert set(np.unique(off)) <= {0, 1}
    small = centre_square(np.full((2, 64, 32, 3), 77, np.uint8), 16)
    assert small.shape == (2, 16, 16, 3)
    assert np.abs(small.astype(int) - 77).max() <= 1
    checks = np.indices((32, 32)).sum(axis=0) % 2 * np.uint8(255)
    grey = centre_square(np.repeat(checks[None, ..., None], 3, -1), 16)
    assert np.abs(grey[:, 2:-2, 2:-2].astype(int) - 127).max() <= 1  # antialiased


@pytest.mark.parametrize(("height", "width"), [(16, 21), (21, 16), (8, 9), (5, 31)])
def test_crop_keeps_the_middle_of_what_the_short_side_makes(height: int, width: int) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    size, short = 8, min(height, width)
    target = [-(-n * size // short) for n in (height, width)]
    assert min(target) == size
    whole = F.interpolate(
        torch.from_numpy(frames).permute(0, 3, 1, 2).float(), target, mode="bilinear"
    )
    top, left = ((n - size) // 2 for n in target)
    expected = whole[:, :, top : top + size, left : left + size].permute(1, 0, 2, 3) / 127.5 - 1
    np.testing.assert_allclose(network_input(frames, size, "crop"), expected, atol=1e-6)
