"""CLAP: contrastively pretrained encoders of sound (HTSAT) and of captions (RoBERTa).

The network is transformers' ClapModel. Its checkpoints load by their names, and so do laion's own
(`laion_names`), which hold more than inference needs: their spectrogram, heads of classes, and
transforms that only training uses.

Conventions
-----------
Spectrograms are float32 (N, L, 1001, 64) in dB (`clap_inputs`), token ids int64 (N, tokens) without
padding. Embeddings are float32 (N, D) of unit length, normalised in float32 whatever the dtype of
the network.

References
----------
As of `clap_config`, and https://huggingface.co/docs/transformers/model_doc/clap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import torch
from accelerate import init_empty_weights
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from transformers import ClapConfig, ClapModel

from svbench.compute import CPU, Machine, load_weights
from svbench.metrics.networks.clap_config import UNFUSED, ClapSize, Kind

# What the constructor computes, and a checkpoint may hold or not.
COMPUTED: Final = ("*.relative_position_index", "*.position_ids", "*.token_type_ids")
COUNTERS: Final = ("*.num_batches_tracked",)

# Of laion's checkpoints, what inference does not use.
_UNUSED: Final = (
    "audio_branch.spectrogram_extractor.*",
    "audio_branch.logmel_extractor.*",
    "audio_branch.tscam_conv.*",
    "audio_branch.head.*",
    "*.attn_mask",
    "text_transform.*",
    "audio_transform.*",
)
_PREFIX: Final = "module."  # of parallel training
_PARTS: Final = ("query", "key", "value")  # laion has them in one layer
_RENAMES: Final = (
    ("audio_branch.", "audio_model.audio_encoder."),
    ("text_branch.", "text_model."),
    ("_projection.0.", "_projection.linear1."),
    ("_projection.2.", "_projection.linear2."),
    (".attn.proj.", ".attention.output.dense."),
    (".attn.", ".attention.self."),
    (".mlp.fc1.", ".intermediate.dense."),
    (".mlp.fc2.", ".output.dense."),
    (".norm1.", ".layernorm_before."),
    (".norm2.", ".layernorm_after."),
    (".bn0.", ".batch_norm."),
)


def config(size: ClapSize) -> ClapConfig:
    """Return transformers' configuration of a network."""
    fusion: dict[str, Any] = {"enable_fusion": True, "fusion_type": "aff_2d"} if size.fused else {}
    return ClapConfig(
        audio_config={
            "patch_embeds_hidden_size": size.width,
            "hidden_size": size.width << (len(size.depths) - 1),
            "depths": list(size.depths),
            "num_attention_heads": list(size.heads),
            "num_hidden_layers": len(size.depths),
            "projection_dim": size.embedding,
            **fusion,
        },
        text_config={
            "hidden_size": size.text_width,
            "num_hidden_layers": size.text_layers,
            "num_attention_heads": size.text_heads,
            "intermediate_size": size.text_hidden,
            "vocab_size": size.vocabulary,
            "max_position_embeddings": size.positions,
            "layer_norm_eps": size.text_epsilon,
            "projection_dim": size.embedding,
        },
        projection_dim=size.embedding,
    )


def empty(size: ClapSize) -> ClapModel:
    """Build a network without weights, but with what its constructor computes."""
    with init_empty_weights():
        return ClapModel(config(size))


def load(
    state: Mapping[str, Tensor], source: Path, size: ClapSize = UNFUSED, machine: Machine = CPU
) -> ClapModel:
    """Build the network with the weights of a checkpoint, transformers' or laion's.

    Raises DataError, which names the file `source`, for the checkpoint of another network.
    """
    weights = {
        name: tensor for name, tensor in laion_names(state).items() if not _matches(name, COMPUTED)
    }
    may_lack = (*COMPUTED, *COUNTERS)
    return load_weights(empty(size), weights, source, may_lack=may_lack, machine=machine)


def embed(network: ClapModel, kind: Kind, batch: Tensor) -> Tensor:
    """Compute the embeddings (N, D) of spectrograms (N, L, 1001, 64) or token ids (N, tokens).

    Of a fused network, spectrograms of "fused sound" have L = 4; else the first one is read.
    """
    found: Tensor
    if kind == "caption":
        pooled = network.text_model(input_ids=batch, attention_mask=torch.ones_like(batch))
        found = network.text_projection(pooled.pooler_output)
    else:
        longer = torch.full((len(batch), 1), kind == "fused sound", device=batch.device)
        pooled = network.audio_model(input_features=batch, is_longer=longer)
        found = network.audio_projection(pooled.pooler_output)
    return F.normalize(found.float(), dim=-1)


def laion_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights with laion's names under transformers' names; those with theirs unchanged."""
    bare = {name.removeprefix(_PREFIX): tensor for name, tensor in state.items()}
    if not any(name.startswith("audio_branch.") for name in bare):
        return bare
    kept = ((name, tensor) for name, tensor in bare.items() if not _matches(name, _UNUSED))
    return {new: part for name, tensor in kept for new, part in _renamed(name, tensor)}


def _renamed(name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Yield a weight under transformers' name; query, key and value apart."""
    for old, new in _RENAMES:
        name = name.replace(old, new)
    if ".qkv." not in name:
        yield name, tensor
        return
    for part, values in zip(_PARTS, tensor.chunk(len(_PARTS)), strict=True):
        yield name.replace(".qkv.", f".{part}."), values


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
