"""The published files of CLAP and AudioBox-aesthetics: their lists, random ones, the tokenizer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from svbench.errors import DataError
from svbench.files.weights.byte_pairs import roberta_tokenizer
from svbench.files.weights.loading import load_state
from svbench.files.weights.published import entry
from svbench.files.weights.random_files import is_random, network_file
from svbench.files.weights.structure import check_kind, check_structure, structure
from svbench.metrics.networks import audiobox, clap
from svbench.metrics.networks.audiobox import AudioBox
from svbench.metrics.networks.clap_config import FUSED, UNFUSED, ClapSize
from tests.goldens.places import golden

Shapes = Mapping[str, tuple[int, ...]]
LAION = {
    "clap-music-speech-audioset": "htsat_base_unfused",
    "clap-630k-audioset-fusion": "htsat_tiny_fused",
}
OLD = "text_branch.embeddings.position_ids"  # which transformers left out since


def shapes_of(state: Mapping[str, Any]) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


@pytest.mark.parametrize(
    ("name", "size"), [("clap-htsat-unfused", UNFUSED), ("clap-htsat-fused", FUSED)]
)
def test_lists_of_transformers_clap_are_those_of_our_network(name: str, size: ClapSize) -> None:
    assert structure(name).namings["transformers"] == shapes_of(clap.empty(size).state_dict())


@pytest.mark.parametrize("name", LAION)
def test_lists_of_laion_are_those_that_its_classes_have(name: str) -> None:
    keys = json.loads(golden("columns/clap_full_keys.json").read_text())[LAION[name]]["shapes"]
    expected = {key: tuple(shape) for key, shape in keys.items()} | {OLD: (1, 514)}
    assert structure(name).namings["laion"] == expected
    parallel = {f"module.{key}": shape for key, shape in expected.items()}
    assert structure(name).namings["laion-parallel"] == parallel


def test_the_list_of_audiobox_is_that_of_our_network() -> None:
    with torch.device("meta"):
        ours = shapes_of(AudioBox().state_dict())
        namings = structure("audiobox-aesthetics").namings.values()
        for listed in namings:
            state = {name: torch.empty(shape) for name, shape in listed.items()}
            assert len(listed) == 324
            assert shapes_of(audiobox.published_names(state)) == ours


def test_a_random_tokenizer_passes_as_the_published_one(tmp_path: Path) -> None:
    file = network_file("roberta-tokenizer", Path())
    file.write(tmp_path, 0)
    path = tmp_path / file.path
    check_kind("roberta-tokenizer", path, "file", entry("roberta-tokenizer").size)
    check_structure("roberta-tokenizer", path, "file")
    assert is_random(path)


def test_other_tokenizers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    whole = roberta_tokenizer("no mark")
    path.write_text(json.dumps(whole))
    check_structure("roberta-tokenizer", path, "file")
    assert not is_random(path)
    fewer = {**whole, "model": {**whole["model"], "merges": whole["model"]["merges"][1:]}}
    path.write_text(json.dumps(fewer))
    with pytest.raises(DataError, match="found 50,265 tokens and 49,999 pairs, expected"):
        check_structure("roberta-tokenizer", path, "file")
    tokens = whole["model"]["vocab"]
    swapped = {**tokens, "<s>": tokens["<pad>"], "<pad>": tokens["<s>"]}
    path.write_text(json.dumps({**whole, "model": {**whole["model"], "vocab": swapped}}))
    with pytest.raises(DataError, match="found the tokens of another tokenizer"):
        check_structure("roberta-tokenizer", path, "file")
    path.write_text("[1]")
    with pytest.raises(DataError, match="found no tokenizer"):
        check_structure("roberta-tokenizer", path, "file")


def test_json_is_no_file_of_tensors(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    path.write_text('{"error": "not found"}')
    with pytest.raises(DataError, match="found a JSON text of 22 bytes, expected audiobox"):
        check_kind("audiobox-aesthetics", path, "file", entry("audiobox-aesthetics").size)


def test_a_training_state_with_numbers_of_numpy_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    state = {"state_dict": {"a": torch.ones(2)}, "best": np.float64(0.5), "epoch": 3}
    torch.save(state, path)
    assert torch.equal(load_state(path)["a"], torch.ones(2))
