"""Trainings that are planned: clips, steps, and what they need, before a model is loaded."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from svbench.errors import ConfigError
from svbench.files.text import read_lines

if TYPE_CHECKING:
    from svbench.training.plans import TrainConfig


@dataclass(frozen=True, slots=True)
class PlannedTraining:
    """A training before its work."""

    config: TrainConfig
    folder: Path


@dataclass(frozen=True, slots=True)
class TrainSurvey:
    """A planned training, and what its folder holds."""

    clips: int
    steps: int
    batch: int  # clips a step
    done: int  # steps in the log
    seconds: float | None  # of a step, the median of the log; None without one
    latents: int  # files of encoded clips
    bytes_there: int  # of these files


def survey_training(planned: PlannedTraining) -> TrainSurvey:
    """Return what a training would do; no model is loaded, and a miniature is not drawn.

    Raises
    ------
    ConfigError, DataError
        as the training itself would, before it begins to work
    """
    from svbench.training.plans import check_plan, planned_clips, planned_steps

    config = planned.config
    settings, epochs = check_plan(config)
    clips = planned_clips(config, settings, planned.folder)
    if not clips:
        raise ConfigError("training: found no clips, expected at least one; see --limit")
    steps = planned_steps(settings, epochs, clips)
    logged = list(_logged(planned.folder / "loss.csv"))
    files = list((planned.folder / "latents").glob("*.safetensors"))
    return TrainSurvey(
        clips=clips,
        steps=steps,
        batch=settings.batch,
        done=min(len(logged), steps),
        seconds=float(np.median(logged)) if logged else None,
        latents=len(files),
        bytes_there=sum(file.stat().st_size for file in files),
    )


def _logged(path: Path) -> Iterator[float]:
    """Yield the seconds of each step in the log of losses; unfinished lines are left out."""
    if not path.is_file():
        return
    lines = [line for _, line in read_lines(path, "the losses of a training")]
    for row in csv.DictReader(lines):
        try:
            yield float(row["seconds"])
        except (KeyError, TypeError, ValueError):
            continue
