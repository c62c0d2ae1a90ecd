"""PANNs and PaSST at true size against panns-inference, av-benchmark and hear21passt."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from svbench.files.weights.structure import structure
from svbench.metrics.audio_tagging import prepared
from svbench.metrics.networks import panns, panns_inputs, passt, passt_inputs
from tests.goldens.clip_sounds import golden_sound
from tests.goldens.named_numbers import filled
from tests.goldens.places import golden

WAVE = 1e-5
LOG_MEL = 2e-4
FEATURES = 1e-3  # of the spread, as their README calls fair at true size; found are 7e-6
QUIET = 1e-9  # of a frame's power, below which float32 has rounding errors alone
SEEDS = 2000  # that are tried
WRAPPER = "net."  # before the names of hear21passt's network
NOT_PUBLISHED = "device_proxy"  # of the wrapper itself

Array = NDArray[np.float32]


def facts() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(golden("columns/audio.json").read_text())
    return found


def arrays(name: str) -> dict[str, Array]:
    with np.load(golden(f"columns/{name}.npz")) as file:
        return dict(file)


def cut(entry: Mapping[str, Any], tagger: str, rate: int) -> Tensor:
    """Return what a network reads of an input: its first seconds."""
    sound = prepared(golden_sound(entry), entry["sr"], tagger)
    return sound[: int(rate * entry["audio_length"])]


@cache
def seed() -> int:
    """Return the seed of the weights: the first that gives PANNs' first batch norm.

    The folder's README alone names it.
    """
    shapes = {n: s for n, s in facts()["panns"]["shapes"].items() if n.startswith("bn0.")}
    _, mean, spread = facts()["panns"]["stats"]["in0"]["bn0"]
    spectrogram = torch.from_numpy(arrays("panns")["in0_logmel"])
    for number in range(SEEDS):
        state = {n.removeprefix("bn0."): t for n, t in filled(shapes, number, 1.0).items()}
        del state["num_batches_tracked"]
        found = functional.batch_norm(spectrogram, **state)
        if np.allclose([found.mean(), found.std()], [mean, spread], rtol=1e-4):
            return number
    raise AssertionError(f"no seed below {SEEDS} gives the statistics")


def shapes_of(name: str) -> dict[str, Sequence[int]]:
    """Return names and shapes of a published file, from those of the network that was run."""
    shapes = facts()[name]["shapes"]
    return {n.removeprefix(WRAPPER): s for n, s in shapes.items() if n != NOT_PUBLISHED}


def state_of(name: str) -> dict[str, Tensor]:
    """Return the weights of the golden numbers, by the names of the published file."""
    found, kept = facts()[name], set(facts()[name]["kept"])
    shapes = {n: shape for n, shape in found["shapes"].items() if n not in kept}
    state = filled(shapes, seed(), found["gain"])
    return {n.removeprefix(WRAPPER): t for n, t in state.items() if n != NOT_PUBLISHED}


def deviation(found: Tensor, expected: Array) -> float:
    assert found.shape == expected.shape
    return float(np.abs(found.numpy() - expected).max() / expected.std())


class Activations:
    """What layers of a network compute in a forward pass, by name."""

    def __init__(self) -> None:
        self.found: dict[str, Tensor] = {}

    def of(self, name: str, layer: nn.Module) -> None:
        layer.register_forward_hook(lambda _, _inputs, output: self._keep(name, output))

    def before(self, name: str, layer: nn.Module) -> None:
        layer.register_forward_pre_hook(lambda _, inputs: self._keep(name, inputs[0]))

    def _keep(self, name: str, values: Tensor) -> None:
        self.found[name] = values.clone()  # what follows may work in place

    def check(self, expected: Mapping[str, tuple[list[int], float, float]]) -> None:
        """Compare shape, mean and standard deviation of each layer."""
        assert expected
        for name, (shape, mean, spread) in expected.items():
            found = self.found[name]
            assert list(found.shape) == shape, name
            assert abs(float(found.mean()) - mean) <= FEATURES * spread, name
            assert abs(float(found.std()) - spread) <= FEATURES * spread, name


def check_outputs(network: nn.Module, inputs: Tensor, embedding: Array, logits: Array) -> None:
    with torch.inference_mode():
        (row,) = network(inputs[None])
    assert deviation(row[: len(embedding)], embedding) <= FEATURES
    assert deviation(row[len(embedding) :], logits) <= FEATURES


@pytest.mark.parametrize(
    ("name", "published"), [("panns", "panns-cnn14-16k"), ("passt", "passt-s-swa")]
)
def test_published_names_and_shapes_are_those_of_the_network_that_was_run(
    name: str, published: str
) -> None:
    (listed,) = structure(published).namings.values()
    assert listed == {n: tuple(shape) for n, shape in shapes_of(name).items()}
    counted = ("running_mean", "running_var", "num_batches_tracked")
    sizes = [math.prod(s) for n, s in facts()[name]["shapes"].items() if not n.endswith(counted)]
    assert sum(sizes) == facts()[name]["parameters"]


def test_sounds_are_resampled_as_by_torchaudio() -> None:
    expected = arrays("audio_wave")
    for number, entry in enumerate(facts()["inputs"]):
        at_16, at_32 = cut(entry, "panns-16k", 16000), cut(entry, "passt-32k", 32000)
        assert (len(at_16), len(at_32)) == (entry["samples_16k"], entry["samples_32k"])
        assert np.abs(at_16.numpy() - expected[f"in{number}_16k"]).max() <= WAVE
        assert np.abs(at_32.numpy()[::7] - expected[f"in{number}_32k_every7"]).max() <= WAVE


def test_the_spectrograms_of_panns() -> None:
    waves, expected = arrays("audio_wave"), arrays("panns")
    np.testing.assert_allclose(panns_inputs.mel_matrix(), expected["melW"], atol=1e-7)
    loud = []  # of all sounds together: 0.1 % of a short one are a few cells
    for number in range(len(facts()["inputs"])):
        wave = torch.from_numpy(waves[f"in{number}_16k"])
        power = panns_inputs.power_spectrogram(wave)
        sub = expected[f"in{number}_spec_sub"]
        assert deviation(power[::8, ::4], sub) <= LOG_MEL
        found, theirs = panns_inputs.log_mel(wave).numpy(), expected[f"in{number}_logmel"]
        errors = np.abs(found - theirs)
        assert errors.max() <= 1e-2
        heard = theirs > 10 * np.log10(QUIET) + 10 * np.log10(power.sum(1).numpy())[:, None]
        assert heard.mean() > 0.1
        loud.append(errors[heard])
    assert np.mean(np.concatenate(loud) > LOG_MEL) <= 1e-3


def test_the_features_of_panns() -> None:
    network = panns.load(state_of("panns"), Path("filled"))
    layers, stats = Activations(), facts()["panns"]["stats"]
    layers.of("bn0", network.bn0)
    *blocks, last = (name for name, _ in network.named_children() if name.startswith("conv"))
    for name, following in zip(blocks, [*blocks[1:], last], strict=True):
        layers.before(name, network.get_submodule(following))  # behind the pooling
    layers.of(last, network.get_submodule(last))
    waves, expected = arrays("audio_wave"), arrays("panns")
    for number in range(len(facts()["inputs"])):
        inputs = panns_inputs.log_mel(torch.from_numpy(waves[f"in{number}_16k"]))
        outputs = expected[f"in{number}_2048"], expected[f"in{number}_logits"]
        check_outputs(network, inputs, *outputs)
        layers.check(stats[f"in{number}"])


def test_the_spectrograms_of_passt() -> None:
    expected = arrays("passt")
    basis = passt_inputs.mel_matrix().numpy()
    np.testing.assert_allclose(basis[:, :-1], expected["mel_basis_128x512"], atol=1e-7)
    assert not basis[:, -1].any()
    every = []
    assert facts()["passt"]["fmax"] == passt_inputs.HIGHEST
    for number, entry in enumerate(facts()["inputs"]):
        found = passt_inputs.log_mel(cut(entry, "passt-32k", 32000)).numpy()
        errors = np.abs(found[:, ::4] - expected[f"in{number}_mel_sub"])
        assert errors.max() <= 1e-2
        every.append(errors)
    assert np.mean(np.concatenate(every) > LOG_MEL) <= 1e-3


def test_the_features_of_passt() -> None:
    network = passt.load(state_of("passt"), Path("filled"))
    layers, stats = Activations(), facts()["passt"]["stats"]
    layers.of("patch", network.patch_embed)
    for i, block in enumerate(network.blocks):
        layers.of(f"block{i}", block)
    expected = arrays("passt")
    for number, entry in enumerate(facts()["inputs"]):
        inputs = passt_inputs.log_mel(cut(entry, "passt-32k", 32000))
        outputs = expected[f"in{number}_embed"], expected[f"in{number}_logits"]
        check_outputs(network, inputs, *outputs)
        layers.check(stats[f"in{number}"])
        last = f"block{len(network.blocks) - 1}"
        tokens = expected[f"in{number}_tokens_{last}"]
        assert deviation(layers.found[last][0, ::100], tokens) <= FEATURES
