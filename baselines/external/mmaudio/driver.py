"""Driver of MMAudio: sound for a picture, by flow matching.

It makes what `demo.py --video ...` makes without a prompt, by calls of the same functions, in a
checkout of https://github.com/hkchengrex/MMAudio (commit 974010a). Otherwise than there:

- Weights are those of the job; nothing is downloaded. CLIP and the vocoder of 44.1 kHz, which
  upstream asks a hub for by name, are read from folders of the same name.
- Every sample has 8 s, the length of its training; a picture that yields fewer frames is an error.
  There, the length follows from the picture.
- Single precision on a CPU, bfloat16 on a GPU; there, bfloat16 on both unless asked for.
- Sound is written in 32 bits, and not muxed.

References
----------
H. K. Cheng et al.: MMAudio: taming multimodal joint training for high-quality video-to-audio
synthesis. CVPR 2025, https://arxiv.org/abs/2412.15322.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from svbench_driver import Job, Sample

VARIANTS = {"faithful": "large_44k_v2", "large-44k": "large_44k", "small-16k": "small_16k"}
SECONDS = 8.0


class MMAudio:
    """Its networks, loaded, and what samples from them."""

    def __init__(self, job: Job) -> None:
        import torch
        from mmaudio.eval_utils import all_model_cfg
        from mmaudio.model.flow_matching import FlowMatching
        from mmaudio.model.networks import get_my_mmaudio
        from mmaudio.model.utils.features_utils import FeaturesUtils

        from_folders(job.weights)
        self.settings, self.device = job.settings, torch.device(job.device)
        dtype = torch.float32 if self.device.type == "cpu" else torch.bfloat16
        variant = all_model_cfg[VARIANTS[job.mode]]
        weights = {Path(name).name: path for name, path in job.weights.items()}
        self.sequence = variant.seq_cfg
        self.network = get_my_mmaudio(variant.model_name).to(self.device, dtype).eval()
        state = torch.load(weights[variant.model_path.name], map_location="cpu", weights_only=True)
        self.network.load_weights(state)
        vocoder = variant.bigvgan_16k_path
        self.features = FeaturesUtils(
            tod_vae_ckpt=weights[variant.vae_path.name],
            synchformer_ckpt=weights[variant.synchformer_ckpt.name],
            enable_conditions=True,
            mode=variant.mode,
            bigvgan_vocoder_ckpt=None if vocoder is None else weights[vocoder.name],
            need_vae_encoder=False,
        )
        self.features = self.features.to(self.device, dtype).eval()
        self.sequence.duration = SECONDS
        lengths = (self.sequence.latent_seq_len, self.sequence.clip_seq_len)
        self.network.update_seq_lengths(*lengths, self.sequence.sync_seq_len)
        steps = int(job.settings["steps"])
        self.flow = FlowMatching(min_sigma=0, inference_mode="euler", num_steps=steps)

    def sound(self, picture: str, seed: int) -> Any:
        """Return the sound (S,) of a picture."""
        import torch
        from mmaudio.eval_utils import generate, load_video

        seen = load_video(Path(picture), SECONDS, load_all_frames=False)
        if seen.duration_sec < SECONDS:
            found = f"found frames of {seen.duration_sec:.3g} s of a picture"
            raise ValueError(f"{found}, expected {SECONDS:g} s")
        with torch.inference_mode():
            sound = generate(
                seen.clip_frames[None],
                seen.sync_frames[None],
                [""],
                negative_text=[""],
                feature_utils=self.features,
                net=self.network,
                fm=self.flow,
                rng=torch.Generator(self.device).manual_seed(seed),
                cfg_strength=float(self.settings["guidance"]),
            )
        return sound.float().cpu().numpy()[0].reshape(-1)


def from_folders(weights: dict[str, str]) -> None:
    """Read what upstream asks a hub for by name from the folders of the weights."""
    from mmaudio.ext.autoencoder import autoencoder
    from mmaudio.model.utils import features_utils

    folders = {Path(name).parent.name: str(Path(path).parent) for name, path in weights.items()}
    create = features_utils.create_model_from_pretrained
    load = autoencoder.BigVGANv2.from_pretrained
    features_utils.create_model_from_pretrained = lambda name, **named: create(
        f"local-dir:{folders[name.rpartition('/')[2]]}", **named
    )
    autoencoder.BigVGANv2.from_pretrained = lambda name, **named: load(
        folders[name.rpartition("/")[2]], **named
    )


def main() -> None:
    """Make the samples of the job whose file is named on the command line."""
    import numpy as np
    import soundfile

    job = Job()
    model = MMAudio(job)

    def make(sample: Sample) -> dict[str, str]:
        sound = model.sound(sample.video, sample.seed)
        if not np.isfinite(sound).all():
            raise ValueError("its networks returned NaN or infinity")
        rate = model.sequence.sampling_rate
        soundfile.write(sample.file(".wav"), sound.clip(-1, 1), rate, subtype="FLOAT")
        return {"sound": sample.file(".wav")}

    job.run(make)


if __name__ == "__main__":
    main()
