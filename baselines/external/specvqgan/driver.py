"""Driver of SpecVQGAN: sound for a picture, by a transformer over codes of spectrograms.

It makes what `generation_demo.ipynb` makes, by calls of the same functions, in a checkout of
https://github.com/v-iashin/SpecVQGAN (commit 33c601d). Otherwise than there:

- Every sample is seeded; there, none.
- Only what is listened to is loaded: the transformer, its codebook, the vocoder of the checkout
  (MelGAN). The archive of the transformer is unpacked where the driver works.
- A picture has 10 s, as in training: svbench loops a shorter one. There, features are repeated,
  which for whole loops is the same.
- What upstream loads leniently has to have all parameters.
- Sound is written in 32 bits; there, in 24.

The script for whole data sets (`evaluation/generate_samples.py`) reads features that were extracted
before, needs GPUs, and writes mel spectrograms without a vocoder. It is not used.

References
----------
V. Iashin and E. Rahtu: Taming visually guided sound generation. BMVC 2021,
https://arxiv.org/abs/2110.08791.
"""

from __future__ import annotations

import os
import random
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from svbench_driver import Job, Sample

RESNET = "hub/checkpoints/resnet50-0676ba61.pth"
FPS, SECONDS = 21.5, 10  # of the picture
CODES = (1, 256, 5, 53)  # one spectrogram: codes of 256 numbers, frequency x time


class SpecVQGAN:
    """Its networks, loaded, and what samples from them."""

    def __init__(self, job: Job) -> None:
        import torch
        from feature_extraction.demo_utils import ExtractResNet50
        from sample_visualization import load_vocoder

        self.settings, self.device = job.settings, torch.device(job.device)
        os.environ["TORCH_HOME"] = str(Path(job.weights[RESNET]).parents[2])  # ImageNet's ResNet
        (archive,) = (path for name, path in job.weights.items() if name.endswith(".tar.gz"))
        config, self.sampler = load_sampler(archive)
        self.sampler.to(self.device).eval()
        self.data = config.data.params
        vocoder = config.lightning.callbacks.image_logger.params.vocoder_cfg.params.ckpt_vocoder
        self.vocoder = load_vocoder(vocoder, eval_mode=True)["model"].to(self.device)
        self.features = ExtractResNet50(FPS, self.data, self.device)

    def condition(self, picture: str) -> Any:
        """Return what a picture conditions the transformer by."""
        import torch
        from feature_extraction.demo_utils import trim_video

        with tempfile.TemporaryDirectory() as folder:  # ffmpeg's command is split at blanks there
            file = Path(folder, "given.mp4")
            file.symlink_to(Path(picture).absolute())
            self.features.tmp_path = folder
            trimmed = trim_video(str(file), 0, trim_duration=SECONDS, tmp_path=folder)
            features, _ = self.features(trimmed)
        batch = {"feature": torch.as_tensor(features["feature"])[None].to(self.device)}
        found = self.sampler.get_input(self.sampler.cond_stage_key, batch)
        return self.sampler.encode_to_c(found)[1]

    def sound(self, picture: str) -> Any:
        """Return the sound (S,) of a picture: codes one by one, a spectrogram, its sound."""
        import torch

        sampler, count = self.sampler, CODES[2] * CODES[3]
        best = sampler.first_stage_model.quantize.n_e // 2
        with torch.no_grad():
            condition = self.condition(picture)
            codes = torch.zeros(1, count, dtype=torch.long, device=self.device)
            for place in range(count):
                logits = sampler.transformer(codes[:, :-1], condition)[0][:, -count:][:, place]
                logits = sampler.top_k_logits(logits / float(self.settings["temperature"]), best)
                codes[:, place] = torch.multinomial(logits.softmax(dim=-1), num_samples=1)[:, 0]
            spectrogram = sampler.decode_to_img(codes, CODES)
            return self.vocoder((spectrogram[0] + 1) / 2).reshape(-1).cpu().numpy()


def load_sampler(archive: str) -> tuple[Any, Any]:
    """Return the configuration and the network of an archive of upstream's."""
    import torch
    from feature_extraction.demo_utils import load_config
    from train import instantiate_from_config

    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        place = next(Path(folder).iterdir())
        config = load_config(str(place))
        # Checkpoints of Lightning hold classes of it, which torch refuses to load by default.
        file = max(place.glob("checkpoints/*.ckpt"))
        state = torch.load(file, map_location="cpu", weights_only=False)["state_dict"]
    stages = (config.model, config.model.params.first_stage_config)
    for stage in stages:
        if "ckpt_path" in stage.params:
            stage.params.ckpt_path = None
    network = instantiate_from_config(config.model)
    network.load_state_dict(state, strict=False)
    missing = [name for name, _ in network.named_parameters() if name not in state]
    if missing:
        raise ValueError(f"{Path(archive).name} lacks {len(missing)} parameters ({missing[0]})")
    return config, network


def seed_all(seed: int) -> None:
    """Seed all that the code of SpecVQGAN draws from."""
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (upstream's)
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def main() -> None:
    """Make the samples of the job whose file is named on the command line."""
    import numpy as np
    import soundfile

    job = Job()
    model = SpecVQGAN(job)

    def make(sample: Sample) -> dict[str, str]:
        seed_all(sample.seed32)
        sound = model.sound(sample.video)
        if not np.isfinite(sound).all():
            raise ValueError("its networks returned NaN or infinity")
        rate = int(model.data.sample_rate)
        soundfile.write(sample.file(".wav"), sound.clip(-1, 1), rate, subtype="FLOAT")
        return {"sound": sample.file(".wav")}

    job.run(make)


if __name__ == "__main__":
    main()
