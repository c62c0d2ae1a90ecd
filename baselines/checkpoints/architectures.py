"""The configurations of the joint model's parts: at the paper's size, and tiny ones for tests.

Widths are those of the parts' own configurations on the hub: Stable Diffusion 1.5 (Realistic
Vision 5.1) with AnimateDiff's motion adapter v1-5-2, AudioLDM m-full with CLAP and HiFi-GAN, and
the connectors and mixers of the released code.

References
----------
M. Ishii et al., arXiv:2409.17550, appendix A.2: base models that "exceed 1.7B" parameters
(1,728,684,812) and "about 468M" added ones (467,744,079 with CMC-PE).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.unet import PAPER_HEADS, PAPER_MULTIPLES, JointConfig

Config = Mapping[str, Any]
Size = Literal["paper", "tiny"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """The configurations of all networks, as diffusers and transformers take them."""

    unets: Pair[Config]  # UNet2DConditionModel each; motion modules are added to the video's
    vaes: Pair[Config]  # AutoencoderKL
    text_encoders: Pair[Config]  # ClapTextConfig, CLIPTextConfig
    vocoder: Config  # SpeechT5HifiGanConfig
    motion: Config  # MotionAdapter
    joint: JointConfig


def _vae(channels: int, latents: int, widths: tuple[int, ...], **more: Any) -> Config:
    return {
        "in_channels": channels,
        "out_channels": channels,
        "latent_channels": latents,
        "block_out_channels": widths,
        "down_block_types": ("DownEncoderBlock2D",) * len(widths),
        "up_block_types": ("UpDecoderBlock2D",) * len(widths),
        **more,
    }


_VOCODER: Final[Config] = {"model_in_dim": 64, "sampling_rate": 16000, "normalize_before": False}

PAPER: Final = Architecture(
    unets=Pair(
        audio={
            "sample_size": 128,
            "in_channels": 8,
            "out_channels": 8,
            "block_out_channels": (192, 384, 576, 960),
            "down_block_types": ("DownBlock2D", *["CrossAttnDownBlock2D"] * 3),
            "up_block_types": (*["CrossAttnUpBlock2D"] * 3, "UpBlock2D"),
            "cross_attention_dim": (192, 384, 576, 960),
            "attention_head_dim": 8,
            "class_embed_type": "simple_projection",
            "projection_class_embeddings_input_dim": 512,
            "class_embeddings_concat": True,
        },
        video={"sample_size": 64, "cross_attention_dim": 768},
    ),
    vaes=Pair(
        audio=_vae(1, 8, (128, 256, 512), layers_per_block=2, scaling_factor=0.9227914214134216),
        video=_vae(3, 4, (128, 256, 512, 512), layers_per_block=2, scaling_factor=0.18215),
    ),
    text_encoders=Pair(
        audio={"projection_dim": 512},
        video={
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_attention_heads": 12,
            "num_hidden_layers": 12,
            "projection_dim": 768,
        },
    ),
    vocoder={
        **_VOCODER,
        "upsample_initial_channel": 1024,
        "upsample_rates": [5, 4, 2, 2, 2],
        "upsample_kernel_sizes": [16, 16, 8, 4, 4],
    },
    motion={"use_motion_mid_block": True},
    joint=JointConfig(multiples=PAPER_MULTIPLES, head_size=PAPER_HEADS),
)

# The same classes and vocabularies; only widths, layers and blocks are few.
TINY: Final = Architecture(
    unets=Pair(
        audio={
            "sample_size": 16,
            "in_channels": 8,
            "out_channels": 8,
            "block_out_channels": (64, 32),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
            "layers_per_block": 1,
            "cross_attention_dim": (64, 32),
            "attention_head_dim": 4,
            "class_embed_type": "simple_projection",
            "projection_class_embeddings_input_dim": 12,
            "class_embeddings_concat": True,
        },
        video={
            "sample_size": 8,
            "block_out_channels": (64, 32),
            "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
            "layers_per_block": 1,
            "cross_attention_dim": 24,
            "attention_head_dim": 4,
        },
    ),
    vaes=Pair(
        audio=_vae(1, 8, (32, 32, 32), layers_per_block=1, scaling_factor=0.5),
        video=_vae(3, 4, (32, 32, 32, 32), layers_per_block=1, scaling_factor=0.5),
    ),
    text_encoders=Pair(
        audio={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "projection_dim": 12,
        },
        video={
            "hidden_size": 24,
            "intermediate_size": 24,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
        },
    ),
    vocoder={
        **_VOCODER,
        "upsample_initial_channel": 32,
        "upsample_rates": [5, 4, 8],
        "upsample_kernel_sizes": [9, 8, 16],
        "resblock_kernel_sizes": [3],
        "resblock_dilation_sizes": [[1]],
    },
    motion={
        "block_out_channels": (64, 32),
        "motion_layers_per_block": 1,
        "motion_num_attention_heads": 2,
    },
    joint=JointConfig(condition_channels=40, multiples=Pair((1, 2), (1, 2)), head_size=Pair(8, 8)),
)

ARCHITECTURES: Final[Mapping[Size, Architecture]] = {"paper": PAPER, "tiny": TINY}
