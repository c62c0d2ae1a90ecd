"""AudioBox: windows, rows, scores; by a network so small that no number means anything."""

from __future__ import annotations

import json
import pickle
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from svbench.compute import digest_file
from svbench.errors import DataError, ScoreError
from svbench.files.weights.loading import WeightFile, load_state
from svbench.files.weights.random_files import random_tensor
from svbench.files.weights.saving import save_safetensors
from svbench.metrics.audiobox import (
    AudioBoxFeatures,
    AudioBoxScore,
    clip_scores,
    presets,
    windows,
)
from svbench.metrics.networks import audiobox
from svbench.metrics.networks.audiobox import AudioBox
from svbench.metrics.networks.audiobox_config import AXES, AudioBoxSize, Target
from svbench.types import Clip, ClipSpec, Features

SMALL = AudioBoxSize(
    width=8,
    layers=2,
    heads=2,
    hidden=16,
    channels=8,
    position_kernel=16,
    position_groups=2,
    head_layers=3,
)
SPEC = ClipSpec(frames=8, fps=8.0, size=(4, 4), sample_rate=16000)


def noise(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    drawn = np.random.default_rng(seed).standard_normal(round(seconds * 16000))
    return (0.1 * drawn).astype(np.float32)


def clip(seconds: int, seed: int = 0) -> Clip:
    spec = replace(SPEC, frames=8 * seconds)
    return Clip(np.zeros((8 * seconds, 4, 4, 3), np.uint8), noise(seconds, seed), spec)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> WeightFile:
    path = tmp_path_factory.mktemp("audiobox") / "small.safetensors"
    with torch.device("meta"):
        shapes = {n: tuple(t.shape) for n, t in AudioBox(SMALL).state_dict().items()}
    save_safetensors({n: random_tensor("0", n, s) for n, s in shapes.items()}, path, {})
    return WeightFile("small", path, digest_file(path))


@pytest.fixture(scope="module")
def extractor(weights: WeightFile) -> AudioBoxFeatures:
    return AudioBoxFeatures(weights, SMALL)


def features(rows: list[NDArray[np.float32]]) -> Features:
    owner = np.repeat(np.arange(len(rows)), [len(block) for block in rows])
    names = tuple(f"clip{i}/0" for i in range(len(rows)))
    return Features("audiobox-x", np.concatenate(rows), owner, names)


def test_windows_hold_all_sound_once() -> None:
    found = windows(noise(13))
    assert [length for length, _ in found] == [160000, 48000]
    whole = torch.cat([window[:length] for length, window in found])
    assert np.array_equal(whole.numpy(), noise(13))
    assert not found[1][1][48000:].any()


def test_a_clip_has_a_row_per_window(extractor: AudioBoxFeatures) -> None:
    short, long = extractor([clip(3), clip(13)], ["", ""])
    assert short.shape == (1, 5)
    assert long[:, 0].tolist() == [160000, 48000]
    assert np.array_equal(extractor([clip(13)], [""])[0], long)  # whatever lies beside it


def test_the_score_weighs_windows_by_their_sound() -> None:
    rows = np.array([[160000, 1, 2, 3, 4], [80000, 4, 5, 6, 7]], np.float32)
    assert clip_scores(rows).tolist() == pytest.approx([2, 3, 4, 5])


def test_scores_of_axes_and_their_mean(extractor: AudioBoxFeatures) -> None:
    rows = [np.array([[9, *scores]], np.float32) for scores in ((1, 2, 3, 4), (3, 4, 5, 8))]
    found = {
        axis: AudioBoxScore(axis, extractor).score(features(rows)).score.value
        for axis in (*AXES, "mean")
    }
    assert found == pytest.approx({"CE": 2, "CU": 3, "PC": 4, "PQ": 6, "mean": 3.75})


def test_rows_of_others_are_refused(extractor: AudioBoxFeatures) -> None:
    with pytest.raises(ScoreError, match="found rows of 3 numbers, expected samples and"):
        AudioBoxScore("PQ", extractor).score(features([np.ones((1, 3), np.float32)]))


def test_only_complexity_has_another_direction(extractor: AudioBoxFeatures) -> None:
    assert [presets(axis) for axis in ("CE", "mean")] == [["published"]] * 2
    assert presets("PC") == ["published", "verse-bench"]
    usual, other = (AudioBoxScore("PC", extractor, preset) for preset in presets("PC"))
    assert (usual.better, other.better) == ("higher", "lower")
    assert other.name == "audiobox-pc@verse-bench"
    assert other.title == "AudioBox PC (verse-bench)"
    assert usual.extractor.key == other.extractor.key
    assert json.loads(json.dumps(usual.settings))["caveat"]


def test_scores_are_on_the_scale_of_listeners(weights: WeightFile) -> None:
    scaled = replace(SMALL, targets=(Target(5, 2), Target(6, 1), Target(3, 1), Target(7, 0.5)))
    units = replace(SMALL, targets=(Target(0, 1),) * 4)
    (raw,), (ours,) = (AudioBoxFeatures(weights, s)([clip(1)], [""]) for s in (units, scaled))
    expected = raw[0, 1:] * [2, 1, 1, 0.5] + [5, 6, 3, 7]
    np.testing.assert_allclose(ours[0, 1:], expected, rtol=1e-6)


def test_padding_is_left_out_as_transformers_masks_it(weights: WeightFile) -> None:
    network = audiobox.load(load_state(weights.path), weights.path, SMALL)
    ((length, window),) = windows(noise(3))
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on the types of transformers' own masks
        ours = network.layers(length, window[None])[-1]
        features = network.wavlm.feature_extractor(window[None]).transpose(1, 2)
        hidden, _ = network.wavlm.feature_projection(features)
        mask = torch.arange(hidden.shape[1])[None] < 150
        theirs = network.wavlm.encoder(hidden, attention_mask=mask).last_hidden_state
    assert ours.shape[1] == 150 < theirs.shape[1]
    torch.testing.assert_close(ours, theirs[:, :150], rtol=0, atol=2e-6)


def test_an_extractor_can_be_sent_to_another_process(extractor: AudioBoxFeatures) -> None:
    sent: AudioBoxFeatures = pickle.loads(pickle.dumps(extractor))
    assert sent.key == extractor.key
    assert np.array_equal(sent([clip(1)], [""])[0], extractor([clip(1)], [""])[0])


def test_a_key_names_what_decides(extractor: AudioBoxFeatures) -> None:
    others = [
        replace(extractor, view="native"),
        replace(extractor, size=replace(SMALL, targets=(Target(0, 1),) * 4)),
        replace(extractor, weights=replace(extractor.weights, sha256="0" * 64)),
    ]
    assert len({other.key for other in (extractor, *others)}) == 1 + len(others)


def test_both_namings_of_a_checkpoint_are_read() -> None:
    names = ["wavlm_model.encoder.layers.0.fc1.weight", "proj_layer.CE.0.bias", "layer_weights.PQ"]
    state = {name: torch.zeros(1) for name in names}
    training = {f"model.{name}": torch.zeros(1) for name in names}
    assert audiobox.published_names(state).keys() == audiobox.published_names(training).keys()


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"found 1 weights, expected \d+"):
        audiobox.load({"a": torch.zeros(1)}, tmp_path / "a.pt", SMALL)


def test_a_clip_without_sound_is_refused(extractor: AudioBoxFeatures) -> None:
    empty = Clip(
        np.zeros((8, 4, 4, 3), np.uint8),
        np.zeros(0, np.float32),
        SPEC,
        np.arange(8) / 8,
    )
    with pytest.raises(ScoreError, match="AudioBox: the clip has no sound"):
        extractor([empty], [""])
