"""I3D against the numbers of four public implementations, and its own promises."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from svbench.errors import DataError, ScoreError
from svbench.files.weights.loading import load_state
from svbench.metrics.networks.i3d import I3D, ThreePool, load, prepared, same_padding
from tests.factories.seeded_networks import SEEDS, seeded_i3d
from tests.goldens.places import golden

TOLERANCE = 1e-4  # of the logits' spread
COPIED_EPS = 1e-5  # in the copies of videogpt and cd-fvd
NARROW = 1 / 16

Array = NDArray[np.float32]


def facts() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(golden("metrics/i3d/golden.json").read_text())
    return found


@dataclass(frozen=True)
class Golden:
    """What the golden files hold, and weights by their recipe."""

    arrays: dict[str, Array]
    endpoints: dict[str, Any]  # by case
    seed: int
    state: dict[str, Tensor]


def cases(arrays: dict[str, Array]) -> list[str]:
    """Return the inputs that are present, "rand16" or "real16"."""
    return sorted({name.split("_")[0] for name in arrays if name.endswith("_logits")})


def make_input(case: str, arrays: dict[str, Array], seed: int) -> Tensor:
    """Return an input by its recipe."""
    if not case.startswith("rand"):
        frames = arrays[f"{case}_input_uint8_THWC"].astype(np.float32) / 255 * 2 - 1
        return torch.from_numpy(frames).permute(3, 0, 1, 2)[None]
    length = int(case.removeprefix("rand"))
    random = np.random.RandomState(seed + length)
    return torch.from_numpy(random.uniform(-1, 1, (1, 3, length, 224, 224)).astype(np.float32))


@pytest.fixture(scope="module")
def given_numbers() -> Golden:
    found = facts()
    with np.load(golden("metrics/i3d/golden.npz")) as file:
        arrays = dict(file)
    endpoints = {
        name.removeprefix("endpoints_"): value
        for name, value in found.items()
        if name.startswith("endpoints_")
    }
    case = cases(arrays)[-1]
    for seed in [found["seed"]] if "seed" in found else SEEDS:
        state = seeded_i3d(I3D(), seed)
        with torch.inference_mode():
            logits = prepared(load(state, Path("recipe")))(make_input(case, arrays, seed))
        if deviation(logits.numpy(), arrays[f"{case}_piergiaj_logits"]) < 0.1:
            return Golden(arrays, endpoints, seed, state)
    raise AssertionError(f"none of the seeds {SEEDS} gives {case}'s logits")


def hassony(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights under hassony2's names."""
    names = {"b0": "branch_0", "b1a": "branch_1.0", "b1b": "branch_1.1", "b2a": "branch_2.0"}
    names |= {"b2b": "branch_2.1", "b3b": "branch_3.1", "bn": "batch3d", "logits": "conv3d_0c_1x1"}
    renamed = {}
    for name, tensor in state.items():
        first, *rest = name.split(".")
        parts = [names.get(first, first.lower()), *(names.get(part, part) for part in rest)]
        renamed[".".join(parts)] = tensor
    return renamed


def deviation(found: Array, expected: Array) -> float:
    """Return the largest difference as a share of the spread."""
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / expected.std())


def test_logits_and_endpoints_are_those_of_piergiaj_and_hassony(given_numbers: Golden) -> None:
    network = load(hassony(given_numbers.state), Path("hassony"))
    fast = prepared(network)
    arrays = given_numbers.arrays
    for case in cases(arrays):
        expected_endpoints = given_numbers.endpoints.get(case, {})
        x = make_input(case, arrays, given_numbers.seed)
        with torch.inference_mode():
            for name, layer in (network if expected_endpoints else fast).named_children():
                x = layer(x)
                if name in expected_endpoints:
                    check_endpoint(x, expected_endpoints[name])
                if name == "avg_pool" and f"{case}_features1024" in arrays:
                    features = arrays[f"{case}_features1024"]
                    assert deviation(x.numpy(), features) <= TOLERANCE
        logits = x.numpy()
        assert deviation(logits, arrays[f"{case}_piergiaj_logits"]) <= TOLERANCE
        assert deviation(logits.mean(2), arrays[f"{case}_hassony_logits"]) <= TOLERANCE


def check_endpoint(x: Tensor, expected: dict[str, Any]) -> None:
    assert list(x.shape) == expected["shape"]
    spread = TOLERANCE * expected["std"]
    found = [float(x.mean()), *(float(v) for v in x.flatten()[:8])]
    assert found == pytest.approx([expected["mean"], *expected["first8"]], abs=spread)
    assert float(x.double().std()) == pytest.approx(expected["std"], rel=TOLERANCE)


