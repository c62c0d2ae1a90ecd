"""V-JEPA: a video transformer pretrained by predicting features, and the probe that pools it.

The network behind JEDi: ViT-H/16 of V-JEPA and the attentive pooler of its Something-Something-v2
probe. It is not the network of transformers' `VJEPA2Model`: that one has no table of positions but
rotary embeddings, and projects query, key and value apart; V-JEPA adds a table of 3D sines to its
tokens (`pos_embed`, in the checkpoint) and projects all three at once.

Conventions
-----------
Videos are float (N, 3, T, S, S), normalised as for ImageNet; tokens (N, T/2 * (S/16)^2, D), time
slowest; features float32 (N, D). Parameters have the names of the published checkpoints, which hold
them under `target_encoder` (with `module.backbone.` in front) and `classifier` (`module.`), beside
the state of the training, of which nothing is loaded.

Architecture
------------
Pre-norm blocks of attention and MLP (ratio 4, exact GELU), epsilon 1e-6, and a norm at the end. The
pooler is one query that attends to the tokens, with epsilon 1e-5. The projection behind its
attention (`xattn.proj`) is in the checkpoint, but V-JEPA's own code, by which the probe was
trained, does not use it; the package vjepa 0.1.2, from which JEDi takes the class, does. So it is
an option (`VJEPAConfig.projected`). The classifier behind the pooler is not used.

References
----------
- A. Bardes et al.: Revisiting feature prediction for learning visual representations from video
  (V-JEPA). https://arxiv.org/abs/2404.08471; weights: https://github.com/facebookresearch/jepa,
  CC BY-NC 4.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from svbench.compute import CPU, Machine, load_weights
from svbench.errors import DataError
from svbench.metrics.networks.vjepa_config import HUGE, VJEPAConfig

ENCODER_PREFIX, PROBE_PREFIX = "module.backbone.", "module."
ENCODER_EPSILON: Final = 1e-6
MLP_RATIO: Final = 4
CHANNELS: Final = 3


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Compute tokens (N, tokens, width)."""
        q, k, v = (_split(part, self.heads) for part in self.qkv(x).chunk(3, dim=-1))
        out: Tensor = self.proj(_joined(F.scaled_dot_product_attention(q, k, v)))
        return out


class CrossAttention(nn.Module):
    """Attention of queries to tokens, whose output is `projected` or not."""

    def __init__(self, width: int, heads: int, *, projected: bool) -> None:
        super().__init__()
        self.heads, self.projected = heads, projected
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)  # always in the checkpoint

    def forward(self, queries: Tensor, x: Tensor) -> Tensor:
        """Compute queries (N, n, width)."""
        k, v = (_split(part, self.heads) for part in self.kv(x).chunk(2, dim=-1))
        q = _split(self.q(queries), self.heads)
        found = _joined(F.scaled_dot_product_attention(q, k, v))
        return self.proj(found) if self.projected else found


class Mlp(nn.Module):
    """Two linear layers with an exact GELU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, MLP_RATIO * width)
        self.fc2 = nn.Linear(MLP_RATIO * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Compute tokens (N, tokens, width)."""
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=ENCODER_EPSILON)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=ENCODER_EPSILON)
        self.mlp = Mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        """Compute tokens (N, tokens, width)."""
        x = x + self.attn(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class CrossAttentionBlock(nn.Module):
    """Queries that attend to normed tokens, then an MLP, each residual."""

    def __init__(self, config: VJEPAConfig) -> None:
        super().__init__()
        width = config.width
        self.norm1 = nn.LayerNorm(width)
        self.xattn = CrossAttention(width, config.heads, projected=config.projected)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width)

    def forward(self, queries: Tensor, x: Tensor) -> Tensor:
        """Compute queries (N, n, width)."""
        queries = queries + self.xattn(queries, self.norm1(x))
        out: Tensor = queries + self.mlp(self.norm2(queries))
        return out


