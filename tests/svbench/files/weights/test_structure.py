"""The shipped lists are those of our networks, and every form that a network loads passes."""

from __future__ import annotations

import gzip
import math
import tracemalloc
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from svbench.compute import Machine
from svbench.errors import DataError
from svbench.files.weights import forms
from svbench.files.weights.loading import load_state
from svbench.files.weights.published import PUBLISHED
from svbench.files.weights.structure import FOLDER, check_size, check_structure, expanded, structure
from svbench.metrics.networks import i3d, imagebind, imagebind_text, synchformer, vggish
from svbench.metrics.networks.i3d import I3D
from svbench.metrics.networks.imagebind import ImageBind
from svbench.metrics.networks.imagebind_config import UNUSED
from svbench.metrics.networks.synchformer import Synchformer
from svbench.metrics.networks.vggish import VGGish, read_post_processing

NETWORKS: Mapping[str, Callable[[], nn.Module]] = {
    "i3d": I3D,
    "vggish": VGGish,
    "imagebind": ImageBind,
    "synchformer": Synchformer,
}
COUNTS = {"i3d": 344, "vggish": 18, "imagebind": 1311, "synchformer": 513}
BRANCHES = {"b0": "branch_0", "b1a": "branch_1.0", "b1b": "branch_1.1"}
BRANCHES |= {"b2a": "branch_2.0", "b2b": "branch_2.1", "b3b": "branch_3.1"}
HASSONY = BRANCHES | {"bn": "batch3d", "logits": "conv3d_0c_1x1"}


@cache
def shapes_of(name: str) -> dict[str, tuple[int, ...]]:
    if name == "synchformer":  # transformers has other names in each of its major versions
        return synchformer.shapes()
    with torch.device("meta"):
        return {n: tuple(t.shape) for n, t in NETWORKS[name]().state_dict().items()}


def make_state(name: str, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Return a checkpoint in which one number stands for each tensor, so that files are small."""
    return {n: torch.zeros((), dtype=dtype).expand(shape) for n, shape in shapes_of(name).items()}


def hassony(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Name weights of I3D as hassony2 does."""
    parts = {name: name.split(".") for name in state}
    return {
        ".".join([HASSONY.get(p[0], p[0].lower()), *(HASSONY.get(q, q) for q in p[1:])]): state[n]
        for n, p in parts.items()
    }


def test_every_published_file_has_a_list_and_every_list_a_file() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} == set(PUBLISHED)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_list_is_that_of_our_network(name: str) -> None:
    ours, first = shapes_of(name), next(iter(structure(name).namings.values()))
    assert first == ours
    assert len(first) == COUNTS[name]


def test_the_other_names_of_i3d_are_those_that_are_renamed() -> None:
    state = make_state("i3d")
    theirs = structure("i3d").namings["hassony2"]
    assert theirs == {name: tuple(tensor.shape) for name, tensor in hassony(state).items()}
    assert i3d.piergiaj_names(hassony(state)).keys() == state.keys()


def test_the_kernels_are_those_of_i3d() -> None:
    kernels = [math.prod(s) for n, s in shapes_of("i3d").items() if n.endswith("conv3d.weight")]
    listed = structure("i3d-torchscript").numbers["kernels"]
    assert {int(values): count for values, count in listed.items()} == Counter(kernels)


def test_as_many_pairs_are_wanted_as_are_read() -> None:
    assert structure("clip-bpe").numbers["merges"] == imagebind_text.MERGES


@pytest.mark.parametrize("name", NETWORKS)
def test_sizes_reach_from_half_to_double_precision(name: str) -> None:
    wanted = structure(name)
    counts = {n: math.prod(shape) for n, shape in shapes_of(name).items()}
    lean = sum(c for n, c in counts.items() if n.split(".")[1] not in UNUSED)
    assert wanted.least == 2 * lean
    assert 8.8 * sum(counts.values()) < wanted.most < 9.1 * sum(counts.values())


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_stated_size_is_one_that_passes(name: str) -> None:
    usual = PUBLISHED[name].size
    check_size(name, usual, "file", usual)
    for wrong in (0, usual // 20, usual * 10):
        with pytest.raises(DataError, match=f"file: found {wrong:,} bytes, expected about"):
            check_size(name, wrong, "file", usual)


def test_a_row_stands_for_several_names() -> None:
    assert list(expanded("a.{0-2}.{w,b}")) == ["a.0.w", "a.0.b", "a.1.w", "a.1.b", "a.2.w", "a.2.b"]
    assert list(expanded("plain")) == ["plain"]


# --- what loads passes ---------------------------------------------------------------------------

State = Mapping[str, Tensor]


def script(state: State, path: Path) -> None:
    """Write an archive of TorchScript whose modules have the names' parts for names."""
    whole = nn.Module()
    for name, tensor in state.items():
        *homes, last = name.split(".")
        module = whole
        for home in homes:
            if home not in module._modules:
                module.add_module(home, nn.Module())
            module = module.get_submodule(home)
        module.register_buffer(last, tensor)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(whole), path)


