"""ImageBind as av-benchmark runs it: which pairs of sparse frames, which crops, whole clips."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from svbench.errors import ScoreError
from svbench.metrics.imagebind_scores import IB, ImageBindEmbeddings
from svbench.metrics.networks.imagebind import load
from svbench.metrics.networks.imagebind_inputs import PIXEL_MEAN, PIXEL_SPREAD, PROTOCOLS
from svbench.metrics.networks.imagebind_pairs import pair_crops, sparse_frames
from svbench.metrics.networks.resampling import resample
from svbench.types import Clip, ClipSpec, Features
from tests.factories.clips import make_clip
from tests.factories.small_imagebind import SMALL, random_state, small_extractor

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


# --- whole clips, against a restatement of av-benchmark's code -----------------------------------


def restated_pictures(clip: Clip) -> torch.Tensor:
    """Restate the inputs of pictures whose short side is the network's: (N, 3, 2, S, S).

    Frame i at 0.5 frames/s is the last one with floor(t / 2 + 1/2) <= i; neighbours are paired, and
    of each pair the left, the middle and the right square are inputs.
    """
    ticks = np.floor(clip.frame_times * RATE + 0.5)
    end = clip.frame_times[-1] + 1 / clip.spec.fps
    shown = [np.flatnonzero(ticks <= i)[-1] for i in range(int(RATE * end))]
    mean, spread = (np.array(of) for of in (PIXEL_MEAN, PIXEL_SPREAD))
    pixels = ((clip.video / 255 - mean) / spread).transpose(3, 0, 1, 2)
    side, width = clip.spec.size
    lefts = (0, (width - side + 1) // 2, width - side)
    pairs = [pixels[:, [a, b]] for a, b in pairwise(shown)]
    return torch.tensor(
        np.stack([pair[..., left : left + side] for pair in pairs for left in lefts]),
        dtype=torch.float32,
    )


def restated_sound(wave: np.ndarray, bins: int, frames: int) -> torch.Tensor:
    """Restate the inputs of sound (S,) at 16 kHz: Kaldi's energies of three windows of 2 s.

    The mean of each window is subtracted in place, from samples that the next one may hold.
    """
    wave, last = wave.astype(np.float64), len(wave) / 16000 - 2
    found = []
    for start in (0.0, last / 2, last):
        part = wave[int(start * 16000) : int((start + 2) * 16000)]
        part -= part.mean()
        count = 1 + (len(part) - 400) // 160
        pieces = np.stack([part[i * 160 : i * 160 + 400] for i in range(count)])
        pieces -= pieces.mean(axis=1, keepdims=True)
        pieces -= 0.97 * np.column_stack([pieces[:, 0], pieces[:, :-1]])
        power = np.abs(np.fft.rfft(pieces * np.hanning(400), 512)) ** 2
        energies = np.log(
            np.maximum(power[:, :256] @ kaldi_bands(bins).T, np.finfo(np.float32).eps)
        )
        energies = np.pad(energies, ((0, max(0, frames - count)), (0, 0)))[:frames]
        found.append((energies.T + 4.268) / 9.138)
    return torch.tensor(np.stack(found)[:, None], dtype=torch.float32)


def kaldi_bands(bins: int) -> np.ndarray:
    """Restate Kaldi's triangles (bins, 256) from 20 Hz to 8 kHz, linear in 1127 ln(1 + f / 700)."""
    edges = np.linspace(mel(20.0), mel(8000.0), bins + 2)
    at = mel(np.arange(256) * 16000 / 512)
    rising = (at - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - at) / np.diff(edges)[1:, None]
    return np.asarray(np.maximum(0, np.minimum(rising, falling)))


def mel(frequency: Any) -> Any:
    return 1127 * np.log(1 + frequency / 700)


@pytest.mark.parametrize(
    ("seconds", "fps", "rate"), [(9.0, 30000 / 1001, 16000), (5.0, 12.0, 44100)]
)
def test_scores_of_whole_clips(seconds: float, fps: float, rate: int, tmp_path: Path) -> None:
    """av-benchmark's IB-score: the cosine of the mean embeddings of all inputs, then over clips."""
    usual = small_extractor(tmp_path)
    protocol = PROTOCOLS["av-benchmark"]
    extractor = replace(usual, protocol=protocol, view=protocol.view)
    network = load(random_state(), Path("random"), SMALL, ("vision", "audio"))
    spec = ClipSpec(round(seconds * fps), fps, (SMALL.image, 48), rate)
    expected, clips = [], []
    for seed in range(2):
        noise = np.random.default_rng(seed)
        video = noise.integers(0, 256, (spec.frames, *spec.size, 3), dtype=np.uint8)
        audio = noise.standard_normal(round(seconds * rate)).astype(np.float32) / 8 + 0.1
        clips.append(Clip(video, audio, spec, np.arange(spec.frames) / fps))
        wave = resample(torch.from_numpy(audio), rate, 16000).numpy()
        inputs = restated_pictures(clips[-1]), restated_sound(wave, SMALL.bins, SMALL.bin_frames)
        with torch.inference_mode():
            picture, sound = (
                network(modality, one).double().mean(dim=0)
                for modality, one in zip(("vision", "audio"), inputs, strict=True)
            )
        expected.append(float(torch.cosine_similarity(picture, sound, dim=0)))
    blocks = extractor(clips, ["", ""])
    owner = np.repeat(np.arange(len(clips)), [len(rows) for rows in blocks])
    names = tuple(f"{i}/0" for i in range(len(clips)))
    judged = IB("ib-av", extractor).score(
        Features(extractor.key, np.concatenate(blocks), owner, names)
    )
    assert [one.value for one in judged.clips] == pytest.approx(expected, abs=1e-5)
    assert judged.score.value == pytest.approx(np.mean(expected), abs=1e-5)
