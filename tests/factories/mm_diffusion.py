"""A stand-in for the checkout of MM-Diffusion: its modules, names and quirks, with small networks.

What it has of the original's quirks: modules import mpi4py and blobfile; the first log line makes a
folder, unless the log is configured; the joint network shifts windows by Python's `random`, once
for a whole batch; DPM-Solver asks a dict for its shape where a sample is made alone; loops ask
`dist_util.dev` for the device; networks load a checkpoint by `load_state_dict_`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
import yaml

from svbench.baselines.external.places import FOLDER
from tests.factories.external_systems import commit

SHIPPED: Final = FOLDER / "mm-diffusion"
MODULES: Final[Mapping[str, str]] = {
    "__init__": "",
    "logger": """
import tempfile


class Logger:
    CURRENT = None


def configure(dir=None, format_strs=None):
    assert format_strs == ["stdout"], "writes log and csv into a folder"
    Logger.CURRENT = dir or tempfile.mkdtemp(prefix="openai-")


def log(*words):
    if Logger.CURRENT is None:
        configure()
    print(*words)
""",
    "dist_util": """
import blobfile as bf
from mpi4py import MPI
import torch as th


def dev():
    raise AssertionError("the first GPU, whatever was asked for")
""",
    "networks": '''
import random
import torch as th
from . import logger


class Loading(th.nn.Module):
    """Loads a checkpoint as the original's networks do."""

    def load_state_dict_(self, state_dict, is_strict=False):
        for key in self.state_dict():
            if key not in state_dict:
                logger.log(key, "not exists in state_dict")
        self.load_state_dict(state_dict, strict=is_strict)


class MultimodalUNet(Loading):
    def __init__(self, video_size, audio_size, num_channels, shift):
        super().__init__()
        self.video_size, self.audio_size, self.shift = video_size, audio_size, shift
        self.mix = th.nn.Linear(1, num_channels)

    def forward(self, video, audio, timesteps):
        window = random.randint(0, 7) if self.shift else 0
        gain = self.mix.weight.mean()
        return video * gain + 0.01 * window, audio * gain + 0.01 * window


class ImageSuperResModel(Loading):
    def __init__(self, num_channels):
        super().__init__()
        self.mix = th.nn.Linear(1, num_channels)

    def forward(self, x, timesteps, low_res=None):
        larger = th.nn.functional.interpolate(low_res, x.shape[2:], mode="bilinear")
        return larger * self.mix.bias.mean() + x / 8
