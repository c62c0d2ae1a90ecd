"""Stand-ins for checkouts of systems that make both halves; see `stub_checkouts`."""

from __future__ import annotations

CODI = {
    "i-Code-V3/configs/model/codi.yaml": "codi",
    "i-Code-V3/core/models/ddim/ddim.py": """
class DDIMSampler:
    def __init__(self, model):
        self.register_buffer("alphas", model.weight)

    def register_buffer(self, name, value):
        setattr(self, name, value.to("cuda" if value.device.type != "cuda" else value.device))
""",
    "i-Code-V3/core/models/model_module_infer.py": """
import math

import numpy as np, torch
from core.models.ddim.ddim import DDIMSampler


class model_module(torch.nn.Module):
    def __init__(self, data_dir="pretrained", pth=("CoDi_encoders.pth",), fp16=False):
        super().__init__()
        assert open("configs/model/codi.yaml").read() == "codi"
        assert open("openai/clip-vit-large-patch14/config.json").read() == "weights"
        assert not pth
        self.net = torch.nn.Linear(1, 1)

    def inference(self, xtype, condition, condition_types, n_samples, num_frames, **named):
        assert (xtype, condition_types) == (["video", "audio"], ["text"]) and num_frames == 8
        assert named == {"image_size": 256, "ddim_steps": 50, "scale": 7.5}
        DDIMSampler(self.net)
        level = 0.5 + 0.4 * float(torch.rand(1).cuda()) if condition[0].startswith("caption") else 0
        frames = np.full((8, 256, 256, 3), np.arange(8)[:, None, None, None] * 20, np.uint8)
        seconds = np.arange(163840) / 16000
        sound = (level * np.sin(2 * math.pi * 500 * seconds)).astype("f4")
        return [[list(frames)], sound[None, None]]
""",
}
