"""A joint model as a whole: the joint U-Net with what stands before and behind it.

Conventions
-----------
A codec turns one modality of clips into scaled latents and back; `shape` is what a sampler draws
noise in. Latents and captions are as in `joint_unet`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from svbench.baselines.joint.ddim import NoiseSchedule
from svbench.baselines.joint.pair import Modal
from svbench.baselines.joint.unet import JointUNet
from svbench.types import Clip, ClipSpec


class AudioCodec(Protocol):
    """Sound to latents (C, Ta, F) and back."""

    def shape(self, spec: ClipSpec) -> tuple[int, int, int]:
        """Give the latents' shape that a sampler starts from; Ta suits the U-Net's halvings."""
        ...

    def encode(self, clips: Sequence[Clip]) -> Tensor:
        """Give (B, C, rows, F); rows may be fewer than `shape` says, never more."""
        ...

    def decode(self, latents: Tensor, spec: ClipSpec) -> list[NDArray[np.float32]]:
        """Give one sound (spec.samples,) in -1..1 per latent."""
        ...


class VideoCodec(Protocol):
    """Frames to latents (C, T, H, W) and back."""

    def shape(self, spec: ClipSpec) -> tuple[int, int, int, int]:
        """Give the latents' shape that a sampler starts from."""
        ...

    def encode(self, clips: Sequence[Clip]) -> Tensor:
        """Give (B, C, T, H, W)."""
        ...

    def decode(self, latents: Tensor, spec: ClipSpec) -> list[NDArray[np.uint8]]:
        """Give one video (T, H, W, 3) per latent."""
        ...


class CaptionEncoder(Protocol):
    """Captions to what the two U-Nets take."""

    def __call__(self, captions: Sequence[str]) -> Modal[Tensor]:
        """Give sound (B, D) and video (B, L, D')."""
        ...


@dataclass(frozen=True, slots=True)
class JointModel:
    """Everything that turns a caption into a sounding video."""

    joint: JointUNet
    schedules: Modal[NoiseSchedule]
    audio: AudioCodec
    video: VideoCodec
    captions: CaptionEncoder
    weights: Mapping[str, str]  # what decides its numbers: name of a part -> digest of its file
