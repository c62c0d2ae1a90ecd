"""The connector: features of one modality's noisy latents, which condition the other's U-Net.

Its input is x_t, concatenated along the channels with the clean latents that the previous step
predicted (self-conditioning, section 3.3.2; zeros at the first step); its output is one vector per
point in time. The mixers turn these vectors into a condition: `cmc_pe`, `cross_attention`.

Conventions
-----------
Audio: (B, C, Ta, F), time before frequency. Video: (B, C, T, H, W). `embedding` (B, D) is the
base U-Net's own embedding of the time step of x_t.
The output is (B, t, C): video t = T, audio t = Ta / 2 for two levels.

References
----------
M. Ishii et al., appendix A.2 ("the architecture of the environment encoder in CoDi"); Z. Tang et
al., CoDi, NeurIPS 2023. Details after the released checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, cat, nn
from torch.nn import functional

from svbench.baselines.joint.connector_time import TemporalBlock
from svbench.baselines.joint.pair import Pair


def connector_inputs(x_t: Pair[Tensor], x0_hat: Pair[Tensor]) -> Pair[Tensor]:
    """Concatenate noisy latents and predicted clean ones (self-conditioning, section 3.3.2)."""
    return x_t.map(lambda x, x0: cat([x, x0], dim=1), x0_hat)


class Connector(nn.Module):
    """Encode one modality's noisy latents for the U-Net of the other (CoDi's environment encoder).

    Parameters
    ----------
    in_channels : int
        channels of x_t and the predicted x_0 together
    width : int
        channels of the base U-Net's first block; the embedding has four times as many
    multiples : sequence of int
        width of each level, in units of `width`; between two levels the size is halved
    out_channels : int
        length of the output vectors
    groups : int
        of the group norms
    over_time : bool
        video: with temporal blocks, along the frames
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
        """Return one vector per point in time, (B, t, C), averaged over the other axes."""
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
        features: Tensor = self.out(functional.silu(self.norm(y)))
        if video:
            return features.mean(dim=(2, 3)).view(len(x), frames, -1)
        return features.mean(dim=3).transpose(1, 2)


class ResBlock(nn.Module):
    """Two convolutions with the time embedding between them; the second starts at zero."""

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
        """Apply to (B T, C, H, W), with the time embedding (B, D) of its clip."""
        level = self.level(functional.silu(embedding)).repeat_interleave(frames, dim=0)
        y = self.conv1(functional.silu(self.norm1(x))) + level[..., None, None]
        y = self.conv2(functional.silu(self.norm2(y)))
        output: Tensor = self.skip(x) + y
        return output