def old(state: State, path: Path) -> None:
    torch.save(dict(state), path, _use_new_zipfile_serialization=False)


FORMS: Mapping[str, Callable[[State, Path], object]] = {
    "torch": lambda state, path: torch.save(dict(state), path),
    "old torch": old,
    "state_dict": lambda state, path: torch.save({"state_dict": dict(state), "epoch": 3}, path),
    "model": lambda state, path: torch.save({"model": dict(state), "args": [1]}, path),
    "both": lambda state, path: torch.save({"state_dict": {"model": dict(state)}}, path),
    "TorchScript": script,
}
BUILD: Mapping[str, Callable[[State, Path], object]] = {
    "i3d": i3d.load,
    "vggish": vggish.load,
    # Without memory for all of its numbers.
    "imagebind": lambda state, path: imagebind.load(state, path, machine=Machine("meta")),
    "synchformer": lambda state, path: synchformer.load(state, path, machine=Machine("meta")),
}


@pytest.mark.parametrize(
    ("name", "form"),
    [
        *((name, form) for name in ("i3d", "vggish") for form in FORMS),
        ("imagebind", "state_dict"),
        ("synchformer", "torch"),
    ],
)
def test_every_form_that_a_network_loads_passes(name: str, form: str, tmp_path: Path) -> None:
    path = tmp_path / PUBLISHED[name].file
    FORMS[form](make_state(name), path)
    BUILD[name](load_state(path), path)
    check_structure(name, path, "file")


def uncounted(state: State) -> dict[str, Tensor]:
    return {n: t for n, t in state.items() if not n.endswith("num_batches_tracked")}


def without_unused(state: State) -> dict[str, Tensor]:
    return {n: t for n, t in state.items() if n.split(".")[1] not in UNUSED}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("i3d", hassony),
        ("i3d", uncounted),
        ("i3d", lambda state: uncounted(hassony(state))),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_other_names_and_precisions_and_what_nobody_reads(
    name: str, change: Callable[[State], State], dtype: torch.dtype, tmp_path: Path
) -> None:
    path = tmp_path / PUBLISHED[name].file
    torch.save(dict(change(make_state(name, dtype))), path)
    BUILD[name](load_state(path), path)
    check_structure(name, path, "file")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_towers_that_nothing_runs_may_be_absent(dtype: torch.dtype, tmp_path: Path) -> None:
    path = tmp_path / PUBLISHED["imagebind"].file
    torch.save(without_unused(make_state("imagebind", dtype)), path)
    BUILD["imagebind"](load_state(path), path)
    check_structure("imagebind", path, "file")


def test_safetensors_pass_under_whatever_name(tmp_path: Path) -> None:
    path = tmp_path / "rgb_imagenet.pt"  # as it is placed
    state = {n: torch.zeros(s, dtype=torch.bfloat16) for n, s in shapes_of("i3d").items()}
    save_file(state, path)
    BUILD["i3d"](load_state(path), path)
    check_structure("i3d", path, "file")


def first_gone(state: State) -> State:
    return {n: state[n] for n in list(state)[1:]}


def first_misshapen(state: State) -> State:
    return {**state, next(iter(state)): torch.zeros(3)}


def one_more(state: State) -> State:
    return {**state, "extra.weight": torch.zeros(3)}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        *((name, change) for name in ("i3d", "vggish") for change in (first_gone, first_misshapen)),
        *((name, one_more) for name in NETWORKS),
        ("i3d", lambda _state: {}),
    ],
)
def test_what_a_network_refuses_is_refused_before(
    name: str, change: Callable[[State], State], tmp_path: Path
) -> None:
    path = tmp_path / "file.pt"
    torch.save(dict(change(make_state(name))), path)
    with pytest.raises(DataError):
        BUILD[name](load_state(path), path)
    with pytest.raises(DataError, match="file: found"):
        check_structure(name, path, "file")


