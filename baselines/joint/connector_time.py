"""Temporal layers of the video's connector: attention, gated mixing and shifts along frames.

The paper takes its connector from CoDi (Tang et al., 2023) and does not describe it; what is
written here follows the released checkpoints. Each part is a residual branch whose last layer
starts at zero.

Conventions
-----------
Frames are (B T, C, H, W), those of one clip behind one another; `frames` is T. "Norm over an
axis" subtracts the mean and divides by sqrt(max(variance, eps)), with a learned gain and no bias.

Where the released code surprises
---------------------------------
- The frame rate is fixed at 8 frames/s in the positional code, whatever the clip's own.
- The attention's norm runs over *time*, per channel.
- eps is 1e-5 in float32 and 1e-3 in every other type.

References
----------
Z. Tang et al.: Any-to-any generation via composable diffusion. NeurIPS 2023 (CoDi).
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

HEADS: Final = 8
FRAME_RATE: Final = 8.0  # frames / s, of the positional code
SHIFTS: Final = 8  # groups of channels, each delayed by one frame more


class TemporalBlock(nn.Module):
    """Attention over time, gated mixing of channels, shifts along frames."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.attention = TemporalAttention(channels)
        self.mix = GatedMix(channels)
        self.shift = FrameShift(channels, groups)

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """Apply along the frames of (B T, C, H, W); same shape."""
        clips, (channels, height, width) = len(x) // frames, x.shape[1:]
        tokens = x.view(clips, frames, channels, height * width).permute(0, 3, 1, 2)
        tokens = tokens.reshape(-1, frames, channels)  # (B H W, T, C)
        tokens = tokens + self.attention(tokens)
        tokens = tokens + self.mix(tokens)
        tokens = tokens.view(clips, height * width, frames, channels)
        x = tokens.permute(0, 2, 3, 1).reshape(x.shape)
        residual: Tensor = self.shift(x, frames)
        return x + residual


class TemporalAttention(nn.Module):
    """Self-attention over the frames at each position, with absolute and relative time encoding."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))
        self.to_q = nn.Linear(channels, 2 * channels, bias=False)
        self.to_kv = nn.Linear(channels, 4 * channels, bias=False)
        self.to_out = nn.Linear(2 * channels, channels, bias=False)
        self.distance = nn.Sequential(
            nn.Linear(1, channels // 2),
            nn.SiLU(),
            nn.Linear(channels // 2, channels // 2),
            nn.SiLU(),
            nn.Linear(channels // 2, HEADS),
        )
        nn.init.zeros_(self.to_out.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the residual of (N, T, C)."""
        rows, frames, channels = x.shape
        y = x + positions(frames, channels, x.device).to(x.dtype)
        y = normed(y, 1) * self.gain
        heads = (rows, frames, HEADS, channels // 4)
        q = self.to_q(y).view(heads)
        k, v = (part.view(heads) for part in self.to_kv(y).chunk(2, dim=-1))
        attended = functional.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), self._bias(frames, x)
        )
        residual: Tensor = self.to_out(attended.transpose(1, 2).reshape(rows, frames, -1))
        return residual

    def _bias(self, frames: int, like: Tensor) -> Tensor:
        """Return each head's bias for the distance of two frames, (1, heads, T, T)."""
        place = torch.arange(frames, device=like.device, dtype=torch.float32)
        apart = place[:, None] - place
        apart = apart.sign() * (apart.abs() + 1).log()
        bias: Tensor = self.distance(apart[..., None].to(like.dtype))
        return bias.permute(2, 0, 1)[None]


class GatedMix(nn.Module):
    """GEGLU feed-forward; half of the gated channels are delayed by one frame."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = 8 * channels // 3
        self.inward = nn.Linear(channels, 2 * inner, bias=False)
        self.gain = nn.Parameter(torch.ones(inner))
        self.outward = nn.Linear(inner, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the residual of (N, T, C)."""
        value, gate = self.inward(x).float().chunk(2, dim=-1)
        y = value * functional.gelu(gate)
        now, late = y.chunk(2, dim=-1)
        y = torch.cat([now, functional.pad(late[:, :-1], (0, 0, 1, 0))], dim=-1)
        y = normed(y, -1) * self.gain
        residual: Tensor = self.outward(y.to(x.dtype))
        return residual


class FrameShift(nn.Module):
    """A convolution whose eight groups of channels are delayed by 0 to 7 frames."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """Return the residual of (B T, C, H, W)."""
        y = self.conv(functional.silu(self.norm(x))).view(-1, frames, *x.shape[1:])
        late = [
            functional.pad(part[:, : max(frames - k, 0)], (0,) * 6 + (min(k, frames), 0))
            for k, part in enumerate(y.chunk(SHIFTS, dim=2))
        ]
        return torch.cat(late, dim=2).reshape(x.shape)


def positions(frames: int, channels: int, device: torch.device) -> Tensor:
    """Return sines and cosines of each frame's time in seconds, (T, C)."""
    half = channels // 2
    seconds = torch.arange(frames, device=device, dtype=torch.float32) / FRAME_RATE
    rates = torch.arange(half, device=device, dtype=torch.float32) * (-math.log(1e4) / (half - 1))
    angles = seconds[:, None] * rates.exp()
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def normed(x: Tensor, axis: int) -> Tensor:
    """Normalise to mean 0 and variance 1 along an axis."""
    floor = 1e-5 if x.dtype == torch.float32 else 1e-3
    variance, mean = torch.var_mean(x, dim=axis, correction=0, keepdim=True)
    return (x - mean) * variance.clamp(min=floor).rsqrt()
