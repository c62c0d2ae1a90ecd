"""The commands that show clips: the page of `report --format html`, and `clip-figure`.

They read media to make copies a browser plays, but load no model: torch stays away.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from svbench.errors import ConfigError, DataError

# As many threads as this process may use: copying clips is decoding and encoding.
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
FOLDER = "report"  # below the run folder, where no other is asked for


def write_html(run: Path, out: Path | None, metrics: tuple[str, ...], gallery: int | None) -> None:
    """Write the page of a run folder, with copies of the clips of some requests."""
    from svbench.engine import Local
    from svbench.gallery import make_gallery
    from svbench.reports.choice import choose
    from svbench.reports.clip_scores import read_clip_scores
    from svbench.reports.formats import only
    from svbench.reports.page import write_page
    from svbench.results import load_table

    run = run if run.is_dir() else run.parent
    out = out or run / FOLDER
    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out}: found a file, expected a folder for the page")
    table, scores = only(load_table(run), metrics), read_clip_scores(run)
    choice = choose(table, scores, gallery)
    typer.echo(f"copying clips of {len(choice.why)} requests", err=True)
    views = make_gallery(run, table, list(choice.why), out, Local(CORES))
    page = write_page(run, out, gallery=views, choice=choice, table=table, scores=scores)
    typer.echo(f"page: {page}", err=True)


def register(app: typer.Typer, names: Callable[[str | None], tuple[Any, ...]]) -> None:
    """Add the command; `names` reads a comma-separated list."""

    @app.command("clip-figure")
    def clip_figure(
        run_folder: Annotated[Path, typer.Argument(help="A run folder.")],
        request: Annotated[str, typer.Argument(help="As in scores.csv, e.g. my-clip/0.")],
        out: Annotated[Path, typer.Option(help="The picture: .pdf for papers, or .svg.")],
        systems: Annotated[str | None, typer.Option(help="Comma-separated; default: all.")] = None,
        metric: Annotated[
            str | None, typer.Option(help="The AV-Align whose events are drawn; default: first.")
        ] = None,
    ) -> None:
        """Draw a clip as the paper's Figure 4: frames, motion, sound, and what matches.

        Example: svbench clip-figure runs/greatesthits-mini my-clip/0 --out figure4.pdf
        """
        from svbench.engine import Local
        from svbench.gallery import make_gallery
        from svbench.reports.clip_figure import draw, panels_of, rows_of
        from svbench.reports.clip_scores import read_clip_scores
        from svbench.results import load_table

        scores = read_clip_scores(run_folder)
        table = rows_of(load_table(run_folder), names(systems))
        if request not in scores.requests:
            first = ", ".join(scores.requests[:3]) or "none at all"
            raise ConfigError(f"REQUEST: found {request!r}, expected one of the run's, as {first}")
        folder = run_folder / FOLDER
        views = make_gallery(run_folder, table, [request], folder, Local(CORES))
        if views.problems:
            raise DataError.of(list(views.problems.values()))
        draw(panels_of(table, scores, views, request, metric), folder, out)
        typer.echo(f"figure: {out}", err=True)
