"""The command `train-extractors`: the miniature's I3D, VGGish, ImageBind and Synchformer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from svbench.cli.parsing import names, number, path_option
from svbench.errors import ConfigError
from svbench.files.destinations import check_folder


def train_extractors(
    out: Annotated[Path, path_option("Folder to write; the drawn clips lie in data/.")],
    clips: Annotated[int, number("clips", "Drawn clips to train on.")] = 1600,
    seed: Annotated[int, number("seed", "Decides clips, first weights, order.")] = 1000,
    threads: Annotated[int, number("threads", "Threads; with more, sums round otherwise.")] = 1,
    networks: Annotated[
        tuple[str, ...],
        names("networks", "Comma-separated: i3d, vggish, imagebind, synchformer; default: all."),
    ] = (),
    scenes: Annotated[
        bool, typer.Option("--scenes", help="The ImageBind of Landscape and VGGSound instead.")
    ] = False,
) -> None:
    """Train the miniature networks that svbench ships: some 30 minutes on one core.

    I3D, VGGish, ImageBind and Synchformer are trained on drawn Greatest Hits; with --scenes,
    ImageBind on drawn Landscape and VGGSound. What OUT holds of networks that are not named stays.

    Example: svbench train-extractors --out runs/extractors
    """
    check_folder(out)
    if networks and scenes:
        raise ConfigError(
            f"--networks: found {','.join(networks)!r} beside --scenes, expected one of the two: "
            "--scenes trains ImageBind alone"
        )
    from svbench.training.miniature import extractors
    from svbench.training.miniature import scenes as scene_extractors
    from svbench.training.miniature.recipes import ExtractorRecipe

    recipe = ExtractorRecipe(clips=clips, seed=seed, threads=threads)
    if scenes:
        scene_extractors.train(out, recipe, typer.echo)
    else:
        extractors.train(out, recipe, typer.echo, networks)
    typer.echo(f"weights, and how they came about: {out / 'MADE.json'}")
