"""Features of sound taggers, at small widths: shapes, independence of the company, keys, parts."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from svbench.compute import Machine
from svbench.errors import DataError, ScoreError
from svbench.files.weights.loading import WeightFile
from svbench.metrics.audio_fd import audio_fd
from svbench.metrics.audio_tagging import CLASSES, TaggerFeatures, embeddings, logits, prepared
from svbench.metrics.networks import panns, panns_inputs, passt, passt_inputs
from svbench.types import Clip, ClipSpec, Features, View
from tests.factories.seeded_networks import write_weights
from tests.goldens.named_numbers import filled

SPEC = ClipSpec(frames=8, fps=8.0, size=(4, 4), sample_rate=16000)  # 1 s
WIDTH = 1 / 32  # of either network
NETWORKS = {"panns-16k": panns.Cnn14, "passt-32k": passt.PaSST}
TAGGERS = pytest.mark.parametrize("tagger", NETWORKS)


def clip(seed: int, spec: ClipSpec = SPEC, offset: float = 0.0) -> Clip:
    """Return a clip of three tones of its own."""
    rng = np.random.default_rng(seed)
    time = np.arange(spec.samples) / spec.sample_rate
    sound = np.sin(2 * np.pi * rng.uniform(150, 3000, (3, 1)) * time).mean(axis=0) / 2 + offset
    video = np.zeros((spec.frames, *spec.size, 3), np.uint8)
    return Clip(video, sound.astype(np.float32), spec)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, WeightFile]:
    folder: Path = tmp_path_factory.mktemp("weights")
    files = {}
    for tagger, network in NETWORKS.items():
        with torch.device("meta"):
            shapes = {n: tuple(t.shape) for n, t in network(WIDTH).state_dict().items()}
        files[tagger] = write_weights(folder / f"{tagger}.safetensors", filled(shapes, 0, 1.2))
    return files


def extractor_of(weights: dict[str, WeightFile], tagger: str) -> TaggerFeatures:
    return TaggerFeatures(weights[tagger], tagger, width=WIDTH)


def extracted(extractor: TaggerFeatures, clips: list[Clip]) -> Features:
    rows = extractor(clips, [""] * len(clips))
    names = tuple(f"{i}/0" for i in range(len(rows)))
    return Features(extractor.key, np.concatenate(rows), np.arange(len(rows)), names)


@TAGGERS
def test_a_row_per_clip_whatever_lies_beside_it(
    weights: dict[str, WeightFile], tagger: str
) -> None:
    extractor = extractor_of(weights, tagger)
    clips = [clip(0), clip(1, replace(SPEC, frames=12)), clip(2)]
    together = extractor(clips, [""] * 3)
    for one, rows in zip(clips, together, strict=True):
        assert rows.dtype == np.float32
        assert rows.shape == (1, 64 + CLASSES)  # both have 64 features at this width
        np.testing.assert_array_equal(extractor([one], [""])[0], rows)
    sent = pickle.loads(pickle.dumps(extractor))
    assert sent == extractor
    np.testing.assert_array_equal(sent(clips, [""] * 3)[2], together[2])


@TAGGERS
def test_other_sounds_have_other_features_and_an_offset_changes_none(
    weights: dict[str, WeightFile], tagger: str
) -> None:
    extractor = extractor_of(weights, tagger)
    first, other, shifted = extractor([clip(0), clip(1), clip(0, offset=0.25)], [""] * 3)
    assert np.abs(first - shifted).max() < 0.1 * np.abs(first - other).max()


@TAGGERS
def test_the_key_names_all_that_decides(weights: dict[str, WeightFile], tagger: str) -> None:
    one = extractor_of(weights, tagger)
    native: View = "native"
    others = [
        replace(one, weights=replace(weights[tagger], sha256="0")),
        replace(one, width=1 / 16),
        replace(one, machine=Machine("cpu", "bfloat16")),
        replace(one, machine=Machine("cpu", threads=2)),
        replace(one, view=native),
    ]
    keys = {extractor.key for extractor in (one, *others)}
    assert len(keys) == 1 + len(others)
    assert all(key.startswith(tagger) and "+" not in key for key in keys)
    assert one.light
    assert not replace(one, width=1.0).light


def test_a_pure_tone_is_in_its_band() -> None:
    time = np.arange(32000) / 16000
    sound = torch.from_numpy(np.sin(2 * np.pi * 1000 * time).astype(np.float32))
    loudest = panns_inputs.log_mel(sound)[50].argmax()
    centres = (panns_inputs.mel_matrix() * torch.arange(257)[:, None] * 31.25).sum(0)
    centres /= panns_inputs.mel_matrix().sum(0)
    assert abs(float(centres[loudest]) - 1000) < 50


def test_twice_the_amplitude_is_6_db_more() -> None:
    sound = torch.from_numpy(clip(3).audio)
    louder = panns_inputs.log_mel(2 * sound) - panns_inputs.log_mel(sound)
    np.testing.assert_allclose(louder, 20 * np.log10(2), atol=1e-4)


def test_short_sound_is_padded_and_long_sound_cut_to_ten_seconds() -> None:
    sound = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, 330000).astype(np.float32))
    whole = passt_inputs.log_mel(sound)
    assert whole.shape == (128, 1000)
    assert torch.equal(whole, passt_inputs.log_mel(sound[: passt_inputs.SAMPLES]))
    half = passt_inputs.log_mel(sound[:160000])
    silence = (np.log(passt_inputs.OFFSET) + 4.5) / 5
    np.testing.assert_allclose(half[:, 505:], silence, atol=1e-6)


@pytest.mark.parametrize("tagger", NETWORKS)
def test_a_sound_too_short_is_refused(weights: dict[str, WeightFile], tagger: str) -> None:
    short = Clip(np.zeros((8, 4, 4, 3), np.uint8), np.zeros(0, np.float32), SPEC, np.arange(8) / 8)
    with pytest.raises(ScoreError, match="the clip has 0 samples"):
        extractor_of(weights, tagger)([short], [""])


def test_the_rate_of_each_network() -> None:
    audio: NDArray[np.float32] = clip(0).audio
    assert len(prepared(audio, 16000, "panns-16k")) == 16000
    assert len(prepared(audio, 16000, "passt-32k")) == 32000


def test_passt_refuses_spectrograms_of_other_sizes() -> None:
    network = passt.PaSST(WIDTH)
    for shape in ((1, 64, 1000), (1, 128, 15), (1, 128, 1006)):
        with pytest.raises(ScoreError, match="PaSST reads spectrograms"):
            network(torch.zeros(shape))
    assert network(torch.zeros(2, 128, 500)).shape == (2, 64 + CLASSES)


def test_the_matrices_of_the_front_end_may_lie_beside_the_weights_and_nothing_else(
    tmp_path: Path,
) -> None:
    with torch.device("meta"):
        shapes = {n: tuple(t.shape) for n, t in panns.Cnn14(WIDTH).state_dict().items()}
    state = filled(shapes, 0, 1.2)
    front = {name: torch.zeros(3) for name in panns.FRONT_END}
    panns.load(state | front, tmp_path, width=WIDTH)
    counted = {n: t for n, t in state.items() if not n.endswith("num_batches_tracked")}
    panns.load(counted, tmp_path, width=WIDTH)
    with pytest.raises(DataError, match="unexpected other"):
        panns.load({**state, "other": torch.zeros(3)}, tmp_path, width=WIDTH)


@TAGGERS
def test_fd_compares_embeddings_alone(weights: dict[str, WeightFile], tagger: str) -> None:
    extractor = extractor_of(weights, tagger)
    metric = audio_fd(extractor, resamples=0)
    rng = np.random.default_rng(0)
    values = rng.standard_normal((70, 8 + CLASSES)).astype(np.float32)
    names = tuple(f"{i}/0" for i in range(70))
    real = Features(extractor.key, values, np.arange(70), names)
    other = Features(
        extractor.key,
        values + np.float32(8) * np.eye(8 + CLASSES)[-1].astype(np.float32),
        np.arange(70),
        names,
    )
    assert metric.score(other, real).score.value == pytest.approx(0, abs=1e-9)
    moved = values.copy()
    moved[:, 0] += 2
    score = metric.score(Features(extractor.key, moved, np.arange(70), names), real).score
    assert score.value == pytest.approx(4, rel=1e-6)
    assert (score.count, score.reference_count) == (70, 70)
    assert metric.name == f"fd@{tagger}"


def test_parts_of_the_features_and_what_is_none() -> None:
    values = np.arange(2 * (3 + CLASSES), dtype=np.float32).reshape(2, -1)
    features = Features("x", values, np.arange(2), ("a/0", "b/0"))
    np.testing.assert_array_equal(embeddings(features).values, values[:, :3])
    np.testing.assert_array_equal(logits(features).values, values[:, 3:])
    narrow = Features("x", values[:, :CLASSES], np.arange(2), ("a/0", "b/0"))
    several = Features("x", values, np.zeros(2, np.int64), ("a/0",))
    for wrong in (narrow, several):
        with pytest.raises(ScoreError, match="expected one of an embedding and 527 logits"):
            logits(wrong)
