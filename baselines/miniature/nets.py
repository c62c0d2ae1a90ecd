"""The networks of the miniature: diffusers' and transformers' own classes at small widths.

The joint model is the paper's: `UNetMotionModel` and `UNet2DConditionModel`, joined by the
connectors and mixers of this room. What differs is size, and what goes with it: two levels
instead of four, mixers on both, and a network that says the velocity instead of the noise, since
one this thin cannot pass much noise through.

Latents
-------
video   (16, T, 1, 1)     the principal components of an autoencoder's latents of a whole frame,
                          (16, 4, 4) for 64 x 64 px
sound   (12, 4 * 25, 1)   the same of a row, 40 ms, of an autoencoder's latents (32, 100, 2) of a
                          log-mel spectrogram, whose 64 bands lie as 8 x 8: eight neighbouring
                          bands are the channels of one column

A drawn frame can be told in far fewer numbers than an autoencoder gives it: 16 components hold
99.4 % of the variance of 256 latents, 12 hold 99.8 % of the sound's 64. Networks this thin learn
them several times faster, and what they say needs no wide skips for noise to pass through.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel, UNetMotionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from svbench.baselines.ddim import NoiseSchedule
from svbench.baselines.joint_unet import JointConfig, JointUNet
from svbench.baselines.mixers import MixerKind
from svbench.baselines.modal import Modal

GROUPS: Final = 8  # of group norms that see more than one place
ALONE: Final = 1  # of those that see a single place: with more, each would see but a few numbers
CAPTION: Final = 32  # length of a caption's vectors
WORDS: Final = 16  # longest caption, with both ends
VIDEO_CHANNELS: Final = 16  # of the autoencoder
AUDIO_CHANNELS: Final = 32
VIDEO_COMPONENTS: Final = 16  # that the U-Nets see
AUDIO_COMPONENTS: Final = 12
FOLD: Final = 8  # neighbouring mel bands that become channels
MEL_BANDS: Final = 64

# The base models' schedules, with the velocity in place of the noise.
SCHEDULES: Final = Modal(
    audio=NoiseSchedule(0.0015, 0.0195, "scaled_linear", "v_prediction"),
    video=NoiseSchedule(0.00085, 0.012, "linear", "v_prediction"),
)


def video_autoencoder() -> AutoencoderKL:
    """Build the autoencoder of frames, (3, 64, 64) to (16, 4, 4)."""
    return _autoencoder(3, (16, 32, 32, 48, 48), VIDEO_CHANNELS)


def audio_autoencoder() -> AutoencoderKL:
    """Build the autoencoder of spectrograms, (8, 400, 8) to (32, 100, 2)."""
    return _autoencoder(FOLD, (32, 48, 48), AUDIO_CHANNELS)


def _autoencoder(channels: int, widths: tuple[int, ...], latents: int) -> AutoencoderKL:
    return AutoencoderKL(
        in_channels=channels,
        out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        block_out_channels=widths,
        layers_per_block=1,
        latent_channels=latents,
        norm_num_groups=GROUPS,
        mid_block_add_attention=False,
    )


def text_encoder(vocabulary: int) -> CLIPTextModelWithProjection:
    """Build the encoder of captions: features per word for video, one vector for sound."""
    return CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=CAPTION,
            intermediate_size=2 * CAPTION,
            projection_dim=CAPTION,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=WORDS,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


def joint_unet(mixer: MixerKind) -> JointUNet:
    """Build the joint model with fresh weights."""
    config = JointConfig(
        mixer=mixer,
        condition_channels=48,
        multiples=Modal(audio=(1, 2), video=(1, 2)),
        head_size=Modal(audio=16, video=16),
        groups=ALONE,
    )
    joint = JointUNet(UNet2DConditionModel(**_AUDIO), UNetMotionModel(**_VIDEO), config)
    return nn.Module.to(joint, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


_VIDEO: Final[dict[str, Any]] = {
    "sample_size": 1,
    "in_channels": VIDEO_COMPONENTS,
    "out_channels": VIDEO_COMPONENTS,
    "block_out_channels": (32, 48),
    "down_block_types": ("CrossAttnDownBlockMotion", "CrossAttnDownBlockMotion"),
    "up_block_types": ("CrossAttnUpBlockMotion", "CrossAttnUpBlockMotion"),
    "layers_per_block": 1,
    "norm_num_groups": ALONE,
    "cross_attention_dim": CAPTION,
    "num_attention_heads": 4,
    "motion_num_attention_heads": 4,
    "motion_max_seq_length": 32,
    "use_motion_mid_block": False,
}
_AUDIO: Final[dict[str, Any]] = {
    "sample_size": 100,
    "in_channels": AUDIO_COMPONENTS,
    "out_channels": AUDIO_COMPONENTS,
    "block_out_channels": (48, 64),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "layers_per_block": 1,
    "norm_num_groups": GROUPS,
    "cross_attention_dim": (48, 64),
    "attention_head_dim": 4,
    "class_embed_type": "simple_projection",
    "projection_class_embeddings_input_dim": CAPTION,
    "class_embeddings_concat": True,
}
