"""Cross-attention mixers: one pooled vector (CoDi's way, the paper's baseline) or one per time.

With one vector there is one key, its weight is 1 whatever the query, and attention is a bias
that all positions share: the condition carries no position in time. That is the limitation that
section 3.3.1 describes. The one-key case is computed as that bias, which is exact.

Conventions
-----------
As in `cmc_pe`. Each frame of a video attends by itself.

Where the released code departs from the paper
----------------------------------------------
It has the single vector only. Its query and key projections (and the norm before them) exist in
the checkpoint but cannot change anything; they are kept so that checkpoints convert, and are
frozen.
"""

from __future__ import annotations

from typing import Literal

from diffusers.models.attention import FeedForward
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.nn import functional

WIDENING = 4  # GEGLU's inner width, in units of its input

Keys = Literal["pooled", "sequence"]


class CrossAttention(nn.Module):
    """Self-attention, cross-attention and GEGLU, each behind a LayerNorm.

    Parameters
    ----------
    channels, head_size, condition_channels, groups : int
        as in `CMCPE`
    keys : "pooled" or "sequence"
        one vector for the whole clip, or one per time step
    """

    def __init__(
        self,
        channels: int,
        head_size: int,
        condition_channels: int,
        groups: int = 32,
        *,
        keys: Keys,
    ) -> None:
        super().__init__()
        heads = channels // head_size
        self.keys = keys
        self.norm = nn.GroupNorm(groups, channels, eps=1e-6)
        self.proj_in = nn.Linear(channels, channels)
        self.norm1 = nn.LayerNorm(channels)
        self.attention1 = Attention(channels, heads=heads, dim_head=head_size)
        self.norm2 = nn.LayerNorm(channels)
        self.attention2 = Attention(channels, condition_channels, heads=heads, dim_head=head_size)
        self.norm3 = nn.LayerNorm(channels)
        self.feed_forward = FeedForward(channels, mult=WIDENING, activation_fn="geglu")
        self.proj_out = nn.Linear(channels, channels)
        nn.init.zeros_(self.proj_out.weight)
        nn.init.zeros_(self.proj_out.bias)
        if keys == "pooled":
            for idle in (self.norm2, self.attention2.to_q, self.attention2.to_k):
                idle.requires_grad_(False)

    def condition(self, vectors: Tensor) -> Tensor:
        """Return the keys, each of norm 1: (b, 1, D) pooled, (b, t, D) as a sequence."""
        if self.keys == "pooled":
            vectors = vectors.mean(dim=1, keepdim=True)
        return functional.normalize(vectors, dim=-1)

    def forward(self, x: Tensor, condition: Tensor, frames: int) -> Tensor:
        """Mix a condition (b, k, D) into x (B T, C, H, W); same shape."""
        clips = len(x) // frames
        y = self.norm(x).flatten(2).transpose(1, 2)  # (B T, H W, C); each frame by itself
        y = self.proj_in(y)
        y = y + self.attention1(self.norm1(y))
        y = y + self._cross_attend(y, condition, clips, frames)
        y = y + self.feed_forward(self.norm3(y))
        residual: Tensor = self.proj_out(y)
        return x + residual.transpose(1, 2).reshape(x.shape)

    def _cross_attend(self, y: Tensor, condition: Tensor, clips: int, frames: int) -> Tensor:
        """Attend from every position (B T, H W, C) to the condition (b, k, D)."""
        if self.keys == "pooled":
            bias: Tensor = self.attention2.to_out[0](self.attention2.to_v(condition))
            bias = bias.repeat(clips // len(bias), 1, 1)
            return bias.repeat_interleave(frames, dim=0)
        keys = condition.repeat(clips // len(condition), 1, 1)
        attended: Tensor = self.attention2(
            self.norm2(y).view(clips, -1, y.shape[-1]), encoder_hidden_states=keys
        )
        return attended.view(y.shape)