class TubeletTokens(nn.Module):
    """Embeds cubes of 2 frames and 16 x 16 px."""

    def __init__(self, config: VJEPAConfig) -> None:
        super().__init__()
        size = (config.tubelet, config.patch, config.patch)
        self.proj = nn.Conv3d(CHANNELS, config.width, size, stride=size)

    def forward(self, x: Tensor) -> Tensor:
        """Compute tokens (N, tokens, width) of videos (N, 3, T, S, S)."""
        cubes: Tensor = self.proj(x)
        return cubes.flatten(2).transpose(1, 2)


class Encoder(nn.Module):
    """The encoder of V-JEPA."""

    def __init__(self, config: VJEPAConfig = HUGE) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(torch.zeros(1, config.tokens, config.width))
        self.patch_embed = TubeletTokens(config)
        self.blocks = nn.ModuleList(Block(config.width, config.heads) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(config.width, eps=ENCODER_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """Compute tokens (N, tokens, width) of videos (N, 3, T, S, S)."""
        tokens: Tensor = self.patch_embed(x) + self.pos_embed
        for block in self.blocks:
            tokens = block(tokens)
        out: Tensor = self.norm(tokens)
        return out


class Pooler(nn.Module):
    """The attentive pooler: one query for a whole video."""

    def __init__(self, config: VJEPAConfig) -> None:
        super().__init__()
        self.query_tokens = nn.Parameter(torch.zeros(1, 1, config.width))
        self.cross_attention_block = CrossAttentionBlock(config)

    def forward(self, tokens: Tensor) -> Tensor:
        """Compute features (N, width) of tokens (N, tokens, width)."""
        queries = self.query_tokens.expand(len(tokens), -1, -1)
        pooled: Tensor = self.cross_attention_block(queries, tokens)
        return pooled.squeeze(1)


class Probe(nn.Module):
    """The pooler and the classifier behind it, which is not used."""

    def __init__(self, config: VJEPAConfig = HUGE) -> None:
        super().__init__()
        self.pooler = Pooler(config)
        self.linear = nn.Linear(config.width, config.classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Compute features (N, width) of tokens (N, tokens, width)."""
        features: Tensor = self.pooler(tokens)
        return features


# --- checkpoints -------------------------------------------------------------------------------


def load_encoder(
    state: Mapping[str, Tensor],
    source: Path,
    config: VJEPAConfig = HUGE,
    machine: Machine = CPU,
) -> Encoder:
    """Build the encoder with the weights of a checkpoint, on a machine.

    Parameters
    ----------
    state : mapping of str to Tensor
        with the prefix of the published names or without
    source : Path
        the file of the checkpoint, for messages
    config : VJEPAConfig
        sizes (Default value = HUGE)
    machine : Machine
        device and dtype (Default value = float32 on the CPU)

    Raises
    ------
    DataError
        for the checkpoint of another network
    """
    with torch.device("meta"):  # no time for random weights that are not kept
        network = Encoder(config)
    bare = _unprefixed(state, ENCODER_PREFIX, source)
    return load_weights(network, bare, source, machine=machine)


def load_probe(
    state: Mapping[str, Tensor],
    source: Path,
    config: VJEPAConfig = HUGE,
    machine: Machine = CPU,
) -> Probe:
    """Build the pooler, and the classifier behind it, as `load_encoder` does the encoder."""
    with torch.device("meta"):
        network = Probe(config)
    bare = _unprefixed(state, PROBE_PREFIX, source)
    return load_weights(network, bare, source, machine=machine)


def _unprefixed(state: Mapping[str, Tensor], prefix: str, source: Path) -> dict[str, Tensor]:
    """Return a state dict without a prefix that all of its names have."""
    with_it = [name for name in state if name.startswith(prefix)]
    if with_it and len(with_it) < len(state):
        other = next(name for name in state if not name.startswith(prefix))
        raise DataError(
            f"{source}: found {other!r:.80} beside names with {prefix!r}, expected one network"
        )
    return {name.removeprefix(prefix): tensor for name, tensor in state.items()}


def _split(x: Tensor, heads: int) -> Tensor:
    """Divide tokens into heads: (N, n, D) -> (N, heads, n, D / heads)."""
    return x.view(*x.shape[:-1], heads, -1).transpose(1, 2)


def _joined(x: Tensor) -> Tensor:
    """Join the heads again."""
    return x.transpose(1, 2).flatten(2)
