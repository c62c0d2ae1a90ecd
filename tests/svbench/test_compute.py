"""Device and precision, strict state dicts, inference, digests."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from svbench.compute import (
    CPU,
    DTYPES,
    Machine,
    check_weights,
    digest_file,
    digest_settings,
    inference,
    load_weights,
    minor_version,
)
from svbench.engines.local import Local
from svbench.errors import ConfigError, DataError
from tests.factories.processes import PATIENCE

SOURCE = Path("folder") / "net.safetensors"


def network() -> nn.Module:
    return nn.Sequential(nn.Conv1d(3, 4, 2), nn.BatchNorm1d(4), nn.Flatten(), nn.Linear(8, 2))


def state(seed: int = 0) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(seed)
    return {
        name: torch.rand(tensor.shape, generator=random)
        if tensor.is_floating_point()
        else torch.tensor(7)
        for name, tensor in network().state_dict().items()
    }


NAMES = sorted(state())

# --- machine -----------------------------------------------------------------------------------


def test_a_machine_is_a_value() -> None:
    assert Machine("cpu") == CPU
    assert {Machine("cpu"): 1}[CPU] == 1
    assert (CPU.place, CPU.torch_dtype) == (torch.device("cpu"), torch.float32)
    assert Machine() == Machine("auto", "float32", None, None)


@pytest.mark.parametrize(("gpu", "kind"), [(True, "cuda"), (False, "cpu")])
def test_auto_is_a_gpu_if_there_is_one(
    gpu: bool, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert Machine("auto").place.type == kind


def test_a_build_for_no_gpu_is_not_asked_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kind is that of the place, but torch is asked only where its build leaves it open."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for release, kind in (("2.13.0+cpu", "cpu"), ("2.13.0", "cuda"), ("2.13.0+cu126", "cuda")):
        monkeypatch.setattr("svbench.compute.installed", {"torch": release}.__getitem__)
        assert Machine("auto").kind == kind
    for device in ("cpu", "cpu:0", "meta"):
        assert Machine(device).kind == Machine(device).place.type


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "", "cpu:x"])
def test_a_device_that_is_not_there_is_one_line(device: str) -> None:
    with pytest.raises(ConfigError, match=f"--device: found '{device}' .*expected auto") as error:
        _ = Machine(device).place
    with pytest.raises(ConfigError, match=f"--device: found '{device}'"):
        _ = Machine(device).kind
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("dtype", ["half", "float64", "int8", ""])
def test_only_listed_dtypes_are_known(dtype: str) -> None:
    with pytest.raises(ConfigError, match=f"dtype: found '{dtype}', expected one of float32, "):
        Machine("cpu", dtype)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_dtype_is_that_of_torch_of_its_name(dtype: str) -> None:
    assert str(Machine("cpu", dtype).torch_dtype) == f"torch.{dtype}"  # type: ignore[arg-type]


def test_the_settings_name_what_may_change_a_number() -> None:
    assert CPU.settings == {"device": "cpu", "dtype": "float32"}
    assert (CPU.identity, CPU.suffix) == (["cpu", "float32"], "")
    rough = Machine("meta", "bfloat16", threads=2, batch=3)
    assert rough.settings == {"device": "meta", "dtype": "bfloat16", "batch": 3, "threads": 2}
    assert rough.identity == ["meta", "bfloat16", "batch 3", "threads 2"]
    assert rough.suffix == "-meta-bfloat16"


# --- state dicts -------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_network_gets_device_and_dtype_whatever_the_file_has(device: str, dtype: str) -> None:
    machine = Machine(device, dtype)  # type: ignore[arg-type]
    for kept in (torch.float16, torch.float32, torch.float64):
        saved = {n: t.to(kept) if t.is_floating_point() else t for n, t in state().items()}
        loaded = load_weights(network(), saved, SOURCE, machine=machine)
        for tensor in loaded.state_dict().values():
            assert tensor.device.type == device
            assert tensor.dtype == (machine.torch_dtype if tensor.ndim else torch.int64)


def test_a_network_built_on_meta_is_ready_for_inference() -> None:
    with torch.device("meta"):
        empty = network()
    loaded = load_weights(empty, state(), SOURCE)
    assert loaded is empty
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert all(torch.equal(t, state()[n]) for n, t in loaded.state_dict().items())
    assert loaded(torch.ones(1, 3, 3)).shape == (1, 2)


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("form", [torch.channels_last, torch.contiguous_format])
def test_the_memory_format_of_a_network_is_kept(kernel: int, form: torch.memory_format) -> None:
    built = nn.Conv2d(4, 8, kernel).to(memory_format=form)
    random = torch.Generator().manual_seed(0)
    weights = {"weight": torch.rand(8, 4, kernel, kernel, generator=random), "bias": torch.zeros(8)}
    strides = built.weight.stride()
    loaded = load_weights(built, weights, SOURCE)
    assert loaded.weight.stride() == strides
    assert torch.equal(loaded.weight, weights["weight"])


@given(st.sampled_from(NAMES), st.text(min_size=1).filter(lambda name: name not in NAMES))
def test_a_renamed_weight_is_refused(name: str, other: str) -> None:
    changed = state()
    changed[other] = changed.pop(name)
    with pytest.raises(DataError) as error:
        load_weights(network(), changed, SOURCE)
    assert str(error.value) == (
        f"{SOURCE}: found {len(NAMES)} weights, expected {len(NAMES)}; missing {name}, "
        f"unexpected {other}; is it the checkpoint of another network?"
    )


@given(st.sets(st.sampled_from(NAMES), min_size=1))
def test_missing_weights_are_refused(names: set[str]) -> None:
    left = {name: tensor for name, tensor in state().items() if name not in names}
    with pytest.raises(DataError, match=f"^{SOURCE}: .* missing {min(names)}, unexpected none;"):
        load_weights(network(), left, SOURCE)


@given(st.sampled_from(NAMES), st.lists(st.integers(0, 5), max_size=3).map(tuple))
def test_a_reshaped_weight_is_refused(name: str, shape: tuple[int, ...]) -> None:
    usual = state()
    changed = {**usual, name: torch.zeros(shape)}
    if shape == tuple(usual[name].shape):
        check_weights(usual, changed, SOURCE)
        return
    with pytest.raises(DataError) as error:
        load_weights(network(), changed, SOURCE)
    expected = tuple(usual[name].shape)
    assert str(error.value) == f"{SOURCE}: {name} has shape {shape}, expected {expected}"


@given(st.sets(st.sampled_from(NAMES), min_size=1))
def test_only_what_matches_a_pattern_may_be_absent(names: set[str]) -> None:
    left = {name: tensor for name, tensor in state().items() if name not in names}
    pattern = ["1.num_*", "1.running_*"]
    optional = {"1.num_batches_tracked", "1.running_mean", "1.running_var"}
    if names <= optional:
        check_weights(state(), left, SOURCE, may_lack=pattern)
        return
    with pytest.raises(DataError, match=f"missing {min(names - optional)},"):
        check_weights(state(), left, SOURCE, may_lack=pattern)


def test_absent_weights_stay_what_they_were() -> None:
    built = network()
    before = built[3].weight.clone()
    part = {name: tensor for name, tensor in state().items() if not name.startswith("3.")}
    loaded = load_weights(built, part, SOURCE, may_lack=["3.*"])
    assert torch.equal(loaded[3].weight, before)
    assert torch.equal(loaded[0].weight, state()["0.weight"])


def test_a_refused_state_dict_leaves_the_network_as_it_was() -> None:
    built = network()
    before = {name: tensor.clone() for name, tensor in built.state_dict().items()}
    with pytest.raises(DataError):
        load_weights(built, {**state(), "9.weight": torch.zeros(1)}, SOURCE)
    assert all(torch.equal(t, before[n]) for n, t in built.state_dict().items())


# --- inference ---------------------------------------------------------------------------------


def test_nothing_is_differentiated() -> None:
    weight = torch.ones(2, requires_grad=True)
    with inference(CPU):
        assert not (2 * weight).requires_grad
    assert (2 * weight).requires_grad


def test_threads_are_those_of_the_machine() -> None:
    before = torch.get_num_threads()
    for threads in (1, 2):
        with inference(Machine("cpu", threads=threads)):
            assert torch.get_num_threads() == threads
    with inference(CPU):
        assert torch.get_num_threads() == before
    assert torch.get_num_threads() == before


def test_named_threads_hold_inside_an_engine_and_take_turns() -> None:
    """An engine holds torch to one thread each; a machine that names threads has them alone."""
    inside: list[int] = []

    def work(_number: int) -> int:
        with inference(Machine("cpu", threads=3)):
            inside.append(1)
            together = len(inside)
            time.sleep(0.01)
            inside.pop()
            return 10 * together + torch.get_num_threads()

    for workers in (1, 3):
        assert list(Local(workers).map(work, range(6))) == [13] * 6
        assert list(Local(workers).map(lambda _: torch.get_num_threads(), range(3))) == [1] * 3


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a machine that passes for one with a GPU."""
    monkeypatch.setattr(Machine, "place", property(lambda _self: torch.device("cuda")))
    return Machine("cuda")


