"""Train the miniature's systems from nothing: codecs, text encoder, and a joint model per mixer.

`svbench train-systems` draws a miniature data set, teaches two autoencoders to give its frames
and spectrograms back and a text encoder to hold a caption's words, and then trains joint models in
the paper's order: first the two base models, each of its own modality alone, then, from these,
a model per mixer, all of whose parts learn. It writes the folder that `svbench.baselines.miniature`
reads. What is there already is not made again, so the same command goes on where it was stopped.

    <out>/data/                     the drawn clips
    <out>/latents/                  the same, encoded
    <out>/base/                     the training of both base models: checkpoints, loss.csv
    <out>/<mixer>/                  the training of a joint model
    <out>/<mixer>-seed-<n>/         the same from another seed
    <out>/weights/                  the result
    <out>/weights-seed-<n>/         the same with joint models of another seed

Conventions
-----------
A seed decides the clips, the first weights and the order of lessons. Test clips are never seen;
a benchmark run draws with other seeds. The seed of a joint training decides what is new in it:
connectors, mixers and lessons; codecs, captions and base models are the same for all.
"""

from __future__ import annotations

import csv
import json
import math
import multiprocessing
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from svbench import media
from svbench._version import __version__
from svbench.baselines import miniature as systems
from svbench.baselines.checkpoint import WEIGHTS, load_joint
from svbench.baselines.miniature.captions import Captioner, split
from svbench.baselines.miniature.codecs import AudioCodec, Codec, VideoCodec, folded
from svbench.baselines.miniature.nets import CAPTION
from svbench.baselines.mixers import MixerKind
from svbench.baselines.training_settings import TrainSettings
from svbench.baselines.training_state import JOINT
from svbench.datasets import greatesthits, miniature
from svbench.errors import ConfigError
from svbench.learning import Tell, batches, calculator, learn
from svbench.store import write_text
from svbench.train import Course as Training
from svbench.train import Progress
from svbench.train import train as train_joint
from svbench.types import Clip, Example
from svbench.weights import load_state, sha256

MIXERS: Final[tuple[MixerKind, ...]] = ("cmc-pe", "cross-attention", "cross-attention-sequence")
STRAYING: Final = 1e-6  # weight of the autoencoders' Kullback-Leibler term
CODEC_RATE: Final = 2e-3
SETTLED: Final = 256  # clips whose latents tell a codec's components
PARTS: Final = 20  # points of a curve in the record
USUAL: Final = TrainSettings(
    steps=800,
    batch=16,
    at_once=16,
    trainable="all",
    rate=1.5e-3,
    warm_up=50,
    cosine=True,
    ema_decay=0.998,
    save_every=250,
)


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
    clearer: float = 1.0  # the video's schedule, as if so many copies of it were seen
    base: TrainSettings = field(
        default_factory=lambda: replace(USUAL, trainable="base", steps=2000, rate=3e-3)
    )
    joint: TrainSettings = field(default_factory=lambda: USUAL)

    def __post_init__(self) -> None:
        trainings = ("base", "joint")
        given = {name: value for name, value in asdict(self).items() if name not in trainings}
        clearer, counts = given.pop("clearer"), given
        if not 0 < clearer < math.inf:
            raise ConfigError(f"--clearer: found {clearer}, expected a positive number")
        if min(counts.values()) < 1:
            raise ConfigError(f"a course needs clips and steps, got {counts}")


def changed(**settings: Any) -> Course:
    """Give the course with the settings that a user changed."""
    given = {name: value for name, value in settings.items() if value is not None}
    usual = Course()
    base = replace(usual.base, steps=given.pop("base_steps", usual.base.steps))
    joint = replace(usual.joint, steps=given.pop("steps", usual.joint.steps))
    return replace(usual, base=base, joint=joint, **given)


@dataclass(frozen=True, slots=True)
class Job:
    """One joint training, and where its weights belong."""

    out: Path
    mixer: MixerKind
    seed: int
    course: Course
    first: bool  # of the seeds

    @property
    def folder(self) -> Path:
        """Give the folder of the training."""
        return self.out / (self.mixer if self.first else f"{self.mixer}-seed-{self.seed}")

    @property
    def weights(self) -> Path:
        """Give the folder of the result."""
        return self.out / ("weights" if self.first else f"weights-seed-{self.seed}")


