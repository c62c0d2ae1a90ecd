"""FVD as a metric: the features and scores of each protocol, keys and settings."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from svbench.compute import Machine
from svbench.errors import ConfigError, ScoreError
from svbench.files.weights.loading import WeightFile
from svbench.metrics.fvd import (
    FVD,
    PROTOCOLS,
    I3DLogits,
    fvd,
)
from svbench.metrics.networks.i3d import I3D
from svbench.types import Clip, ClipSpec, Features
from tests.factories.seeded_networks import seeded_i3d, write_weights

CLASSES, WIDTH, SIZE = 8, 1 / 16, 32
SPEC = ClipSpec(frames=36, fps=8.0, size=(24, 32), sample_rate=800)
PAIRED = [name for name, protocol in PROTOCOLS.items() if protocol.pairs]


def clip(seed: int, noise: float = 0.0, frames: int = SPEC.frames) -> Clip:
    """Return smooth colours that change with time, with noise over them."""
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


def extracted(extractor: I3DLogits, clips: list[Clip]) -> Features:
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
    real = extracted(extractor, [clip(i, frames=frames) for i in range(10)])
    values = []
    for noise in (0.0, 10.0, 30.0, 90.0):
        generated = extracted(extractor, [clip(i, noise, frames) for i in range(10)])
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
    features = extracted(extractor, clips)
    judged = metric.score(features, features).score.value
    first, drawn = features.values[0::2], features.values[1::2]
    single, single_extractor = metric_of("first-16", weights)
    np.testing.assert_array_equal(first, extracted(single_extractor, clips).values)
    key, names = features.extractor, features.requests
    sides = [Features(key, v, np.arange(10), names) for v in (first, drawn)]
    expected = replace(single, ddof=metric.ddof).score(*sides).score.value
    assert judged == expected > 0
    with pytest.raises(ScoreError, match="expected 2 each"):
        metric.score(*sides)
    with pytest.raises(ScoreError, match="needs reference clips"):
        metric.score(features, None)


@pytest.mark.parametrize("protocol", list(PROTOCOLS))
def test_a_short_clip_is_refused_with_the_number_of_frames_expected(
    weights: WeightFile, protocol: str
) -> None:
    _, extractor = metric_of(protocol, weights)
    with pytest.raises(ScoreError, match="the clip has 15 frames, expected at least 16"):
        extractor([clip(0, frames=15)], [""])


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


def test_memory_that_is_short_gives_the_features_of_smaller_batches(
    weights: WeightFile, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, one = metric_of("stylegan-v-16f", weights)
    clips = [clip(i) for i in range(3)]
    alone = replace(one, machine=Machine("cpu", batch=1))
    expected = alone(clips, [""] * 3)
    forward = I3D.forward

    def cramped(network: I3D, x: torch.Tensor) -> torch.Tensor:
        if len(x) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(network, x)

    monkeypatch.setattr(I3D, "forward", cramped)
    _, halved = metric_of("stylegan-v-16f", weights)
    for a, b in zip(halved(clips, [""] * 3), expected, strict=True):
        np.testing.assert_array_equal(a, b)
    assert caplog.messages == [
        "I3D: out of memory on cpu; going on with batches of 1, which round otherwise"
    ]


def test_unknown_names_are_refused(weights: WeightFile) -> None:
    with pytest.raises(ConfigError, match="found protocol 'fvd2048', expected one of stylegan-v"):
        fvd("fvd2048", weights)
    with pytest.raises(ConfigError, match="found dtype 'bfloat16', expected float32: i3d"):
        fvd(
            "first-16", replace(weights, name="i3d-torchscript"), machine=Machine("cpu", "bfloat16")
        )
