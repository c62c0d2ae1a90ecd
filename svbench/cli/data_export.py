"""The command `svbench data export`: clips as other benchmarks read them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from svbench.cli import common as options
from svbench.cli.output import print_note
from svbench.cli.parsing import names, path_argument, path_option
from svbench.cli.progress import progress_bars


def export(
    source: Annotated[Path, path_argument("A run folder, or a folder or list of clips.")],
    out: Annotated[Path, path_argument("A new folder, or one that this command began.")],
    tool: Annotated[str, typer.Option("--as", help="av-benchmark, javisbench or fastvideo.")],
    engine: options.EngineOptions,
    reference: Annotated[
        Path | None, path_option("Folder or list of real clips; default: the row real of a run.")
    ] = None,
    reference_clips: options.ReferenceClips = None,
    captions: options.CaptionsById = None,
    systems: Annotated[tuple[str, ...], names("systems", "Comma-separated; default: all.")] = (),
    link: Annotated[
        bool, typer.Option("--link", help="Link to files in the right form; default: copy them.")
    ] = False,
) -> None:
    """Write clips as av-benchmark, JavisBench or FastVideo read them, for a cross-check.

    Each clip becomes an MP4 and a WAV; files in that form already are copied. The same command goes
    on where it was stopped.

    Example: svbench data export runs/score-mine exported/ --as av-benchmark
    """
    from svbench.exports.export import export as write
    from svbench.exports.export import layout_of
    from svbench.exports.sources import check_apart, find_source
    from svbench.files.destinations import check_folder

    layout_of(tool)
    check_folder(out, "OUT")
    check_apart(out, source, reference, reference_clips)
    with (
        closing(engine.choice().start(device="cpu")) as computing,
        progress_bars() as progress,
    ):
        found = find_source(
            source,
            computing,
            reference=reference,
            reference_clips=reference_clips,
            captions=captions,
            systems=systems,
        )
        written = write(found, out, tool, computing, link=link, progress=progress)
    for note in written.notes:
        print_note(note)
    ways = ", ".join(f"{count} {way}" for way, count in written.ways.items())
    typer.echo(f"{written.clips} clips in {out} (files: {ways}); see {out / 'export.json'}")
    for line in written.use:
        typer.echo(line)
