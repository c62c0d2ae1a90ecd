"""Train the joint model on a data set: latents, the loop, the log, previews.

    <out>/latents/          the clips, encoded once (see `svbench.training.latents`)
    <out>/checkpoints/      the last state, to resume from (see `svbench.baselines.training.state`)
    <out>/loss.csv          one line per step: step, loss_audio, loss_video, lr, seconds
    <out>/costs.json        time, memory and disk (see `svbench.training.costs`)
    <out>/tensorboard/      the same curves, where tensorboard is installed
    <out>/previews/         samples from the averaged weights, MP4
    <out>/joint/            the result

The same command resumes a training that was stopped; the log is cut back to the last checkpoint,
so that it holds every step once.
"""

from __future__ import annotations

import csv
import importlib.util
import math
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import torch
from accelerate.utils import broadcast_object_list, gather_object

from svbench.baselines.joint.model import JointModel
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.sampler_settings import SamplerSettings
from svbench.baselines.joint.sampling import sample
from svbench.baselines.joint.unet import JointUNet
from svbench.baselines.training.loop import MEASURED, Report, TrainCallback
from svbench.baselines.training.loop import train as train_loop
from svbench.baselines.training.processes import ending_together, processes
from svbench.baselines.training.settings import TrainSettings
from svbench.engines.protocol import Engine
from svbench.errors import ConfigError, DataError
from svbench.files.locking import locked, remove_partial_files
from svbench.files.media import write_mp4
from svbench.files.text import read_lines
from svbench.files.writing import replacing, write_text, writing_to
from svbench.pace import Progress, silent
from svbench.training import latents
from svbench.training.costs import costs
from svbench.types import ClipSpec, Example

Log = Callable[[str], None]  # takes one line of progress

LOSSES: Final = "loss.csv"
COLUMNS: Final = ("step", "loss_audio", "loss_video", "lr", "seconds")
LOGGED: Final = 50  # lines of losses in a training
PREVIEWS: Final = 4  # clips


@dataclass(frozen=True, slots=True)
class Training:
    """A model, the clips it is trained on, and the settings of the training."""

    model: JointModel
    examples: Sequence[Example]
    spec: ClipSpec
    settings: TrainSettings
    sampler: SamplerSettings = field(default_factory=SamplerSettings)  # of the previews
    latents: Path | None = None  # where several trainings share them; None: beside the result


def train(
    training: Training,
    out: Path,
    progress: Progress,
    log: Log,
    *,
    engine: Engine,
    cpu: bool = False,
) -> Path:
    """Encode the clips and train on them, or resume.

    Parameters
    ----------
    training : Training
        what is trained; the model is changed in place
    out : Path
        folder of the training
    progress : Progress
        shows how far each step came, and the time left
    log : callable
        takes lines with losses
    engine : Engine
        of each process: encodes clips
    cpu : bool
        train on the CPU even where there is a GPU

    Returns
    -------
    result : Path
        folder of the averaged weights, for `load_joint`

    Raises
    ------
    ConfigError
        without clips
    DataError
        where clips are broken: one line for each
    StoppedError
        where another process ended
    """
    if not training.examples:
        raise ConfigError("training: found no clips, expected at least one; see --limit")
    here = processes(cpu)
    first = bool(here.is_main_process)
    model = training.model
    with ending_together(here), locked(out) if first else nullcontext(), ExitStack() as stack:
        if first:
            remove_partial_files(out, ("latents",))
        here.wait_for_everyone()  # nobody writes before the folder is held
        data = _encode(training, out, progress if first else silent, engine, here)
        callback = TrainCallback()
        if first:
            callback = stack.enter_context(TrainingLog(training, data, out, progress, log, here))
        result = train_loop(
            model.joint,
            model.schedules,
            data,
            training.settings,
            out,
            rows=model.audio.shape(training.spec)[1],
            made_by={"mixer": model.joint.config.mixer, "data": data.digest},
            callback=callback,
            cpu=cpu,
        )
    if first:
        log(f"joint weights: {result}   losses: {out / LOSSES}")
    return result


def _encode(
    training: Training, out: Path, progress: Progress, engine: Engine, here: Any
) -> latents.LatentDataset:
    """Encode the clips, each process its share; raise DataError with what any of them found."""
    model, spec, folder = training.model, training.spec, training.latents or out / "latents"
    planned: list[Any] = [None]
    if here.is_main_process:  # which reads every byte
        planned = [latents.plan(model, training.examples, spec, folder, engine)]
    cache: latents.Cache = broadcast_object_list(planned)[0]
    problems: list[str] = []
    ranks = {"rank": here.process_index, "world_size": here.num_processes}
    with progress("encoding clips", cache.clips(**ranks)) as advance:
        try:
            latents.encode(model, spec, cache, engine, advance, **ranks)
        except DataError as error:
            problems = str(error).splitlines()
    problems = gather_object(problems)
    if problems and not here.is_main_process:
        problems = [f"encoding clips: found {len(problems)} problems, which process 0 names"]
    if problems:
        raise DataError.of(problems)
    return cache.dataset


