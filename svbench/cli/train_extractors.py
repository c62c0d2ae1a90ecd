"""The command `train-extractors`: the miniature's I3D, VGGish and ImageBind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from svbench.cli.parsing import number, path_option
from svbench.files.destinations import check_folder


def train_extractors(
    out: Annotated[Path, path_option("Folder to write; the drawn clips lie in data/.")],
    clips: Annotated[int, number("clips", "Drawn clips to train on.")] = 1600,
    seed: Annotated[int, number("seed", "Decides clips, first weights, order.")] = 1000,
    threads: Annotated[int, number("threads", "Threads; with more, sums round otherwise.")] = 1,
    scenes: Annotated[
        bool, typer.Option("--scenes", help="The ImageBind of Landscape and VGGSound instead.")
    ] = False,
) -> None:
    """Train the miniature I3D, VGGish and ImageBind that svbench ships: some 10 minutes.

    They are trained on drawn Greatest Hits; with --scenes, ImageBind on drawn Landscape and
    VGGSound.

    Example: svbench train-extractors --out runs/extractors
    """
    check_folder(out)
    from svbench.training.miniature import extractors
    from svbench.training.miniature import scenes as scene_extractors
    from svbench.training.miniature.recipes import ExtractorRecipe

    recipe = ExtractorRecipe(clips=clips, seed=seed, threads=threads)
    (scene_extractors if scenes else extractors).train(out, recipe, typer.echo)
    typer.echo(f"weights, and how they came about: {out / 'MADE.json'}")