def train(
    out: Path,
    mixers: Sequence[MixerKind],
    course: Course,
    progress: Progress,
    tell: Tell = print,
    *,
    seeds: Sequence[int] = (0,),
    workers: int = 1,
) -> None:
    """Make what is missing of the folder `out`, and write its `weights` whole.

    Parameters
    ----------
    out : Path
        the folder
    mixers : sequence of MixerKind
        of the joint models
    course : Course
        how much is learned
    progress, tell : callable
        show how far it came
    seeds : sequence of int
        of the joint trainings, each for every mixer; the first gives `weights`
    workers : int
        joint trainings at once, each in a process of its own
    """
    weights = out / "weights"
    weights.mkdir(parents=True, exist_ok=True)
    miniature.draw(out / "data", seed=course.seed, train=course.clips)
    examples = greatesthits.load(out / "data", split="train")
    with calculator(course.threads), torch.random.fork_rng(devices=[]):
        schedules = {"audio": 1.0, "video": course.clearer}
        write_text(weights / systems.SCHEDULE, json.dumps(schedules) + "\n")
        _once(weights / systems.VIDEO, lambda: _video(examples, course, tell))
        _once(weights / systems.AUDIO, lambda: _audio(examples, course, tell))
        _once(weights / systems.ENCODER, lambda: _captions(weights, examples, course, tell))
        if mixers:
            _base(out, examples, course, progress, tell)
    jobs = [Job(out, m, seed, course, seed == seeds[0]) for seed in seeds for m in mixers]
    if workers == 1:
        for job in jobs:
            _joint(job, progress, tell)
    else:
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            for done in as_completed([pool.submit(_joint_apart, job) for job in jobs]):
                done.result()
    for folder in {weights, *(job.weights for job in jobs)}:
        for name in systems.SHARED:
            if folder != weights:
                shutil.copyfile(weights / name, folder / name)
        _record(folder, [job for job in jobs if job.weights == folder], course)


def _record(weights: Path, jobs: Sequence[Job], course: Course) -> None:
    """Tell beside the weights how they came about."""
    made = {
        "about": "Miniature systems of svbench: trained on drawn and synthesised clips, not "
        "comparable with the paper's.",
        "command": "svbench train-systems --out DIR",
        "versions": {"svbench": __version__, "torch": torch.__version__.split("+")[0]},
        "miniature": miniature.VERSION,
        "course": {k: v for k, v in asdict(course).items() if jobs or k not in ("base", "joint")},
        "seeds": {job.mixer: job.seed for job in jobs},
        "losses": {job.mixer: curve(job.folder / "loss.csv") for job in jobs},
        "sha256": {
            path.name: sha256(path)
            for path in sorted(weights.iterdir())
            if path.suffix != ".tmp" and path.name != systems.RECORD
        },
    }
    if jobs:
        made["losses"]["base"] = curve(jobs[0].out / "base" / "loss.csv")  # type: ignore[index]
    (weights / systems.RECORD).write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


def _once(path: Path, make: Callable[[], nn.Module], bits: int = 16) -> None:
    """Make a network and write it, unless it is there."""
    if path.exists():
        return
    network = make()
    unfinished = path.with_name(f"{path.name}.tmp")
    systems.write(network, unfinished, bits=bits)
    unfinished.replace(path)


# --- codecs --------------------------------------------------------------------------------------


def _video(examples: Sequence[Example], course: Course, tell: Tell) -> nn.Module:
    """Teach an autoencoder to give frames back."""
    videos = [_clip(example).video for example in examples]
    torch.manual_seed(course.seed)
    viewer = VideoCodec()
    codec = viewer.codec

    def frames(rng: np.random.Generator, batch: np.ndarray) -> Tensor:
        which = rng.integers(miniature.SPEC.frames, size=len(batch))
        shown = np.stack([videos[i][frame] for i, frame in zip(batch, which, strict=True)])
        return VideoCodec.frames(shown)

    steps, size = course.video_steps, course.video_batch
    _teach("video codec", codec, frames, len(videos), steps, size, course, tell)
    chosen = np.random.default_rng(course.seed).permutation(len(videos))[:SETTLED]
    return _settled(codec, (viewer.moments(VideoCodec.frames(videos[i][::2])) for i in chosen))


