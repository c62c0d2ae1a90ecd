"""AudioBox-aesthetics against the published package: windows, layers, predictions, scores."""

from __future__ import annotations

import ast
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from svbench.compute import digest_file
from svbench.files.weights.loading import WeightFile, load_state
from svbench.metrics.audiobox import AudioBoxFeatures, AudioBoxScore, windows
from svbench.metrics.networks import audiobox
from svbench.metrics.networks.audiobox import AudioBox, sounding
from svbench.metrics.networks.audiobox_config import AXES, AudioBoxSize, Target
from svbench.metrics.networks.resampling import resample
from svbench.types import Clip, ClipSpec, Features
from tests.goldens.clip_sounds import channels
from tests.goldens.named_numbers import filled
from tests.goldens.places import golden

Array = NDArray[Any]


@cache
def record() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(golden("columns/audiobox.json").read_text())
    return found


@cache
def arrays() -> dict[str, Array]:
    with np.load(golden("columns/audiobox.npz")) as file:
        return dict(file)


def entries() -> list[tuple[int, dict[str, Any]]]:
    return list(enumerate(record()["inputs"]))


@cache
def wave(index: int) -> NDArray[np.float32]:
    """Return the sound of an input at 16 kHz."""
    entry = record()["inputs"][index]
    sound, rate = channels(entry["file"])
    assert (rate, len(sound)) == (entry["sr"], entry["channels"])
    assert entry["samples"] == round(entry["seconds"] * rate)
    whole = torch.from_numpy(sound[:, : entry["samples"]].mean(axis=0))
    found: NDArray[np.float32] = resample(whole, rate, 16000).numpy()
    assert len(found) == entry["samples_16k"]
    return found


def targets() -> tuple[Target, ...]:
    given = record()["target_transform"]
    return tuple(Target(given[axis]["mean"], given[axis]["std"]) for axis in AXES)


@cache
def size() -> AudioBoxSize:
    """Return the sizes of the golden network; its heads are one linear layer."""
    values = record()["config"]
    first, *_ = ast.literal_eval(values["conv"].split("]")[0] + "]")
    return AudioBoxSize(
        width=values["encoder_embed_dim"],
        layers=values["encoder_layers"],
        heads=values["encoder_attention_heads"],
        hidden=values["encoder_ffn_embed_dim"],
        channels=first[0],
        position_kernel=values["conv_pos"],
        position_groups=values["conv_pos_groups"],
        buckets=values["num_buckets"],
        farthest=values["max_distance"],
        head_layers=1,
        targets=targets(),
    )


@cache
def network() -> AudioBox:
    return audiobox.load(load_state(state_file()), state_file(), size())


def state_file() -> Path:
    return golden("columns/audiobox_small_state.safetensors")


@cache
def extractor() -> AudioBoxFeatures:
    return AudioBoxFeatures(WeightFile("golden", state_file(), digest_file(state_file())), size())


@cache
def clip(index: int) -> Clip:
    """Return a clip with the sound of an input at its own rate."""
    entry = record()["inputs"][index]
    sound, rate = channels(entry["file"])
    audio = sound[:, : entry["samples"]].mean(axis=0)
    frame = np.zeros((1, 1, 1, 3), np.uint8)
    return Clip(frame, audio, ClipSpec(1, 1.0, (1, 1), rate), np.zeros(1))


def close(ours: Any, theirs: Any, relative: float = 1e-4, absolute: float = 2e-5) -> None:
    atol = absolute + relative * float(np.std(theirs))
    np.testing.assert_allclose(np.asarray(ours), theirs, rtol=0, atol=atol)


def scores(network: AudioBox, sound: NDArray[np.float32]) -> Array:
    parts = windows(sound)
    with torch.inference_mode():
        found = [network(length, window[None])[0].numpy() for length, window in parts]
    return np.average(found, axis=0, weights=[length for length, _ in parts])


def test_waves() -> None:
    for index, _ in entries():
        theirs = arrays()[f"in{index}_wave16k"]
        ours = wave(index) if index < 2 else wave(index)[::5]
        close(ours, theirs, 0, 1e-5)


