"""Decode frames: the autoencoder's decoder as far as 32 x 32 positions, then a head of its own.

The residual blocks of the last two levels of the autoencoder's decoder, of 32 x 32 and 64 x 64
positions, take most of its time. A head of three convolutions replaces them: it computes the 2 x 2
pixels of each of 32 x 32 positions together, as channels, which a pixel shuffle puts in their
places (sub-pixel convolution). The levels before it are computed as they were trained, but for an
identity: a convolution of 3 x 3 after upsampling to nearest neighbours is one transposed
convolution of 4 x 4 with stride 2, of less than half the products.

Conventions
-----------
latents     (N, 16, 4, 4), of the autoencoder
features    (N, 32, 32, 32), what the decoder's last level but one takes
frames      (N, 3, 64, 64) in -1..1

References
----------
- W. Shi et al.: Real-time single image and video super-resolution using an efficient sub-pixel
  convolutional neural network. CVPR 2016, arXiv:1609.05158.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from svbench.baselines.miniature.nets import FRAME_CHANNELS

PIXELS: Final = 2  # a side of the pixels that the head computes at a position
HIDDEN: Final = 48  # channels between the head's convolutions
REPLACED: Final = 2  # levels of the autoencoder's decoder


class FrameHead(nn.Sequential):
    """Frames from features: three convolutions of 3 x 3 and a pixel shuffle."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(FRAME_CHANNELS, HIDDEN, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(HIDDEN, 3 * PIXELS**2, 3, padding=1),
            nn.PixelShuffle(PIXELS),
        )
        # A third faster for images of few channels.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def frame_features(autoencoder: Any, latents: Tensor) -> Tensor:
    """Return the features (N, 32, 32, 32) of latents (N, 16, 4, 4) in an `AutoencoderKL`."""
    decoder = autoencoder.decoder
    hidden: Tensor = decoder.mid_block(decoder.conv_in(autoencoder.post_quant_conv(latents)))
    for block in decoder.up_blocks[:-REPLACED]:
        for resnet in block.resnets:
            hidden = resnet(hidden, None)  # without an embedding of time
        conv = block.upsamplers[0].conv
        hidden = upsampled(hidden, conv.weight, conv.bias)
    return hidden


def upsampled(inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute a convolution of 3 x 3, padded by 1, of inputs upsampled to nearest neighbours.

    Parameters
    ----------
    inputs : Tensor, shape=(N, I, H, W)
    weight : Tensor, shape=(O, I, 3, 3)
    bias : Tensor, shape=(O,), optional

    Returns
    -------
    outputs : Tensor, shape=(N, O, 2 H, 2 W)
    """
    # Each input meets the kernel at its 2 x 2 copies: the transposed kernel is their sum.
    copies = functional.pad(weight.flip(2, 3), (1, 1, 1, 1))
    kernel = functional.avg_pool2d(copies, 2, stride=1, divisor_override=1).transpose(0, 1)
    return functional.conv_transpose2d(inputs, kernel, bias, stride=2, padding=1)
