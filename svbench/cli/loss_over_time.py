"""The command `loss-over-time`: the paper's Figure 2 for trained weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from svbench.cli import common as options
from svbench.cli.parsing import number, path_argument, path_option
from svbench.cli.progress import progress_bars
from svbench.files.destinations import check_folder


def loss_over_time(
    data: options.DataOptions,
    joint: Annotated[Path, path_argument("Folder of joint weights, as trained.")],
    out: Annotated[Path, path_option("Folder for the picture and the numbers.")],
    base: options.Base = None,
    gamma: Annotated[float, number("gamma", "Of the second panel.")] = 1.5,
    levels: Annotated[int, number("levels", "Global time steps evaluated.")] = 20,
    clips: Annotated[int, number("limit", "Training clips; more, less scatter.")] = 16,
    cpu: options.Cpu = False,
) -> None:
    """Draw the loss over time steps, without and with adjustment (the paper's Figure 2).

    Example: svbench loss-over-time --dataset greatesthits --out fig2 runs/my-model/joint
    """
    from svbench.config import find_data_root
    from svbench.training.plans import draw_loss

    check_folder(out)
    with progress_bars() as bars:
        picture = draw_loss(
            dataset=data.dataset,
            scale=data.scale,
            joint=joint,
            bases=base or [],
            data_root=find_data_root(data.scale, data.data_root),
            captions=data.captions,
            gamma=gamma,
            levels=levels,
            clips=clips,
            out=out,
            progress=bars,
            cpu=cpu,
        )
    typer.echo(f"loss over time steps: {picture}")
