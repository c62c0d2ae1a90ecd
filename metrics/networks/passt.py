"""PaSST: a spectrogram transformer pretrained to tag sounds with the 527 classes of AudioSet.

The published network is `passt_s_swa_p16_128_ap476`: a DeiT-B with two class tokens whose patches
of 16 x 16 overlap (step 10), so a spectrogram of 128 bands and 1000 frames is 12 x 99 patches.
Position tables of frequency and time are added apart. Patches are dropped in training alone.

Conventions
-----------
Spectrograms are float32 (n, 128, 1000) (`passt_inputs`); outputs are (n, 768 + 527): the mean of
the two class tokens, which is the embedding, and then the logits that a layer norm and a linear
layer make of it, before any sigmoid. hear21passt's mode "all" returns the same in the other order.

Parameters have the names of the published file, where hear21passt's wrapper puts `net.` before
each. The head of the second class token, `head_dist`, is in the file and is used in training alone.

References
----------
- K. Koutini et al.: Efficient training of audio transformers with patchout. Interspeech 2022,
  https://arxiv.org/abs/2110.05069.
- H. Touvron et al.: Training data-efficient image transformers and distillation through attention.
  ICML 2021, https://arxiv.org/abs/2012.12877.
- https://github.com/kkoutini/PaSST, https://github.com/kkoutini/passt_hear21
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from svbench.compute import CPU, Machine, load_weights
from svbench.errors import ScoreError
from svbench.metrics.networks.passt_inputs import BANDS

CLASSES: Final = 527
PATCH, STEP = 16, 10  # bands, and frames
PLACES: Final = (12, 99)  # of patches: frequency, time
LEAST_FRAMES, MOST_FRAMES = PATCH, (PLACES[1] - 1) * STEP + PATCH + STEP - 1
_DEPTH: Final = 12
_HEADS: Final = 12
_HEAD_WIDTH: Final = 64
_EPSILON: Final = 1e-6  # of the transformer's layer norms


class Attention(nn.Module):
    """Self-attention of all tokens."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        width = heads * _HEAD_WIDTH
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Compute tokens (n, N, D) of tokens (n, N, D)."""
        queries, keys, values = (
            self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        )
        mixed = F.scaled_dot_product_attention(queries, keys, values)
        found: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return found


class Mlp(nn.Module):
    """The two layers that each token passes by itself."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Compute tokens (n, N, D) of tokens (n, N, D)."""
        found: Tensor = self.fc2(F.gelu(self.fc1(tokens)))
        return found


class Block(nn.Module):
    """A block of the transformer, with layer norms before its two parts."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        width = heads * _HEAD_WIDTH
        self.norm1 = nn.LayerNorm(width, eps=_EPSILON)
        self.attn = Attention(heads)
        self.norm2 = nn.LayerNorm(width, eps=_EPSILON)
        self.mlp = Mlp(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Compute tokens (n, N, D) of tokens (n, N, D)."""
        tokens = tokens + self.attn(self.norm1(tokens))
        found: Tensor = tokens + self.mlp(self.norm2(tokens))
        return found


class PatchEmbedding(nn.Module):
    """The patches of a spectrogram as tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(1, width, PATCH, STEP)

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Compute patches (n, D, 12, T) of spectrograms (n, 128, frames)."""
        found: Tensor = self.proj(spectrograms[:, None])
        return found


class PaSST(nn.Module):
    """PaSST.

    Parameters
    ----------
    width : float
        factor of the heads, each 64 wide, and of the blocks (Default value = 1, the published
        network)
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        heads, depth = (max(1, round(n * width)) for n in (_HEADS, _DEPTH))
        size = heads * _HEAD_WIDTH
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size))
        self.dist_token = nn.Parameter(torch.zeros(1, 1, size))
        self.new_pos_embed = nn.Parameter(torch.zeros(1, 2, size))
        self.freq_new_pos_embed = nn.Parameter(torch.zeros(1, size, PLACES[0], 1))
        self.time_new_pos_embed = nn.Parameter(torch.zeros(1, size, 1, PLACES[1]))
        self.patch_embed = PatchEmbedding(size)
        self.blocks = nn.Sequential(*(Block(heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(size, eps=_EPSILON)
        self.head = nn.Sequential(nn.LayerNorm(size), nn.Linear(size, CLASSES))
        self.head_dist = nn.Linear(size, CLASSES)

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Compute embeddings and logits (n, D + 527) of log-mel spectrograms (n, 128, frames).

        Raises ScoreError for spectrograms of another size; frames may be 16 to 1005.
        """
        bands, frames = spectrograms.shape[1:]
        if bands != BANDS or not LEAST_FRAMES <= frames <= MOST_FRAMES:
            raise ScoreError(
                f"PaSST reads spectrograms ({BANDS}, {LEAST_FRAMES} to {MOST_FRAMES}), got "
                f"({bands}, {frames})"
            )
        tokens = self.norm(self.blocks(self._tokens(spectrograms)))
        embedding = tokens[:, :2].mean(1)
        return torch.cat([embedding, self.head(embedding)], 1)

    def _tokens(self, spectrograms: Tensor) -> Tensor:
        """Compute class tokens and patches with their positions, (n, 2 + 12 T, D)."""
        patches = self.patch_embed(spectrograms)
        times = self.time_new_pos_embed[..., : patches.shape[3]]
        patches = (patches + times + self.freq_new_pos_embed).flatten(2).transpose(1, 2)
        classes = torch.cat([self.cls_token, self.dist_token], 1) + self.new_pos_embed
        return torch.cat([classes.expand(len(patches), -1, -1), patches], 1)


def load(
    state: Mapping[str, Tensor], source: Path, *, width: float = 1.0, machine: Machine = CPU
) -> PaSST:
    """Build the network with the weights of a checkpoint, on a machine.

    Raises DataError, which names the file `source`, for the checkpoint of another network.
    """
    with torch.device("meta"):  # no time for random weights that are not kept
        network = PaSST(width)
    return load_weights(network, state, source, machine=machine)
