"""Parts of Synchformer: divided attention, the encoder of pictures, pooling, the last transformer.

Conventions
-----------
Tokens are (N, L, D). Parameters have the names of the published checkpoint. All blocks are
pre-norm, their MLPs have exact GELU.

References
----------
- M. Patrick et al.: Keeping your eye on the ball: Trajectory attention in video transformers.
  NeurIPS 2021, arXiv:2106.05392 (MotionFormer; here with divided attention).
- G. Bertasius, H. Wang, L. Torresani: Is space-time attention all you need for video
  understanding? ICML 2021, arXiv:2102.05095 (divided attention).
"""

from __future__ import annotations

from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from svbench.metrics.networks.synchformer_config import PATCH, TUBELET, SynchformerConfig

EPSILON: Final = 1e-6  # of the norms of pictures, and of pooling; those of the last have 1e-5
CHANNELS: Final = 3
RATIO: Final = 4  # of an MLP's hidden units to the width


class Mlp(nn.Module):
    """Two linear maps with GELU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, RATIO * width)
        self.fc2 = nn.Linear(RATIO * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (N, L, D) to tokens of the same shape."""
        found: Tensor = self.fc2(F.gelu(self.fc1(tokens)))
        return found


class DividedAttention(nn.Module):
    """Attention of each token of a video to those of its frame, or of its place, alone.

    All of them attend to the class token too, which attends to every token.

    Parameters
    ----------
    width, heads : int
        of the tokens, and of the attention
    over : "space" or "time"
        whether tokens of one frame attend to each other, or those of one place
    """

    def __init__(self, width: int, heads: int, over: Literal["space", "time"]) -> None:
        super().__init__()
        self.heads, self.over = heads, over
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor, frames: int) -> Tensor:
        """Compute new tokens of (N, 1 + frames * places, D), the class token first."""
        split = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = split.unbind(0)  # (N, heads, L, d)
        whole = F.scaled_dot_product_attention(query[:, :, :1], key, value)
        query, key, value = (self._grouped(t, frames) for t in (query[:, :, 1:], key, value))
        grouped = F.scaled_dot_product_attention(query, key, value)
        if self.over == "time":
            grouped = grouped.transpose(2, 3)
        found = torch.cat([whole, grouped.flatten(2, 3)], dim=2)
        projected: Tensor = self.proj(found.transpose(1, 2).flatten(2))
        return projected

    def _grouped(self, part: Tensor, frames: int) -> Tensor:
        """Return (N, heads, groups, L, d); a class token, if there is one, joins every group."""
        spare = part.shape[2] % frames
        count, heads, length, width = part[:, :, spare:].shape
        groups = part[:, :, spare:].reshape(count, heads, frames, length // frames, width)
        if self.over == "time":
            groups = groups.transpose(2, 3)
        if not spare:
            return groups
        first = part[:, :, None, :1].expand(-1, -1, groups.shape[2], -1, -1)
        return torch.cat([first, groups], dim=3)


class VideoBlock(nn.Module):
    """Attention over time, then over space, then an MLP."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=EPSILON)
        self.attn = DividedAttention(width, heads, "space")
        self.timeattn = DividedAttention(width, heads, "time")
        self.norm2 = nn.LayerNorm(width, eps=EPSILON)
        self.mlp = Mlp(width)
        self.norm3 = nn.LayerNorm(width, eps=EPSILON)

    def forward(self, tokens: Tensor, frames: int) -> Tensor:
        """Map tokens (N, 1 + frames * places, D) to tokens of the same shape."""
        tokens = tokens + self.timeattn(self.norm3(tokens), frames)
        tokens = tokens + self.attn(self.norm1(tokens), frames)
        found: Tensor = tokens + self.mlp(self.norm2(tokens))
        return found


class Pooling(nn.TransformerEncoderLayer):
    """One transformer layer over tokens and a learned one, which is what it returns."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__(
            width,
            heads,
            hidden,
            dropout=0.0,
            activation="gelu",
            layer_norm_eps=EPSILON,
            batch_first=True,
            norm_first=True,
        )
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))

    def pooled(self, tokens: Tensor) -> Tensor:
        """Return one token (..., D) of each list of tokens (..., L, D)."""
        rows = tokens.flatten(0, -3)
        whole = torch.cat([self.cls_token.expand(len(rows), -1, -1), rows], dim=1)
        found: Tensor = self(whole)[:, 0]
        return found.reshape(*tokens.shape[:-2], -1)


