"""Train the miniature's systems from scratch: codecs, text encoder, and a joint model per mixer.

`svbench train-systems` draws a miniature data set, trains two autoencoders on its frames and
spectrograms and a text encoder on its captions, and then trains joint models in the paper's order:
first the two base models, each of its own modality alone, then, from these, a model per mixer with
all of its weights trainable. It writes the folder that `svbench.baselines.miniature` reads. What is
there already is not trained again, so the same command resumes.

    <out>/data/                     the drawn clips
    <out>/latents/                  the same, encoded
    <out>/base-audio, base-video/   the training of a base model: checkpoints, loss.csv
    <out>/<mixer>/                  the training of a joint model
    <out>/<mixer>-seed-<n>/         the same from another seed
    <out>/weights/                  the result
    <out>/weights-seed-<n>/         the same with joint models of another seed

Conventions
-----------
A seed decides the clips, the first weights and the order of batches. Test clips are held out; a
benchmark run draws with other seeds. The seed of a joint training decides what is new in it:
connectors, mixers and batches; codecs, text encoder and base models are the same for all.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

from svbench._version import __version__
from svbench.baselines import miniature as systems
from svbench.baselines.checkpoints.ours import WEIGHTS, load_joint
from svbench.baselines.joint.mixers import MixerKind, mixer_kind
from svbench.baselines.training.settings import BASES, TrainSettings
from svbench.baselines.training.state import JOINT
from svbench.catalog.datasets import drawn, training_clips, usual_mixers
from svbench.compute import digest_file
from svbench.engines.local import Local
from svbench.engines.processes import end_with
from svbench.engines.protocol import Engine
from svbench.errors import DataError
from svbench.files.text import REASON, read_table, shown
from svbench.files.weights.loading import load_state
from svbench.files.writing import write_text
from svbench.pace import Progress, silent
from svbench.training import latents
from svbench.training.joint import COLUMNS, Training
from svbench.training.joint import train as train_joint
from svbench.training.miniature.codecs import (
    train_audio_codec,
    train_frame_head,
    train_text_encoder,
    train_video_codec,
)
from svbench.training.miniature.fitting import Log, torch_threads
from svbench.training.miniature.recipes import TRAININGS, SystemsRecipe
from svbench.types import Example

POINTS: Final = 20  # of a loss curve in the record


def mixer_kinds(names: Sequence[str], dataset: str) -> Sequence[MixerKind]:
    """Return mixers by name, or without names those that are trained on a data set's miniature."""
    return [mixer_kind(name, "--mixers") for name in names] or usual_mixers(dataset)


@dataclass(frozen=True, slots=True)
class Job:
    """One training, of a base model or a joint one, and where its weights belong."""

    out: Path
    name: str  # a mixer, or the modality of a base model
    seed: int
    recipe: SystemsRecipe
    first: bool = True  # of the seeds

    @property
    def folder(self) -> Path:
        """Return the folder of the training."""
        if self.name in BASES:
            return self.out / f"base-{self.name}"
        return self.out / (self.name if self.first else f"{self.name}-seed-{self.seed}")

    @property
    def weights(self) -> Path:
        """Return the folder of the result."""
        return self.out / ("weights" if self.first else f"weights-seed-{self.seed}")


def train(
    out: Path,
    mixers: Sequence[MixerKind],
    recipe: SystemsRecipe,
    progress: Progress,
    log: Log = print,
    *,
    seeds: Sequence[int] = (0,),
    workers: int = 1,
) -> None:
    """Train what is missing of the folder `out`, and write its `weights` whole.

    Parameters
    ----------
    out : Path
        the folder
    mixers : sequence of MixerKind
        of the joint models
    recipe : SystemsRecipe
        data set, clips, steps and settings
    progress : Progress
        shows how far each step came
    log : callable
        takes lines with losses
    seeds : sequence of int
        of the joint trainings, each for every mixer; the first gives `weights`
    workers : int
        trainings at once, each in a process of its own
    """
    weights = out / "weights"
    weights.mkdir(parents=True, exist_ok=True)
    with torch_threads(recipe.threads), torch.random.fork_rng(devices=[]):
        examples = _examples(out, recipe)
        _train_codecs(weights, examples, recipe, log)
        if mixers:
            with closing(Local(workers)) as engine:
                _encode(out, examples, recipe, progress, engine)
    bases = [Job(out, name, recipe.seed, recipe) for name in BASES if mixers]
    jobs = [Job(out, m, seed, recipe, seed == seeds[0]) for seed in seeds for m in mixers]
    _run(bases, workers, progress, log)
    _run(jobs, workers, progress, log)
    for folder in {weights, *(job.weights for job in jobs)}:
        for name in systems.SHARED:
            if folder != weights:
                shutil.copyfile(weights / name, folder / name)
        _write_record(folder, [job for job in jobs if job.weights == folder], recipe)


def _train_codecs(
    weights: Path, examples: Sequence[Example], recipe: SystemsRecipe, log: Log
) -> None:
    """Train both codecs and the text encoder, as far as they are missing."""
    design, spec = recipe.design, drawn(recipe.dataset).spec
    systems.write_design(design, weights)
    _write_once(
        weights / systems.VIDEO,
        lambda: train_video_codec(examples, spec, design, recipe, log),
        design.codec_bits,
    )
    _write_once(
        weights / systems.FRAMES,
        lambda: train_frame_head(weights, examples, spec, design, recipe, log),
        design.codec_bits,
    )
    _write_once(
        weights / systems.AUDIO,
        lambda: train_audio_codec(examples, spec, design, recipe, log),
        design.codec_bits,
    )
    _write_once(
        weights / systems.ENCODER, lambda: train_text_encoder(weights, examples, recipe, log)
    )


