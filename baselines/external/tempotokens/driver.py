"""Driver of TempoTokens: picture for sound, by tokens of the sound in a text-to-video diffusion.

It makes what `inference.py --mapper_weights ... --audio_path ...` makes, by calls of the same
functions, in a checkout of https://github.com/guyyariv/TempoTokens (commit bf0b1e3). Otherwise
than there:

- The models are loaded once for all samples; there, for each. Weights are found where the job says.
- Each sample is seeded; there, none unless asked for.
- No sound is muxed into the picture. There, the muxed file has another name (`_c.mp4`), an error in
  muxing is passed over, and the picture is removed all the same.
- Frames are lossless; there, they are encoded twice.

Upstream reads 2 s of sound, whatever it is given, and makes 24 frames at 12 frames/s. `faithful`
and `landscape` do so, and repeat these frames to the length of the job; `windows` and
`landscape-windows` make 24 frames of every 2 s, each from the same noise. Without `landscape` the
tokens are those learned on VGGSound.

References
----------
G. Yariv et al.: Diverse and aligned audio-to-video generation via text-to-video model adaptation.
AAAI 2024, https://arxiv.org/abs/2309.16429.
"""

from __future__ import annotations

import math
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator  # noqa: UP035 (Python 3.8)

from svbench_driver import Job, Sample

if TYPE_CHECKING:
    import torch

BASE = "zeroscope_v2_576w"
BEATS = "BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2.pt"
PLACEHOLDERS = ("<temp>", "<local1>", "<local2>", "<local3>", "<local4>", "<class>")
RATE, SECONDS = 16000, 2  # samples/s that are encoded, and s of them
FPS, FRAMES = 12, 24  # of the picture of these


class TempoTokens:
    """Its models, loaded, and what samples from them.

    Shapes: sound (1, S) in -1..1, tokens (1, 24, 1024), frames (24, H, W, 3) of uint8.
    """

    def __init__(self, job: Job) -> None:
        import torch
        from diffusers import DPMSolverMultistepScheduler
        from inference import TextToVideoSDPipeline, UNet3DConditionModel
        from train import load_primary_models

        self.settings, self.device = job.settings, torch.device(job.device)
        base = str(Path(job.weights[f"{BASE}/unet/config.json"]).parents[1])
        seed_all(0)  # of the embeddings of the placeholders, before tokens take their place
        with where_upstream_looks_for(job.weights[BEATS]):
            scheduler, tokenizer, encoder, vae, _, self.beats, self.embedder = load_primary_models(
                base
            )
        if tokenizer.add_tokens(list(PLACEHOLDERS)) != len(PLACEHOLDERS):
            raise ValueError(f"{base}: found a tokenizer that has the tokens of sound already")
        encoder.resize_token_embeddings(len(tokenizer))
        state = torch.load(job.weights[learned(job.mode)], map_location="cpu", weights_only=True)
        self.embedder.load_state_dict(state)
        self.pipe = TextToVideoSDPipeline(
            vae=vae,
            text_encoder=encoder,
            tokenizer=tokenizer,
            unet=UNet3DConditionModel.from_pretrained(base, subfolder="unet"),
            scheduler=DPMSolverMultistepScheduler.from_config(scheduler.config),
        ).to(self.device, torch.half)
        self.pipe.set_progress_bar_config(disable=True)
        self.pipe.vae.enable_slicing()
        self.embedder.eval()
        # A sample takes minutes on a CPU: each call of the network is a sign of progress.
        self.pipe.unet.register_forward_hook(lambda *_: job.alive())

    def tokens(self, sound: torch.Tensor) -> list[torch.Tensor]:
        """Return the tokens of 2 s of sound: of each frame, of four windows, of all of it."""
        import torch

        with torch.no_grad():
            found = self.embedder(self.beats.extract_features(sound)[1])
        return [tokens.half().to(self.device) for tokens in found]

    def frames(self, sound: torch.Tensor, seed: int) -> Any:
        """Return the frames of 2 s of sound."""
        import inference
        import torch

        seed_all(seed)
        temporal, *windows, whole = self.tokens(sound)
        side = int(self.settings["size"])
        with torch.autocast(self.device.type, dtype=torch.half):
            latents = inference.prepare_input_latents(
                self.pipe, 1, FRAMES, side, side, init_video=None, vae_batch_size=8
            )
            latents = inference.diffuse(
                pipe=self.pipe,
                latents=latents,
                init_weight=0,
                prompt=[" ".join(PLACEHOLDERS)],
                negative_prompt=None,
                prompt_embeds=None,
                negative_prompt_embeds=None,
                num_inference_steps=int(self.settings["steps"]),
                guidance_scale=float(self.settings["guidance"]),
                window_size=FRAMES,
                rotate=False,
                temporal_token=temporal,
                audio_token=whole,
                local_windows=windows,
            )
            (video,) = inference.decode(self.pipe, latents)
        if not video.isfinite().all():
            raise ValueError("its networks returned NaN or infinity")
        levels = (video.clamp(-1, 1) + 1) * 127.5
        return levels.byte().permute(1, 2, 3, 0).cpu().numpy()


def learned(mode: str) -> str:
    """Return the file of the embedder that a mode reads."""
    return (
        f"models/{'landscape' if mode.startswith('landscape') else 'vggsound'}/learned_embeds.pth"
    )


@contextmanager
def where_upstream_looks_for(beats: str) -> Iterator[None]:
    """Work in a folder in which BEATs lie where upstream looks for them."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "models", "BEATs")
        place.mkdir(parents=True)
        (place / BEATS).symlink_to(Path(beats).absolute())
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def seed_all(seed: int) -> None:
    """Seed all that the code of TempoTokens draws from."""
    import numpy as np
    import torch

    np.random.seed(seed)  # noqa: NPY002 (upstream's)
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def read_sound(path: str) -> torch.Tensor:
    """Return the sound of a file (1, S) at 16 kHz, the mean of its channels."""
    import soundfile
    import torch
    from torchaudio.functional import resample

    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return resample(torch.from_numpy(sound.mean(axis=1))[None], rate, RATE)


def picture(model: TempoTokens, sound: torch.Tensor, seed: int, length: float, mode: str) -> Any:
    """Return the frames of sound, for a length in s, as a mode says (see the module)."""
    import numpy as np

    wanted, size = math.ceil(length * FPS), SECONDS * RATE
    if sound.shape[1] < size:
        raise ValueError(f"found {sound.shape[1] / RATE:.3g} s of sound, expected {SECONDS} s")
    if not mode.endswith("windows"):
        return np.take(model.frames(sound[:, :size], seed), np.arange(wanted) % FRAMES, axis=0)
    last = max(0, min(wanted, sound.shape[1] * FPS // RATE) - FRAMES)
    whole: dict[int, Any] = {}  # frames of later windows take the place of those of earlier ones
    for first in [*range(0, last, FRAMES), last]:
        heard = sound[:, first * RATE // FPS :][:, :size]
        whole.update(enumerate(model.frames(heard, seed), first))
    return np.stack([whole[min(frame, max(whole))] for frame in range(wanted)])


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
    job = Job()
    model = TempoTokens(job)

    def make(sample: Sample) -> dict[str, str]:
        sound = read_sound(sample.sound)
        frames = picture(model, sound, sample.seed32, job.length, job.mode)
        write_video(sample.file(".mkv"), frames, FPS)
        return {"video": sample.file(".mkv")}

    job.run(make)


if __name__ == "__main__":
    main()
