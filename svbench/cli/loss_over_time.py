"""The command `loss-over-time`: the paper's Figure 2 for trained weights."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from svbench.cli import common as options
from svbench.cli.parsing import number, path_argument, path_option
from svbench.cli.progress import progress_bars
from svbench.files.destinations import check_folder
from svbench.limits import CORES


def loss_over_time(
    data: options.DataOptions,
    joint: Annotated[Path, path_argument("Folder of joint weights, as trained.")],
    out: Annotated[Path, path_option("Folder for the picture and the numbers.")],
    base: options.Base = None,
    gamma: Annotated[float, number("gamma", "Of the second panel.")] = 1.5,
    levels: Annotated[int, number("levels", "Global time steps evaluated.")] = 20,
    clips: Annotated[int, number("limit", "Training clips; more, less scatter.")] = 16,
    workers: options.Workers = CORES,
    cpu: options.Cpu = False,
) -> None:
    """Draw the loss over time steps, without and with adjustment (the paper's Figure 2).

    Example: svbench loss-over-time --dataset greatesthits --out fig2 runs/my-model/joint
    """
    from svbench.config import find_data_root
    from svbench.engines.local import Local
    from svbench.reports.figures.loss_curves import LossCurves, draw
    from svbench.training.loss_over_time import loss_curves
    from svbench.training.plans import TrainConfig

    check_folder(out)
    config = TrainConfig(
        dataset=data.dataset,
        scale=data.scale,
        bases=base or (),
        data_root=find_data_root(data.scale, data.data_root),
        captions=data.captions,
        cpu=cpu,
    )
    with progress_bars() as bars, closing(Local(workers)) as engine:
        curves = loss_curves(
            config, joint, out, bars, engine, gamma=gamma, levels=levels, clips=clips
        )
    picture = out / "loss-over-time.svg"
    draw([LossCurves(c.title, c.times, c.audio, c.video) for c in curves], picture)
    typer.echo(f"loss over time steps: {picture}")
