"""Pairs of sparse frames, as av-benchmark gives them to ImageBind: which frames, which crops."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from svbench.errors import ScoreError
from svbench.metrics.imagebind_scores import IB, ImageBindEmbeddings
from svbench.metrics.networks.imagebind_inputs import PIXEL_MEAN, PIXEL_SPREAD, PROTOCOLS
from svbench.metrics.networks.imagebind_pairs import pair_crops, sparse_frames
from svbench.types import Clip, ClipSpec
from tests.factories.clips import make_clip
from tests.factories.small_imagebind import SMALL, small_extractor

RATE = 0.5


def counted(seconds: float, fps: float, size: tuple[int, int] = (32, 48)) -> Clip:
    """Return a clip whose frame i is of grey level i."""
    frames = round(seconds * fps)
    levels = np.arange(frames, dtype=np.uint8)[:, None, None, None]
    video = np.broadcast_to(levels, (frames, *size, 3)).copy()
    spec = ClipSpec(frames, fps, size, 16000)
    return Clip(video, np.zeros(spec.samples, np.float32), spec)


def grey(pixels: torch.Tensor) -> list[float]:
    """Return the level of each frame of an input (3, F, S, S)."""
    mean, spread = (torch.tensor(of).view(-1, 1, 1, 1) for of in (PIXEL_MEAN, PIXEL_SPREAD))
    return ((pixels * spread + mean) * 255).mean(dim=(0, 2, 3)).round().tolist()


@pytest.mark.parametrize(
    ("seconds", "fps", "chosen"),
    [
        (8.0, 10.0, [9, 29, 49, 69]),  # the last frame before 1, 3, 5 and 7 s
        (8.9, 10.0, [9, 29, 49, 69]),
        (4.0, 8.0, [7, 23]),
        (10.0, 25.0, [24, 74, 124, 174, 224]),
    ],
)
def test_frames_are_the_last_before_odd_seconds(
    seconds: float, fps: float, chosen: list[int]
) -> None:
    assert sparse_frames(counted(seconds, fps, (2, 2)), RATE, 2).tolist() == chosen


def test_a_length_that_is_even_but_for_rounding_is_even() -> None:
    clip = counted(8.0, 10.0, (2, 2))
    native = replace(clip, times=np.arange(80) * 0.1)
    assert float(native.frame_times[-1]) + 0.1 <= 8.0
    assert len(sparse_frames(native, RATE, 2)) == 4


def test_frames_are_chosen_by_their_time_stamps() -> None:
    clip = counted(8.0, 10.0, (2, 2))
    late = np.arange(80) / 10 + (np.arange(80) > 20) * 0.05
    assert sparse_frames(replace(clip, times=late), RATE, 2).tolist() == [9, 29, 49, 69]
    assert sparse_frames(replace(clip, times=late + (late > 2) * 0.06), RATE, 2)[1] == 28


def test_inputs_are_neighbours_and_three_crops() -> None:
    inputs, which = pair_crops(counted(8.0, 10.0), RATE, 3, SMALL)
    assert tuple(inputs.shape) == (9, 3, 2, 32, 32)
    assert which.tolist() == list(range(9))
    pairs = [grey(inputs[i]) for i in which]
    assert pairs == [[9, 29]] * 3 + [[29, 49]] * 3 + [[49, 69]] * 3


def test_equal_crops_of_a_square_picture_are_one_input() -> None:
    inputs, which = pair_crops(counted(8.0, 10.0, (40, 40)), RATE, 3, SMALL)
    assert len(inputs) == 3
    assert which.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("upright", [False, True])
def test_crops_are_left_middle_and_right_or_top_middle_and_bottom(upright: bool) -> None:
    clip = counted(4.0, 10.0)
    ramp = np.arange(48, dtype=np.uint8)[None, None, :, None]
    video = np.broadcast_to(ramp, clip.video.shape).copy()
    if upright:
        video = np.ascontiguousarray(video.transpose(0, 2, 1, 3))
    spec = replace(clip.spec, size=(48, 32) if upright else (32, 48))
    inputs, which = pair_crops(Clip(video, clip.audio, spec), RATE, 3, SMALL)
    along = [inputs[i][:, :1].transpose(2, 3) if upright else inputs[i][:, :1] for i in which]
    assert [grey(one[..., :1])[0] for one in along] == [0, 8, 16]


def test_less_than_a_pair_is_refused() -> None:
    with pytest.raises(ScoreError, match=r"lasts 3.9 s, expected at least 4 s: 2 frames at 0.5"):
        pair_crops(counted(3.9, 10.0), RATE, 3, SMALL)


def test_the_preset_embeds_pairs_and_is_another_metric(tmp_path: Path) -> None:
    spec = ClipSpec(64, 8.0, (32, 48), 16000)
    clips = [make_clip(seed, spec) for seed in range(2)]
    usual = small_extractor(tmp_path, "published-leaky")
    protocol = PROTOCOLS["av-benchmark"]
    pairs = replace(usual, protocol=protocol, view=protocol.view)
    assert pairs.key != usual.key
    assert (IB("ib-av", pairs).name, pairs.view) == ("ib-av@av-benchmark", "native")
    for ours, theirs in zip(pairs(clips, ["", ""]), usual(clips, ["", ""]), strict=True):
        assert np.array_equal(ours[1], theirs[1])  # sound
        assert not np.array_equal(ours[0], theirs[0])  # pictures
    inputs, _ = pair_crops(clips[0], RATE, 3, SMALL)
    assert np.allclose(pairs(clips[:1], [""])[0][0, 1:], _mean(pairs, inputs), atol=1e-6)


def _mean(extractor: ImageBindEmbeddings, inputs: torch.Tensor) -> np.ndarray:
    rows: np.ndarray = torch.stack(extractor._forward(inputs, "vision")).numpy().mean(axis=0)
    return rows


def test_keys_of_other_protocols_do_not_name_pairs() -> None:
    assert "pairs" not in PROTOCOLS["published"].settings
    assert PROTOCOLS["av-benchmark"].settings["pairs"] == RATE