''',
    "multimodal_script_util": """
import torch as th
from . import dist_util
from .networks import MultimodalUNet


def model_and_diffusion_defaults():
    return dict(
        video_size="16,3,64,64", audio_size="1,25600", num_channels=128, num_res_blocks=2,
        num_head_channels=-1, cross_attention_resolutions="2,4,8",
        cross_attention_windows="1,4,8", cross_attention_shift=True,
        video_attention_resolutions="2,4,8", audio_attention_resolutions="-1",
        resblock_updown=False, use_fp16=False, use_scale_shift_norm=True, learn_sigma=False,
        diffusion_steps=1000, noise_schedule="linear", timestep_respacing="",
    )


class Diffusion:
    def __init__(self, steps):
        self.steps = steps
        self.alphas_cumprod = [1 - i / (steps + 1) for i in range(steps)]

    def p_sample_loop(self, model, shape, clip_denoised=True, model_kwargs=None):
        return self._loop(model, shape, noisy=True)

    def ddim_sample_loop(self, model, shape, clip_denoised=True, model_kwargs=None):
        return self._loop(model, shape, noisy=False)

    def _loop(self, model, shape, noisy):
        x = {name: th.randn(*of).to(dist_util.dev()) for name, of in shape.items()}
        for i in reversed(range(self.steps)):
            t = th.tensor([i] * shape["video"][0])
            x["video"], x["audio"] = model(x["video"], x["audio"], t)
            if noisy:
                x = {name: one + 0.1 * th.randn_like(one) for name, one in x.items()}
        return x


def create_model_and_diffusion(
    video_size, audio_size, num_channels, cross_attention_shift, timestep_respacing,
    diffusion_steps, **flags
):
    steps = int(timestep_respacing.replace("ddim", "") or diffusion_steps)
    model = MultimodalUNet(video_size, audio_size, num_channels, cross_attention_shift)
    return model, Diffusion(steps)
""",
    "multimodal_dpm_solver_plus": """
class DPM_Solver:
    def __init__(self, model, alphas_cumprod):
        def model_fn(x, t):
            if t.reshape((-1,)).shape[0] == 1:
                t = t.expand((x.shape[0]))
            video, audio = model(x["video"], x["audio"], t)
            return {"video": video, "audio": audio}

        self.model, self.alphas = model_fn, alphas_cumprod

    def sample(self, x, steps, order, skip_type, method):
        assert (order, skip_type, method) == (3, "logSNR", "singlestep")
        for i in range(steps):
            x = self.model(x, self.alphas[:1].expand(x["video"].shape[0]) * (steps - i))
        return x
""",
    "script_util": """
import torch as th
from .networks import ImageSuperResModel


def image_sr_model_and_diffusion_defaults():
    return dict(
        large_size=256, small_size=128, sr_num_channels=128, sr_num_res_blocks=2, sr_num_heads=4,
        sr_attention_resolutions="16,8", sr_resblock_updown=False, sr_use_scale_shift_norm=True,
        sr_learn_sigma=True, sr_diffusion_steps=1000, sr_timestep_respacing="", use_fp16=False,
        noise_schedule="linear",
    )


class Diffusion:
    def __init__(self, steps):
        self.steps = steps

    def ddim_sample_loop(self, model, shape, clip_denoised=True, model_kwargs=None, noise=None):
        assert noise.shape == shape
        assert (noise[0] == noise[-1]).all(), "frames share their noise"
        for i in reversed(range(self.steps)):
            noise = model(noise, th.tensor([i] * shape[0]), **model_kwargs)
        return noise


def image_sr_create_model_and_diffusion(
    large_size, small_size, sr_num_channels, sr_timestep_respacing, **flags
):
    return ImageSuperResModel(sr_num_channels), Diffusion(int(sr_timestep_respacing[4:]))
""",
}
SMALL: Final = {"video_size": "16,3,8,8", "num_channels": 8, "diffusion_steps": 4}
SMALL_SR: Final = {"large_size": 16, "sr_num_channels": 8, "sr_timestep_respacing": "ddim5"}


def write_checkout(folder: Path) -> str:
    """Write the stand-in for the repository into a folder; return its commit."""
    package = folder / "checkout" / "mm_diffusion"
    package.mkdir(parents=True)
    for name, text in MODULES.items():
        (package / f"{name}.py").write_text(text)
    return commit(folder / "checkout")


def write_mm_diffusion(folder: Path, **settings: Any) -> Path:
    """Write the description of MM-Diffusion with a small checkout, weights and this Python.

    Its driver is the one that comes with svbench; `settings` replace flags.
    """
    described = yaml.safe_load((SHIPPED / "system.yaml").read_text())
    described["repository"]["commit"] = write_checkout(folder)
    described |= {"driver": str(SHIPPED / "driver.py"), "environment": {"python": sys.executable}}
    described["native"]["size"] = [16, 16]
    described["settings"] |= {**SMALL, **SMALL_SR, **settings}
    (folder / "weights").mkdir()
    for n, weight in enumerate(described["weights"]):
        state = {"mix.weight": torch.full((8, 1), 0.9), "mix.bias": torch.full((8,), 0.5 + n)}
        torch.save(state, folder / "weights" / weight["file"])
    path = folder / "system.yaml"
    path.write_text(yaml.safe_dump(described, sort_keys=False))
    return path
