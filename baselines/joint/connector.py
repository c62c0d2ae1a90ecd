"""The connector: what one modality's noisy latents tell the other (environment encoder).

The encoder sees x_t beside the clean latents that the previous step guessed (self-conditioning,
section 3.3.2; zeros at the first step), and gives one vector per time step. How these vectors
become a condition is the mixer's business: `cmc_pe`, `cross_attention`.

Conventions
-----------
Sound: (B, C, Ta, F), time before frequency. Video: (B, C, T, H, W). `embedding` (B, D) is the
base U-Net's own embedding of the noise level at which x_t stands.
What comes out is (B, t, C): video t = T, sound t = Ta / 2 for two levels.

References
----------
M. Ishii et al., appendix A.2 ("the architecture of the environment encoder in CoDi"); Z. Tang et
al., CoDi, NeurIPS 2023. Details after the released checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from svbench.baselines.joint.connector_time import TemporalBlock


class EnvironmentEncoder(nn.Module):
    """Reads one modality's noisy latents for the other.

    Parameters
    ----------
    in_channels : int
        channels of x_t beside the guessed x_0
    width : int
        channels of the base U-Net's first block; the embedding has four times as many
    multiples : sequence of int
        width of each level, in units of `width`; between two levels the size is halved
    out_channels : int
        length of the vectors that come out
    groups : int
        of the group norms
    over_time : bool
        video: read along the frames too
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        multiples: Sequence[int],
        out_channels: int,
        groups: int = 32,
        *,
        over_time: bool,
    ) -> None:
        super().__init__()
        widths = [width * m for m in multiples]
        self.stem = nn.Conv2d(in_channels, width // 2, 3, padding=1)
        self.blocks = nn.ModuleList(
            ResBlock(before, now, 4 * width, groups)
            for before, now in zip([width // 2, *widths], widths, strict=False)
        )
        self.times = nn.ModuleList(TemporalBlock(w, groups) for w in widths if over_time)
        self.downs = nn.ModuleList(nn.Conv2d(w, w, 3, stride=2, padding=1) for w in widths[:-1])
        self.norm = nn.GroupNorm(groups, widths[-1])
        self.out = nn.Conv2d(widths[-1], out_channels, 3, padding=1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Give one vector per time step, (B, t, C), averaged over the other axes."""
        video = x.ndim == 5
        frames = x.shape[2] if video else 1
        y = x.transpose(1, 2).flatten(0, 1) if video else x
        y = self.stem(y)
        for level, block in enumerate(self.blocks):
            y = block(y, embedding, frames)
            if self.times:
                y = self.times[level](y, frames)
            if level < len(self.downs):
                y = self.downs[level](y)
        told: Tensor = self.out(functional.silu(self.norm(y)))
        if video:
            return told.mean(dim=(2, 3)).view(len(x), frames, -1)
        return told.mean(dim=3).transpose(1, 2)


class ResBlock(nn.Module):
    """Two convolutions with the noise level between them; the second starts at zero."""

    def __init__(self, in_channels: int, out_channels: int, embedding: int, groups: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.level = nn.Linear(embedding, out_channels)
        self.norm2 = nn.GroupNorm(groups, out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.skip = (
            nn.Identity()
            if in_channels == out_channels
            else nn.Conv2d(in_channels, out_channels, 1)
        )
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, embedding: Tensor, frames: int) -> Tensor:
        """Read (B T, C, H, W) at the noise level of its clip."""
        level = self.level(functional.silu(embedding)).repeat_interleave(frames, dim=0)
        y = self.conv1(functional.silu(self.norm1(x))) + level[..., None, None]
        y = self.conv2(functional.silu(self.norm2(y)))
        found: Tensor = self.skip(x) + y
        return found