def precision() -> tuple[bool, bool, str]:
    cudnn = torch.backends.cudnn
    return cudnn.allow_tf32, cudnn.deterministic, torch.get_float32_matmul_precision()


def test_a_gpu_computes_in_true_float32_until_the_last_thread_leaves(gpu: Machine) -> None:
    exact, usual = (False, True, "highest"), (True, False, "high")
    before = precision()
    inside, leave = Event(), Event()

    def compute() -> None:
        with inference(gpu):
            inside.set()
            leave.wait(PATIENCE)

    other = Thread(target=compute)
    try:
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic = usual[:2]
        with inference(gpu):
            assert precision() == exact
            other.start()
            assert inside.wait(PATIENCE)
        assert precision() == exact  # the other thread still computes
        leave.set()
        other.join()
        assert precision() == usual
    finally:
        leave.set()
        torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic = before[:2]
        torch.set_float32_matmul_precision(before[2])


def test_an_error_restores_the_precision(gpu: Machine) -> None:
    before = precision()
    with pytest.raises(ValueError, match="mine"), inference(gpu):
        raise ValueError("mine")
    assert precision() == before


# --- digests -----------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON), st.integers(1, 64))
def test_a_digest_of_settings_is_that_of_their_json_in_order(
    settings: dict[str, object], length: int
) -> None:
    text = json.dumps(settings, sort_keys=True)
    whole = hashlib.sha256(text.encode()).hexdigest()
    assert digest_settings(settings) == whole
    assert digest_settings(dict(reversed(settings.items())), length) == whole[:length]


def test_digests_on_record_stay_what_they_are() -> None:
    settings = {"b": [1, 2.5, None], "a": {"x": True}}
    assert digest_settings(settings, 10) == "f50b2c713b"
    assert digest_settings(settings, 10, compact=True) == "e4f1f0315d"


@pytest.mark.parametrize("content", [b"", b"abc", bytes(3 << 20)])
def test_the_digest_of_a_file_is_that_of_its_bytes(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    assert digest_file(tmp_path / "a") == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("make", [Path.mkdir, lambda _path: None])
def test_a_file_that_cannot_be_read_is_an_error_of_data_if_asked(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / "a")
    with pytest.raises(OSError, match="a"):
        digest_file(tmp_path / "a")
    with pytest.raises(DataError, match=r"a: cannot be read \(.*\), expected scores"):
        digest_file(tmp_path / "a", "scores")


@pytest.mark.parametrize(
    ("release", "minor"), [("2.13.0+cpu", "2.13"), ("4.12.0.88", "4.12"), ("3", "3")]
)
def test_a_minor_version_has_two_parts(release: str, minor: str) -> None:
    assert minor_version(release) == minor
