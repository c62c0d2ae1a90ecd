"""ImageBind: one network whose embeddings of pictures, sound and text can be compared.

Each modality has a tower of its own: its input is cut into tokens, a transformer reads them,
one token is projected to the common space, made a unit vector and scaled. Written from the
paper and from the shapes of the published checkpoint; no code of its repository is used.

Conventions
-----------
- vision: float (N, 3, F, H, W), normalised as CLIP does; or (N, 3, H, W), a still picture
- audio: float (N, 1, bins, frames), a normalised log-mel spectrogram
- text: int64 (N, context), token ids; the largest id of a row ends the sentence
- an embedding: float32 (N, D), of length 1 for vision, exp(log_logit_scale) for the others

Names of parameters are those of `imagebind_huge.pth` (1,311 of them). That file also holds
towers for depth, thermal and motion sensors: they are declared here, so that a checkpoint
can be checked whole, but nothing runs them.

What decides an embedding
-------------------------
Blocks normalise before attention and before the MLP (width x 4, exact GELU), with epsilon
1e-6; the norm in a patch stem has 1e-5. Attention of all towers but vision and text adds
one learned key and value. Text is causal. Only vision normalises before its first block.

References
----------
- R. Girdhar et al.: ImageBind: one embedding space to bind them all. CVPR 2023,
  arXiv:2305.05665. Code, weights and vocabulary are CC BY-NC-SA 4.0:
  https://github.com/facebookresearch/ImageBind
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, get_args

import torch
from torch import Tensor, nn

from svbench.compute import CPU, Machine, check_weights, load_weights
from svbench.errors import ConfigError
from svbench.metrics.networks.imagebind_parts import (
    EPSILON,
    PatchStem,
    PatchTokens,
    RepeatStill,
    Scale,
    SensorTokens,
    Size,
    TextTokens,
    Transformer,
    UnitLength,
)

Heard = Literal["vision", "text", "audio"]  # what this code runs
HEARD: Final[tuple[Heard, ...]] = get_args(Heard)
UNUSED: Final = ("depth", "thermal", "imu")

CHANNELS: Final = 3
UNUSED_PATCH: Final = 16  # px, of depth and heat pictures of 224 px
UNUSED_TOKENS: Final = (224 // UNUSED_PATCH) ** 2 + 1
# First values of log_logit_scale: text learns it, the others keep it.
SCALES: Final = {"text": 1 / 0.07, "audio": 20.0, "depth": 5.0, "thermal": 10.0, "imu": 5.0}


@dataclass(frozen=True, slots=True)
class ImageBindConfig:
    """Every size of the network; what has a default is as in imagebind_huge."""

    embedding: int  # numbers in an embedding
    vision: Size
    text: Size
    audio: Size
    depth: Size | None = None  # declared only; None: not in the checkpoint
    thermal: Size | None = None
    imu: Size | None = None
    frames: int = 2  # pictures in a video clip
    image: int = 224  # px, height and width
    image_patch: int = 14  # px
    bins: int = 128  # of a spectrogram
    bin_frames: int = 204  # of a spectrogram
    audio_patch: int = 16  # bins and frames
    audio_stride: int = 10  # bins and frames
    context: int = 77  # tokens of a sentence, with begin and end
    vocabulary: int = 49408

    def __post_init__(self) -> None:
        if self.image % self.image_patch:
            raise ConfigError(
                f"pictures of {self.image} px cannot be cut into patches of {self.image_patch} px"
            )
        if self.audio_patch > min(self.bins, self.bin_frames):
            raise ConfigError(
                f"a spectrogram of {self.bins} x {self.bin_frames} is smaller than a patch "
                f"of {self.audio_patch}"
            )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ImageBindConfig:
        """Read a configuration from plain values, sizes as {width, blocks, heads} or None."""
        try:
            fields: dict[str, Any] = {
                name: Size(**value) if isinstance(value, Mapping) else value
                for name, value in values.items()
            }
            return cls(**fields)
        except TypeError as error:
            raise ConfigError(f"ImageBind's configuration does not fit: {error}") from error

    @property
    def modalities(self) -> tuple[str, ...]:
        """Name the towers of a checkpoint."""
        return tuple(m for m in (*HEARD, *UNUSED) if getattr(self, m))

    @property
    def image_tokens(self) -> int:
        """Count a picture's patches, and the token that speaks for all."""
        return (self.image // self.image_patch) ** 2 + 1

    @property
    def audio_tokens(self) -> int:
        """Count a spectrogram's patches, which overlap, and the token that speaks for all."""
        sides = (self.bins, self.bin_frames)
        rows, columns = ((n - self.audio_patch) // self.audio_stride + 1 for n in sides)
        return rows * columns + 1


HUGE: Final = ImageBindConfig(
    embedding=1024,
    vision=Size(1280, 32, 16),
    text=Size(1024, 24, 16),
    audio=Size(768, 12, 12),
    depth=Size(384, 12, 8),
    thermal=Size(768, 12, 12),
    imu=Size(512, 6, 8),
)


# --- towers, under the names of the checkpoint --------------------------------------------------


def _tokens(modality: str, config: ImageBindConfig) -> nn.Module:
    """Give what cuts an input into tokens."""
    width = getattr(config, modality).width
    if modality == "vision":
        patch = (config.frames, config.image_patch, config.image_patch)
        pixels = nn.Conv3d(CHANNELS, width, patch, stride=patch, bias=False)
        stem = PatchStem(nn.Sequential(RepeatStill(config.frames), pixels))
        return PatchTokens("rgbt_stem", stem, config.image_tokens, width)
    if modality == "text":
        return TextTokens(config.vocabulary, config.context, width)
    if modality == "audio":
        mels = nn.Conv2d(1, width, config.audio_patch, config.audio_stride, bias=False)
        stem = PatchStem(mels, nn.LayerNorm(width))
        return PatchTokens("rgbt_stem", stem, config.audio_tokens, width)
    if modality == "imu":
        return SensorTokens(width)
    grey = nn.Conv2d(1, width, UNUSED_PATCH, UNUSED_PATCH, bias=False)
    name = "depth_stem" if modality == "depth" else "rgbt_stem"
    return PatchTokens(name, PatchStem(grey, nn.LayerNorm(width)), UNUSED_TOKENS, width)


def _trunk(modality: str, config: ImageBindConfig) -> Transformer:
    """Give the transformer."""
    bias_kv = modality not in ("vision", "text")
    return Transformer(getattr(config, modality), bias_kv=bias_kv, norm_first=modality == "vision")


def _head(modality: str, config: ImageBindConfig) -> nn.Module:
    """Give the projection to the common space; gaps in the numbering are as published."""
    width = getattr(config, modality).width
    norm = nn.LayerNorm(width, eps=EPSILON)
    linear = nn.Linear(width, config.embedding, bias=False)
    if modality == "text":
        return nn.Sequential(OrderedDict(proj=nn.Sequential(norm, linear)))
    gaps = [nn.Identity() for _ in range(2 if modality == "imu" else 1)]
    return nn.Sequential(norm, *gaps, linear)


def _scaling(modality: str) -> nn.Module:
    """Give what makes an embedding a unit vector and scales it."""
    if modality == "vision":
        return UnitLength()
    return nn.Sequential(UnitLength(), Scale(SCALES[modality], learned=modality == "text"))


class ImageBind(nn.Module):
    """All towers of a configuration, or those that are asked for."""

    def __init__(
        self, config: ImageBindConfig = HUGE, modalities: Iterable[str] | None = None
    ) -> None:
        super().__init__()
        self.config = config
        names = config.modalities if modalities is None else tuple(modalities)
        self.modality_preprocessors = nn.ModuleDict({m: _tokens(m, config) for m in names})
        self.modality_trunks = nn.ModuleDict({m: _trunk(m, config) for m in names})
        self.modality_heads = nn.ModuleDict({m: _head(m, config) for m in names})
        self.modality_postprocessors = nn.ModuleDict({m: _scaling(m) for m in names})

    def forward(self, modality: Heard, inputs: Tensor) -> Tensor:
        """Embed a batch: (N, ...) -> (N, D), float32."""
        cut = self.modality_preprocessors[modality]
        mask = cut.mask if isinstance(cut, TextTokens) else None
        seen = self.modality_trunks[modality](cut(inputs), mask)
        if modality == "text":  # the token that ends a sentence speaks for it
            seen = seen[torch.arange(len(seen), device=seen.device), inputs.argmax(dim=-1)]
        else:
            seen = seen[:, 0]
        projected = self.modality_heads[modality](seen)
        embedded: Tensor = self.modality_postprocessors[modality](projected)
        return embedded


# --- checkpoints -------------------------------------------------------------------------------


def shapes(config: ImageBindConfig = HUGE) -> dict[str, tuple[int, ...]]:
    """Give the name and shape of every tensor in a checkpoint, without making any."""
    with torch.device("meta"):
        whole = ImageBind(config)
    return {name: tuple(tensor.shape) for name, tensor in whole.state_dict().items()}


def load(
    state: Mapping[str, Tensor],
    source: Path,
    config: ImageBindConfig = HUGE,
    modalities: Iterable[Heard] = HEARD,
    machine: Machine = CPU,
) -> ImageBind:
    """Build the towers of some modalities, with the weights of a checkpoint, on a machine.

    The towers of other modalities may be absent from the checkpoint. Whatever is computed in,
    the scales of embeddings stay float32. Raises DataError, which names the file `source`, for
    unknown or missing weights and for other shapes.
    """
    with torch.device("meta"):  # no time for random weights that are not kept
        whole, network = ImageBind(config), ImageBind(config, modalities)
    unused = set(config.modalities) - set(modalities)
    may_lack = [f"modality_*.{modality}.*" for modality in unused]
    check_weights(whole.state_dict(), state, source, may_lack=may_lack)
    needed = {name: state[name] for name in network.state_dict()}
    load_weights(network, needed, source, machine=replace(machine, dtype="float32"))
    for parts in ("modality_preprocessors", "modality_trunks", "modality_heads"):
        network.get_submodule(parts).to(machine.torch_dtype)
    return network
