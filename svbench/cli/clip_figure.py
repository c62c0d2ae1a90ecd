"""The commands that show clips: the page of `report --format html`, and `clip-figure`.

They read media to make copies a browser plays, but load no model: torch stays away.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from svbench.cli import common as options
from svbench.errors import ConfigError, DataError

SUFFIXES = (".svg", ".pdf")
FOLDER = "report"  # below the run folder, where no other is asked for


def write_html(run: Path, out: Path | None, metrics: tuple[str, ...], gallery: int | None) -> None:
    """Write the page of a run folder, with copies of the clips of some requests."""
    from svbench.catalog.gallery import gallery_of
    from svbench.engines.local import Local
    from svbench.files.results import load_table
    from svbench.reports.analysis.clip_scores import read_clip_scores
    from svbench.reports.page.clip_choice import choose
    from svbench.reports.page.html import check_ours, write_page
    from svbench.reports.tables.formats import select_columns

    run = run if run.is_dir() else run.parent
    out = out or run / FOLDER
    options.check_folder(out)
    options.check_apart(out / "data", "--out", [run])  # else the page's would come to the run's
    check_ours(out)
    table, scores = select_columns(load_table(run), metrics), read_clip_scores(run)
    choice = choose(table, scores, gallery)
    typer.echo(f"copying clips of {len(choice.why)} requests", err=True)
    views = gallery_of(run, table, list(choice.why), out, Local(options.CORES))
    page = write_page(run, out, gallery=views, choice=choice, table=table, scores=scores)
    typer.echo(f"page: {page}", err=True)


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("clip-figure")
    def clip_figure(
        run_folder: Annotated[Path, options.path_argument("A run folder.")],
        request: Annotated[str, typer.Argument(help="As in scores.csv, e.g. my-clip/0.")],
        out: Annotated[Path, options.path_option("The picture: .pdf for papers, or .svg.")],
        systems: Annotated[str | None, typer.Option(help="Comma-separated; default: all.")] = None,
        metric: Annotated[
            str | None, typer.Option(help="The AV-Align whose events are drawn; default: first.")
        ] = None,
    ) -> None:
        """Draw a clip as the paper's Figure 4: frames, motion, sound, and what matches.

        Example: svbench clip-figure runs/greatesthits-mini my-clip/0 --out figure4.pdf
        """
        from svbench.catalog.gallery import gallery_of
        from svbench.engines.local import Local
        from svbench.files.results import load_table
        from svbench.reports.analysis.clip_scores import read_clip_scores
        from svbench.reports.figures.clip_figure import draw, panels_of, select_rows

        wanted = options.names("--systems", systems)
        options.check_file(out, "--out", [run_folder])
        if out.suffix.lower() not in SUFFIXES:
            found = f"found the ending {out.suffix!r}, expected {' or '.join(SUFFIXES)}"
            raise ConfigError(f"--out {out}: {found}")
        scores = read_clip_scores(run_folder)
        table = select_rows(load_table(run_folder), wanted)
        if request not in scores.requests:
            first = ", ".join(scores.requests[:3]) or "none at all"
            raise ConfigError(f"REQUEST: found {request!r}, expected one of the run's, as {first}")
        with TemporaryDirectory(prefix="svbench-") as name:  # nothing but the picture is kept
            folder = Path(name)
            views = gallery_of(run_folder, table, [request], folder, Local(options.CORES))
            if views.problems:
                raise DataError.of(list(views.problems.values()))
            draw(panels_of(table, scores, views, request, metric), folder, out)
        typer.echo(f"figure: {out}", err=True)
