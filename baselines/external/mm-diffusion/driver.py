"""Driver of MM-Diffusion: picture and sound made together from noise, then larger frames.

It makes what `py_scripts/multimodal_sample_sr.py` makes, by calls of the same functions, in a
checkout of https://github.com/researchmm/MM-Diffusion (commit 7250222). The settings of the job are
the flags of `ssh_scripts/multimodal_sample_sr.sh`. Otherwise than there:

- `mpi4py` and `blobfile`, for training on several machines, are empty stand-ins: its modules import
  them, and nothing that is called here uses them.
- `dist_util.dev` returns the device of the job; there it is the first GPU if there is one.
- Every sample is made alone, after seeding. Its attention windows are shifted by Python's `random`,
  once for all samples of a batch, so that samples made together depend on each other. There,
  nothing is seeded.
- Its DPM-Solver cannot sample one alone: it then reads `x.shape`, of a dict. It gets `Shaped` ones.
- Its log goes to standard output alone; there it is also written into a folder of the system's.
- Half precision is for GPUs alone.
- Files are lossless, frames in RGB and sound in 32 bits: there they are H.264 and 16 bits.

Modes differ in how the joint diffusion is sampled: `faithful` by DPM-Solver as the script does,
`ddim25` by 25 steps of DDIM, `ddpm` by all steps. Frames are made larger by the flags alone.

References
----------
L. Ruan et al.: MM-Diffusion: learning multi-modal diffusion models for joint audio and video
generation. CVPR 2023, https://arxiv.org/abs/2212.09478.
"""

from __future__ import annotations

import random
import sys
import types
from typing import TYPE_CHECKING, Any

from svbench_driver import Job, Sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

RESPACING = {"faithful": "", "ddim25": "ddim25", "ddpm": ""}  # mode -> steps that are left
RATES = ("video_fps", "audio_fps")  # settings that are flags of the script, not of its networks


class Shaped(dict):
    """Video and sound as upstream's solver passes them on, with the shape that it asks for."""

    @property
    def shape(self) -> torch.Size:
        """Return the shape of the video, whose first entry counts the samples."""
        return self["video"].shape


