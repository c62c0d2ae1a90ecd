"""Modules of ImageBind's encoders: patch and token embeddings, attention, blocks, scaling.

`imagebind` combines them, and states the references. Parameters have the names of the published
checkpoint.

Conventions
-----------
Tokens are float (N, tokens, width).
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from svbench.metrics.networks.imagebind_config import Size

EPSILON: Final = 1e-6  # of norms in blocks and heads
MLP_RATIO: Final = 4
MAX_SCALE: Final = 100.0  # largest learned scale
SPREAD: Final = 0.02  # standard deviation of initial embeddings, as in CLIP
# Of IMU data: 2000 samples of 6 sensors in pieces of 8, and the class token.
SENSOR_TOKENS: Final = 2000 // 8 + 1
SENSOR_PIECE: Final = 6 * 8


class RepeatStill(nn.Module):
    """Repeats a still image to a video: (N, 3, H, W) -> (N, 3, F, H, W)."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.frames = frames

    def forward(self, x: Tensor) -> Tensor:
        """Return a video (N, 3, F, H, W); a video is returned unchanged."""
        return x if x.ndim == 5 else x.unsqueeze(2).expand(-1, -1, self.frames, -1, -1)


class PatchStem(nn.Module):
    """Embeds patches: (N, ...) -> (N, patches, width), row by row."""

    def __init__(self, proj: nn.Module, norm: nn.Module | None = None) -> None:
        super().__init__()
        self.proj = proj
        self.norm_layer = norm or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Compute the embedding of each patch."""
        patches: Tensor = self.proj(x)
        tokens: Tensor = self.norm_layer(patches.flatten(2).transpose(1, 2))
        return tokens


class Positions(nn.Module):
    """Learned positional embeddings."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.pos_embed = _learned(1, tokens, width)


class PatchTokens(nn.Module):
    """Class token and patch embeddings with positional embeddings."""

    def __init__(self, stem_name: str, stem: nn.Module, tokens: int, width: int) -> None:
        super().__init__()
        self.cls_token = _learned(1, 1, width)
        self.stem_name = stem_name
        self.add_module(stem_name, stem)
        self.pos_embedding_helper = Positions(tokens, width)

    def forward(self, x: Tensor) -> Tensor:
        """Compute tokens (N, tokens, width)."""
        patches: Tensor = self.get_submodule(self.stem_name)(x)
        tokens = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1)
        return tokens + self.pos_embedding_helper.pos_embed


class TextTokens(nn.Module):
    """Token embeddings with positional embeddings, and the causal mask."""

    mask: Tensor

    def __init__(self, vocabulary: int, context: int, width: int) -> None:
        super().__init__()
        self.pos_embed = _learned(1, context, width)
        later = torch.full((context, context), -torch.inf).triu(1)
        self.register_buffer("mask", later)
        self.token_embedding = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.token_embedding.weight, std=SPREAD)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the embeddings (N, context, width) of token ids (N, context)."""
        tokens: Tensor = self.token_embedding(x)
        return tokens + self.pos_embed


class SensorTokens(nn.Module):
    """Declares the IMU embeddings of the checkpoint, which are not used."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pos_embed = _learned(1, SENSOR_TOKENS, width)
        self.cls_token = _learned(1, 1, width)
        linear = nn.Linear(SENSOR_PIECE, width, bias=False)
        self.imu_stem = PatchStem(linear, nn.LayerNorm(width))


class Attention(nn.Module):
    """Multi-head self-attention, optionally with one learned key and value (`bias_kv`)."""

    def __init__(self, width: int, heads: int, *, bias_kv: bool) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(3 * width, width)))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.bias_k = _learned(1, 1, width) if bias_kv else None
        self.bias_v = _learned(1, 1, width) if bias_kv else None
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Compute tokens (N, tokens, width)."""
        query, key, value = F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        if self.bias_k is not None and self.bias_v is not None:
            key = torch.cat([key, self.bias_k.expand(len(x), -1, -1)], dim=1)
            value = torch.cat([value, self.bias_v.expand(len(x), -1, -1)], dim=1)
        q, k, v = (
            t.view(len(x), t.shape[1], self.heads, -1).transpose(1, 2) for t in (query, key, value)
        )
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        out: Tensor = self.out_proj(attended.transpose(1, 2).flatten(2))
        return out


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
    """A pre-norm transformer block: attention, then an MLP, each residual."""

    def __init__(self, size: Size, *, bias_kv: bool) -> None:
        super().__init__()
        self.attn = Attention(size.width, size.heads, bias_kv=bias_kv)
        self.norm_1 = nn.LayerNorm(size.width, eps=EPSILON)
        self.mlp = Mlp(size.width)
        self.norm_2 = nn.LayerNorm(size.width, eps=EPSILON)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Compute tokens (N, tokens, width)."""
        x = x + self.attn(self.norm_1(x), mask)
        out: Tensor = x + self.mlp(self.norm_2(x))
        return out


class Transformer(nn.Module):
    """The transformer of one encoder."""

    def __init__(self, size: Size, *, bias_kv: bool, norm_first: bool) -> None:
        super().__init__()
        norms = [nn.LayerNorm(size.width, eps=EPSILON)] if norm_first else []
        self.pre_transformer_layer = nn.Sequential(*norms)
        self.blocks = nn.ModuleList(Block(size, bias_kv=bias_kv) for _ in range(size.blocks))

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Compute tokens (N, tokens, width)."""
        x = self.pre_transformer_layer(x)
        for block in self.blocks:
            x = block(x, mask)
        return x


class UnitLength(nn.Module):
    """Normalises embeddings to unit vectors, in float32 whatever the dtype of the network."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, D) to float32."""
        return F.normalize(x.float(), dim=-1)


class Scale(nn.Module):
    """Scales embeddings by exp(log_logit_scale), at most 100."""

    log_logit_scale: Tensor

    def __init__(self, scale: float, *, learned: bool) -> None:
        super().__init__()
        value = torch.tensor(math.log(scale))
        if learned:
            self.log_logit_scale = nn.Parameter(value)
        else:
            self.register_buffer("log_logit_scale", value)

    def forward(self, x: Tensor) -> Tensor:
        """Scale (N, D)."""
        return x * self.log_logit_scale.float().exp().clamp(max=MAX_SCALE)


def _learned(*shape: int) -> nn.Parameter:
    """Return a parameter initialised with normal noise of standard deviation `SPREAD`."""
    return nn.Parameter(torch.empty(shape).normal_(std=SPREAD))
