"""A whole joint model: the joint U-Net with its codecs and text encoder.

Conventions
-----------
A codec turns one modality of clips into scaled latents and back; `shape` is that of the noise that
a sampler starts from. Latents and text embeddings are as in `joint.unet`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from svbench.baselines.joint.pair import Pair
from svbench.types import Clip, ClipSpec

if TYPE_CHECKING:  # a table whose clips are all made needs neither torch nor diffusers
    from torch import Tensor

    from svbench.baselines.joint.ddim import NoiseSchedule
    from svbench.baselines.joint.unet import JointUNet


class AudioCodec(Protocol):
    """Audio to latents (C, Ta, F) and back."""

    def shape(self, spec: ClipSpec) -> tuple[int, int, int]:
        """Return the latents' shape that a sampler starts from; Ta suits the U-Net's halvings."""
        ...

    def encode(self, clips: Sequence[Clip]) -> Tensor:
        """Return (B, C, rows, F); there may be fewer rows than in `shape`, never more."""
        ...

    def decode(self, latents: Tensor, spec: ClipSpec) -> list[NDArray[np.float32]]:
        """Return one waveform (spec.samples,) in -1..1 per latent."""
        ...


class VideoCodec(Protocol):
    """Frames to latents (C, T, H, W) and back."""

    def shape(self, spec: ClipSpec) -> tuple[int, int, int, int]:
        """Return the latents' shape that a sampler starts from."""
        ...

    def encode(self, clips: Sequence[Clip]) -> Tensor:
        """Return (B, C, T, H, W)."""
        ...

    def decode(self, latents: Tensor, spec: ClipSpec) -> list[NDArray[np.uint8]]:
        """Return one video (T, H, W, 3) per latent."""
        ...


class TextEncoder(Protocol):
    """Captions to the text embeddings that the two U-Nets take."""

    def __call__(self, captions: Sequence[str]) -> Pair[Tensor]:
        """Return audio (B, D) and video (B, L, D')."""
        ...


@dataclass(frozen=True, slots=True)
class JointModel:
    """Everything that turns a caption into a sounding video."""

    joint: JointUNet
    schedules: Pair[NoiseSchedule]
    audio: AudioCodec
    video: VideoCodec
    text_encoder: TextEncoder
    weights: Mapping[str, str]  # what its numbers depend on: name of a part -> digest of its file