def test_windows_and_their_weights() -> None:
    for index, entry in entries():
        lengths = [length for length, _ in windows(wave(index))]
        assert lengths == entry["mask_true"]
        assert len(lengths) == entry["windows"]
        np.testing.assert_allclose([n / 160000 for n in lengths], entry["weights"], rtol=1e-12)
        frames = [sounding(n, entry["frames"]) for n in lengths]
        assert frames == entry["frames_not_padded"]
        padded = arrays()[f"in{index}_padding_mask"]
        for count, mask in zip(frames, padded, strict=True):
            assert np.array_equal(np.arange(len(mask)) >= count, mask)


def test_layers() -> None:
    for index, _ in entries():
        theirs = arrays()[f"in{index}_layers_sub"]
        for (length, window), expected in zip(windows(wave(index)), theirs, strict=True):
            with torch.inference_mode():
                found = network().layers(length, window[None])[:, 0, ::25]
            close(found.permute(1, 2, 0).numpy(), expected[: found.shape[1]])


def test_predictions() -> None:
    for index, _ in entries():
        theirs = arrays()[f"in{index}_raw"]
        for (length, window), expected in zip(windows(wave(index)), theirs, strict=True):
            with torch.inference_mode():
                found = network().predictions(length, window[None])[0]
            close(found.numpy(), expected)


def test_scores() -> None:
    for index, entry in entries():
        ours = scores(network(), wave(index))
        close(ours, [entry["scores"][axis] for axis in AXES])
        close(ours.mean(), entry["javis_mean_of_four"])
        close(ours, [record()["batch_of_all"][index][axis] for axis in AXES])


def test_scores_of_clips_do_not_depend_on_the_clips_beside() -> None:
    clips = [clip(index) for index, _ in entries()]
    together = extractor()(clips, [""] * len(clips))
    names = tuple(f"{index}/0" for index, _ in entries())
    owner = np.repeat(np.arange(len(clips)), [len(rows) for rows in together])
    found = Features(extractor().key, np.concatenate(together), owner, names)
    for axis in AXES:
        ours = [one.value for one in AudioBoxScore(axis, extractor()).score(found).clips]
        close(ours, [entry["scores"][axis] for _, entry in entries()])
        close(ours, [scores_of[axis] for scores_of in record()["batch_of_all"]])
    means = [one.value for one in AudioBoxScore("mean", extractor()).score(found).clips]
    close(means, [entry["javis_mean_of_four"] for _, entry in entries()])
    alone = [extractor()([one], [""])[0] for one in clips]
    gaps = [np.abs(a - b)[:, 1:].max() for a, b in zip(together, alone, strict=True)]
    assert max(gaps) <= record()["batch_vs_alone_max_abs"]


def test_the_published_code_computes_in_the_precision_of_its_weights() -> None:
    assert record()["str_of_precision"] == "torch.bfloat16"  # what its settings name
    assert not record()["enable_autocast_with_precision_bf16"]
    assert extractor().machine.dtype == "float32"


def test_the_stored_weights_are_those_of_the_recipe() -> None:
    found = load_state(state_file())
    assert {name: list(tensor.shape) for name, tensor in found.items()} == record()["small_shapes"]


@cache
def full_seed() -> int:
    """Return the seed by which the network of true size is filled."""
    seed: int = record()["full"]["fill_seed"]
    return seed


def test_scores_of_true_size() -> None:
    given = record()["full"]
    state = filled(given["shapes"], full_seed(), given["gain"])
    path = golden("columns/audiobox.json")
    full = audiobox.load(state, path, AudioBoxSize(head_layers=1, targets=targets()))
    assert sum(p.numel() for p in full.parameters()) == given["parameters"]
    theirs = [given["scores_in1"][axis] for axis in AXES]
    close(scores(full, wave(1)), theirs, 1e-3)


@pytest.mark.parametrize(("length", "frames"), [(1, 1), (320, 1), (321, 2), (160000, 499)])
def test_a_frame_sounds_if_a_sample_of_its_group_does(length: int, frames: int) -> None:
    assert sounding(length, 499) == frames
