"""The files of a component's weights: variants and shards, which hold what one file holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, MotionAdapter
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from svbench.baselines.checkpoints.components import find_part, load_part
from svbench.baselines.checkpoints.weight_files import DIFFUSERS, TRANSFORMERS, find_weights
from svbench.compute import Machine
from svbench.errors import DataError

SHARD, FEW = "100KB", "20KB"


@pytest.fixture(scope="module")
def adapter() -> MotionAdapter:
    torch.manual_seed(0)
    return MotionAdapter((64, 32), motion_layers_per_block=1, motion_num_attention_heads=2)


@pytest.fixture(scope="module")
def encoder() -> CLIPTextModel:
    torch.manual_seed(0)
    sizes = {"hidden_size": 24, "intermediate_size": 24, "num_attention_heads": 2}
    return CLIPTextModel(CLIPTextConfig(vocab_size=514, num_hidden_layers=2, **sizes))


def assert_equal(found: nn.Module, expected: nn.Module) -> None:
    state, wanted = found.state_dict(), expected.state_dict()
    assert state.keys() == wanted.keys()
    assert all(torch.equal(state[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("variant", [None, "fp16"])
@pytest.mark.parametrize("shard", ["5GB", SHARD])
@pytest.mark.parametrize("safe", [True, False])
def test_every_form_of_diffusers_holds_the_same(
    adapter: MotionAdapter, tmp_path: Path, variant: str | None, shard: str, safe: bool
) -> None:
    forms = {"variant": variant, "max_shard_size": shard, "safe_serialization": safe}
    adapter.save_pretrained(tmp_path, **forms)
    part = find_part(tmp_path, "MotionAdapter")
    assert len(part.files) == len(list(tmp_path.iterdir()))  # all of them decide the digest
    assert (len(part.files) > 2) == (shard == SHARD)
    assert_equal(load_part(part), adapter)


@pytest.mark.parametrize("variant", [None, "fp16"])
@pytest.mark.parametrize("shard", ["5GB", FEW])
def test_every_form_of_transformers_holds_the_same(
    encoder: CLIPTextModel, tmp_path: Path, variant: str | None, shard: str
) -> None:
    encoder.save_pretrained(tmp_path, variant=variant, max_shard_size=shard)
    part = find_part(tmp_path, "CLIPTextModel")
    assert (len(part.files) > 2) == (shard == FEW)
    found = load_part(part)
    assert_equal(found, encoder)
    ids = torch.arange(5)[None]
    assert torch.equal(found(ids)[0], encoder.eval()(ids)[0])  # the counters, too


def test_whole_files_win_over_shards_and_plain_ones_over_variants(tmp_path: Path) -> None:
    places = {"weight_map": {"a": "diffusion_pytorch_model-00001-of-00001.safetensors"}}
    stem, shard = "diffusion_pytorch_model", tmp_path / places["weight_map"]["a"]
    (tmp_path / f"{stem}.safetensors.index.json").write_text(json.dumps(places))
    with pytest.raises(DataError, match="found no diffusion_pytorch_model-00001-of-00001"):
        find_weights(tmp_path, DIFFUSERS, "weights")
    shard.touch()
    assert find_weights(tmp_path, DIFFUSERS, "weights")[1:] == (shard,)
    for name in ("fp16.bin", "fp16.safetensors", "bin", "safetensors"):
        (tmp_path / f"{stem}.{name}").touch()
        assert find_weights(tmp_path, DIFFUSERS, "weights") == (tmp_path / f"{stem}.{name}",)


@pytest.mark.parametrize("name", ["../other.safetensors", "", "..", "a/b.safetensors", 3])
def test_a_shard_lies_beside_its_index(tmp_path: Path, name: object) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(DataError, match=r"found the shard '.*', expected a name beside it"):
        find_weights(tmp_path, TRANSFORMERS, "weights")
    index.write_text("{}")
    with pytest.raises(DataError, match="found no weight_map"):
        find_weights(tmp_path, TRANSFORMERS, "weights")


def test_a_shard_holds_what_its_index_says(adapter: MotionAdapter, tmp_path: Path) -> None:
    adapter.save_pretrained(tmp_path, max_shard_size=SHARD)
    part = find_part(tmp_path, "MotionAdapter")
    state = load_file(part.files[1])
    save_file({f"{name}.": tensor for name, tensor in state.items()}, part.files[1])
    with pytest.raises(DataError, match="found other weights than diffusion_pytorch_model"):
        load_part(part)


def test_shards_of_bin_files_run_no_code(adapter: MotionAdapter, tmp_path: Path) -> None:
    adapter.save_pretrained(tmp_path, max_shard_size=SHARD, safe_serialization=False)
    part = find_part(tmp_path, "MotionAdapter")
    torch.save({"a": Path("code")}, part.files[1])
    with pytest.raises(DataError, match="found no readable weights"):
        load_part(part)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_dtype_is_the_same_while_it_is_read_as_afterwards(
    adapter: MotionAdapter, tmp_path: Path, dtype: str
) -> None:
    adapter.save_pretrained(tmp_path)
    part, wanted = find_part(tmp_path, "MotionAdapter"), getattr(torch, dtype)
    found = load_part(part, Machine("cpu", dtype)).state_dict()
    later = load_part(part).state_dict()
    assert all(torch.equal(found[name], later[name].to(wanted)) for name in later)


def test_an_autoencoder_without_encoder_decodes_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    AutoencoderKL(block_out_channels=(32,), layers_per_block=1).save_pretrained(tmp_path)
    part = find_part(tmp_path, "AutoencoderKL")
    whole, decoder = load_part(part), load_part(part, decodes_only=True)
    latents = torch.randn(1, 4, 8, 8)
    assert torch.equal(whole.decode(latents)[0], decoder.decode(latents)[0])
    assert not [name for name in decoder.state_dict() if name.startswith(("encoder", "quant"))]
