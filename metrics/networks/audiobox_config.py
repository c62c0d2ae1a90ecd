"""Sizes of the AudioBox-aesthetics network, and its axes; torch is not needed to read them.

References
----------
- A. Tjandra et al.: Meta Audiobox Aesthetics: unified automatic quality assessment for speech,
  music, and sound. 2025, https://arxiv.org/abs/2502.05139. Code and weights (CC BY 4.0):
  https://github.com/facebookresearch/audiobox-aesthetics,
  https://huggingface.co/facebook/audiobox-aesthetics.
- S. Chen et al.: WavLM: large-scale self-supervised pre-training for full stack speech processing.
  IEEE JSTSP 2022, https://arxiv.org/abs/2110.13900.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from svbench.metrics.networks.batches import BatchSize

Axis = Literal["CE", "CU", "PC", "PQ"]
AXES: Final[tuple[Axis, ...]] = get_args(Axis)

SAMPLE_RATE: Final = 16000  # 1 / s
WINDOW: Final = 160_000  # samples: 10 s
# Windows of a clip differ in how much of them is padding, so a batch holds one.
BATCH: Final = BatchSize(cpu=1, gpu=1)


@dataclass(frozen=True, slots=True)
class Target:
    """Mean and standard deviation of the listeners' scores of an axis, the unit of predictions."""

    mean: float
    spread: float


# As the published checkpoint's config.json states them ("target_transform").
TARGETS: Final = (
    Target(5.06865, 1.93029),
    Target(5.73633, 1.75669),
    Target(3.18591, 1.86637),
    Target(6.57505, 1.51466),
)


@dataclass(frozen=True, slots=True)
class AudioBoxSize:
    """The sizes of the network; defaults are those of the published checkpoint.

    Parameters
    ----------
    width, layers, heads, hidden : int
        of the transformer, `hidden` in its feed-forward layers
    channels : int
        of the convolutions
    position_kernel, position_groups : int
        of the convolution that embeds positions
    buckets, farthest : int
        of relative positions, and the distance from which on they share one
    head_layers : int
        linear layers of the head of each axis, with a norm and a GELU between two
    targets : tuple of Target
        of each axis, in the order of `AXES`
    """

    width: int = 768
    layers: int = 12
    heads: int = 12
    hidden: int = 3072
    channels: int = 512
    position_kernel: int = 128
    position_groups: int = 16
    buckets: int = 320
    farthest: int = 800
    head_layers: int = 5
    targets: tuple[Target, ...] = TARGETS


PUBLISHED: Final = AudioBoxSize()