def test_prepared_logits_with_the_copied_eps_are_those_of_videogpt(given_numbers: Golden) -> None:
    network = prepared(load(given_numbers.state, Path("copy"), eps=COPIED_EPS))
    arrays = given_numbers.arrays
    for case in cases(arrays):
        with torch.inference_mode():
            logits = network(make_input(case, arrays, given_numbers.seed)).mean(2).numpy()
        assert deviation(logits, arrays[f"{case}_videogpt_logits"]) <= TOLERANCE


def test_full_size_has_exactly_the_published_names() -> None:
    with torch.device("meta"):
        network = I3D()
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert len(shapes) == 344
    assert shapes == facts()["state_keys"]


@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 3))
def test_same_padding_gives_every_stride_one_place(size: int, kernel: int, stride: int) -> None:
    before, behind = same_padding((size,) * 3, (kernel,) * 3, (stride,) * 3)
    places = (size + before[0] + behind[0] - kernel) // stride + 1
    assert places == -(-size // stride)
    assert behind[0] - before[0] in (0, 1)


def narrow_state() -> dict[str, Tensor]:
    return seeded_i3d(I3D(classes=8, width=NARROW), seed=3)


def narrow(state: dict[str, Tensor]) -> I3D:
    return load(state, Path("narrow.pt"), classes=8, width=NARROW)


@pytest.mark.parametrize("side", [32, 48, 64])
@pytest.mark.parametrize(("frames", "places"), [(9, 1), (16, 1), (17, 2)])
def test_a_narrow_network_reads_small_clips(side: int, frames: int, places: int) -> None:
    network = narrow(narrow_state())
    x = torch.rand(2, 3, frames, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        logits = network(x)
        fast = prepared(network)(x)
    assert logits.shape == (2, 8, places)
    assert deviation(fast.numpy(), logits.numpy()) <= TOLERANCE
    assert all(n % 4 == 0 for t in network.state_dict().values() for n in t.shape[:1] if n != 3)


def test_prepared_leaves_the_network_as_it_was() -> None:
    network = narrow(narrow_state())
    prepared(network)
    state = narrow_state()
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, state[name]), name


@given(st.integers(0, 2**31), st.tuples(*[st.integers(1, 5)] * 3))
def test_a_pool_along_one_axis_after_the_other_is_the_same_pool(
    seed: int, size: tuple[int, int, int]
) -> None:
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(2, 3, *size, generator=random)
    for form in (torch.contiguous_format, torch.channels_last_3d):
        found = ThreePool()(x.to(memory_format=form))
        assert torch.equal(found, torch.nn.functional.max_pool3d(x, 3, 1, 1))


def test_too_few_frames_are_refused() -> None:
    with pytest.raises(ScoreError, match=r"T >= 9 frames, got shape \(1, 3, 8, 32, 32\)"):
        narrow(narrow_state())(torch.zeros(1, 3, 8, 32, 32))


# --- checkpoints: each published file form -------------------------------------------------------


def write_torchscript(path: Path, state: dict[str, Tensor]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch means to drop the format; the files stay
        script = torch.jit.trace(narrow(state), torch.zeros(1, 3, 9, 32, 32))
        torch.jit.save(script, str(path))


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("form", ["plain", "wrapped", "hassony", "safetensors", "torchscript"])
def test_each_published_file_form_loads(tmp_path: Path, form: str) -> None:
    state = narrow_state()
    path = tmp_path / ("i3d.safetensors" if form == "safetensors" else "i3d.pt")
    if form == "plain":  # as PyTorch 0.3 wrote rgb_imagenet.pt: batches were not counted
        torch.save({k: v for k, v in state.items() if "num_batches" not in k}, path)
    elif form == "wrapped":
        torch.save({"state_dict": state}, path)
    elif form == "hassony":
        torch.save(hassony(state), path)
    elif form == "safetensors":
        save_file(state, path)
    else:
        write_torchscript(path, state)
    network = narrow(load_state(path))
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, state[name]), name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: {"detector.w": torch.zeros(1), **s}, "narrow.pt: .*, unexpected detector.w; is"),
        (lambda s: dict(list(s.items())[:-1]), "expected 344; missing logits.conv3d.bias, "),
        (
            lambda s: {**s, "logits.conv3d.bias": torch.zeros(7)},
            r"logits.conv3d.bias has shape \(7,\), expected \(8,\)",
        ),
    ],
)
def test_other_weights_are_refused_in_one_line(change: Any, message: str) -> None:
    with pytest.raises(DataError, match=message) as refused:
        narrow(change(narrow_state()))
    assert re.search("\n", str(refused.value)) is None
