"""Stand-ins for the checkouts of shipped systems: their files, names and quirks, no networks.

What stands for a library that is not installed here (or is slow to import) lies in the checkout as
well, which is on the path of a driver. What stands for a quirk of upstream fails as that does.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from svbench.baselines.external.given import GivenClips
from svbench.baselines.external.places import Place, shipped_place
from svbench.baselines.external.system import External
from svbench.compute import CPU
from svbench.files import media
from svbench.files.store import file_name

TONES = """
import math, os, random


def tone(pitch, rate, samples, phase, loudness=0.5):
    import numpy as np
    return (loudness * np.sin(2 * math.pi * pitch * np.arange(samples) / rate + phase)).astype("f4")
"""
DIFF_FOLEY = {
    "stub_tones.py": TONES,
    "librosa/__init__.py": '''
import os
from stub_tones import tone


def griffinlim(magnitude, hop_length, random_state=None):
    """Phases are librosa's own unless they are seeded."""
    rate, loudness = magnitude
    phase = int.from_bytes(os.urandom(2), "big") if random_state is None else random_state % 997
    return tone(1000 * 16000 / rate, 16000, 511 * hop_length, phase, loudness)


import librosa.feature
''',
    "librosa/feature/__init__.py": "from librosa.feature import inverse\n",
    "librosa/feature/inverse.py": """
def mel_to_stft(mel, sr, **_):
    return sr, float(mel.mean())
""",
    "omegaconf.py": """
from types import SimpleNamespace


class OmegaConf:
    @staticmethod
    def load(path):
        assert open(path).read() == "target: network"
        return SimpleNamespace(model=path)
""",
    "inference/config/Stage1_CAVP.yaml": "target: network",
    "inference/config/Stage2_LDM.yaml": "target: network",
    "inference/config/Double_Guidance_Classifier.yaml": "target: network",
    "inference/demo_util.py": """
import clip  # is not installed
import av, librosa, numpy as np, torch
from diff_foley.models.diffusion.ddpm import LatentDiffusion


class Extract_CAVP_Features(torch.nn.Module):
    def __init__(self, fps, batch_size, device, config_path, ckpt_path):
        super().__init__()
        self.stage1_model = torch.nn.Module()
        self.stage1_model.video_encoder = torch.nn.Linear(1, 1)
        self.stage1_model.spec_encoder = torch.nn.Linear(1, 1)
        assert (fps, batch_size) == (4, 40) and open(config_path).read()
        self.init_first_from_ckpt(ckpt_path)

    def forward(self, video_path, start_second, truncate_second, tmp_path):
        assert len(f"-i {video_path} {tmp_path}".split()) == 3, "a path with a blank"
        with av.open(video_path) as file:
            seconds = float(file.duration / av.time_base)
            levels = [frame.to_ndarray(format="gray").mean() for frame in file.decode(video=0)]
        count = round(min(seconds, truncate_second) * 4)
        return np.full((count, 512), levels[0] / 255, "f4"), "reencoded.mp4"


def instantiate_from_config(path):
    return LatentDiffusion()


def inverse_op(spec):
    return librosa.griffinlim(librosa.feature.inverse.mel_to_stft(spec, sr=22050), hop_length=256)
""",
    "diff_foley/models/diffusion/dpm_solver/__init__.py": """
class DPMSolverSampler:
    def __init__(self, model):
        self.register_buffer("alphas_cumprod", model.weight.weight)

    def register_buffer(self, name, value):
        setattr(self, name, value.to("cuda"))
""",
    "diff_foley/models/diffusion/ddpm.py": """
import torch
from diff_foley.models.diffusion.dpm_solver import DPMSolverSampler


class LatentDiffusion(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Linear(1, 1)

    def get_learned_conditioning(self, features):
        assert features.shape == (1, 32, 512)
        return features

    def sample_log_with_classifier_diff_sampler(
        self, embedded, origin_cond, batch_size, sampler_name, ddim_steps, **named
    ):
        DPMSolverSampler(self)
        assert named["classifier"] is not self and not named["unconditional_conditioning"].any()
        assert (sampler_name, ddim_steps, named["classifier_guide_scale"]) == ("DPM_Solver", 25, 50)
        level = 0.2 + 0.2 * torch.rand(batch_size) + 0.2 * origin_cond.mean()
        return level.expand(1, 4, 16, 64), None

    def decode_first_stage(self, latent):
        return latent[0, 0, 0, 0].expand(1, 3, 128, 512)
""",
}
TEMPOTOKENS = {
    "torchaudio/__init__.py": "",
    "torchaudio/functional.py": """
def resample(sound, rate, new):
    assert rate == new
    return sound
""",
    "diffusers.py": """
class DPMSolverMultistepScheduler:
    @classmethod
    def from_config(cls, config):
        assert config == "of the scheduler"
        return cls()
""",
    "train.py": """
import os
from types import SimpleNamespace

import torch


class Beats:
    def extract_features(self, sound):
        assert sound.shape == (1, 32000), sound.shape
        return None, sound.abs().mean()


class Embedder(torch.nn.Linear):
    def __init__(self):
        super().__init__(1, 1)

    def forward(self, features):
        level = (self.weight[0, 0] * features).detach().expand(1, 24, 1024)
        return [level] * 5 + [level[:, 0]]


class Tokenizer:
    def __len__(self):
        return 9

    def add_tokens(self, names):
        return len(names)


def load_primary_models(folder):
    assert os.path.exists(f"{folder}/vae/diffusion_pytorch_model.bin")
    assert open("models/BEATs/BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2.pt").read() == "weights"
    encoder = SimpleNamespace(resize_token_embeddings=lambda count: None)
    scheduler = SimpleNamespace(config="of the scheduler")
    vae = SimpleNamespace(enable_slicing=lambda: None)
    return scheduler, Tokenizer(), encoder, vae, None, Beats(), Embedder()
""",
    "inference.py": """
import torch
from train import load_primary_models


class UNet3DConditionModel(torch.nn.Linear):
    @classmethod
    def from_pretrained(cls, folder, subfolder):
        assert subfolder == "unet"
        return cls(1, 1)


class TextToVideoSDPipeline:
    def __init__(self, **parts):
        self.__dict__.update(parts)

    def to(self, device, dtype):
        assert dtype == torch.half
        return self

    def set_progress_bar_config(self, disable):
        pass


def prepare_input_latents(pipe, batch_size, num_frames, height, width, init_video, vae_batch_size):
    return torch.randn(batch_size, 4, num_frames, height // 8, width // 8, dtype=torch.half)


def diffuse(pipe, latents, temporal_token, audio_token, local_windows, **named):
    assert len(local_windows) == 4 and temporal_token.dtype == torch.half
    assert named["prompt"] == ["<temp> <local1> <local2> <local3> <local4> <class>"]
    pipe.unet(torch.zeros(1))
    noise = torch.randn_like(latents).mean().clamp(-0.1, 0.1)
    steps = torch.arange(latents.shape[2]) / 100
    return temporal_token.mean() + noise + steps[:, None, None].expand(latents.shape)


def decode(pipe, latents):
    return latents[:, :1].repeat(1, 3, 1, 8, 8).float()
""",
}
CHECKOUTS: Mapping[str, Mapping[str, str]] = {"diff-foley": DIFF_FOLEY, "tempotokens": TEMPOTOKENS}


def stub_place(name: str, folder: Path, **settings: Any) -> Place:
    """Write the stub checkout of a shipped system below a folder; return its place.

    Its files of weights hold "weights"; a test that loads them writes others.
    """
    place = shipped_place(name)
    described = replace(place.description, settings={**place.description.settings, **settings})
    write_checkout(name, folder)
    for weight in described.weights:
        path = folder / "weights" / weight.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("weights")
    return Place(described, place.file, folder)


def write_checkout(name: str, folder: Path) -> None:
    """Write the stub checkout of a shipped system and its Python, which is that of the tests."""
    for file, text in CHECKOUTS[name].items():
        path = folder / "checkout" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"))
    python = folder / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)


def stub_system(place: Place, mode: str = "", given: GivenClips | None = None) -> External:
    """Return a system of a place, which completes the clips that are given."""
    mode = mode or place.description.usual_mode
    return External(place, mode, CPU, media, {}, file_name, given=given)
