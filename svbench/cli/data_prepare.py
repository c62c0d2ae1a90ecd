"""The command `svbench data prepare`: from the archive of a data set to a folder for `run`."""

from __future__ import annotations

import shlex
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from svbench.cli import common as options
from svbench.cli.output import print_note
from svbench.cli.parsing import number, path_option
from svbench.cli.progress import progress_bars
from svbench.files.locking import LOCK


def prepare(
    dataset: options.Dataset,
    data_root: Annotated[Path, path_option("Folder of the archive; nothing is written there.")],
    out: Annotated[Path, path_option("Folder to write; the --data-root of svbench run.")],
    engine: options.EngineOptions,
    captions: Annotated[
        list[Path] | None,
        path_option("greatesthits: caption list (CSV: file, text); may be repeated."),
    ] = None,
    timing: Annotated[
        str | None,
        typer.Option(
            help="Of what is cut: nearest (default), or official: late, as ffmpeg -r cut the "
            "paper's segments."
        ),
    ] = None,
    channels: Annotated[
        str | None, typer.Option(help="Of the sound of what is cut: mean (default), or first.")
    ] = None,
    official: Annotated[
        bool,
        typer.Option(
            "--official", help="greatesthits: cut and count segments as the paper's authors did."
        ),
    ] = False,
    listing: Annotated[
        list[Path] | None,
        path_option(
            "landscape, vggsound: list of clips, in place of the archive's; may be repeated."
        ),
    ] = None,
    exclude: Annotated[
        Path | None,
        path_option(
            "vggsound: ids to leave out of the training split: a text file, or a pickled list."
        ),
    ] = None,
    min_clips: Annotated[
        int | None,
        number("min_clips", "vggsound: training clips that a class needs; default: 120."),
    ] = None,
    split_seed: Annotated[
        int | None,
        number("split_seed", "landscape: of a split that no list gives; default: 803."),
    ] = None,
    cut: Annotated[
        bool,
        typer.Option(
            "--cut",
            help="landscape, vggsound: write clips of 4 s, in place of links to the archive's.",
        ),
    ] = False,
    allow_missing: Annotated[
        bool, typer.Option(help="Leave out what is absent or broken, and name it.")
    ] = False,
) -> None:
    """Make a folder for svbench run of an archive: segments or links, with lists and captions.

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
        listing=tuple(listing or ()),
        exclude=exclude,
        min_clips=min_clips,
        split_seed=split_seed,
        cut=cut,
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
