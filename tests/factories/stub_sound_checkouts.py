"""Stand-ins for checkouts of systems that make sound; see `stub_checkouts`."""

from __future__ import annotations

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
MMAUDIO = {
    "stub_tones.py": TONES,
    "mmaudio/eval_utils.py": """
from pathlib import Path
from types import SimpleNamespace

import av, torch
from stub_tones import tone

RATES = {"16k": 16000, "44k": 44100}
lengths = dict(latent_seq_len=1, clip_seq_len=64, sync_seq_len=192)


def variant(name, vae, vocoder, mode):
    return SimpleNamespace(
        model_name=name,
        model_path=Path(f"./weights/mmaudio_{name}.pth"),
        vae_path=Path(f"./ext_weights/{vae}"),
        bigvgan_16k_path=vocoder,
        mode=mode,
        synchformer_ckpt=Path("./ext_weights/synchformer_state_dict.pth"),
        seq_cfg=SimpleNamespace(duration=8.0, sampling_rate=RATES[mode], **lengths),
    )


vocoder = Path("./ext_weights/best_netG.pt")
all_model_cfg = {
    "small_16k": variant("small_16k", "v1-16.pth", vocoder, "16k"),
    "large_44k": variant("large_44k", "v1-44.pth", None, "44k"),
    "large_44k_v2": variant("large_44k_v2", "v1-44.pth", None, "44k"),
}


def load_video(path, seconds, load_all_frames):
    with av.open(path) as file:
        times = [frame.time for frame in file.decode(video=0) if frame.time <= seconds]
    found = min(seconds, (int(max(times) * 25) + 1) / 25, (int(max(times) * 8) + 1) / 8)
    frames = torch.zeros(int(found * 8), 3)
    return SimpleNamespace(duration_sec=found, clip_frames=frames, sync_frames=frames)


def generate(clip, sync, text, *, negative_text, feature_utils, net, fm, rng, cfg_strength):
    assert clip.shape == (1, 64, 3) and text == negative_text == [""] and cfg_strength == 4.5
    rate = RATES[feature_utils.mode]
    loudness = 0.2 + 0.5 * float(torch.rand(1, generator=rng))
    return torch.from_numpy(tone(500, rate, 8 * rate, 0, loudness))[None, None]
""",
    "mmaudio/ext/autoencoder/autoencoder.py": """
import os


class BigVGANv2:
    @classmethod
    def from_pretrained(cls, name, use_cuda_kernel):
        assert os.path.exists(f"{name}/bigvgan_generator.pt"), "would ask a hub"
""",
    "mmaudio/model/flow_matching.py": """
class FlowMatching:
    def __init__(self, min_sigma, inference_mode, num_steps):
        assert num_steps == 25
""",
    "mmaudio/model/networks.py": """
import torch


class Network(torch.nn.Linear):
    def load_weights(self, state):
        self.load_state_dict(state)

    def update_seq_lengths(self, *lengths):
        assert lengths == (1, 64, 192)


def get_my_mmaudio(name):
    return Network(1, 1)
""",
    "mmaudio/model/utils/features_utils.py": """
import torch
from mmaudio.ext.autoencoder import autoencoder


def create_model_from_pretrained(name, return_transform):
    schema, _, place = name.partition(":")
    assert schema == "local-dir" and open(f"{place}/open_clip_config.json"), "would ask a hub"


class FeaturesUtils(torch.nn.Module):
    def __init__(self, *, tod_vae_ckpt, synchformer_ckpt, mode, bigvgan_vocoder_ckpt, **_):
        super().__init__()
        self.mode = mode
        create_model_from_pretrained("hf-hub:apple/DFN5B-CLIP-ViT-H-14-384", return_transform=False)
        for file in (tod_vae_ckpt, synchformer_ckpt):
            assert open(file).read() == "weights"
        if mode == "44k":
            name = "nvidia/bigvgan_v2_44khz_128band_512x"
            autoencoder.BigVGANv2.from_pretrained(name, use_cuda_kernel=False)
        else:
            assert open(bigvgan_vocoder_ckpt).read() == "weights"
""",
}
SPECVQGAN = {
    "stub_tones.py": TONES,
    "train.py": """
import torch
from types import SimpleNamespace


class Transformer(torch.nn.Linear):
    def forward(self, codes, condition):
        assert codes.shape == (1, 264) and condition.shape == (1, 2048, 5)
        return torch.zeros(1, 5 + 264, 1024), None, None


class Sampler(torch.nn.Module):
    cond_stage_key = "feature"
    first_stage_model = SimpleNamespace(quantize=SimpleNamespace(n_e=1024))

    def __init__(self):
        super().__init__()
        self.transformer = Transformer(1, 1)

    def get_input(self, key, batch):
        return batch[key].float().permute(0, 2, 1)

    def encode_to_c(self, features):
        return None, features

    def top_k_logits(self, logits, k):
        assert k == 512 and logits.shape == (1, 1024)
        return logits

    def decode_to_img(self, codes, shape):
        assert shape == (1, 256, 5, 53)
        return (codes.float().mean() / 1024).expand(1, 1, 80, 848)


def instantiate_from_config(config):
    assert config.params.first_stage_config.params.ckpt_path is None
    return Sampler()
""",
    "sample_visualization.py": """
import torch
from stub_tones import tone


class Vocoder(torch.nn.Module):
    def forward(self, mel):
        assert mel.shape == (1, 80, 848)
        return torch.from_numpy(tone(500, 22050, 848 * 256, 0, float(mel.mean()) - 0.3))[None, None]


def load_vocoder(folder, eval_mode):
    assert folder == "./vocoder/logs/vggsound/" and eval_mode
    return {"model": Vocoder()}
""",
    "feature_extraction/demo_utils.py": """
import os, av, numpy as np
from types import SimpleNamespace as Some
from stub_tones import tone


class Params(Some):
    def __contains__(self, name):
        return hasattr(self, name)


def load_config(folder):
    assert open(f"{folder}/configs/x-project.yaml").read() == "a configuration"
    vocoder = Some(params=Some(ckpt_vocoder="./vocoder/logs/vggsound/"))
    logger = Some(params=Some(vocoder_cfg=vocoder))
    first = Some(params=Params(ckpt_path="of another machine"))
    return Some(
        model=Some(params=Params(first_stage_config=first)),
        data=Some(params=Some(sample_rate=22050)),
        lightning=Some(callbacks=Some(image_logger=logger)),
    )


def trim_video(path, start, trim_duration, tmp_path):
    assert len(f"-i {path} {tmp_path}".split()) == 3, "a path with a blank"
    return path


class ExtractResNet50:
    def __init__(self, fps, data, device):
        home = os.environ["TORCH_HOME"]
        assert open(f"{home}/hub/checkpoints/resnet50-0676ba61.pth").read() == "weights"

    def __call__(self, path):
        with av.open(path) as file:
            assert file.duration / av.time_base >= 10
        return {"feature": np.zeros((5, 2048))}, None
""",
}
