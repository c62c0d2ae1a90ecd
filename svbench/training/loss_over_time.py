"""The walk of `svbench loss-over-time`: joint weights -> losses over time steps (Figure 2).

    <out>/latents/             the clips, encoded once
    <out>/loss-over-time.csv   global_time, then the losses of both modalities for each gamma

References
----------
`svbench.baselines.training.loss_over_time` computes the losses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from svbench.baselines.checkpoints.ours import load_config, load_joint
from svbench.baselines.training.loss_over_time import global_times, loss_over_time
from svbench.engines.protocol import Engine
from svbench.errors import ConfigError
from svbench.files.writing import write_text
from svbench.pace import Progress
from svbench.training import latents
from svbench.training.plans import TrainConfig, plan_training

NUMBERS: Final = "loss-over-time.csv"


@dataclass(frozen=True, slots=True)
class LossCurve:
    """Losses over global times at one gamma, each divided by its value at 0."""

    title: str
    times: Sequence[float]  # 0 (data) to 999 (noise)
    audio: Sequence[float]
    video: Sequence[float]


def loss_curves(
    config: TrainConfig,
    joint: Path,
    out: Path,
    progress: Progress,
    engine: Engine,
    *,
    gamma: float,
    levels: int,
    clips: int,
) -> list[LossCurve]:
    """Compute the losses of joint weights without and with adjusted time steps, and write them.

    Parameters
    ----------
    config : TrainConfig
        data set, scale and base models; the mixer is that of the weights
    joint : Path
        folder of joint weights
    out : Path
        folder for the latents and the numbers
    progress : Progress
        shows how far each step came
    engine : Engine
        encodes the clips
    gamma : float
        strength of the adjustment (Eq. 8)
    levels : int
        global times
    clips : int
        training clips; raises ConfigError where there are fewer
    """
    mixer = load_config(joint).mixer
    training = plan_training(replace(config, mixer=mixer, limit=clips), out)
    if clips > len(training.examples):
        raise ConfigError(
            f"--clips: found {clips}, expected at most {len(training.examples)}, all there are"
        )
    model, spec = training.model, training.spec
    load_joint(joint, model.joint)
    cache = latents.plan(model, training.examples, spec, out / "latents", engine)
    with progress("encoding clips", len(training.examples)) as advance:
        latents.encode(model, spec, cache, engine, advance)
    curves = []
    with progress("loss over time steps", 2) as advance:
        for strength in (1.0, gamma):
            losses = loss_over_time(
                model.joint.eval(),
                cache.dataset,
                model.schedules,
                rows=model.audio.shape(spec)[1],
                gamma=strength,
                levels=levels,
                clips=range(clips),
            )
            title = "without adjustment" if strength == 1 else f"gamma {strength:g}"
            curves.append(
                LossCurve(title, global_times(levels), list(losses.audio), list(losses.video))
            )
            advance(1)
    _write(out / NUMBERS, curves)
    return curves


def _write(path: Path, curves: Sequence[LossCurve]) -> None:
    heads = [f"{name} ({curve.title})" for curve in curves for name in ("audio", "video")]
    columns = [column for curve in curves for column in (curve.audio, curve.video)]
    lines = [",".join(["global_time", *heads])]
    for time, *losses in zip(curves[0].times, *columns, strict=True):
        lines.append(",".join([f"{time:g}", *(f"{loss:.6g}" for loss in losses)]))
    write_text(path, "\n".join(lines) + "\n")
