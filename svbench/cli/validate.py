"""The command `validate`: whether metrics follow people, on real clips distorted in known ways."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from svbench import api
from svbench.api.planned import validation_folder
from svbench.cli import common as options
from svbench.cli.output import print_note
from svbench.cli.parsing import names, number, path_argument, path_option
from svbench.cli.progress import progress_bars


def validate(
    engine: options.EngineOptions,
    clips: Annotated[
        list[Path] | None,
        path_argument("Folders or lists of real clips; default: 16 of a miniature."),
    ] = None,
    metrics: options.Metrics = (),
    distortions: Annotated[
        tuple[str, ...],
        names("distortions", "Comma-separated; default: all, in their published form."),
    ] = (),
    unrated_levels: Annotated[
        int, number("unrated_levels", "Levels of each distortion that nobody rated.")
    ] = 3,
    seed: options.Seed = 0,
    limit: options.Limit = None,
    captions: options.CaptionsById = None,
    frames: options.Frames = 32,
    fps: options.Fps = 8.0,
    size: options.Size = (256, 256),
    sample_rate: options.SampleRate = 16000,
    pad: options.Pad = False,
    channels: options.Channels = "mean",
    power: Annotated[
        float, number("power", "With which a metric notices a level, in --planned clips.")
    ] = 0.8,
    planned: Annotated[int, number("planned", "Clips of the comparison planned for.")] = 40,
    allow_missing: options.AllowMissing = False,
    strict: options.Strict = False,
    device: options.Device = "auto",
    dtype: options.OnlyDtype = "float32",
    batch: options.OnlyBatch = None,
    plugin: options.Plugin = None,
    out: Annotated[Path | None, path_option("Default: runs/validate-NAME.")] = None,
    json: options.Json = False,
) -> None:
    """Find whether metrics follow people: distort real clips in known ways, and score them.

    The same command resumes. Nothing is written into the folder of the clips.

    Example: svbench validate test-set/ --metrics synchrony --distortions audio_shift
    """
    from svbench.files.validity import dump_validity
    from svbench.reports.tables.text import show
    from svbench.reports.validity.tables import sheets

    folder = validation_folder(clips or (), out)
    with progress_bars() as progress:
        found = api.validate(
            *(clips or ()),
            metrics=metrics,
            distortions=distortions,
            unrated_levels=unrated_levels,
            seed=seed,
            limit=limit,
            captions=captions,
            frames=frames,
            fps=fps,
            size=size,
            sample_rate=sample_rate,
            pad=pad,
            channels=channels,
            power=power,
            planned=planned,
            allow_missing=allow_missing,
            strict=strict,
            device=device,
            dtype=dtype,
            batch=batch,
            plugins=plugin or (),
            out=folder,
            **asdict(engine),
            progress=progress,
            notify=print_note,
        )
    if json:
        typer.echo(dump_validity(found), nl=False)
    else:
        show(sheets(found))
        typer.echo(f"page: {folder / 'validity.html'}   per clip: {folder / 'scores.csv'}")
