"""The command `svbench data prepare`: from the archive of a data set to a folder for `run`."""

from __future__ import annotations

import shlex
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from svbench.cli import common as options
from svbench.cli.output import print_note
from svbench.cli.parsing import path_option
from svbench.cli.progress import progress_bars
from svbench.files.locking import LOCK


def prepare(
    dataset: options.Dataset,
    data_root: Annotated[Path, path_option("Folder of the archive; nothing is written there.")],
    out: Annotated[Path, path_option("Folder to write; the --data-root of svbench run.")],
    engine: options.EngineOptions,
    captions: Annotated[
        list[Path] | None, path_option("Caption list (CSV: file, text); may be repeated.")
    ] = None,
    timing: Annotated[
        str | None,
        typer.Option(
            help="nearest (default), or official: late, as ffmpeg -r cut the paper's segments."
        ),
    ] = None,
    channels: Annotated[
        str | None, typer.Option(help="Of the sound: mean (default), or first.")
    ] = None,
    official: Annotated[
        bool, typer.Option("--official", help="Cut and count as the paper's authors did.")
    ] = False,
    allow_missing: Annotated[
        bool, typer.Option(help="Leave out what is absent or broken, and name it.")
    ] = False,
) -> None:
    """Cut the recordings of an archive into segments, with lists and captions for svbench run.

    The same command goes on where it was stopped. Nothing is written into the archive.

    Example: svbench data prepare --dataset greatesthits --data-root vis-data-256 --out gh
    """
    from svbench.catalog.preparing import check_config, prepare_dataset

    config = check_config(
        dataset=dataset,
        data_root=data_root,
        out=out,
        allow_missing=allow_missing,
        captions=tuple(captions or ()),
        timing=timing,
        channels=channels,
        official=official,
    )
    # By the lock, which is there before any worker is, nodes find out that they share the folder.
    starting = engine.choice().start(device="cpu", proof=out.absolute() / LOCK)
    with closing(starting) as computing, progress_bars() as progress:
        report = prepare_dataset(config, computing, progress)
    for line in report.left_out:
        print_note(f"left out: {line}")
    for line in report.lines:
        typer.echo(line)
    judging = ("svbench", "run", "--dataset", dataset, "--scale", "paper", "--data-root", str(out))
    typer.echo(f"to judge it: {shlex.join(judging)}")
