"""FAD as a metric: the features and scores of each protocol, keys and settings."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from svbench.compute import Machine
from svbench.errors import ConfigError, ScoreError
from svbench.files.weights.loading import WeightFile
from svbench.metrics.fad import PROTOCOLS, VGGishEmbeddings, examples, fad
from svbench.metrics.networks.vggish import VGGish
from svbench.types import Clip, ClipSpec, Features
from tests.factories.seeded_networks import seeded_vggish, write_weights

SPEC = ClipSpec(frames=16, fps=8.0, size=(8, 8), sample_rate=16000)  # 2 s: two examples
WIDTH = 1 / 32


def clip(seed: int, noise: float = 0.0, spec: ClipSpec = SPEC) -> Clip:
    """Return a chord of three tones of its own, with noise over it."""
    rng = np.random.default_rng(seed)
    time = np.arange(spec.samples) / spec.sample_rate
    tones = np.sin(2 * np.pi * rng.uniform(150, 3000, (3, 1)) * time).mean(axis=0) / 2
    sound = tones + noise * rng.standard_normal(spec.samples)
    video = np.zeros((spec.frames, *spec.size, 3), np.uint8)
    return Clip(video, np.clip(sound, -1, 1).astype(np.float32), spec)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> WeightFile:
    folder: Path = tmp_path_factory.mktemp("weights")
    return write_weights(folder / "vggish.safetensors", seeded_vggish(VGGish(WIDTH), 5))


def extracted(extractor: VGGishEmbeddings, clips: list[Clip]) -> Features:
    blocks = extractor(clips, [""] * len(clips))
    owner = np.repeat(np.arange(len(blocks)), [len(b) for b in blocks])
    names = tuple(str(i) for i in range(len(blocks)))
    return Features(extractor.key, np.concatenate(blocks), owner, names)


@pytest.mark.parametrize("protocol", list(PROTOCOLS))
def test_a_set_has_no_distance_to_itself_and_noise_makes_one(
    weights: WeightFile, protocol: str
) -> None:
    metric = fad(protocol, weights, width=WIDTH, resamples=0)
    extractor = metric.extractor
    assert isinstance(extractor, VGGishEmbeddings)
    real = extracted(extractor, [clip(i) for i in range(12)])
    values = []
    for noise in (0.0, 0.01, 0.05, 0.2):
        generated = extracted(extractor, [clip(i, noise) for i in range(12)])
        values.append(metric.score(generated, real).score.value)
    scale = float(real.values.var(axis=0).sum())
    assert values[0] == pytest.approx(0, abs=1e-6 * scale)
    assert values[0] < values[1] < values[2] < values[3]
    assert (metric.name, metric.title) == (f"fad@{protocol}", f"FAD ({protocol})")


def test_a_row_per_example_and_nothing_of_the_company(weights: WeightFile) -> None:
    extractor = VGGishEmbeddings(weights, PROTOCOLS["torchvggish"], width=WIDTH)
    clips = [clip(i) for i in range(5)]
    together = extractor(clips, [""] * 5)
    assert [b.shape for b in together] == [(2, 128)] * 5
    assert all(b.dtype == np.float32 for b in together)
    alone = [extractor([c], [""])[0] for c in reversed(clips)]
    for a, b in zip(together, reversed(alone), strict=True):
        np.testing.assert_array_equal(a, b)


def test_threads_share_one_network_and_processes_the_recipe(weights: WeightFile) -> None:
    extractor = VGGishEmbeddings(weights, PROTOCOLS["torchvggish"], width=WIDTH)
    clips = [clip(i) for i in range(6)]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda c: extractor([c], [""])[0], clips))
    sent = pickle.loads(pickle.dumps(extractor))
    assert sent == extractor
    assert sent.key == extractor.key
    for a, b in zip(found, sent(clips, [""] * 6), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_mean_is_taken_away_and_short_sound_filled_up_by_audioldm_eval_alone() -> None:
    sound = clip(0).audio / 2
    offset = (sound + np.float32(0.25)).astype(np.float32)
    theirs, plain = PROTOCOLS["audioldm-eval"], PROTOCOLS["torchvggish"]
    same = np.abs(examples(sound, 16000, theirs) - examples(offset, 16000, theirs)).max()
    other = np.abs(examples(sound, 16000, plain) - examples(offset, 16000, plain)).max()
    assert same < 1e-3 < other
    short: NDArray[np.float32] = sound[:4000]
    assert len(examples(short, 16000, theirs)) == 2
    with pytest.raises(ScoreError, match=r"has 4000 samples at 16000 Hz, expected at least 15600"):
        examples(short, 16000, plain)
    with pytest.raises(ScoreError, match="has 0 samples"):
        examples(sound[:0], 16000, theirs)


def test_other_rates_are_brought_to_16_khz() -> None:
    spec = replace(SPEC, sample_rate=48000)
    there = examples(clip(0, spec=spec).audio, 48000, PROTOCOLS["torchvggish"])
    here = examples(clip(0).audio, 16000, PROTOCOLS["torchvggish"])
    assert there.shape == here.shape
    assert np.abs(there - here).mean() < 0.02


def test_the_key_names_all_that_decides(weights: WeightFile) -> None:
    one = VGGishEmbeddings(weights, PROTOCOLS["torchvggish"], width=WIDTH)
    others = [
        replace(one, weights=replace(weights, sha256="0")),
        replace(one, protocol=PROTOCOLS["audioldm-eval"]),
        replace(one, pca=weights),
        replace(one, machine=Machine("cpu", "bfloat16")),
        replace(one, machine=Machine("meta")),
        replace(one, machine=Machine("cpu", batch=2)),
        replace(one, width=1 / 16),
        replace(one, view="native"),
    ]
    assert len({one.key, *(other.key for other in others)}) == 1 + len(others)
    assert replace(one, weights=replace(weights, path=Path("elsewhere"))).key == one.key


def test_bfloat16_answers_roughly_alike(weights: WeightFile) -> None:
    one = VGGishEmbeddings(weights, PROTOCOLS["torchvggish"], width=WIDTH)
    clips = [clip(i) for i in range(4)]
    exact = np.concatenate(one(clips, [""] * 4))
    rough = np.concatenate(replace(one, machine=Machine("cpu", "bfloat16"))(clips, [""] * 4))
    assert rough.dtype == np.float32
    assert 0 < np.abs(rough - exact).max() < 0.1 * exact.std()


def test_sounds_of_unequal_length_keep_their_rows_apart(weights: WeightFile) -> None:
    extractor = VGGishEmbeddings(weights, PROTOCOLS["torchvggish"], width=WIDTH)
    clips = [clip(i, spec=replace(SPEC, frames=frames)) for i, frames in enumerate((8, 64, 24))]
    together = extractor(clips, [""] * 3)
    assert [len(block) for block in together] == [1, 8, 3]
    for block, one in zip(together, clips, strict=True):
        np.testing.assert_array_equal(block, extractor([one], [""])[0])
    assert extractor([], []) == []


def test_post_processed_embeddings_are_bytes(weights: WeightFile, tmp_path: Path) -> None:
    rng = torch.Generator().manual_seed(0)
    arrays = {
        "pca_eigen_vectors": torch.randn(128, 128, generator=rng),
        "pca_means": torch.randn(128, 1, generator=rng),
    }
    pca = write_weights(tmp_path / "pca.safetensors", arrays)
    metric = fad("torchvggish", weights, pca=pca, width=WIDTH)
    assert metric.name == "fad@torchvggish+pca"
    (rows,) = metric.extractor([clip(0)], [""])
    assert set(np.unique(rows)) <= set(range(256))


def test_unknown_names_are_refused(weights: WeightFile) -> None:
    with pytest.raises(ConfigError, match="found protocol 'vgg', expected one of torchvggish"):
        fad("vgg", weights)
