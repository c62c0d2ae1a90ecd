"""CMC-PE: cross-modal conditioning as positional encoding (section 3.3.2).

The other modality's vector at a time is added to every feature at that time, as a positional
encoding would be, and self-attention follows. So the modalities are aligned by construction, not
by learned attention.

Conventions
-----------
x is a block's output, (B T, C, H, W): for video the T frames of a clip behind one another, for
audio T = 1 and the rows H are its time. `vectors` (b, t, D) come from the other modality's
connector. B may be a multiple of b: the two halves of classifier-free guidance share a condition.

Where the released code goes beyond the paper
---------------------------------------------
- The vectors are divided by their norm over *time*, channel by channel.
- Each block first projects them by a GEGLU layer of its own and normalises the result.
- "Interpolated" (paper) is nearest neighbour: position i takes vector floor(i t / L).
- The stream restarts from each LayerNorm: residuals begin at the normalised features.
- Attention runs within one frame of the video; motion is left to the base model.
- Audio has 104 rows = 4.16 s against 4 s of video; both ends are matched nevertheless.
"""

from __future__ import annotations

from diffusers.models.attention import FeedForward
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.nn import functional

WIDENING = 4  # GEGLU's inner width, in units of its input


class CMCPE(nn.Module):
    """Add the other modality's vectors at their time; two self-attentions and a GEGLU follow.

    Parameters
    ----------
    channels : int
        C of the block's output, a multiple of `groups`
    head_size : int
        channels per attention head
    condition_channels : int
        D of the connector's vectors
    groups : int
        of the group norms
    rows_are_time : bool
        audio: time runs along H; video: along the frames
    """

    def __init__(
        self,
        channels: int,
        head_size: int,
        condition_channels: int,
        groups: int = 32,
        *,
        rows_are_time: bool,
    ) -> None:
        super().__init__()
        heads = channels // head_size
        self.rows_are_time = rows_are_time
        self.norm = nn.GroupNorm(groups, channels, eps=1e-6)
        self.proj_in = nn.Linear(channels, channels)
        self.widen = FeedForward(condition_channels, channels, mult=WIDENING, activation_fn="geglu")
        self.widen_norm = nn.GroupNorm(groups, channels, eps=1e-6)
        self.norm1 = nn.LayerNorm(channels)
        self.attention1 = Attention(channels, heads=heads, dim_head=head_size)
        self.norm2 = nn.LayerNorm(channels)
        self.attention2 = Attention(channels, heads=heads, dim_head=head_size)
        self.norm3 = nn.LayerNorm(channels)
        self.feed_forward = FeedForward(channels, mult=WIDENING, activation_fn="geglu")
        self.proj_out = nn.Linear(channels, channels)
        nn.init.zeros_(self.proj_out.weight)
        nn.init.zeros_(self.proj_out.bias)

    @staticmethod
    def condition(vectors: Tensor) -> Tensor:
        """Normalise the vectors (b, t, D): each channel has norm 1 over time."""
        return functional.normalize(vectors, dim=1)

    def forward(self, x: Tensor, condition: Tensor, frames: int) -> Tensor:
        """Mix a condition (b, t, D) into x (B T, C, H, W); same shape."""
        _, channels, height, width = x.shape
        clips = len(x) // frames
        y = x.view(clips, frames, channels, height, width).transpose(1, 2)
        y = self.norm(y).permute(0, 2, 3, 4, 1)  # statistics over all frames of a clip
        y = self.norm1(self.proj_in(y))  # (B, T, H, W, C)
        encoding = self._encoding(condition, height if self.rows_are_time else frames)
        encoding = encoding.repeat(clips // len(encoding), 1, 1)
        encoding = encoding[:, None, :, None] if self.rows_are_time else encoding[:, :, None, None]
        y = y + self._attend(self.attention1, y + encoding)
        y = self.norm2(y)
        y = y + self._attend(self.attention2, y)
        y = self.norm3(y)
        y = y + self.feed_forward(y)
        residual: Tensor = self.proj_out(y)
        return x + residual.permute(0, 1, 4, 2, 3).reshape(x.shape)

    def _encoding(self, condition: Tensor, positions: int) -> Tensor:
        """Return the encoding of each position, (b, positions, C)."""
        encoding = self.widen_norm(self.widen(condition).transpose(1, 2))
        return functional.interpolate(encoding, positions, mode="nearest").transpose(1, 2)

    @staticmethod
    def _attend(attention: Attention, y: Tensor) -> Tensor:
        """Apply self-attention among the positions (H W) of each frame."""
        attended: Tensor = attention(y.flatten(0, 1).flatten(1, 2))
        return attended.view(y.shape)
