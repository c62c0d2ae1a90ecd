"""The command `train-systems`: the miniature's codecs, base models and joint models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from svbench.cli.parsing import names, number, path_option, seeds
from svbench.cli.progress import progress_bars
from svbench.files.destinations import check_folder
from svbench.limits import COUNT, TRAINING

Seeds = Annotated[tuple[int, ...], seeds("Of the joint trainings, comma-separated.")]


def train_systems(
    out: Annotated[Path, path_option("Folder; the weights come to OUT/weights.")],
    dataset: Annotated[
        str, typer.Option(help="A drawn data set of svbench list datasets.")
    ] = "greatesthits",
    mixers: Annotated[
        tuple[str, ...],
        names("mixers", "Comma-separated; default: those of the data set's published table."),
    ] = (),
    base_audio_steps: Annotated[
        int | None, number("base_audio_steps", "Of the audio model alone.", COUNT)
    ] = None,
    base_video_steps: Annotated[
        int | None, number("base_video_steps", "Of the video model alone.", COUNT)
    ] = None,
    steps: Annotated[int | None, number("steps", "Of each joint model.", TRAINING["steps"])] = None,
    clips: Annotated[int | None, number("limit", "Drawn clips to train on.")] = None,
    seed: Annotated[
        int | None, number("seed", "Decides clips and base models.", TRAINING["seed"])
    ] = None,
    clearer: Annotated[
        float | None,
        number("clearer", "Let the video settle earlier: its signal over noise."),
    ] = None,
    share: Annotated[
        float,
        number("share", "Take this share of all steps; 0.02 shows that it works."),
    ] = 1.0,
    seeds: Seeds = (0,),
    workers: Annotated[int, number("workers", "Trainings at once.")] = 1,
) -> None:
    """Train the miniature's systems from nothing; the same command goes on.

    Codecs, text encoder, base models and joint models of one drawn data set.

    Example: svbench train-systems --out runs/systems
    """
    check_folder(out)
    from svbench.training.miniature import systems
    from svbench.training.miniature.recipes import SystemsRecipe

    kinds = systems.mixer_kinds(mixers, dataset)
    recipe = SystemsRecipe.of(
        dataset=dataset,
        base_audio_steps=base_audio_steps,
        base_video_steps=base_video_steps,
        joint_steps=steps,
        clips=clips,
        seed=seed,
        clearer=clearer,
    ).shortened(share)
    with progress_bars() as bars:
        systems.train(out, kinds, recipe, bars, typer.echo, seeds=seeds, workers=workers)
    typer.echo(f"weights: {out / 'weights'}")
