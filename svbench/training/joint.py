"""Train the joint model on a data set: latents, the loop, a log that anybody can read, previews.

    <out>/latents/          the clips, encoded once (see `svbench.training.latents`)
    <out>/checkpoints/      the last state, to go on from (see `svbench.baselines.training.state`)
    <out>/loss.csv          one line a step: step, loss_audio, loss_video, lr, seconds
    <out>/tensorboard/      the same curves, where tensorboard is installed
    <out>/previews/         samples from the averaged weights, MP4
    <out>/joint/            the result

The same command goes on where it was stopped; the log is cut back to the last checkpoint, so
that it holds every step once.
"""

from __future__ import annotations

import csv
import importlib.util
import math
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import torch
from accelerate import PartialState

from svbench.baselines.joint.model import JointModel
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.sampling import SamplerSettings, sample
from svbench.baselines.joint.unet import JointUNet
from svbench.baselines.training.loop import Report, TrainCallback
from svbench.baselines.training.loop import train as learn
from svbench.baselines.training.settings import TrainSettings
from svbench.errors import ConfigError, DataError
from svbench.files.holding import clear_left_overs, locked
from svbench.files.media import write_mp4
from svbench.files.text import read_lines
from svbench.files.writing import replacing, write_text, writing_to
from svbench.pace import Advance, Pace, Progress, time_left
from svbench.training import latents
from svbench.types import ClipSpec, Example

Tell = Callable[[str], None]

COLUMNS: Final = ("step", "loss_audio", "loss_video", "lr", "seconds")
SPOKEN: Final = 50  # lines of progress in a training
PREVIEWED: Final = 4  # clips


@dataclass(frozen=True, slots=True)
class Course:
    """What is trained, and on what."""

    model: JointModel
    examples: Sequence[Example]
    spec: ClipSpec
    settings: TrainSettings
    sampler: SamplerSettings = field(default_factory=SamplerSettings)  # of the previews
    latents: Path | None = None  # where several trainings share them; None: beside the result


def train(course: Course, out: Path, progress: Progress, tell: Tell, *, cpu: bool = False) -> Path:
    """Encode, train, and give the folder of the result; the same call goes on where it stopped."""
    if not course.examples:
        raise ConfigError("training: found no clips, expected at least one; see --limit")
    here = PartialState(cpu=cpu)
    first = bool(here.is_main_process)
    with locked(out) if first else nullcontext(), ExitStack() as stack:
        if first:
            clear_left_overs(out, ("latents",))
        here.wait_for_everyone()  # nobody writes before the folder is held
        folder = course.latents or out / "latents"
        cache = latents.plan(course.model, course.examples, course.spec, folder)
        with progress("encoding clips", len(course.examples)) if first else _quiet() as advance:
            share = here.process_index, here.num_processes
            latents.encode(course.model, course.spec, cache, share, advance)
        here.wait_for_everyone()
        lessons = cache.lessons
        log = stack.enter_context(Log(course, lessons, out, progress, tell)) if first else None
        return learn(
            course.model.joint,
            course.model.schedules,
            lessons,
            course.settings,
            out,
            rows=course.model.audio.shape(course.spec)[1],
            made_by={"mixer": course.model.joint.config.mixer, "data": lessons.digest},
            callback=log or TrainCallback(),
            cpu=cpu,
        )


def _quiet() -> AbstractContextManager[Advance]:
    return nullcontext(lambda _done, _kept=0, /: None)


