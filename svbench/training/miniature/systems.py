"""Train the miniature's systems from nothing: codecs, text encoder, and a joint model per mixer.

`svbench train-systems` draws a miniature data set, teaches two autoencoders to give its frames
and spectrograms back and a text encoder to hold a caption's words, and then trains joint models in
the paper's order: first the two base models, each of its own modality alone, then, from these,
a model per mixer, all of whose parts learn. It writes the folder that `svbench.baselines.miniature`
reads. What is there already is not made again, so the same command goes on where it was stopped.

    <out>/data/                     the drawn clips
    <out>/latents/                  the same, encoded
    <out>/base-audio, base-video/   the training of a base model: checkpoints, loss.csv
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

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from svbench._version import __version__
from svbench.baselines import miniature as systems
from svbench.baselines.checkpoints.ours import WEIGHTS, load_joint
from svbench.baselines.joint.mixers import MixerKind, mixer_kind
from svbench.baselines.joint.pair import Modal
from svbench.baselines.miniature.nets import Design
from svbench.baselines.training.settings import BASES, TrainSettings
from svbench.baselines.training.state import JOINT
from svbench.catalog.miniatures import drawn, training_clips
from svbench.compute import digest_file
from svbench.engines.processes import end_with
from svbench.errors import ConfigError, DataError
from svbench.files.text import REASON, read_table, shown
from svbench.files.weights.loading import load_state
from svbench.files.writing import write_text
from svbench.limits import COUNT, check
from svbench.pace import Progress
from svbench.training import latents
from svbench.training.joint import COLUMNS
from svbench.training.joint import Course as Training
from svbench.training.joint import train as train_joint
from svbench.training.miniature.codecs import CodecCourse, audio_codec, text_encoder, video_codec
from svbench.training.miniature.learning import Tell, calculator
from svbench.types import Example

MIXERS: Final[tuple[MixerKind, ...]] = ("cmc-pe", "cross-attention", "cross-attention-sequence")
TRAININGS: Final = ("base_audio", "base_video", "joint")
CODECS: Final = ("video_steps", "audio_steps", "caption_steps")
PARTS: Final = 20  # points of a curve in the record
USUAL: Final = TrainSettings(
    steps=1000,
    batch=16,
    at_once=16,
    trainable="all",
    optimizer="adamw",
    rate=1.5e-3,
    warm_up=50,
    cosine=True,
    weight_decay=1e-2,
    ema_decay=0.998,
    save_every=250,
)


@dataclass(frozen=True, slots=True)
class Course(CodecCourse):
    """How much is learned, and from what."""

    dataset: str = "greatesthits"
    clips: int = 2000
    threads: int = 1
    clearer: float = 1.0  # the video's schedule, as if so many copies of it were seen
    base_audio: TrainSettings = field(
        default_factory=lambda: replace(USUAL, trainable="audio", steps=1500, rate=2e-3)
    )
    base_video: TrainSettings = field(
        default_factory=lambda: replace(USUAL, trainable="video", steps=2500, rate=2e-3)
    )
    joint: TrainSettings = field(default_factory=lambda: USUAL)

    def __post_init__(self) -> None:
        given = {name: value for name, value in asdict(self).items() if name not in TRAININGS}
        drawn(given.pop("dataset"))
        for name in ("clearer", "seed", "threads"):
            check(name, given.pop(name))
        check("clips", given["clips"], COUNT)
        if min(given.values()) < 1:
            raise ConfigError(f"a course needs clips and steps, got {given}")

    @property
    def design(self) -> Design:
        """Give the design of the data set's networks."""
        return replace(systems.DESIGNS[self.dataset], clearer=Modal(1.0, self.clearer))


def mixer_kinds(names: Sequence[str], dataset: str) -> tuple[MixerKind, ...]:
    """Return the mixers of these names; without names, those that ship for the data set."""
    usual = MIXERS if dataset == "greatesthits" else MIXERS[:1]
    return tuple(mixer_kind(name, "--mixers") for name in names) or usual


