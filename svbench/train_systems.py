"""Train the miniature's systems from nothing: codecs, text encoder, and a joint model per mixer.

`svbench train-systems` draws a miniature Greatest Hits, teaches two autoencoders to give its
frames and spectrograms back, a text encoder to hold a caption's words, and then each joint model
as `svbench train` does, all of it from scratch. It writes the folder that
`svbench.baselines.miniature` reads. What is there already is not made again, so the same command
goes on where it was stopped.

    <out>/data/             the drawn clips
    <out>/<mixer>/          the training of a joint model: latents, checkpoints, loss.csv
    <out>/weights/          the result

Conventions
-----------
A seed decides the clips, the first weights and the order of lessons. Test clips are never seen;
a benchmark run draws with other seeds.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from svbench import media
from svbench._version import __version__
from svbench.baselines import miniature as systems
from svbench.baselines.checkpoint import load_joint
from svbench.baselines.miniature.captions import Captioner, split
from svbench.baselines.miniature.codecs import AudioCodec, Codec, VideoCodec, folded
from svbench.baselines.miniature.nets import CAPTION
from svbench.baselines.mixers import MixerKind
from svbench.baselines.training_settings import TrainSettings
from svbench.datasets import greatesthits, miniature
from svbench.errors import ConfigError
from svbench.learning import Tell, batches, calculator, learn
from svbench.train import Course as Training
from svbench.train import Progress
from svbench.train import train as train_joint
from svbench.types import Clip, Example
from svbench.weights import sha256

MIXERS: Final[tuple[MixerKind, ...]] = ("cmc-pe", "cross-attention", "cross-attention-sequence")
STRAYING: Final = 1e-6  # weight of the autoencoders' Kullback-Leibler term
CODEC_RATE: Final = 2e-3
SETTLED: Final = 256  # clips whose latents tell a codec's mean and deviation


@dataclass(frozen=True, slots=True)
class Course:
    """How much is learned, and from what."""

    clips: int = 2000
    seed: int = 2000  # not one of those that a benchmark run is likely to have
    threads: int = 1
    video_steps: int = 900
    video_batch: int = 32  # frames
    audio_steps: int = 600
    audio_batch: int = 8  # clips
    caption_steps: int = 600
    caption_batch: int = 64
    joint: TrainSettings = field(
        default_factory=lambda: TrainSettings(
            steps=2500,
            batch=16,
            at_once=16,
            trainable="all",
            rate=1.5e-3,
            warm_up=50,
            cosine=True,
            ema_decay=0.998,
            save_every=250,
        )
    )

    def __post_init__(self) -> None:
        counts = {name: value for name, value in asdict(self).items() if name != "joint"}
        if min(counts.values()) < 1:
            raise ConfigError(f"a course needs clips and steps, got {counts}")


def changed(**settings: int | None) -> Course:
    """Give the course with the settings that a user changed."""
    given = {name: value for name, value in settings.items() if value is not None}
    steps = given.pop("steps", None)
    usual = Course()
    joint = usual.joint if steps is None else replace(usual.joint, steps=steps)
    return replace(
        usual,
        clips=given.get("clips", usual.clips),
        joint=joint,
        seed=given.get("seed", usual.seed),
    )


def train(
    out: Path, mixers: Sequence[MixerKind], course: Course, progress: Progress, tell: Tell = print
) -> None:
    """Make what is missing of the folder `out`, and write its `weights` whole."""
    weights = out / "weights"
    weights.mkdir(parents=True, exist_ok=True)
    miniature.draw(out / "data", seed=course.seed, train=course.clips)
    examples = greatesthits.load(out / "data", split="train")
    with calculator(course.threads), torch.random.fork_rng(devices=[]):
        _once(weights / systems.VIDEO, lambda: _video(examples, course, tell))
        _once(weights / systems.AUDIO, lambda: _audio(examples, course, tell))
        _once(weights / systems.ENCODER, lambda: _captions(weights, examples, course, tell))
        for mixer in mixers:
            path = weights / f"{mixer}.safetensors"
            _once(path, partial(_joint, mixer, examples, course, out, progress, tell))
    curves = {mixer: out / mixer / "loss.csv" for mixer in MIXERS}
    learned = {mixer: _last_losses(path) for mixer, path in curves.items() if path.is_file()}
    told = {k: v for k, v in asdict(course).items() if learned or k != "joint"}
    made = {
        "about": "Miniature systems of svbench: trained on drawn and synthesised clips, not "
        "comparable with the paper's.",
        "command": "svbench train-systems --out DIR",
        "versions": {"svbench": __version__, "torch": torch.__version__.split("+")[0]},
        "miniature": miniature.VERSION,
        "course": told,
        "mean loss of the last tenth": learned,
        "sha256": {
            path.name: sha256(path)
            for path in sorted(weights.iterdir())
            if path.suffix != ".tmp" and path.name != systems.RECORD
        },
    }
    (weights / systems.RECORD).write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")


def _once(path: Path, make: Callable[[], nn.Module]) -> None:
    """Make a network and write it, unless it is there."""
    if path.exists():
        return
    network = make()
    unfinished = path.with_name(f"{path.name}.tmp")
    systems.write(network, unfinished)
    unfinished.replace(path)


# --- codecs --------------------------------------------------------------------------------------


def _video(examples: Sequence[Example], course: Course, tell: Tell) -> nn.Module:
    """Teach an autoencoder to give frames back."""
    videos = [_clip(example).video for example in examples]
    torch.manual_seed(course.seed)
    codec = VideoCodec().codec

    def frames(rng: np.random.Generator, batch: np.ndarray) -> Tensor:
        which = rng.integers(miniature.SPEC.frames, size=len(batch))
        shown = np.stack([videos[i][frame] for i, frame in zip(batch, which, strict=True)])
        return VideoCodec.frames(shown)

    steps, size = course.video_steps, course.video_batch
    _teach("video codec", codec, frames, len(videos), steps, size, course, tell)
    chosen = np.random.default_rng(course.seed).permutation(len(videos))[:SETTLED]
    some = [VideoCodec.frames(videos[i][::8]) for i in chosen]
    return _settled(codec, some)


def _audio(examples: Sequence[Example], course: Course, tell: Tell) -> nn.Module:
    """Teach an autoencoder to give spectrograms back."""
    listener = AudioCodec()
    heard = [listener.spectrogram(_clip(example).audio) for example in examples]
    torch.manual_seed(course.seed)
    codec = AudioCodec().codec

    def spectrograms(_rng: np.random.Generator, batch: np.ndarray) -> Tensor:
        return torch.stack([folded(heard[i]) for i in batch])

    steps, size = course.audio_steps, course.audio_batch
    _teach("audio codec", codec, spectrograms, len(heard), steps, size, course, tell)
    chosen = np.random.default_rng(course.seed).permutation(len(heard))[:SETTLED]
    return _settled(codec, [folded(heard[i])[None] for i in chosen])


def _teach(
    name: str,
    codec: Codec,
    draw: Callable[[np.random.Generator, np.ndarray], Tensor],
    count: int,
    steps: int,
    size: int,
    course: Course,
    tell: Tell,
) -> None:
    """Let an autoencoder learn to give back what goes in."""

    def loss(rng: np.random.Generator, batch: np.ndarray) -> Tensor:
        inputs = draw(rng, batch)
        found = codec.autoencoder.encode(inputs).latent_dist
        again = codec.autoencoder.decode(found.sample()).sample
        wrong = functional.l1_loss(again, inputs) + functional.mse_loss(again, inputs)
        strays: Tensor = found.kl().mean()
        return wrong + STRAYING * strays

    order = batches(count, size, steps, course.seed)
    optimiser = torch.optim.AdamW(codec.parameters(), CODEC_RATE, weight_decay=0)
    learn(name, codec, optimiser, steps, order, loss, tell)


def _settled(codec: Codec, inputs: Sequence[Tensor]) -> Codec:
    """Bring a codec's latents to mean 0 and variance 1."""
    codec.eval()
    with torch.no_grad():
        codec.settle(torch.cat([codec.latents(some) for some in inputs]))
    return codec


