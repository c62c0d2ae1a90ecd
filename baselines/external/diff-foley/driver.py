"""Driver of Diff-Foley: sound for a picture, by latent diffusion under two kinds of guidance.

It makes what `inference/diff_foley_inference.ipynb` makes, by calls of the same functions, in a
checkout of https://github.com/luosiallen/Diff-Foley (commit 0ba1e8a). Otherwise than there:

- One sample is made for a picture, after seeding, and from its first 8.2 s: 33 frames at 4
  frames/s, of which 32 condition it. A shorter picture has no window, and is an error here.
- The sampler keeps its buffer on the device of the model; there, on "cuda".
- The phases that Griffin-Lim begins with are seeded: librosa draws its own otherwise.
- What upstream loads leniently has to have all parameters of the networks that are used.
- `clip`, which its module imports and does not use, is an empty stand-in where it is missing.
- Sound is written in 32 bits; there, in 16.

Modes differ in one number. The mel spectrogram is of sound at 16 kHz
(`data_preprocess/wav2spec.py`), and its inverse takes it for one at 22.05 kHz
(`inference/demo_util.py`): `faithful` does so too, and all frequencies are 0.7256 times too low;
`fixed` takes it for what it is.

References
----------
S. Luo et al.: Diff-Foley: synchronized video-to-audio synthesis with latent diffusion models.
NeurIPS 2023, https://arxiv.org/abs/2306.17203.
"""

from __future__ import annotations

import random
import sys
import tempfile
import types
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from svbench_driver import Job, Sample

if TYPE_CHECKING:
    import torch

FOLDER = "diff_foley_ckpt/"  # of its weights
RATE = 16000  # samples/s
SECONDS = 8.2  # of a picture that are read
FPS, WINDOW, BATCH = 4, 32, 40  # of the picture's features: rate, number used, frames at a time


class DiffFoley:
    """Its three networks, loaded, and what samples from them.

    Shapes: features of a picture (1, N, 512), mel spectrogram (128, T), sound (S,).
    """

    def __init__(self, job: Job) -> None:
        import torch
        from demo_util import Extract_CAVP_Features

        class Features(Extract_CAVP_Features):  # type: ignore[misc]
            def init_first_from_ckpt(self, path: str) -> None:
                load(self.stage1_model, path, only="video_")

        self.settings, self.device = job.settings, torch.device(job.device)
        on_its_own_device()
        self.features = Features(
            fps=FPS,
            batch_size=BATCH,
            device=self.device,
            config_path="inference/config/Stage1_CAVP.yaml",
            ckpt_path=job.weights[FOLDER + "cavp_epoch66.ckpt"],
        )
        self.diffusion = self.network("Stage2_LDM", job.weights[FOLDER + "ldm_epoch240.ckpt"])
        weights = job.weights[FOLDER + "double_guidance_classifier.ckpt"]
        self.classifier = self.network("Double_Guidance_Classifier", weights)

    def network(self, config: str, weights: str) -> torch.nn.Module:
        """Return a network of one of upstream's configurations, with its weights."""
        from demo_util import instantiate_from_config
        from omegaconf import OmegaConf

        network = instantiate_from_config(OmegaConf.load(f"inference/config/{config}.yaml").model)
        load(network, weights)
        return network.to(self.device).eval()

    def spectrogram(self, picture: str) -> Any:
        """Return the mel spectrogram of the sound of a picture, as its decoder scales it."""
        import torch

        condition = torch.from_numpy(self.read(picture))[None].to(self.device)
        network = self.diffusion
        with torch.no_grad():
            embedded = network.get_learned_conditioning(condition[:, :WINDOW])
            latent, _ = network.sample_log_with_classifier_diff_sampler(
                embedded,
                origin_cond=condition,
                batch_size=1,
                sampler_name="DPM_Solver",
                ddim_steps=int(self.settings["steps"]),
                unconditional_guidance_scale=float(self.settings["guidance"]),
                unconditional_conditioning=torch.zeros_like(embedded),
                classifier=self.classifier,
                classifier_guide_scale=float(self.settings["classifier_guidance"]),
            )
            return network.decode_first_stage(latent)[0, 0].cpu().numpy()

    def read(self, picture: str) -> Any:
        """Return the features of a picture (N, 512)."""
        with tempfile.TemporaryDirectory() as folder:  # ffmpeg's command is split at blanks there
            file = Path(folder, "given.mp4")
            file.symlink_to(Path(picture).absolute())
            features, _ = self.features(str(file), 0, SECONDS, tmp_path=folder)
        if len(features) < WINDOW:
            found = f"found {len(features)} frames at {FPS} frames/s"
            raise ValueError(f"{found}, expected at least {WINDOW}: a picture of {SECONDS} s")
        return features


def load(network: torch.nn.Module, path: str, only: str = "") -> None:
    """Load the weights of a checkpoint; what is not of the network is left.

    Raises ValueError where a parameter is missing whose name begins with `only`.
    """
    import torch

    # Checkpoints of Lightning hold classes of it, which torch refuses to load by default.
    found = torch.load(path, map_location="cpu", weights_only=False)
    found = found.get("state_dict", found)
    found = {name.replace("module.", ""): value for name, value in found.items()}
    network.load_state_dict(found, strict=False)
    wanted = [name for name, _ in network.named_parameters() if name.startswith(only)]
    missing = [name for name in wanted if name not in found]
    if missing:
        count = f"{len(missing)} of {len(wanted)} parameters ({missing[0]})"
        raise ValueError(f"{Path(path).name} lacks {count}")


def without_unused_modules() -> None:
    """Put an empty stand-in where a module of upstream imports what nothing here calls."""
    try:
        import clip  # noqa: F401
    except ImportError:
        sys.modules["clip"] = types.ModuleType("clip")


def on_its_own_device() -> None:
    """Leave the buffer of the sampler on the device of the model."""
    from diff_foley.models.diffusion.dpm_solver import DPMSolverSampler

    DPMSolverSampler.register_buffer = object.__setattr__


def at_its_own_rate() -> None:
    """Take mel spectrograms for those of sound at 16 kHz, as they are."""
    from librosa.feature import inverse

    found = inverse.mel_to_stft
    inverse.mel_to_stft = lambda *args, **named: found(*args, **{**named, "sr": RATE})


def seed_all(seed: int) -> None:
    """Seed all that the code of Diff-Foley draws from."""
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (upstream's)
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def heard(spectrogram: Any, seed: int) -> Any:
    """Return the sound (S,) of a mel spectrogram, by Griffin-Lim."""
    import librosa
    from demo_util import inverse_op

    found = librosa.griffinlim
    librosa.griffinlim = partial(found, random_state=seed)
    try:
        return inverse_op(spectrogram)
    finally:
        librosa.griffinlim = found


def make(network: DiffFoley, sample: Sample) -> dict[str, str]:
    """Make one sample, and return its file."""
    import numpy as np
    import soundfile

    seed_all(sample.seed32)
    sound = heard(network.spectrogram(sample.video), sample.seed32)
    if not np.isfinite(sound).all():
        raise ValueError("its networks returned NaN or infinity")
    soundfile.write(sample.file(".wav"), sound.clip(-1, 1), RATE, subtype="FLOAT")
    return {"sound": sample.file(".wav")}


def main() -> None:
    """Make the samples of the job whose file is named on the command line."""
    job = Job()
    sys.path.insert(0, str(Path("inference").absolute()))  # of the checkout
    without_unused_modules()
    if job.mode == "fixed":
        at_its_own_rate()
    network = DiffFoley(job)
    job.run(lambda sample: make(network, sample))


if __name__ == "__main__":
    main()