def changed(**settings: Any) -> Course:
    """Give the course with the settings that a user changed."""
    given = {name: value for name, value in settings.items() if value is not None}
    usual = Course()
    trainings = {}
    for name in TRAININGS:
        training = getattr(usual, name)
        trainings[name] = replace(training, steps=given.pop(f"{name}_steps", training.steps))
    return replace(usual, **trainings, **given)


def shortened(course: Course, share: float) -> Course:
    """Give a course of a share of all its steps, at least one each; for a first look."""
    check("share", share)

    def few(steps: int) -> int:
        return max(1, round(share * steps))

    codecs: dict[str, Any] = {name: few(getattr(course, name)) for name in CODECS}
    trainings: dict[str, Any] = {
        name: replace(getattr(course, name), steps=few(getattr(course, name).steps))
        for name in TRAININGS
    }
    return replace(course, **codecs, **trainings)


@dataclass(frozen=True, slots=True)
class Job:
    """One training, of a base model or a joint one, and where its weights belong."""

    out: Path
    name: str  # a mixer, or the modality of a base model
    seed: int
    course: Course
    first: bool = True  # of the seeds

    @property
    def folder(self) -> Path:
        """Give the folder of the training."""
        if self.name in BASES:
            return self.out / f"base-{self.name}"
        return self.out / (self.name if self.first else f"{self.name}-seed-{self.seed}")

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
        trainings at once, each in a process of its own
    """
    weights = out / "weights"
    weights.mkdir(parents=True, exist_ok=True)
    examples, spec = _examples(out, course), drawn(course.dataset).spec
    with calculator(course.threads), torch.random.fork_rng(devices=[]):
        design = course.design
        systems.write_design(design, weights)
        told = (examples, spec, design, course, tell)
        _once(weights / systems.VIDEO, lambda: video_codec(*told), design.codec_bits)
        _once(weights / systems.AUDIO, lambda: audio_codec(*told), design.codec_bits)
        _once(weights / systems.ENCODER, lambda: text_encoder(weights, examples, course, tell))
        if mixers:
            _encode(out, examples, course, progress)
    bases = [Job(out, name, course.seed, course) for name in BASES if mixers]
    jobs = [Job(out, m, seed, course, seed == seeds[0]) for seed in seeds for m in mixers]
    _all(bases, workers, progress, tell)
    _all(jobs, workers, progress, tell)
    for folder in {weights, *(job.weights for job in jobs)}:
        for name in systems.SHARED:
            if folder != weights:
                shutil.copyfile(weights / name, folder / name)
        _record(folder, [job for job in jobs if job.weights == folder], course)


def _examples(out: Path, course: Course) -> tuple[Example, ...]:
    return training_clips(course.dataset, out / "data", seed=course.seed, clips=course.clips)


def _encode(out: Path, examples: Sequence[Example], course: Course, progress: Progress) -> None:
    """Encode the clips once for all trainings."""
    model = systems.assemble("cmc-pe", out / "weights")
    spec = drawn(course.dataset).spec
    cache = latents.plan(model, examples, spec, out / "latents")
    with progress("encoding clips", len(examples)) as advance:
        latents.encode(model, spec, cache, (0, 1), advance)


def _all(jobs: Sequence[Job], workers: int, progress: Progress, tell: Tell) -> None:
    """Do some trainings, one after the other or several at once."""
    if workers == 1:
        for job in jobs:
            _trained(job, progress, tell)
        return
    own = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, own, end_with, (os.getpid(),)) as pool:
        for done in as_completed([pool.submit(_trained_apart, job) for job in jobs]):
            done.result()


def _record(weights: Path, jobs: Sequence[Job], course: Course) -> None:
    """Tell beside the weights how they came about."""
    made = {
        "about": "Miniature systems of svbench: trained on drawn and synthesised clips, not "
        "comparable with the paper's.",
        "command": f"svbench train-systems --dataset {course.dataset} --out DIR",
        "versions": {"svbench": __version__, "torch": torch.__version__.split("+")[0]},
        "miniature": drawn(course.dataset).version,
        "course": {k: v for k, v in asdict(course).items() if jobs or k not in TRAININGS},
        "seeds": {job.name: job.seed for job in jobs},
        "losses": {
            job.folder.name.partition("-seed")[0]: curve(job.folder / "loss.csv")
            for job in [*(Job(jobs[0].out, n, 0, course) for n in BASES if jobs), *jobs]
        },
        "sha256": {
            path.name: digest_file(path)
            for path in sorted(weights.iterdir())
            if path.suffix != ".tmp" and path.name != systems.RECORD
        },
    }
    write_text(weights / systems.RECORD, json.dumps(made, indent=1) + "\n")


def _once(path: Path, make: Callable[[], nn.Module], bits: int = 16) -> None:
    """Make a network and write it, unless it is there."""
    if path.exists():
        return
    network = make()
    unfinished = path.with_name(f"{path.name}.tmp")
    systems.write(network, unfinished, bits=bits)
    unfinished.replace(path)


# --- joint models --------------------------------------------------------------------------------


def _trained_apart(job: Job) -> None:
    """Train in a process of its own, whose lines tell which training it is."""

    def tell(line: str) -> None:
        print(f"{job.folder.name}: {line}", flush=True)

    _trained(job, lambda _label, _total: nullcontext(lambda _done, _kept=0, /: None), tell)


def _trained(job: Job, progress: Progress, tell: Tell) -> None:
    """Train a base model, or a joint one from the base models, unless it is there."""
    with calculator(job.course.threads), torch.random.fork_rng(devices=[]):
        if job.name in BASES:
            settings = replace(getattr(job.course, f"base_{job.name}"), seed=job.seed)
            _learned(job, "cmc-pe", settings, progress, tell)  # its joint parts stand by
            return
        job.weights.mkdir(exist_ok=True)
        path = job.weights / f"{job.name}.safetensors"
        settings = replace(job.course.joint, seed=job.seed)
        kind = mixer_kind(job.name)
        _once(path, lambda: _learned(job, kind, settings, progress, tell), bits=8)


def _learned(
    job: Job, mixer: MixerKind, settings: TrainSettings, progress: Progress, tell: Tell
) -> nn.Module:
    """Train what the settings say, and give the joint model with the result."""
    torch.manual_seed(job.seed)
    model = systems.assemble(mixer, job.out / "weights")
    for name in BASES if job.name not in BASES else ():
        learned = load_state(job.out / f"base-{name}" / JOINT / WEIGHTS)
        base = {k: v for k, v in learned.items() if k.startswith(f"unets.{name}.")}
        model.joint.load_state_dict(base, strict=False)
    spec = drawn(job.course.dataset).spec
    examples = _examples(job.out, job.course)
    training = Training(model, examples, spec, settings, latents=job.out / "latents")
    load_joint(train_joint(training, job.folder, progress, tell, cpu=True), model.joint)
    return model.joint


def curve(log: Path) -> dict[str, list[float]]:
    """Give the mean losses of each part of a training's log, `PARTS` parts of equal length."""
    expected = "the losses of a training"
    steps = [line for _, line in read_table(log, expected, COLUMNS)]
    if not steps:
        raise DataError(f"{log}: found no step, expected {expected}")
    try:
        return _means(steps)
    except ValueError as error:
        raise DataError(f"{log}: found {shown(error, REASON)}, expected {expected}") from error


def _means(steps: Sequence[Mapping[str, str]]) -> dict[str, list[float]]:
    parts = np.array_split(np.arange(len(steps)), min(PARTS, len(steps)))
    told = {"step": [float(steps[part[-1]]["step"]) for part in parts]}
    for name in BASES:
        if not steps[0][f"loss_{name}"]:
            continue  # a base model's training has one loss
        losses = np.array([float(step[f"loss_{name}"]) for step in steps])
        told[name] = [round(float(losses[part].mean()), 4) for part in parts]
    return told