@pytest.mark.parametrize("column", [True, False])
@pytest.mark.parametrize("kind", ["arrays", "old", "old NumPy", "tensors"])
def test_every_form_of_the_pca_that_is_read_passes(kind: str, column: bool, tmp_path: Path) -> None:
    path = tmp_path / "pca.pth"
    dtype = np.float64 if kind.startswith("old") else np.float32
    means = np.zeros((128, 1) if column else 128, dtype)
    state = {"pca_eigen_vectors": np.eye(128, dtype=dtype), "pca_means": means, "other": means}
    tensors = {name: torch.from_numpy(array) for name, array in state.items()}
    new = not kind.startswith("old")
    torch.save(tensors if kind == "tensors" else state, path, _use_new_zipfile_serialization=new)
    if kind == "old NumPy":  # which called its inner package otherwise
        path.write_bytes(path.read_bytes().replace(b"numpy._core", b"numpy.core"))
    read_post_processing(path)
    check_structure("vggish-pca", path, "file")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"pca_means": torch.zeros(128)}, "found arrays pca_means, expected pca_eigen_vectors and"),
        ([1], "found list, expected a dict of arrays"),
        ({"pca_eigen_vectors": torch.eye(9)}, r"of shape \(9, 9\), expected \(128, 128\)"),
        (
            {"pca_eigen_vectors": torch.eye(128), "pca_means": torch.arange(128)},
            "'pca_means' of type int64, expected floating",
        ),
    ],
)
def test_other_arrays_are_refused(state: object, message: str, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "pca.pth")
    with pytest.raises(DataError, match=message):
        check_structure("vggish-pca", tmp_path / "pca.pth", "file")


@pytest.mark.parametrize("frozen", [False, True])
def test_torchscript_with_the_kernels_of_i3d_passes_whatever_the_names(
    frozen: bool, tmp_path: Path
) -> None:
    path = tmp_path / "i3d_torchscript.pt"
    kernels = [s for n, s in shapes_of("i3d").items() if n.endswith("conv3d.weight")]
    script({f"k{i}": torch.zeros(shape[::-1]) for i, shape in enumerate(kernels)}, path)
    if frozen:  # numbers then lie among the constants
        rewrite(path)
    check_structure("i3d-torchscript", path, "file")
    script({f"k{i}": torch.zeros(shape) for i, shape in enumerate(kernels[1:])}, path)
    message = "found 0 blocks of 65,856 numbers in a TorchScript archive, expected 1 as an I3D has"
    with pytest.raises(DataError, match=message):
        check_structure("i3d-torchscript", path, "file")
    others = [*kernels]
    others.remove(next(k for k in kernels if math.prod(k) == 1_382_400))  # one of two
    script({f"k{i}": torch.zeros(shape) for i, shape in enumerate(others)}, path)
    with pytest.raises(DataError, match=r"found 1 blocks of 1,382,400 numbers .* expected 2"):
        check_structure("i3d-torchscript", path, "file")
    torch.save({}, path)
    with pytest.raises(DataError, match="found a torch archive, expected a TorchScript archive"):
        check_structure("i3d-torchscript", path, "file")


def rewrite(path: Path) -> None:
    """Put the numbers of an archive where a frozen module has them."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("/data/", "/constants/"), content)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("more", [0, 3])
def test_clips_pairs_pass_gzipped_or_not(zipped: bool, more: int, tmp_path: Path) -> None:
    path = tmp_path / "bpe.txt.gz"
    lines = "".join(f"a{i} b{i}</w>\n" for i in range(imagebind_text.MERGES + more))
    text = f'"bpe_simple_vocab_16e6.txt#version: 0.2\n{lines}'.encode()
    path.write_bytes(gzip.compress(text, 1) if zipped else text)
    check_structure("clip-bpe", path, "file")


def test_a_bomb_is_not_unpacked_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bpe.txt.gz"
    path.write_bytes(gzip.compress(bytes(8 << 20)))
    monkeypatch.setattr(forms, "MOST_UNPACKED", 1 << 16)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="a gzip file of more than 65,536 bytes when unpacked"):
            check_structure("clip-bpe", path, "file")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_arrays_of_numpy_may_lie_beside_the_weights(tmp_path: Path) -> None:
    path = tmp_path / PUBLISHED["panns-cnn14-16k"].file
    shapes = next(iter(structure("panns-cnn14-16k").namings.values()))
    state = {name: torch.zeros(()).expand(shape) for name, shape in shapes.items()}
    order = {"indexes": np.arange(5), "pointer": 3}  # as the sampler of its training left it
    for new in (True, False):
        whole = {"iteration": 2, "model": state, "sampler": order}
        torch.save(whole, path, _use_new_zipfile_serialization=new)
        check_structure("panns-cnn14-16k", path, "file")
        assert load_state(path).keys() == shapes.keys()
    bare = {name: t for name, t in state.items() if "_extractor" not in name}
    torch.save({"model": bare}, path)
    check_structure("panns-cnn14-16k", path, "file")