# --- captions ------------------------------------------------------------------------------------


def _captions(weights: Path, examples: Sequence[Example], course: Course, tell: Tell) -> nn.Module:
    """Teach a text encoder to hold the words: each place its own, the whole caption all of them."""
    told = [example.caption for example in examples]
    words = tuple(sorted({word for caption in told for word in split(caption)}))
    torch.manual_seed(course.seed)
    captioner = Captioner(words)
    numbers = torch.tensor([captioner.numbers(caption) for caption in told])
    count = int(captioner.encoder.config.vocab_size)
    heads = nn.ModuleList([nn.Linear(CAPTION, count), nn.Linear(CAPTION, count)])

    def loss(_rng: np.random.Generator, batch: np.ndarray) -> Tensor:
        said = numbers[batch]
        found = captioner.encoder(said)
        places: Tensor = heads[0](found.last_hidden_state)
        whole: Tensor = heads[1](functional.normalize(found.text_embeds, dim=-1) * CAPTION**0.5)
        holds = torch.zeros(len(said), count).scatter_(1, said, 1.0)
        wrong = functional.cross_entropy(places.flatten(0, 1), said.flatten())
        return wrong + functional.binary_cross_entropy_with_logits(whole, holds)

    network = nn.ModuleList([captioner.encoder, heads])
    order = batches(len(told), course.caption_batch, course.caption_steps, course.seed)
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=0.01)
    learn("captions", network, optimiser, course.caption_steps, order, loss, tell)
    (weights / systems.WORDS).write_text(json.dumps(words) + "\n", encoding="utf-8")
    encoder: nn.Module = captioner.encoder
    return encoder


# --- joint models --------------------------------------------------------------------------------


def _joint(
    mixer: MixerKind,
    examples: Sequence[Example],
    course: Course,
    out: Path,
    progress: Progress,
    tell: Tell,
) -> nn.Module:
    """Train a joint model from scratch."""
    torch.manual_seed(course.seed)
    model = systems.assemble(mixer, out / "weights")
    training = Training(model, examples, miniature.SPEC, course.joint)
    result = train_joint(training, out / mixer, progress, tell, cpu=True)
    joint = model.joint
    load_joint(result, joint)
    return joint


def _last_losses(curve: Path) -> dict[str, float]:
    """Give the mean losses of the last tenth of a training."""
    with curve.open(newline="", encoding="utf-8") as file:
        steps = list(csv.DictReader(file))
    last = steps[-max(1, len(steps) // 10) :]
    names = {"audio": "loss_audio", "video": "loss_video"}
    return {
        name: round(float(np.mean([float(step[column]) for step in last])), 4)
        for name, column in names.items()
    }


def _clip(example: Example) -> Clip:
    return media.read(example.recording, miniature.SPEC)
