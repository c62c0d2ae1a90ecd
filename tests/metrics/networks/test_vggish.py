"""VGGish against the numbers of torchvggish and audioldm_eval."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from svbench.errors import DataError, ScoreError
from svbench.files.weights.loading import load_state
from svbench.metrics import fad
from svbench.metrics.frechet import distance, stats
from svbench.metrics.networks.vggish import VGGish, load, read_post_processing
from svbench.metrics.networks.vggish_inputs import LEAST_SAMPLES, SAMPLE_RATE, log_mel, mel_matrix
from tests.factories.seeded_networks import SEEDS, seeded_vggish
from tests.goldens.places import golden

EMBEDDING_TOLERANCE = 1e-4  # of the embeddings' spread
RESAMPLED = 0.05  # log-mel, on average, where our resampler is not theirs: the top bands differ
PROTOCOL_OF = {"torchvggish": "torchvggish", "audioldm_eval": "audioldm-eval"}
NARROW = 1 / 32

Array = NDArray[np.float32]


def facts() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(golden("metrics/vggish/golden.json").read_text())
    return found


@pytest.fixture(scope="module")
def arrays() -> dict[str, NDArray[Any]]:
    with np.load(golden("metrics/vggish/golden.npz")) as file:
        return dict(file)


@pytest.fixture(scope="module")
def network_and_seed(arrays: dict[str, NDArray[Any]]) -> tuple[VGGish, int]:
    """Make the network of the golden numbers; where no seed is named, find the one that fits."""
    found = facts()
    for seed in [found["seed"]] if "seed" in found else SEEDS:
        with torch.device("meta"):
            state = seeded_vggish(VGGish(), seed)
        network = load(state, Path("recipe"))
        if np.allclose(embed(network, synthetic(seed)), arrays["synth_emb"], atol=0.1):
            return network, seed
    raise AssertionError(f"none of the seeds {SEEDS} gives the golden embeddings")


def synthetic(seed: int) -> Array:
    examples = np.random.RandomState(seed + 3).standard_normal((3, 1, 96, 64)) * 2 - 1
    return examples[:, 0].astype(np.float32)


def embed(network: VGGish, examples: Array) -> Array:
    with torch.inference_mode():
        found: Array = network(torch.from_numpy(examples)).numpy()
    return found


def deviation(found: NDArray[Any], expected: NDArray[Any]) -> float:
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / expected.std())


def recording(name: str) -> Path | None:
    """Find a sound that the golden numbers name, if it is among the shared files."""
    file = Path(name)
    if file.parts[0] == "nativewav":
        place = golden("metrics") / "vggish" / f"{file.stem}_native.wav"
    else:
        place = golden("metrics") / "avalign" / "clips8" / file.name
    return place if place.exists() else None


def read(path: Path) -> tuple[Array, int]:
    """Read 16-bit samples (S, channels), -1..1, and their rate."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        channels = samples.reshape(-1, file.getnchannels())
        return (channels / 32768).astype(np.float32), file.getframerate()


def decoded_inputs() -> list[tuple[dict[str, Any], Array, int]]:
    """Return the inputs of supported loaders whose file is present."""
    found = []
    for entry in facts()["inputs"]:
        path = recording(entry["file"]) if entry["impl"] in PROTOCOL_OF else None
        if path is not None:
            sound, rate = read(path)
            mono = sound[:, 0] if entry["impl"] == "audioldm_eval" else sound.mean(axis=1)
            found.append((entry, mono, rate))
    return found


def test_mel_matrix_is_theirs(arrays: dict[str, NDArray[Any]]) -> None:
    assert np.abs(mel_matrix() - arrays["mel_matrix_257x64"]).max() <= 1e-12


def test_log_mel_is_theirs_to_1e_6_at_16_khz(arrays: dict[str, NDArray[Any]]) -> None:
    judged = 0
    for entry, sound, rate in decoded_inputs():
        protocol = fad.PROTOCOLS[PROTOCOL_OF[entry["impl"]]]
        found = fad.examples(sound, rate, protocol)
        expected = arrays[f"in{entry['index']}_{entry['impl']}_logmel"]
        assert found.shape == expected.shape
        if rate == SAMPLE_RATE:
            assert np.abs(found - expected).max() <= 1e-6
            judged += 1
        else:
            assert np.abs(found - expected).mean() <= RESAMPLED
    if not judged:
        pytest.skip("none of the golden sounds at 16 kHz is there")


def test_embeddings_are_theirs(
    network_and_seed: tuple[VGGish, int], arrays: dict[str, NDArray[Any]]
) -> None:
    network, seed = network_and_seed
    inputs = {"synth": synthetic(seed)}
    for name in sorted(n.removesuffix("_emb") for n in arrays if n.endswith("_emb")):
        if name != "synth":
            inputs[name] = arrays[f"{name}_audioldm_eval_logmel"]
    for name, examples in inputs.items():
        found = embed(network, examples)
        assert deviation(found, arrays[f"{name}_emb"]) <= EMBEDDING_TOLERANCE
        rectified = np.maximum(found, 0)
        assert deviation(rectified, arrays[f"{name}_emb_relu"]) <= EMBEDDING_TOLERANCE