def _examples(out: Path, recipe: SystemsRecipe) -> tuple[Example, ...]:
    return training_clips(recipe.dataset, out / "data", seed=recipe.seed, clips=recipe.clips)


def _encode(
    out: Path,
    examples: Sequence[Example],
    recipe: SystemsRecipe,
    progress: Progress,
    engine: Engine,
) -> None:
    """Encode the clips once for all trainings."""
    model = systems.assemble("cmc-pe", out / "weights")
    spec = drawn(recipe.dataset).spec
    cache = latents.plan(model, examples, spec, out / "latents", engine)
    with progress("encoding clips", len(examples)) as advance:
        latents.encode(model, spec, cache, engine, advance)


def _write_once(path: Path, make: Callable[[], nn.Module], bits: int = 16) -> None:
    """Make a network and write it, unless it is there."""
    if path.exists():
        return
    network = make()
    unfinished = path.with_name(f"{path.name}.tmp")
    systems.write(network, unfinished, bits=bits)
    unfinished.replace(path)


# --- joint models --------------------------------------------------------------------------------


def _run(jobs: Sequence[Job], workers: int, progress: Progress, log: Log) -> None:
    """Run trainings, one after the other or several at once."""
    if workers == 1:
        for job in jobs:
            _run_job(job, progress, log)
        return
    spawn = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(workers, spawn, end_with, (os.getpid(),)) as pool,
        progress("trainings", len(jobs)) as advance,
    ):
        for done in as_completed([pool.submit(_run_apart, job) for job in jobs]):
            done.result()
            advance(1)


def _run_apart(job: Job) -> None:
    """Run a training in a process of its own, whose lines begin with its name."""

    def log(line: str) -> None:
        print(f"{job.folder.name}: {line}", flush=True)

    _run_job(job, silent, log)


def _run_job(job: Job, progress: Progress, log: Log) -> None:
    """Train a base model, or a joint one from the base models, unless it is there."""
    with torch_threads(job.recipe.threads), torch.random.fork_rng(devices=[]):
        if job.name in BASES:
            settings = replace(getattr(job.recipe, f"base_{job.name}"), seed=job.seed)
            _trained(job, "cmc-pe", settings, progress, log)  # its mixers are not trained
            return
        job.weights.mkdir(exist_ok=True)
        path = job.weights / f"{job.name}.safetensors"
        settings = replace(job.recipe.joint, seed=job.seed)
        kind = mixer_kind(job.name)
        _write_once(path, lambda: _trained(job, kind, settings, progress, log), bits=8)


def _trained(
    job: Job, mixer: MixerKind, settings: TrainSettings, progress: Progress, log: Log
) -> nn.Module:
    """Train a model with these settings, and return it with the averaged weights."""
    torch.manual_seed(job.seed)
    model = systems.assemble(mixer, job.out / "weights")
    for name in BASES if job.name not in BASES else ():
        state = load_state(job.out / f"base-{name}" / JOINT / WEIGHTS)
        base = {k: v for k, v in state.items() if k.startswith(f"unets.{name}.")}
        model.joint.load_state_dict(base, strict=False)
    spec = drawn(job.recipe.dataset).spec
    examples = _examples(job.out, job.recipe)
    training = Training(model, examples, spec, settings, latents=job.out / "latents")
    result = train_joint(training, job.folder, progress, log, engine=Local(1), cpu=True)
    load_joint(result, model.joint)
    return model.joint


# --- the record ----------------------------------------------------------------------------------


def _write_record(weights: Path, jobs: Sequence[Job], recipe: SystemsRecipe) -> None:
    """Write the record of a training beside its weights."""
    made = {
        "about": "Miniature systems of svbench: trained on drawn and synthesised clips, not "
        "comparable with the paper's.",
        "command": f"svbench train-systems --dataset {recipe.dataset} --out DIR",
        "versions": {"svbench": __version__, "torch": torch.__version__.split("+")[0]},
        "miniature": drawn(recipe.dataset).version,
        "course": {k: v for k, v in asdict(recipe).items() if jobs or k not in TRAININGS},
        "seeds": {job.name: job.seed for job in jobs},
        "losses": {
            job.folder.name.partition("-seed")[0]: loss_curve(job.folder / "loss.csv")
            for job in [*(Job(jobs[0].out, n, 0, recipe) for n in BASES if jobs), *jobs]
        },
        "sha256": {
            path.name: digest_file(path)
            for path in sorted(weights.iterdir())
            if path.suffix != ".tmp" and path.name != systems.RECORD
        },
    }
    write_text(weights / systems.RECORD, json.dumps(made, indent=1) + "\n")


def loss_curve(path: Path) -> dict[str, list[float]]:
    """Return the last steps and mean losses of `POINTS` equal parts of a training's loss.csv.

    Raises DataError where the file holds no losses.
    """
    expected = "the losses of a training"
    steps = [line for _, line in read_table(path, expected, COLUMNS)]
    if not steps:
        raise DataError(f"{path}: found no step, expected {expected}")
    try:
        return _means(steps)
    except ValueError as error:
        raise DataError(f"{path}: found {shown(error, REASON)}, expected {expected}") from error


def _means(steps: Sequence[Mapping[str, str]]) -> dict[str, list[float]]:
    parts = np.array_split(np.arange(len(steps)), min(POINTS, len(steps)))
    curve = {"step": [float(steps[part[-1]]["step"]) for part in parts]}
    for name in BASES:
        if not steps[0][f"loss_{name}"]:
            continue  # a base model's training has one loss
        losses = np.array([float(step[f"loss_{name}"]) for step in steps])
        curve[name] = [round(float(losses[part].mean()), 4) for part in parts]
    return curve
