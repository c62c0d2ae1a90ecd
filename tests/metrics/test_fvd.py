"""FVD as a metric: which frames are judged how, and what the number does."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812

from svbench.compute import Machine
from svbench.errors import ConfigError, ScoreError
from svbench.files.weights.loading import WeightFile
from svbench.metrics.fvd import (
    FVD,
    PROTOCOLS,
    I3DLogits,
    fvd,
    network_input,
    squared,
    window_starts,
)
from svbench.metrics.networks.i3d import I3D
from svbench.types import Clip, ClipSpec, Features
from tests.factories.seeded_networks import seeded_i3d, write_weights

CLASSES, WIDTH, SIZE = 8, 1 / 16, 32
SPEC = ClipSpec(frames=36, fps=8.0, size=(24, 32), sample_rate=800)
PAIRED = [name for name, protocol in PROTOCOLS.items() if protocol.pairs]


def clip(seed: int, noise: float = 0.0, frames: int = SPEC.frames) -> Clip:
    """Give smooth colours that change with time, with noise over them."""
    rng = np.random.default_rng(seed)
    height, width = SPEC.size
    t, y, x = np.meshgrid(
        np.arange(frames) / 8, np.arange(height) / height, np.arange(width) / width, indexing="ij"
    )
    a, b, c, d = rng.uniform(-3, 3, (4, 3))
    ground = 128 + 80 * np.sin(a * t[..., None] + b * y[..., None] + c * x[..., None] + d)
    video = np.clip(ground + noise * rng.standard_normal(ground.shape), 0, 255).astype(np.uint8)
    spec = replace(SPEC, frames=frames)
    return Clip(video, np.zeros(spec.samples, np.float32), spec)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> WeightFile:
    folder: Path = tmp_path_factory.mktemp("weights")
    state = seeded_i3d(I3D(CLASSES, WIDTH), 5)
    return write_weights(folder / "small.safetensors", state)


def metric_of(protocol: str, weights: WeightFile) -> tuple[FVD, I3DLogits]:
    ours = replace(PROTOCOLS[protocol], weights="small")  # a network of our own, by its name
    metric = fvd(ours, weights, width=WIDTH, classes=CLASSES, size=SIZE, resamples=0)
    assert isinstance(metric.extractor, I3DLogits)
    return metric, metric.extractor


def described(extractor: I3DLogits, clips: list[Clip]) -> Features:
    blocks = extractor(clips, [""] * len(clips))
    owner = np.repeat(np.arange(len(blocks)), [len(b) for b in blocks])
    names = tuple(str(i) for i in range(len(blocks)))
    return Features(extractor.key, np.concatenate(blocks), owner, names)


@pytest.mark.parametrize("protocol", list(PROTOCOLS))
def test_a_set_has_no_distance_to_itself_and_noise_makes_one(
    weights: WeightFile, protocol: str
) -> None:
    metric, extractor = metric_of(protocol, weights)
    frames = 16 if metric.protocol.pairs else 32  # where a clip is one window, both sides see it
    real = described(extractor, [clip(i, frames=frames) for i in range(10)])
    values = []
    for noise in (0.0, 10.0, 30.0, 90.0):
        generated = described(extractor, [clip(i, noise, frames) for i in range(10)])
        judged = metric.score(generated, real).score
        values.append(judged.value)
    scale = float(real.values.var(axis=0).sum())
    assert values[0] == pytest.approx(0, abs=1e-6 * scale)
    assert values[0] < values[1] < values[2] < values[3]
    assert (metric.name, metric.title) == (f"fvd@{protocol}", f"FVD ({protocol})")
    assert judged.count == judged.reference_count == 10
    assert metric.ddof == metric.protocol.ddof


@pytest.mark.parametrize("protocol", list(PROTOCOLS))
def test_rows_owe_nothing_to_the_company(weights: WeightFile, protocol: str) -> None:
    metric, extractor = metric_of(protocol, weights)
    clips = [clip(i) for i in range(4)]
    together = extractor(clips, [""] * 4)
    rows = 2 if metric.protocol.pairs or metric.protocol.generated == "all" else 1
    assert [b.shape for b in together] == [(rows, CLASSES)] * 4
    assert all(b.dtype == np.float32 for b in together)
    alone = [extractor([c], [""])[0] for c in reversed(clips)]
    for a, b in zip(together, reversed(alone), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("protocol", PAIRED)
def test_each_side_is_given_its_own_window(weights: WeightFile, protocol: str) -> None:
    metric, extractor = metric_of(protocol, weights)
    clips = [clip(i) for i in range(10)]
    features = described(extractor, clips)
    judged = metric.score(features, features).score.value
    first, drawn = features.values[0::2], features.values[1::2]
    single, single_extractor = metric_of("first-16", weights)
    np.testing.assert_array_equal(first, described(single_extractor, clips).values)
    key, names = features.extractor, features.requests
    sides = [Features(key, v, np.arange(10), names) for v in (first, drawn)]
    expected = replace(single, ddof=metric.ddof).score(*sides).score.value
    assert judged == expected > 0
    with pytest.raises(ScoreError, match="expected 2 each"):
        metric.score(*sides)
    with pytest.raises(ScoreError, match="needs reference clips"):
        metric.score(features, None)


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


@pytest.mark.parametrize("protocol", list(PROTOCOLS))
def test_a_short_clip_is_refused_and_told_how_many_frames_are_wanted(
    weights: WeightFile, protocol: str
) -> None:
    _, extractor = metric_of(protocol, weights)
    with pytest.raises(ScoreError, match="the clip has 15 frames, expected at least 16"):
        extractor([clip(0, frames=15)], [""])


def test_frames_of_the_right_size_are_only_scaled() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    for resize in ("stretch", "crop"):
        x = network_input(frames, 8, resize)
        assert x.shape == (3, 3, 8, 8)
        np.testing.assert_allclose(x.permute(1, 2, 3, 0), frames / 127.5 - 1, atol=1e-6)


def test_a_square_is_cut_out_of_the_middle_in_whole_numbers() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 8, 12, 3), dtype=np.uint8)
    same = squared(frames, 8)  # already of that height: the middle, in numbers cut off, not rounded
    off = frames[:, :, 2:10].astype(int) - same
    assert same.dtype == np.uint8
    assert set(np.unique(off)) <= {0, 1}
    small = squared(np.full((2, 64, 32, 3), 77, np.uint8), 16)
    assert small.shape == (2, 16, 16, 3)
    assert np.abs(small.astype(int) - 77).max() <= 1
    checks = np.indices((32, 32)).sum(axis=0) % 2 * np.uint8(255)
    grey = squared(np.repeat(checks[None, ..., None], 3, -1), 16)
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


def test_threads_share_one_network_and_processes_the_recipe(weights: WeightFile) -> None:
    _, extractor = metric_of("stylegan-v-16f", weights)
    clips = [clip(i) for i in range(6)]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda c: extractor([c], [""])[0], clips))
    sent = pickle.loads(pickle.dumps(extractor))
    assert sent == extractor
    assert sent.key == extractor.key
    for a, b in zip(found, sent(clips, [""] * 6), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_key_names_all_that_decides(weights: WeightFile) -> None:
    metric, one = metric_of("stylegan-v-16f", weights)
    others = [
        replace(one, weights=replace(weights, sha256="0")),
        replace(one, protocol=replace(PROTOCOLS["first-16"], weights="small")),
        replace(one, protocol=replace(one.protocol, square=24)),
        replace(one, protocol=replace(one.protocol, eps=1e-5)),
        replace(one, protocol=replace(one.protocol, resize="crop")),
        replace(one, machine=Machine("cpu", "bfloat16")),
        replace(one, machine=Machine("meta")),
        replace(one, machine=Machine("cpu", batch=2)),
        replace(one, width=1 / 8),
        replace(one, size=48),
        replace(one, seed=1),
        replace(one, view="native"),
    ]
    assert len({one.key, *(other.key for other in others)}) == 1 + len(others)
    assert replace(one, weights=replace(weights, path=Path("elsewhere"))).key == one.key
    _, twin = metric_of("stylegan-v-16f-ddof1", weights)
    assert twin.key == one.key  # extracted once for both
    assert metric.settings["protocol"]["reference"] == "drawn"
    assert metric.settings["extractor"] == one.key


def test_bfloat16_answers_roughly_alike(weights: WeightFile) -> None:
    _, one = metric_of("first-16", weights)
    clips = [clip(i) for i in range(4)]
    exact = np.concatenate(one(clips, [""] * 4))
    rough = np.concatenate(replace(one, machine=Machine("cpu", "bfloat16"))(clips, [""] * 4))
    assert rough.dtype == np.float32
    assert np.abs(rough - exact).max() < 0.1 * exact.std()


def test_unknown_names_are_refused(weights: WeightFile) -> None:
    with pytest.raises(ConfigError, match="found protocol 'fvd2048', expected one of stylegan-v"):
        fvd("fvd2048", weights)
    with pytest.raises(ConfigError, match="found dtype 'bfloat16', expected float32: i3d"):
        fvd(
            "first-16", replace(weights, name="i3d-torchscript"), machine=Machine("cpu", "bfloat16")
        )
