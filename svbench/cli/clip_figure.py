"""The command `clip-figure`: one clip as the paper's Figure 4.

Media are read to make copies that can be drawn, but no model is loaded: torch stays away.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from svbench.cli.parsing import names, path_argument, path_option
from svbench.errors import ConfigError, DataError
from svbench.files.destinations import check_file
from svbench.limits import CORES

if TYPE_CHECKING:
    from svbench.reports.analysis.clip_scores import ClipScores
    from svbench.types import ResultTable

SUFFIXES = (".svg", ".pdf")


def clip_figure(
    run_folder: Annotated[Path, path_argument("A run folder.")],
    request: Annotated[str, typer.Argument(help="As in scores.csv, e.g. my-clip/0.")],
    out: Annotated[Path, path_option("The picture: .pdf for papers, or .svg.")],
    systems: Annotated[tuple[str, ...], names("systems", "Comma-separated; default: all.")] = (),
    metric: Annotated[
        str | None, typer.Option(help="The AV-Align whose events are drawn; default: first.")
    ] = None,
) -> None:
    """Draw a clip as the paper's Figure 4: frames, motion, sound, and what matches.

    Example: svbench clip-figure runs/greatesthits-mini my-clip/0 --out figure4.pdf
    """
    from svbench.files.results import load_table
    from svbench.reports.analysis.clip_scores import read_clip_scores
    from svbench.reports.figures.clip_figure import select_rows

    check_file(out, "--out", [run_folder])
    if out.suffix.lower() not in SUFFIXES:
        found = f"found the ending {out.suffix!r}, expected {' or '.join(SUFFIXES)}"
        raise ConfigError(f"--out {out}: {found}")
    scores = read_clip_scores(run_folder)
    table = select_rows(load_table(run_folder), systems)
    if request not in scores.requests:
        first = ", ".join(scores.requests[:3]) or "none at all"
        raise ConfigError(f"REQUEST: found {request!r}, expected one of the run's, as {first}")
    _draw(run_folder, table, scores, request, metric, out)
    typer.echo(f"figure: {out}", err=True)


def _draw(
    run: Path,
    table: ResultTable,
    scores: ClipScores,
    request: str,
    metric: str | None,
    out: Path,
) -> None:
    from svbench.catalog.gallery import gallery_of
    from svbench.engines.local import Local
    from svbench.reports.figures.clip_figure import draw, panels_of

    with TemporaryDirectory(prefix="svbench-") as name:  # nothing but the picture is kept
        folder = Path(name)
        views = gallery_of(run, table, [request], folder, Local(CORES))
        if views.problems:
            raise DataError.of(list(views.problems.values()))
        draw(panels_of(table, scores, views, request, metric), folder, out)
