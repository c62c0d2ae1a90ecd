"""ImageBind: encoders of images, sound and text with a joint embedding space.

Each modality has an encoder of its own: tokens of its input, a transformer, and a head that
projects one token to the joint space, where it is normalised and scaled. Written from the paper and
the shapes of the published checkpoint; no code of its repository is used.

Conventions
-----------
- vision: float (N, 3, F, H, W), normalised as for CLIP; or (N, 3, H, W), a still image
- audio: float (N, 1, bins, frames), a normalised log-mel spectrogram
- text: int64 (N, context), token ids; the largest id of a row is the end of text
- embeddings: float32 (N, D), of norm 1 for vision, exp(log_logit_scale) for the others

Parameters have the names of `imagebind_huge.pth` (1,311 of them). That file also holds encoders of
depth, thermal and IMU data: they are declared here, so that a checkpoint can be checked completely,
but not used.

Architecture
------------
Pre-norm blocks of attention and MLP (ratio 4, exact GELU) with epsilon 1e-6; the norm of a patch
stem has 1e-5. Attention of all encoders but vision and text has one learned key and value in
addition. Text is causal. Only vision has a norm before its first block.

References
----------
- R. Girdhar et al.: ImageBind: one embedding space to bind them all. CVPR 2023,
  https://arxiv.org/abs/2305.05665. Code, weights and vocabulary are CC BY-NC-SA 4.0:
  https://github.com/facebookresearch/ImageBind
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from svbench.compute import CPU, Machine, check_weights, load_weights
from svbench.metrics.networks.imagebind_config import (
    HUGE,
    MODALITIES,
    ImageBindConfig,
    Modality,
)
from svbench.metrics.networks.imagebind_parts import (
    EPSILON,
    PatchStem,
    PatchTokens,
    RepeatStill,
    Scale,
    SensorTokens,
    TextTokens,
    Transformer,
    UnitLength,
)

CHANNELS: Final = 3
UNUSED_PATCH: Final = 16  # px, of depth and thermal images of 224 px
UNUSED_TOKENS: Final = (224 // UNUSED_PATCH) ** 2 + 1
# Initial values of exp(log_logit_scale), which is learned for text and fixed for the others.
SCALES: Final = {"text": 1 / 0.07, "audio": 20.0, "depth": 5.0, "thermal": 10.0, "imu": 5.0}


# --- encoders, under the names of the checkpoint ------------------------------------------------


def _tokens(modality: str, config: ImageBindConfig) -> nn.Module:
    """Build the token embedding of a modality."""
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
    """Build the transformer of a modality."""
    bias_kv = modality not in ("vision", "text")
    return Transformer(getattr(config, modality), bias_kv=bias_kv, norm_first=modality == "vision")


def _head(modality: str, config: ImageBindConfig) -> nn.Module:
    """Build the projection to the joint space; gaps in the numbering are as published."""
    width = getattr(config, modality).width
    norm = nn.LayerNorm(width, eps=EPSILON)
    linear = nn.Linear(width, config.embedding, bias=False)
    if modality == "text":
        return nn.Sequential(OrderedDict(proj=nn.Sequential(norm, linear)))
    gaps = [nn.Identity() for _ in range(2 if modality == "imu" else 1)]
    return nn.Sequential(norm, *gaps, linear)


def _scaling(modality: str) -> nn.Module:
    """Build the normalisation and scaling of embeddings."""
    if modality == "vision":
        return UnitLength()
    return nn.Sequential(UnitLength(), Scale(SCALES[modality], learned=modality == "text"))


class ImageBind(nn.Module):
    """ImageBind.

    Parameters
    ----------
    config : ImageBindConfig
        its sizes (Default value = HUGE)
    modalities : iterable of str, optional
        which encoders to build (Default value = None, all of the configuration)
    """

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

    def forward(self, modality: Modality, inputs: Tensor) -> Tensor:
        """Compute the embeddings of a batch: (N, ...) -> (N, D), float32."""
        embed = self.modality_preprocessors[modality]
        mask = embed.mask if isinstance(embed, TextTokens) else None
        hidden = self.modality_trunks[modality](embed(inputs), mask)
        if modality == "text":  # pooled at the end of text
            pooled = hidden[torch.arange(len(hidden), device=hidden.device), inputs.argmax(dim=-1)]
        else:
            pooled = hidden[:, 0]
        projected = self.modality_heads[modality](pooled)
        embedded: Tensor = self.modality_postprocessors[modality](projected)
        return embedded


# --- checkpoints -------------------------------------------------------------------------------


def shapes(config: ImageBindConfig = HUGE) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every tensor of a checkpoint, without allocating any."""
    with torch.device("meta"):
        whole = ImageBind(config)
    return {name: tuple(tensor.shape) for name, tensor in whole.state_dict().items()}


def load(
    state: Mapping[str, Tensor],
    source: Path,
    config: ImageBindConfig = HUGE,
    modalities: Iterable[Modality] = MODALITIES,
    machine: Machine = CPU,
) -> ImageBind:
    """Build the encoders of some modalities with their weights, for inference on a machine.

    Whatever the dtype, the scales of embeddings stay float32.

    Parameters
    ----------
    state : mapping of str to Tensor
        a checkpoint; weights of other modalities may be absent
    source : Path
        the file of the checkpoint, for messages
    config : ImageBindConfig
        its sizes (Default value = HUGE)
    modalities : iterable of str
        which encoders to build (Default value = MODALITIES)
    machine : Machine
        device and dtype (Default value = float32 on the CPU)

    Raises
    ------
    DataError
        if a weight is missing, unknown in the configuration, or of another shape
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
