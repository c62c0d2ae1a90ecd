"""The command `tune-avalign`: settings of detectors from annotated hits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from svbench.cli import common as options
from svbench.cli.parsing import names, number, path_option
from svbench.cli.progress import progress_bars
from svbench.files.destinations import check_folder
from svbench.limits import CORES


def tune_avalign(
    data_root: Annotated[
        Path | None, path_option("Annotated Greatest Hits; default: drawn, hard clips.")
    ] = None,
    actions: Annotated[
        tuple[str, ...],
        names("actions", "What counts as a hit.", default="hit,scratch,None"),
    ] = ("hit", "scratch", "None"),
    tolerance: Annotated[
        float | None,
        number("tolerance", "Seconds a hit may be missed by; default: 1/15."),
    ] = None,
    clips: Annotated[int, number("clips", "At most so many clips to train, and to test.")] = 64,
    fps: Annotated[
        float | None,
        number("fps", "Frames per second real clips are read at; default: 15."),
    ] = None,
    out: Annotated[Path, path_option("Folder of the figures.")] = Path("runs/tune-avalign"),
    allow_missing: options.AllowMissing = False,
    seed: options.Seed = 0,
    workers: options.Workers = CORES,
) -> None:
    """Choose onset and motion-peak settings on annotated hits; report them on others.

    Example: svbench tune-avalign --data-root vis-data-256 --actions hit
    """
    from svbench.engines.local import Local
    from svbench.reports.figures.hit_traces import HitTrace, draw
    from svbench.training.detectors import FPS, TuningConfig, tune

    alone = fps is not None and data_root is None
    options.check_together("--fps", alone, "beside --data-root: drawn clips have their own rate")
    config = TuningConfig(
        data_root=data_root,
        actions=actions,
        tolerance=1 / 15 if tolerance is None else tolerance,
        clips=clips,
        fps=FPS if fps is None else fps,
        seed=seed,
        allow_missing=allow_missing,
    )
    check_folder(out)
    with progress_bars() as progress:
        tuning = tune(config, out, Local(workers), progress)
    traces = [
        HitTrace(t.title, t.times, t.motion, t.unit, t.hits, t.onsets, t.peaks)
        for t in tuning.worst
    ]
    draw(traces, out / "worst.svg")
    typer.echo(tuning.table)
    typer.echo(f"settings and figures: {out / 'tuned.json'}   worst clips: {out / 'worst.svg'}")
    typer.echo(f"as detectors: --metrics av-align-corrected@{out / 'tuned.json'}")