class TrainingLog(TrainCallback):
    """Writes the losses of a training to files, and shows how far it came."""

    def __init__(
        self,
        training: Training,
        data: latents.LatentDataset,
        out: Path,
        progress: Progress,
        log: Log,
        here: Any,
    ) -> None:
        self._training, self._data, self._out = training, data, out
        self._progress, self._log, self._here = progress, log, here
        self._seconds: list[float] = []  # of the steps since the start
        self._open = ExitStack()
        self._board: Any = None

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def begin(self, step: int) -> None:
        """Cut the log back to a step, and open it for further lines."""
        path = self._out / LOSSES
        _cut_back(path, step)
        file = self._open.enter_context(path.open("a", newline="", encoding="utf-8", buffering=1))
        self._lines = csv.writer(file, lineterminator="\n")
        self._open_board(step)
        if step:
            self._log(f"resuming after step {step}")
        steps = self._training.settings.steps
        self._advance = self._open.enter_context(self._progress("training", steps))
        self._advance(step, step)

    def _open_board(self, step: int) -> None:
        if importlib.util.find_spec("tensorboard") is None:
            self._log("tensorboard is not installed (pip install tensorboard): see loss.csv")
            return
        from torch.utils.tensorboard import SummaryWriter

        board: Any = SummaryWriter  # untyped
        self._board = board(str(self._out / "tensorboard"), purge_step=step + 1)
        self._open.callback(self._board.close)

    def report(self, report: Report) -> None:
        """Write the losses of a step."""
        row = (report.step, *report.losses, report.rate, round(report.seconds, 3))
        with writing_to(self._out / LOSSES):
            self._lines.writerow(row)
        if self._board is not None:
            for name, value in zip(COLUMNS[1:4], row[1:4], strict=True):
                if value is not None:
                    self._board.add_scalar(name, value, report.step)
        self._advance(1)
        self._step = report.step
        if len(self._seconds) < MEASURED:
            self._seconds.append(report.seconds)
        steps = self._training.settings.steps
        if report.step % max(1, steps // LOGGED) == 0 or report.step == steps:
            self._log(_line(report, steps))

    def measured(self, checkpoint: int) -> None:
        """Log and write what the training costs."""
        found = costs(
            self._seconds,
            self._step,
            self._training.settings.steps,
            processes=self._here.num_processes,
            device=self._here.device,
            checkpoint_bytes=checkpoint,
            now=datetime.now().astimezone(),
        )
        found.write(self._out)
        self._log(str(found))

    def preview(self, step: int, joint: JointUNet) -> None:
        """Write samples of the averaged weights, always of the same captions and noise."""
        folder = self._out / "previews" / f"step-{step:08d}"
        preview(replace(self._training.model, joint=joint), self._data, self._training, folder)
        self._log(f"samples of step {step}: {folder}")


def _line(report: Report, steps: int) -> str:
    """Return a line with the losses of a step; the time left is the progress bar's to show."""
    named = {"sound": report.losses.audio, "video": report.losses.video}.items()
    losses = ", ".join(f"{name} {loss:.4f}" for name, loss in named if loss is not None)
    return f"step {report.step} of {steps}: loss {losses}, {report.seconds:.2f} s a step"


def preview(
    model: JointModel, data: latents.LatentDataset, training: Training, folder: Path
) -> None:
    """Sample clips from the captions of the first ones of `data`, and write them as MP4."""
    count = min(PREVIEWS, len(data))
    device = next(model.joint.parameters()).device
    captions = data.captions(list(range(count)))
    if training.sampler.halves == 2:  # classifier-free guidance
        empty = data.empty.map(lambda one: one.repeat(count, *[1] * (one.ndim - 1)))
        captions = empty.map(lambda *pair: torch.cat(pair), captions)
    generator = torch.Generator().manual_seed(training.settings.seed)
    spec = training.spec
    shapes = Pair(model.audio.shape(spec), model.video.shape(spec))
    noise = shapes.map(lambda shape: torch.randn(count, *shape, generator=generator).to(device))
    condition = captions.map(lambda tensor: tensor.to(device))
    samples = sample(model.joint, noise, condition, model.schedules, training.sampler)
    sounds = model.audio.decode(samples.audio, spec)
    videos = model.video.decode(samples.video, spec)
    for number, (sound, video) in enumerate(zip(sounds, videos, strict=True)):
        with replacing(folder / f"{number}.mp4") as temporary:
            write_mp4(temporary, video, spec.fps, sound, spec.sample_rate)


def _cut_back(path: Path, step: int) -> None:
    """Keep the lines up to a step alone; an unfinished line of a killed process is dropped, too."""
    lines = list(read_lines(path, "the losses of a training")) if path.exists() else []
    kept = [line for number, line in lines[1:] if _step(line, f"{path}, line {number}") <= step]
    write_text(path, "\n".join([",".join(COLUMNS), *kept]) + "\n")


def _step(line: str, where: str) -> float:
    """Return the step of a line of the log; infinity for an unfinished line."""
    if line.count(",") != len(COLUMNS) - 1:
        return math.inf
    step = line.partition(",")[0]
    if not re.fullmatch("[0-9]{1,18}", step):
        raise DataError(f"{where}: found step {step!r:.60}, expected a whole number")
    return int(step)
