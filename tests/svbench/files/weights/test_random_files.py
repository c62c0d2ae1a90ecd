"""Files of random weights: their form is the published one, and nobody takes them for it."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from svbench.errors import DataError
from svbench.files.weights import folder as weights
from svbench.files.weights import published
from svbench.files.weights.byte_pairs import (
    WORD_END,
    byte_signs,
    clip_merges,
    clip_vocabulary,
    roberta_merges,
    roberta_vocabulary,
)
from svbench.files.weights.loading import load_state
from svbench.files.weights.random_files import (
    NETWORKS,
    RandomFile,
    is_random,
    network_file,
    random_tensor,
)
from svbench.files.weights.structure import check_structure
from tests.factories.commands import Command
from tests.factories.weights import SHAPES, write_state

SMALL = ("i3d", "i3d-pretrained-400", "clip-bpe")  # of the published networks


def small(path: str, form: str = "torch") -> RandomFile:
    return RandomFile(Path(path), form, SHAPES)  # type: ignore[arg-type]


def test_numbers_follow_from_seed_file_and_name_alone() -> None:
    first = random_tensor("0 a", "stem.weight", (4, 3))
    assert torch.equal(first, random_tensor("0 a", "stem.weight", (4, 3)))
    for other in (("1 a", "stem.weight"), ("0 b", "stem.weight"), ("0 a", "head.weight")):
        assert not torch.equal(first, random_tensor(*other, (4, 3)))
    assert first.dtype == torch.float16


def test_variance_follows_the_fan_in() -> None:
    kernel = random_tensor("0", "conv.weight", (64, 32, 3, 3), gain=2.0).double()
    assert kernel.std() * (32 * 9) ** 0.5 == pytest.approx(2**0.5, rel=0.02)
    assert random_tensor("0", "norm.weight", (8,)).eq(1).all()
    assert random_tensor("0", "norm.bias", (8,)).eq(0).all()
    assert random_tensor("0", "bn.running_var", (8,)).eq(1).all()
    assert random_tensor("0", "bn.num_batches_tracked", ()).dtype == torch.int64
    mask = random_tensor("0", "modality_preprocessors.text.mask", (3, 3))
    assert mask.isinf().eq(torch.ones(3, 3).triu(1).bool()).all()


@pytest.mark.parametrize("name", SMALL)
def test_they_pass_the_checks_of_the_published_file(name: str, tmp_path: Path) -> None:
    file = network_file(name, Path("networks"))
    file.write(tmp_path, 0)
    path = tmp_path / file.path
    check_structure(name, path, name)
    assert path.name == published.entry(name).file
    assert is_random(path)


def test_each_network_but_torchscript_has_one() -> None:
    absent = published.PUBLISHED.keys() - NETWORKS.keys()
    assert absent == {"i3d-torchscript", "vggish-pca"}
    sizes = {name: network_file(name, Path()).parameters for name in NETWORKS}
    assert sizes["imagebind"] > 1_200_000_000


@pytest.mark.parametrize("form", ["torch", "safetensors"])
def test_the_mark_survives_what_a_file_goes_through(form: str, tmp_path: Path) -> None:
    small("net", form).write(tmp_path, 0)
    path = tmp_path / "net"
    first = path.read_bytes()
    shutil.move(path, tmp_path / "other.pt")
    assert is_random(tmp_path / "other.pt")
    small("net", form).write(tmp_path, 0)
    assert path.read_bytes() == first  # equal seeds give equal bytes
    assert load_state(path).keys() == SHAPES.keys()


def test_what_others_write_has_no_mark(tmp_path: Path) -> None:
    write_state(tmp_path / "a.pt")
    save_file({"a": torch.ones(2)}, tmp_path / "a.safetensors")
    (tmp_path / "a.txt").write_text("#version: 0.2\n")
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"#version: 0.2\n"))
    (tmp_path / "damaged").write_bytes(b"PK\x03\x04" + bytes(30))
    assert not any(map(is_random, tmp_path.iterdir()))
    assert not is_random(tmp_path / "nothing")


def test_a_header_of_any_length_is_one_of_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    for length in range(40, 200, 8):  # one of them begins with the byte of a pickle
        save_file({"a": torch.ones(2)}, path, {"svbench": "x" * length})
        assert load_file(path).keys() == load_state(path).keys()
        assert not is_random(path)
    small("b.safetensors", "safetensors").write(tmp_path, 0)
    assert is_random(tmp_path / "b.safetensors")


# --- the folder of weights ---------------------------------------------------------------------


@pytest.mark.usefixtures("published")
def test_they_are_used_from_a_folder_that_is_named() -> None:
    small("net.pt").write(weights.weights_folder(), 0)
    for _ in range(2):  # the second time by the record
        found = weights.require("net")
        assert found.random
    checked = weights.verify("net")
    assert checked is not None
    assert checked.standing.startswith("random weights, for load tests only (sha256 ")


@pytest.mark.usefixtures("published")
def test_they_are_refused_where_no_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SVBENCH_WEIGHTS")
    monkeypatch.setenv("HOME", str(tmp_path))
    small("net.pt").write(weights.weights_folder(), 0)
    with pytest.raises(DataError, match="found random weights of svbench, expected a net"):
        weights.find("net")


@pytest.mark.usefixtures("published")
def test_they_are_never_imported(tmp_path: Path) -> None:
    small("mine.pt").write(tmp_path, 0)
    with pytest.raises(DataError, match="found random weights of svbench, expected a net"):
        weights.put("net", tmp_path / "mine.pt")
    assert weights.find("net") is None


@pytest.mark.usefixtures("published")
def test_the_list_says_so(svbench: Command) -> None:
    small("net.pt").write(weights.weights_folder(), 0)
    assert "  here: random weights, sha256 " in svbench("weights", "list").out
    assert "net: random weights, for load tests only" in svbench("weights", "verify").out


# --- byte pairs --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vocabulary", "merges", "size"),
    [
        (clip_vocabulary(), clip_merges(), 49_408),
        (roberta_vocabulary(), roberta_merges(), 50_265),
    ],
)
def test_merges_join_what_is_there_into_what_is_new(
    vocabulary: dict[str, int], merges: list[tuple[str, str]], size: int
) -> None:
    assert sorted(vocabulary.values()) == list(range(size))
    there = {*byte_signs(), *(f"{sign}{WORD_END}" for sign in byte_signs())}
    for pair in merges:
        assert there.issuperset(pair)
        assert "".join(pair) not in there
        there.add("".join(pair))
