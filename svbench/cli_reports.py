"""The commands that read result files, and nothing else: `report`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from svbench.errors import ConfigError

if TYPE_CHECKING:
    from svbench.results import ClipValues
    from svbench.types import ResultTable

RunFolder = Annotated[Path, typer.Argument(help="A run folder, or its results.json.")]
Metrics = Annotated[
    str | None, typer.Option(help="Only these columns, comma-separated, in this order.")
]
Out = Annotated[Path | None, typer.Option(help="Write to this file instead of the terminal.")]


def register(app: typer.Typer, names: Callable[[str | None], tuple[Any, ...]]) -> None:
    """Add the commands; `names` reads a comma-separated list."""

    @app.command()
    def report(
        run_folder: RunFolder,
        format: Annotated[  # noqa: A002
            str,
            typer.Option(help="text, markdown, latex, csv, json, clips or model-index."),
        ] = "text",
        out: Out = None,
        metrics: Metrics = None,
        svg: Annotated[Path | None, typer.Option(help="Save the table as a picture, too.")] = None,
    ) -> None:
        """Print the table of a run again, as text or for papers, web pages and programs.

        Example: svbench report runs/greatesthits-mini --format latex --out table.tex
        """
        from svbench.reports.formats import FORMATS, only, sheets
        from svbench.reports.text import save_svg, show

        if format not in FORMATS:
            raise ConfigError(f"--format: found {format!r}, expected one of {', '.join(FORMATS)}")
        whole, scores = read_run(run_folder)
        table = only(whole, names(metrics))
        if format == "text" and out is None:
            show(sheets(table, scores))
        else:
            put(FORMATS[format](table, scores), out)
        if svg is not None:
            save_svg(sheets(table, scores)[:1], svg)


def read_run(path: Path) -> tuple[ResultTable, ClipValues | None]:
    """Read the table of a run, and the scores of its clips if they lie beside it."""
    from svbench.results import load_scores, load_table

    scores = (path if path.is_dir() else path.parent) / "scores.csv"
    return load_table(path), load_scores(scores) if scores.exists() else None


def put(text: str, out: Path | None) -> None:
    """Print a text, or write it to a file and say so."""
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--out {out}: cannot be written ({error.strerror})") from error
    typer.echo(f"written: {out}", err=True)
