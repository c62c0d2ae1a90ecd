"""A joint model of random weights in the hub's own file forms: base models, and joint weights.

Layout, as `find.find_model` reads it (below the folder that is written):

    audio/ video/ motion/     base models as `hf download` brings them, see `base_models`
    joint/ bases.json         the joint weights of CMC-PE, the paper's mixer
    MIXER/joint/ MIXER/bases.json   those of the other mixers, over the same base models

Networks are built on the meta device, for the names and shapes of their weights alone; the numbers
are written by `svbench.files.weights.random_files`, file by file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import AutoencoderKL, MotionAdapter, UNet2DConditionModel, UNetMotionModel
from torch import nn
from transformers import (
    ClapTextConfig,
    ClapTextModelWithProjection,
    CLIPTextConfig,
    CLIPTextModel,
    SpeechT5HifiGan,
    SpeechT5HifiGanConfig,
)

from svbench.baselines.checkpoints import ours
from svbench.baselines.checkpoints.architectures import Architecture, Config
from svbench.baselines.checkpoints.base_models import BASES, PAPER_BASES
from svbench.baselines.checkpoints.components import SCHEDULE
from svbench.baselines.checkpoints.find import JOINT
from svbench.baselines.checkpoints.weight_files import DIFFUSERS, TRANSFORMERS
from svbench.baselines.joint.mixers import MixerKind
from svbench.baselines.joint.unet import JointConfig, JointUNet
from svbench.files.weights import byte_pairs
from svbench.files.weights.random_files import RandomFile
from svbench.files.writing import write_text

IN_ROOT: Final = JointConfig().mixer  # whose joint weights lie beside the base models

# Of the base models' own scheduler configurations; AnimateDiff was trained with linear betas.
_AUDIO_BETAS: Final = {"beta_start": 0.0015, "beta_end": 0.0195, "beta_schedule": "scaled_linear"}
_VIDEO_BETAS: Final = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "linear"}
_SCHEDULER: Final = {
    "_class_name": "DDIMScheduler",
    "num_train_timesteps": 1000,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "prediction_type": "epsilon",
}


def weight_files(shape: Architecture, mixers: Iterable[MixerKind]) -> list[RandomFile]:
    """Return the files of weights, with the tensors of each."""
    files = [_weights(folder, build) for folder, build in _networks(shape).items()]
    for mixer in mixers:
        path = mixer_folder(mixer) / JOINT / ours.WEIGHTS
        whole = _shapes(joint_on_meta(shape, mixer))
        added = {name: size for name, size in whole.items() if not name.startswith("unets.")}
        files.append(RandomFile(path, "safetensors", added))
    return files


def write_settings(root: Path, shape: Architecture, mixers: Iterable[MixerKind]) -> None:
    """Write all that are no weights: configurations, tokenizers, schedules, where bases lie."""
    for folder, build in _networks(shape).items():
        write_text(root / folder / "config.json", _config_text(build()))
    _write_tokenizers(root / "audio" / "tokenizer", root / "video" / "tokenizer")
    for base, betas in (("audio", _AUDIO_BETAS), ("video", _VIDEO_BETAS)):
        _write_json(root / base / "scheduler" / SCHEDULE, {**_SCHEDULER, **betas})
    for mixer in mixers:
        folder = mixer_folder(mixer)
        ours.save_config(root / folder / JOINT, replace(shape.joint, mixer=mixer))
        bases = {name: os.path.relpath(name, folder) for name in PAPER_BASES}
        _write_json(root / folder / BASES, bases)


def mixer_folder(mixer: MixerKind) -> Path:
    """Return the folder of a mixer's joint weights, below the one that is written."""
    return Path() if mixer == IN_ROOT else Path(mixer)


# --- networks ----------------------------------------------------------------------------------


def _networks(shape: Architecture) -> Mapping[Path, Callable[[], Any]]:
    """Return what builds each network on the meta device, by its folder."""

    def diffusers(kind: Any, config: Config) -> Callable[[], Any]:
        return lambda: _on_meta(lambda: kind(**config))

    def transformers(kind: Any, settings: Any, config: Config) -> Callable[[], Any]:
        return lambda: _on_meta(lambda: kind(settings(**config)))

    clap, clip = shape.text_encoders
    audio, video = Path("audio"), Path("video")
    return {
        audio / "unet": diffusers(UNet2DConditionModel, shape.unets.audio),
        audio / "vae": diffusers(AutoencoderKL, shape.vaes.audio),
        audio / "text_encoder": transformers(ClapTextModelWithProjection, ClapTextConfig, clap),
        audio / "vocoder": transformers(SpeechT5HifiGan, SpeechT5HifiGanConfig, shape.vocoder),
        video / "unet": diffusers(UNet2DConditionModel, shape.unets.video),
        video / "vae": diffusers(AutoencoderKL, shape.vaes.video),
        video / "text_encoder": transformers(CLIPTextModel, CLIPTextConfig, clip),
        Path("motion"): diffusers(MotionAdapter, shape.motion),
    }


def joint_on_meta(shape: Architecture, mixer: MixerKind) -> JointUNet:
    """Return a joint model without weights."""

    def build() -> JointUNet:
        image = UNet2DConditionModel(**shape.unets.video)
        video = UNetMotionModel.from_unet2d(
            image, MotionAdapter(**shape.motion), load_weights=False
        )
        audio = UNet2DConditionModel(**shape.unets.audio)
        return JointUNet(audio, video, replace(shape.joint, mixer=mixer))

    joint: JointUNet = _on_meta(build)
    return joint


def _on_meta(build: Callable[[], Any]) -> Any:
    with torch.device("meta"):
        return build()


def _weights(folder: Path, build: Callable[[], nn.Module]) -> RandomFile:
    network = build()
    names = DIFFUSERS if _is_of_diffusers(network) else TRANSFORMERS
    return RandomFile(folder / names[0], "safetensors", _shapes(network))


def _shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return the shapes of weights; counters are no weights."""
    state = network.state_dict()
    return {name: tuple(t.shape) for name, t in state.items() if t.is_floating_point()}


def _is_of_diffusers(network: Any) -> bool:
    return isinstance(network, AutoencoderKL | MotionAdapter | UNet2DConditionModel)


# --- settings ----------------------------------------------------------------------------------


def _config_text(network: Any) -> str:
    """Return a network's configuration as its library writes it."""
    writer = network if _is_of_diffusers(network) else network.config
    if writer is not network:
        writer.architectures = [type(network).__name__]
    text: str = writer.to_json_string()
    return text


def _write_tokenizers(audio: Path, video: Path) -> None:
    """Write tokenizers of the vocabularies' true sizes: RoBERTa's, CLIP's."""
    _write_merges(audio, byte_pairs.roberta_vocabulary(), byte_pairs.roberta_merges())
    settings: dict[str, Any] = {"tokenizer_class": "RobertaTokenizer", "model_max_length": 512}
    _write_json(audio / "tokenizer_config.json", settings)
    _write_merges(video, byte_pairs.clip_vocabulary(), byte_pairs.clip_merges())
    end = byte_pairs.CLIP_SPECIAL[1]
    settings = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77}
    _write_json(video / "tokenizer_config.json", {**settings, "pad_token": end, "unk_token": end})


def _write_merges(
    folder: Path, vocabulary: Mapping[str, int], merges: Iterable[tuple[str, str]]
) -> None:
    write_text(folder / "vocab.json", json.dumps(vocabulary))
    lines: Iterator[str] = (" ".join(pair) for pair in merges)
    write_text(folder / "merges.txt", "\n".join(["#version: 0.2", *lines]) + "\n")


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(values, indent=2) + "\n")