class Log(TrainCallback):
    """Writes what happens in a training, and shows how far it came."""

    def __init__(
        self, course: Course, lessons: latents.Latents, out: Path, progress: Progress, tell: Tell
    ) -> None:
        self._course, self._lessons, self._out = course, lessons, out
        self._progress, self._tell = progress, tell
        self._open = ExitStack()
        self._board: Any = None

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *told: object) -> None:
        self._open.close()

    def begin(self, step: int) -> None:
        """Cut the log back to a step, and go on from there."""
        path = self._out / "loss.csv"
        _cut_back(path, step)
        file = self._open.enter_context(path.open("a", newline="", encoding="utf-8", buffering=1))
        self._lines = csv.writer(file, lineterminator="\n")
        if importlib.util.find_spec("tensorboard") is None:
            self._tell("no tensorboard here (pip install tensorboard): loss.csv has all there is")
        else:
            from torch.utils.tensorboard import SummaryWriter

            board: Any = SummaryWriter  # untyped
            self._board = board(str(self._out / "tensorboard"), purge_step=step + 1)
            self._open.callback(self._board.close)
        if step:
            self._tell(f"going on after step {step}")
        steps = self._course.settings.steps
        self._advance = self._open.enter_context(self._progress("training", steps))
        self._pace = Pace(steps)
        for advance in (self._advance, self._pace.advance):
            advance(step, step)

    def report(self, report: Report) -> None:
        """Write a line."""
        losses = report.losses
        told = (report.step, *losses, report.rate, round(report.seconds, 3))
        with writing_to(self._out / "loss.csv"):
            self._lines.writerow(told)
        if self._board is not None:
            for name, value in zip(COLUMNS[1:4], told[1:4], strict=True):
                if value is not None:
                    self._board.add_scalar(name, value, report.step)
        self._advance(1)
        self._pace.advance(1)
        steps = self._course.settings.steps
        if report.step % max(1, steps // SPOKEN) == 0 or report.step == steps:
            said = {"sound": losses.audio, "video": losses.video}.items()
            known = ", ".join(f"{name} {loss:.4f}" for name, loss in said if loss is not None)
            self._tell(f"step {report.step} of {steps}: loss {known}{self._speed(report)}")

    def _speed(self, report: Report) -> str:
        left = self._pace.left if report.step < self._course.settings.steps else None
        return f", {report.seconds:.2f} s a step" + (f", {time_left(left)}" if left else "")

    def preview(self, step: int, joint: JointUNet) -> None:
        """Sample some clips from the captions of the first ones, always from the same noise."""
        folder = self._out / "previews" / f"step-{step:08d}"
        preview(replace(self._course.model, joint=joint), self._lessons, self._course, folder)
        self._tell(f"samples of step {step}: {folder}")


def preview(model: JointModel, lessons: latents.Latents, course: Course, folder: Path) -> None:
    """Sample clips from the captions of the first lessons, and write them as MP4."""
    count = min(PREVIEWED, len(lessons))
    device = next(model.joint.parameters()).device
    captions = lessons.captions(list(range(count)))
    if course.sampler.halves == 2:
        none = lessons.empty.map(lambda told: told.repeat(count, *[1] * (told.ndim - 1)))
        captions = none.map(lambda *pair: torch.cat(pair), captions)
    random = torch.Generator().manual_seed(course.settings.seed)
    shapes = Pair(model.audio.shape(course.spec), model.video.shape(course.spec))
    start = shapes.map(lambda shape: torch.randn(count, *shape, generator=random).to(device))
    told = captions.map(lambda tensor: tensor.to(device))
    found = sample(model.joint, start, told, model.schedules, course.sampler)
    sounds = model.audio.decode(found.audio, course.spec)
    videos = model.video.decode(found.video, course.spec)
    for number, (sound, video) in enumerate(zip(sounds, videos, strict=True)):
        path = folder / f"{number}.mp4"
        with replacing(path) as temporary:
            write_mp4(temporary, video, course.spec.fps, sound, course.spec.sample_rate)


def _cut_back(path: Path, step: int) -> None:
    """Keep the lines of the first steps alone; a line that a killed process left half goes, too."""
    lines = list(read_lines(path, "the losses of a training")) if path.exists() else []
    kept = [line for number, line in lines[1:] if _step(line, f"{path}, line {number}") <= step]
    write_text(path, "\n".join([",".join(COLUMNS), *kept]) + "\n")


def _step(line: str, where: str) -> float:
    """Return the step of a line of the log; one that is not whole belongs to no step."""
    if line.count(",") != len(COLUMNS) - 1:
        return math.inf
    step = line.partition(",")[0]
    if not re.fullmatch("[0-9]{1,18}", step):
        raise DataError(f"{where}: found step {step!r:.60}, expected a whole number")
    return int(step)
