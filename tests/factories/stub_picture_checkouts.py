"""Stand-ins for checkouts of systems that make pictures; see `stub_checkouts`."""

from __future__ import annotations

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
