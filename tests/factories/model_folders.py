"""Tiny random models on disk, in the layouts of diffusers and transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, MotionAdapter, UNet2DConditionModel
from transformers import (
    ClapTextConfig,
    ClapTextModelWithProjection,
    CLIPTextConfig,
    CLIPTextModel,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
)

from svbench.baselines.checkpoints import find as released
from svbench.baselines.checkpoints import ours as checkpoint
from svbench.baselines.joint.mixers import MixerKind
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.unet import JointConfig
from svbench.types import ClipSpec

SPEC = ClipSpec(4, 8.0, (32, 32), 16000)
CONFIG = JointConfig("cmc-pe", 40, Pair((1, 2), (1, 2)), Pair(8, 8))


def write_bases(root: Path, seed: int = 0) -> dict[str, str]:
    """Write base models as on the hub, and return their folders: audio, video, motion."""
    torch.manual_seed(seed)
    bases = {name: root / name for name in ("audio", "video", "motion")}
    _audio_base(bases["audio"])
    _video_base(bases["video"])
    MotionAdapter(
        block_out_channels=(64, 32), motion_layers_per_block=1, motion_num_attention_heads=2
    ).save_pretrained(bases["motion"])
    return {name: str(path) for name, path in bases.items()}


def write_parts(root: Path, mixer: MixerKind = "cmc-pe", seed: int = 0) -> Path:
    """Write our form: components side by side, and joint weights none of which is zero."""
    bases = write_bases(root / "bases", seed)
    config = JointConfig(mixer, 40, CONFIG.multiples, CONFIG.head_size)
    joint = released.find_bases(bases, config).load().joint
    with torch.no_grad():
        for weight in joint.added.parameters():
            weight.add_(0.05 * torch.randn(weight.shape))
    folder = root / mixer
    for modality in ("audio", "video"):
        for part in Path(bases[modality]).iterdir():
            name = part.name if part.name == "vocoder" else f"{part.name}_{modality[0]}"
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            part.rename(target)
    unet: Any = joint.unets.video
    for old in (folder / "unet_v").iterdir():
        old.unlink()
    unet.save_pretrained(folder / "unet_v")
    checkpoint.save_joint(folder / "joint", joint)
    return folder


def write_joint(folder: Path, bases: dict[str, str], mixer: MixerKind = "cmc-pe") -> Path:
    """Write joint weights alone, and where their base models are."""
    config = JointConfig(mixer, 40, CONFIG.multiples, CONFIG.head_size)
    joint = released.find_bases(bases, config).load().joint
    checkpoint.save_joint(folder / "joint", joint)
    (folder / "bases.json").write_text(json.dumps(bases))
    return folder


def audio_vae() -> AutoencoderKL:
    """Return an autoencoder of mel spectrograms."""
    return _vae(1, 8, (32, 32, 32)).eval()


def video_vae() -> AutoencoderKL:
    """Build an autoencoder of images."""
    return _vae(3, 4, (32, 32, 32, 32)).eval()


def vocoder(rates: tuple[int, ...] = (5, 4, 8)) -> SpeechT5HifiGan:
    """Return a vocoder."""
    settings = SpeechT5HifiGanConfig(
        model_in_dim=64,
        sampling_rate=16000,
        upsample_initial_channel=32,
        upsample_rates=list(rates),
        upsample_kernel_sizes=[2 * rate if rate % 2 == 0 else rate + 4 for rate in rates],
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1]],
        normalize_before=False,
    )
    return SpeechT5HifiGan(settings).eval()


def _audio_base(folder: Path) -> None:
    audio_vae().save_pretrained(folder / "vae")
    vocoder().save_pretrained(folder / "vocoder")
    UNet2DConditionModel(
        sample_size=16,
        in_channels=8,
        out_channels=8,
        block_out_channels=(64, 32),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=(64, 32),
        attention_head_dim=4,
        class_embed_type="simple_projection",
        projection_class_embeddings_input_dim=12,
        class_embeddings_concat=True,
    ).save_pretrained(folder / "unet")
    settings = ClapTextConfig(
        vocab_size=261,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=40,
        projection_dim=12,
    )
    ClapTextModelWithProjection(settings).save_pretrained(folder / "text_encoder")
    special = ("<s>", "<pad>", "</s>", "<unk>")
    _tokenizer(folder / "tokenizer", "RobertaTokenizer", [*special, *_letters(), "<mask>"], 512)
    _scheduler(folder / "scheduler", 0.0015, 0.0195, "scaled_linear")


def _video_base(folder: Path) -> None:
    video_vae().save_pretrained(folder / "vae")
    UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(64, 32),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=24,
        attention_head_dim=4,
    ).save_pretrained(folder / "unet")
    settings = CLIPTextConfig(
        vocab_size=514,
        hidden_size=24,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=512,
        eos_token_id=513,
    )
    CLIPTextModel(settings).save_pretrained(folder / "text_encoder")
    letters = _letters()
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    _tokenizer(folder / "tokenizer", "CLIPTokenizer", words, 77)
    _scheduler(folder / "scheduler", 0.00085, 0.012, "linear")


def _vae(channels: int, latents: int, widths: tuple[int, ...]) -> AutoencoderKL:
    return AutoencoderKL(
        in_channels=channels,
        out_channels=channels,
        latent_channels=latents,
        block_out_channels=widths,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        layers_per_block=1,
        scaling_factor=0.5,
    ).requires_grad_(False)


def _scheduler(folder: Path, start: float, end: float, betas: str) -> None:
    DDIMScheduler(
        beta_start=start, beta_end=end, beta_schedule=betas, clip_sample=False
    ).save_pretrained(folder)


def _letters() -> list[str]:
    """Return the 256 characters that encode bytes: the printable ones, then replacements."""
    printing = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(b) for b in printing] + [chr(256 + i) for i in range(256 - len(printing))]


def _tokenizer(folder: Path, kind: str, words: list[str], length: int) -> None:
    """Write a tokenizer whose vocabulary is single letters."""
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    settings: dict[str, Any] = {"tokenizer_class": kind, "model_max_length": length}
    if kind == "CLIPTokenizer":
        settings |= {"pad_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