class Projection(nn.Module):
    """A convolution under the checkpoint's name for it."""

    def __init__(self, conv: nn.Module) -> None:
        super().__init__()
        self.proj = conv


class VideoEncoder(nn.Module):
    """MotionFormer with divided attention: one token per pair of frames of a segment."""

    def __init__(self, config: SynchformerConfig) -> None:
        super().__init__()
        width, places = config.width, (config.image // PATCH) ** 2
        self.steps = config.video_steps
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, places + 1, width))
        self.temp_embed = nn.Parameter(torch.zeros(1, self.steps, width))
        # In the checkpoint, of still pictures; not used.
        self.patch_embed = Projection(nn.Conv2d(CHANNELS, width, PATCH, PATCH))
        tube = (TUBELET, PATCH, PATCH)
        self.patch_embed_3d = Projection(nn.Conv3d(CHANNELS, width, tube, tube))
        heads, layers = config.video.heads, config.video.layers
        self.blocks = nn.ModuleList(VideoBlock(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.spatial_attn_agg = Pooling(width, heads, RATIO * width)

    def forward(self, segments: Tensor) -> Tensor:
        """Compute tokens (N, 8, D) of segments (N, 3, 16, side, side), -1..1."""
        tokens = self.embedded(segments)
        for block in self.blocks:
            tokens = block(tokens, self.steps)
        normed: Tensor = self.norm(tokens[:, 1:])
        count, length, width = normed.shape
        by_step = normed.reshape(count, self.steps, length // self.steps, width)
        return self.spatial_attn_agg.pooled(by_step)

    def embedded(self, segments: Tensor) -> Tensor:
        """Return the tokens of patches with their positions, behind the class token."""
        patches = self.patch_embed_3d.proj(segments).flatten(3).permute(0, 2, 3, 1)
        patches = patches + self.pos_embed[:, None, 1:] + self.temp_embed[:, :, None]
        first = (self.cls_token + self.pos_embed[:, :1]).expand(len(segments), -1, -1)
        return torch.cat([first, patches.flatten(1, 2)], dim=1)


class HeadAttention(nn.Module):
    """Attention of every token to every token."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.key, self.query, self.value, self.proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (N, L, D) to tokens of the same shape."""
        maps = (self.query, self.key, self.value)
        query, key, value = (m(tokens).unflatten(2, (self.heads, -1)).transpose(1, 2) for m in maps)
        found = F.scaled_dot_product_attention(query, key, value)
        projected: Tensor = self.proj(found.transpose(1, 2).flatten(2))
        return projected


class HeadBlock(nn.Module):
    """Attention, then an MLP."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = HeadAttention(width, heads)
        hidden = RATIO * width
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (N, L, D) to tokens of the same shape."""
        tokens = tokens + self.attn(self.ln1(tokens))
        found: Tensor = tokens + self.mlp(self.ln2(tokens))
        return found


class Positions(nn.Module):
    """A learned vector for each place of a sequence."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.pos_emb = nn.Parameter(torch.zeros(1, count, width))


class OffsetHead(nn.Module):
    """The last transformer: [OFF], all tokens of pictures, [MOD], all tokens of sound."""

    def __init__(self, config: SynchformerConfig) -> None:
        super().__init__()
        width = config.width
        self.OFF_tok = nn.Parameter(torch.zeros(1, 1, width))
        self.MOD_tok = nn.Parameter(torch.zeros(1, 1, width))
        self.vis_in_lnorm, self.aud_in_lnorm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.pos_emb_cfg = Positions(config.positions, width)
        heads, layers = config.head.heads, config.head.layers
        self.blocks = nn.Sequential(*(HeadBlock(width, heads) for _ in range(layers)))
        self.ln_f = nn.LayerNorm(width)
        self.off_head = nn.Linear(width, config.classes)

    def forward(self, video: Tensor, audio: Tensor) -> Tensor:
        """Compute logits (N, classes) of the tokens of a window, (N, Lv, D) and (N, La, D)."""
        tokens = self.blocks(self.embedded(video, audio))
        logits: Tensor = self.off_head(self.ln_f(tokens[:, 0]))
        return logits

    def embedded(self, video: Tensor, audio: Tensor) -> Tensor:
        """Return the sequence with its positions."""
        off, mod = (token.expand(len(video), -1, -1) for token in (self.OFF_tok, self.MOD_tok))
        parts = [off, self.vis_in_lnorm(video), mod, self.aud_in_lnorm(audio)]
        return torch.cat(parts, dim=1) + self.pos_emb_cfg.pos_emb
