"""Driver of CoDi: picture and sound for a caption, by diffusion in a latent space that they share.

It makes what `i-Code-V3/demo.ipynb` makes of text for video and audio together, by
`model_module.inference`, in a checkout of https://github.com/microsoft/i-Code (commit 9b16730).
Otherwise than there:

- Every sample is made alone, after seeding; there, nothing is seeded.
- Upstream asks for the GPU by `.cuda()` in many places: here, that is the device of the job.
- CLIP's configuration and vocabulary are those of the job; there, a hub is asked for them.
- Of what upstream loads leniently, each file has to hold some parameters of the network. That of
  the diffusion of text is not loaded.
- Frames and sound are written without loss.

The network for video makes 8 frames and no other number; how long they last is a setting.

References
----------
Z. Tang et al.: Any-to-any generation via composable diffusion. NeurIPS 2023,
https://arxiv.org/abs/2305.11846.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from svbench_driver import Job, Sample

CLIP = "clip-vit-large-patch14"
NETWORKS = ("CoDi_encoders.pth", "CoDi_audio_diffuser_m.pth", "CoDi_video_diffuser_8frames.pth")
FRAMES, SIZE, RATE = 8, 256, 16000  # frames of a sample, their side, samples/s of its sound


def load(job: Job) -> Any:
    """Return the model of a job, on its device."""
    import torch

    device = torch.device(job.device)
    for kind in (torch.Tensor, torch.nn.Module):
        kind.cuda = lambda self, *_, **__: self.to(device)  # type: ignore[method-assign,assignment]
    checkout = Path("i-Code-V3").absolute()
    folder = tempfile.mkdtemp(prefix="codi-", dir=job.out)  # goes when the driver ends
    for path in checkout.iterdir():  # it reads its configurations where it works
        Path(folder, path.name).symlink_to(path)
    hub = Path(folder, "openai")
    hub.mkdir()
    (hub / CLIP).symlink_to(Path(job.weights[f"{CLIP}/config.json"]).parent.absolute())
    os.chdir(folder)
    sys.path.insert(0, str(checkout))
    from core.models.ddim.ddim import DDIMSampler
    from core.models.model_module_infer import model_module

    DDIMSampler.register_buffer = object.__setattr__  # on the device of the model, not on "cuda"
    model = model_module(pth=[]).eval()
    for name in NETWORKS:
        state = torch.load(job.weights[name], map_location="cpu", weights_only=True)
        unknown = model.net.load_state_dict(state, strict=False).unexpected_keys
        if len(unknown) == len(state):
            raise ValueError(f"{name} holds no parameters of the network")
    return model.to(device)


def seed_all(seed: int) -> None:
    """Seed all that the code of CoDi draws from."""
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (upstream's)
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def sample_of(model: Any, caption: str, steps: int, guidance: float) -> tuple[Any, Any]:
    """Return frames (8, 256, 256, 3) of uint8 and sound (S,) of a caption."""
    import numpy as np
    import torch

    with torch.no_grad():
        videos, sounds = model.inference(
            xtype=["video", "audio"],
            condition=[caption],
            condition_types=["text"],
            n_samples=1,
            image_size=SIZE,
            ddim_steps=steps,
            scale=guidance,
            num_frames=FRAMES,
        )
    frames = np.stack([np.asarray(frame) for frame in videos[0]])
    sound = np.asarray(sounds[0], dtype=np.float32).reshape(-1)
    if not np.isfinite(sound).all():
        raise ValueError("its networks returned NaN or infinity")
    return frames, sound


def write_video(path: str, frames: Any, fps: int) -> None:
    """Write frames (T, H, W, 3), RGB, 0..255, without loss."""
    import av

    with av.open(path, "w") as file:
        stream = file.add_stream("ffv1", rate=fps)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "bgr0"
        for frame in frames:
            shown = av.VideoFrame.from_ndarray(frame, format="rgb24")
            file.mux(stream.encode(shown.reformat(format="bgr0")))
        file.mux(stream.encode())


def main() -> None:
    """Make the samples of the job whose file is named on the command line."""
    import soundfile

    job = Job()
    model, settings = load(job), job.settings

    def make(sample: Sample) -> dict[str, str]:
        seed_all(sample.seed32)
        steps, guidance = int(settings["steps"]), float(settings["guidance"])
        frames, sound = sample_of(model, sample.prompt or "", steps, guidance)
        write_video(sample.file(".mkv"), frames, int(settings["fps"]))
        soundfile.write(sample.file(".wav"), sound.clip(-1, 1), RATE, subtype="FLOAT")
        return {"video": sample.file(".mkv"), "sound": sample.file(".wav")}

    job.run(make)


if __name__ == "__main__":
    main()
