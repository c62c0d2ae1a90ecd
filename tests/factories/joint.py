"""Small joint models for tests: diffusers' own classes at small widths."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel, UNetMotionModel
from safetensors.torch import load_file
from torch import Tensor

from svbench.baselines.checkpoints import sony
from svbench.baselines.joint.mixers import MixerKind
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.unet import JointConfig, JointUNet
from tests.goldens.places import golden

FRAMES, ROWS, WORDS = 4, 16, 5
CAPTION = Pair(audio=12, video=24)  # widths of the text embeddings


def video_unet(**changes: Any) -> UNetMotionModel:
    """Build a tiny AnimateDiff U-Net."""
    settings: dict[str, Any] = {
        "sample_size": 8,
        "block_out_channels": (64, 32),
        "down_block_types": ("CrossAttnDownBlockMotion", "DownBlockMotion"),
        "up_block_types": ("UpBlockMotion", "CrossAttnUpBlockMotion"),
        "layers_per_block": 1,
        "cross_attention_dim": CAPTION.video,
        "num_attention_heads": 4,
        "motion_num_attention_heads": 2,
    }
    return UNetMotionModel(**{**settings, **changes})


def audio_unet(**changes: Any) -> UNet2DConditionModel:
    """Build a tiny AudioLDM U-Net."""
    settings: dict[str, Any] = {
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
        "projection_class_embeddings_input_dim": CAPTION.audio,
        "class_embeddings_concat": True,
    }
    return UNet2DConditionModel(**{**settings, **changes})


def tiny_joint(mixer: MixerKind = "cmc-pe", seed: int = 0, *, fresh: bool = False) -> JointUNet:
    """Build a tiny joint model; unless `fresh`, every weight is random, the zeros too."""
    torch.manual_seed(seed)
    config = JointConfig(mixer, 40, Pair((1, 2), (1, 2)), Pair(8, 8))
    joint = JointUNet(audio_unet(), video_unet(), config).eval()
    if not fresh:
        with torch.no_grad():
            for name, weight in joint.named_parameters():
                if not name.startswith("unets."):
                    weight.add_(0.1 * torch.randn(weight.shape))
    return joint.requires_grad_(False)


@dataclass(frozen=True)
class Inputs:
    """Inputs of a joint U-Net, under the names of its parameters."""

    x_t: Pair[Tensor]
    x0_hat: Pair[Tensor]
    text: Pair[Tensor]
    t: Pair[Tensor]
    connector_t: Pair[Tensor]


def tiny_inputs(batch: int = 2, seed: int = 1) -> Inputs:
    """Draw inputs for `tiny_joint`."""
    random = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random)

    def timesteps() -> Tensor:
        return torch.randint(0, 1000, (batch,), generator=random)

    return Inputs(
        x_t=Pair(noise(batch, 8, ROWS, 8), noise(batch, 4, FRAMES, 8, 8)),
        x0_hat=Pair(noise(batch, 8, ROWS, 8), noise(batch, 4, FRAMES, 8, 8)),
        text=Pair(noise(batch, CAPTION.audio), noise(batch, WORDS, CAPTION.video)),
        t=Pair(timesteps(), timesteps()),
        connector_t=Pair(timesteps(), timesteps()),
    )


def golden_joint(released_mixer: str) -> JointUNet:
    """Build the joint model of the golden data, with its weights; skip if they are absent."""
    folder = golden("joint")
    audio, video = (_config(folder / f"unet_{m}.config.json") for m in "av")
    heads = video.pop("attention_head_dim")
    unets = Pair(UNet2DConditionModel.from_config(audio), UNetMotionModel.from_config(video))
    for unet, letter in zip(unets, "av", strict=True):
        unet.load_state_dict(load_file(folder / f"unet_{letter}.safetensors"))
    record = _config(folder / f"unet_svg_{released_mixer}.config.json")
    record |= {"unet_audio_config": audio, "unet_video_config": {"attention_head_dim": heads}}
    config = sony.read_config(record, "golden")
    joint = JointUNet(*unets, config).eval().requires_grad_(False)
    theirs = load_file(folder / f"unet_svg_{released_mixer}.safetensors")
    added = joint.added
    added.load_state_dict(sony.from_released(theirs, added.state_dict(), config, "golden"))
    return joint


def _config(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(path.read_text())
    return read