def _audio(examples: Sequence[Example], course: Course, tell: Tell) -> nn.Module:
    """Teach an autoencoder to give spectrograms back."""
    torch.manual_seed(course.seed)
    listener = AudioCodec()
    codec = listener.codec
    heard = [listener.spectrogram(_clip(example).audio) for example in examples]

    def spectrograms(_rng: np.random.Generator, batch: np.ndarray) -> Tensor:
        return torch.stack([folded(heard[i]) for i in batch])

    steps, size = course.audio_steps, course.audio_batch
    _teach("audio codec", codec, spectrograms, len(heard), steps, size, course, tell)
    chosen = np.random.default_rng(course.seed).permutation(len(heard))[:SETTLED]
    return _settled(codec, (listener.moments(folded(heard[i])) for i in chosen))


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


def _settled(codec: Codec, moments: Iterable[Tensor]) -> Codec:
    """Find the components that tell most of a codec's latents, its weights as they are written."""
    codec.eval().half().float()
    with torch.no_grad():
        codec.settle(torch.cat(list(moments)))
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


def _base(
    out: Path, examples: Sequence[Example], course: Course, progress: Progress, tell: Tell
) -> None:
    """Train both base models, each of its own modality alone."""
    torch.manual_seed(course.seed)
    model = systems.assemble("cmc-pe", out / "weights")  # whose connectors and mixers stand by
    settings = replace(course.base, seed=course.seed)
    training = Training(model, examples, miniature.SPEC, settings, latents=out / "latents")
    train_joint(training, out / "base", progress, tell, cpu=True)


def _joint_apart(job: Job) -> None:
    """Train a joint model in a process of its own, whose lines tell which it is."""

    def tell(line: str) -> None:
        print(f"{job.folder.name}: {line}", flush=True)

    _joint(job, lambda _label, _total: nullcontext(lambda _count: None), tell)


def _joint(job: Job, progress: Progress, tell: Tell) -> None:
    """Train a joint model from the base models, unless it is there."""
    job.weights.mkdir(exist_ok=True)
    path = job.weights / f"{job.mixer}.safetensors"
    with calculator(job.course.threads), torch.random.fork_rng(devices=[]):
        _once(path, lambda: _joined(job, progress, tell), bits=8)


def _joined(job: Job, progress: Progress, tell: Tell) -> nn.Module:
    torch.manual_seed(job.seed)
    model = systems.assemble(job.mixer, job.out / "weights")
    base = load_state(job.out / "base" / JOINT / WEIGHTS)
    bases = {name: weight for name, weight in base.items() if name.startswith("unets.")}
    model.joint.load_state_dict(bases, strict=False)
    examples = greatesthits.load(job.out / "data", split="train")
    settings = replace(job.course.joint, seed=job.seed)
    training = Training(model, examples, miniature.SPEC, settings, latents=job.out / "latents")
    load_joint(train_joint(training, job.folder, progress, tell, cpu=True), model.joint)
    return model.joint


def curve(log: Path) -> dict[str, list[float]]:
    """Give the mean losses of each part of a training's log, `PARTS` parts of equal length."""
    with log.open(newline="", encoding="utf-8") as file:
        steps = list(csv.DictReader(file))
    parts = np.array_split(np.arange(len(steps)), min(PARTS, len(steps)))
    told = {"step": [float(steps[part[-1]]["step"]) for part in parts]}
    for name in ("audio", "video"):
        losses = np.array([float(step[f"loss_{name}"]) for step in steps])
        told[name] = [round(float(losses[part].mean()), 4) for part in parts]
    return told


def _clip(example: Example) -> Clip:
    return media.read(example.recording, miniature.SPEC)