def test_frechet_audio_distance_is_theirs(
    network_and_seed: tuple[VGGish, int], arrays: dict[str, NDArray[Any]]
) -> None:
    network, _ = network_and_seed
    expected = facts()["fad"]
    sides = []
    for side, names in zip("ab", expected["groups"], strict=True):
        paths = [recording(name) for name in names]
        if None in paths:
            pytest.skip("not all sounds behind the golden FAD are there")
        rows = []
        for path in paths:
            assert path is not None
            sound, rate = read(path)
            mel = fad.examples(sound[:, 0], rate, fad.PROTOCOLS["audioldm-eval"])
            rows.append(embed(network, mel))
        sides.append(np.concatenate(rows))
        assert deviation(sides[-1], arrays[f"fad_emb_{side}"]) <= EMBEDDING_TOLERANCE
    value = distance(stats(sides[0]), stats(sides[1]), ddof=1)
    assert value == pytest.approx(expected["audioldm_eval"], rel=1e-4)


def test_golden_embeddings_give_the_golden_distance(arrays: dict[str, NDArray[Any]]) -> None:
    value = distance(stats(arrays["fad_emb_a"]), stats(arrays["fad_emb_b"]), ddof=1)
    assert value == pytest.approx(facts()["fad"]["audioldm_eval"], rel=1e-5)


def test_full_size_has_exactly_the_published_names() -> None:
    with torch.device("meta"):
        network = VGGish()
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert shapes == facts()["state_keys"]


def test_examples_of_golden_edge_cases() -> None:
    lengths = {"silence4s": 4 * SAMPLE_RATE, "short_0p5s": SAMPLE_RATE // 2}
    for name, expected in facts()["edge"].items():
        if name not in lengths and not name.startswith("len_"):
            continue
        length = lengths.get(name) or int(name.removeprefix("len_"))
        found = log_mel(np.zeros(length, np.float32))
        assert list(found.shape) == expected["shape"]
        if expected["first"] is not None:
            assert found.flat[0] == pytest.approx(expected["first"], abs=1e-6)


def test_first_example_needs_15600_samples() -> None:
    assert LEAST_SAMPLES == 15600
    sound = np.random.default_rng(0).uniform(-1, 1, 2 * 15360 + 240)
    assert [len(log_mel(sound[:n])) for n in (0, 15599, 15600, 30959, 30960)] == [0, 0, 1, 1, 2]
    np.testing.assert_array_equal(log_mel(sound)[:1], log_mel(sound[:15600]))


def test_wrong_examples_are_refused() -> None:
    network = VGGish(NARROW)
    with pytest.raises(ScoreError, match=r"reads examples \(n, 96, 64\), got shape \(1, 64, 96\)"):
        network(torch.zeros(1, 64, 96))


# --- files -------------------------------------------------------------------------------------


def narrow(state: dict[str, Tensor]) -> VGGish:
    return load(state, Path("narrow"), width=NARROW)


@pytest.mark.parametrize("form", ["plain", "wrapped", "safetensors"])
def test_each_file_form_loads(tmp_path: Path, form: str) -> None:
    state = seeded_vggish(VGGish(NARROW), 2)
    path = tmp_path / ("v.safetensors" if form == "safetensors" else "v.pth")
    if form == "safetensors":
        save_file(state, path)
    else:
        torch.save({"state_dict": state} if form == "wrapped" else state, path)
    network = narrow(load_state(path))
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, state[name]), name


@pytest.mark.parametrize("form", ["numpy", "old numpy", "tensors", "safetensors"])
def test_post_processing_is_theirs_in_each_file_form(
    tmp_path: Path, form: str, arrays: dict[str, NDArray[Any]]
) -> None:
    names = ("pca_eigen_vectors", "pca_means")
    plain = {name: arrays[name] for name in names}
    tensors = {name: torch.from_numpy(array) for name, array in plain.items()}
    path = tmp_path / ("pca.safetensors" if form == "safetensors" else "pca.pth")
    if form == "safetensors":
        save_file(tensors, path)
    elif form == "tensors":
        torch.save(tensors, path)
    elif form == "numpy":
        torch.save(plain, path)
    else:  # as torchvggish's file is: before zip files, float64, means flat
        doubles = {name: array.astype(np.float64) for name, array in plain.items()}
        doubles["pca_means"] = doubles["pca_means"][:, 0]
        torch.save(doubles, path, _use_new_zipfile_serialization=False)
    found = read_post_processing(path)(arrays["synth_emb"])
    np.testing.assert_array_equal(found, arrays["synth_post"])
    assert found.min() >= 0
    assert found.max() <= 255


@pytest.mark.parametrize("content", [{"pca_means": np.zeros(128)}, [1, 2], None])
def test_other_post_processing_is_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "pca.pth"
    if content is None:
        path.write_bytes(b"not a torch file")
    else:
        torch.save(content, path)
    with pytest.raises(DataError, match=r"pca\.pth: found .*, expected"):
        read_post_processing(path)