class Sampler:
    """Both networks of MM-Diffusion, loaded, and what samples from them.

    Shapes: video (1, F, 3, H, W) and sound (1, 1, S) in -1..1; larger frames (F, 3, L, L).
    """

    def __init__(self, job: Job) -> None:
        import torch
        from mm_diffusion import dist_util, logger, multimodal_script_util, script_util

        logger.configure(dir=job.out, format_strs=["stdout"])
        self.mode, self.device = job.mode, torch.device(job.device)
        dist_util.dev = lambda: self.device
        base = multimodal_script_util.model_and_diffusion_defaults()
        larger = script_util.image_sr_model_and_diffusion_defaults()
        flags = checked(job, {**base, **larger})
        base = {name: flags.get(name, usual) for name, usual in base.items()}
        base["timestep_respacing"] = RESPACING[job.mode]
        for name in ("video_size", "audio_size"):
            base[name] = [int(part) for part in str(base[name]).split(",")]
        larger = {name: flags.get(name, usual) for name, usual in larger.items()}
        self.shape = {name: (1, *base[f"{name}_size"]) for name in ("video", "audio")}
        self.side = int(larger["large_size"])
        self.model, self.diffusion = multimodal_script_util.create_model_and_diffusion(**base)
        self.sr, self.sr_diffusion = script_util.image_sr_create_model_and_diffusion(**larger)
        for file, network in zip(job.weights.values(), (self.model, self.sr)):  # noqa: B905
            state = torch.load(file, map_location="cpu", weights_only=True)
            network.load_state_dict_(state, is_strict=True)
            network.to(self.device).eval()
            if base["use_fp16"]:
                network.convert_to_fp16()
            # A sample takes minutes on a CPU: each call of a network is a sign of progress.
            network.register_forward_hook(lambda *_: job.alive())

    def sample(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return larger frames, and the sound that was made with them."""
        made = self.solved() if self.mode == "faithful" else self.stepped()
        return self.enlarged(made["video"]), made["audio"]

    def solved(self) -> Mapping[str, torch.Tensor]:
        """Return video and sound by DPM-Solver of order 3, 20 steps even in log-SNR."""
        import torch
        from mm_diffusion.multimodal_dpm_solver_plus import DPM_Solver

        alphas = torch.tensor(self.diffusion.alphas_cumprod, dtype=torch.float32)
        noise = {name: torch.randn(shape).to(self.device) for name, shape in self.shape.items()}
        solver = DPM_Solver(model=self.model, alphas_cumprod=alphas)
        predict = solver.model
        solver.model = lambda x, t: predict(Shaped(x), t)
        return solver.sample(noise, steps=20, order=3, skip_type="logSNR", method="singlestep")

    def stepped(self) -> Mapping[str, torch.Tensor]:
        """Return video and sound by the steps of the diffusion that are left."""
        ddpm = self.mode == "ddpm"
        loop = self.diffusion.p_sample_loop if ddpm else self.diffusion.ddim_sample_loop
        return loop(self.model, shape=self.shape, clip_denoised=True, model_kwargs={})

    def enlarged(self, video: torch.Tensor) -> torch.Tensor:
        """Return larger frames by DDIM from noise that all frames share."""
        import torch

        frames = video[0]
        shape = (len(frames), 3, self.side, self.side)
        noise = torch.randn((1, *shape[1:])).to(self.device).expand(shape)
        return self.sr_diffusion.ddim_sample_loop(
            self.sr, shape, clip_denoised=True, model_kwargs={"low_res": frames}, noise=noise
        )


def checked(job: Job, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the flags of a job; raise ValueError for an unknown one, or mode."""
    for name in job.settings:
        if name not in known and name not in RATES:
            raise ValueError(f"setting {name}: expected a flag of MM-Diffusion")
    if job.mode not in RESPACING:
        raise ValueError(f"mode {job.mode}: expected one of {', '.join(RESPACING)}")
    half = job.settings.get("use_fp16", False) and job.device.startswith("cuda")
    return {**job.settings, "use_fp16": half}


def without_unused_modules() -> None:
    """Put empty stand-ins where upstream's modules import what nothing here calls."""
    for name, attribute in (("mpi4py", "MPI"), ("blobfile", "BlobFile")):
        stand_in: Any = types.ModuleType(name)
        setattr(stand_in, attribute, None)
        sys.modules[name] = stand_in


def seed_all(seed: int) -> None:
    """Seed all that the code of MM-Diffusion draws from: torch for noise, Python for windows."""
    import torch

    random.seed(seed)
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def make(job: Job, sampler: Sampler, sample: Sample) -> dict[str, str]:
    """Make one sample, and return its files."""
    import torch

    seed_all(sample.seed32)
    with torch.no_grad():
        video, sound = sampler.sample()
    if not (video.isfinite().all() and sound.isfinite().all()):
        raise ValueError("its networks returned NaN or infinity")
    picture = ((video + 1) * 127.5).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
    files = {"video": sample.file(".mkv"), "sound": sample.file(".wav")}
    write_video(files["video"], picture.cpu().numpy(), int(job.settings.get("video_fps", 10)))
    heard = sound[0, 0].clamp(-1, 1).float().cpu().numpy()
    write_wav(files["sound"], heard, int(job.settings.get("audio_fps", 16000)))
    return files


def write_video(path: str, frames: Any, fps: int) -> None:
    """Write frames (F, H, W, 3), RGB, 0..255."""
    import av

    with av.open(path, "w", options={"fflags": "+bitexact"}) as file:  # no random ids
        stream = file.add_stream("ffv1", rate=fps)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "bgr0"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            file.mux(stream.encode(picture.reformat(format="bgr0")))
        file.mux(stream.encode())


def write_wav(path: str, sound: Any, rate: int) -> None:
    """Write sound (S,), float32, -1..1."""
    from scipy.io import wavfile

    wavfile.write(path, rate, sound)


def main() -> None:
    """Make the samples of the job whose file is named on the command line."""
    job = Job()
    without_unused_modules()
    sampler = Sampler(job)
    job.run(lambda sample: make(job, sampler, sample))


if __name__ == "__main__":
    main()
