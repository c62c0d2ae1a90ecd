"""The commands that read result files, and nothing else: `report`, `check`, `compare`."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from svbench._version import __version__
from svbench.cli import clip_figure as cli_pages
from svbench.cli import common as options
from svbench.errors import ConfigError, RegressionError

if TYPE_CHECKING:
    from svbench.files.results import ClipValues
    from svbench.types import ResultTable

RunFolder = Annotated[Path, options.path_argument("A run folder, or its results.json.")]
Metrics = Annotated[
    str | None, typer.Option(help="Only these columns, comma-separated, in this order.")
]
Out = Annotated[
    Path | None,
    options.path_option("Write to this file instead (a folder, if it is a page)."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    _add_report(app)
    _add_check(app)
    _add_compare(app)


def _add_report(app: typer.Typer) -> None:
    @app.command()
    def report(
        run_folder: RunFolder,
        format: Annotated[  # noqa: A002
            str,
            typer.Option(help="text, markdown, latex, csv, json, clips, model-index or html."),
        ] = "text",
        out: Out = None,
        metrics: Metrics = None,
        svg: Annotated[
            Path | None, options.path_option("Save the table as a picture, too; not with html.")
        ] = None,
        gallery: Annotated[
            int | None,
            options.number("gallery", "html: requests shown with clips; default: up to 24."),
        ] = None,
        compact: Annotated[
            bool, typer.Option("--compact", help="latex, markdown: no counts, a short caption.")
        ] = False,
        intervals: Annotated[
            bool, typer.Option(help="Beside --compact: intervals in small print, or none.")
        ] = True,
    ) -> None:
        """Print the table of a run again, as text or for papers, web pages and programs.

        With html, a folder with one page, figures and clips is written: RUN/report, or --out.

        Example: svbench report runs/greatesthits-mini --format latex --out table.tex
        """
        from svbench.reports.tables.formats import (
            COMPACT,
            FORMATS,
            compacted,
            select_columns,
            sheets,
        )
        from svbench.reports.tables.text import save_svg, show

        columns = options.names("--metrics", metrics)
        alone = compact and format not in COMPACT
        options.check_together("--compact", alone, f"beside --format {' or '.join(COMPACT)}")
        options.check_together("--no-intervals", not (compact or intervals), "beside --compact")
        if format == "html":  # a folder, not one text
            options.check_together("--svg", svg is not None, "beside other formats than html")
            cli_pages.write_html(run_folder, out, columns, gallery)
            return
        _check_format(format, FORMATS)
        options.check_together("--gallery", gallery is not None, "beside --format html")
        options.check_file(out, "--out", [run_folder])
        options.check_file(svg, "--svg", [run_folder])
        whole, scores = read_run(run_folder)
        table = select_columns(whole, columns)
        if format == "text" and out is None:
            show(sheets(table, scores))
        elif compact:
            put(compacted(format, table, scores, intervals=intervals), out)
        else:
            put(FORMATS[format](table, scores), out)
        if svg is not None:
            save_svg(sheets(table, scores)[:1], svg)


def _add_check(app: typer.Typer) -> None:
    @app.command()
    def check(
        run_folder: RunFolder,
        golden: Annotated[Path, options.path_option("The golden file.")],
        markdown: Annotated[
            Path | None, options.path_option("Write the findings here, too.")
        ] = None,
        junit: Annotated[Path | None, options.path_option("And here, as JUnit XML.")] = None,
        update: Annotated[bool, typer.Option("--update", help="Take this run as golden.")] = False,
        reason: Annotated[str | None, typer.Option(help="Why, for the file's history.")] = None,
        tolerance: Annotated[
            list[str] | None,
            typer.Option(help="With --update: METRIC=absolute:0.01, relative:0.05 or interval."),
        ] = None,
    ) -> None:
        """Hold a table against a golden one, metric by metric; exit code 5 where it moved.

        Example: svbench check runs/greatesthits-mini --golden golden.json
        """
        from svbench.files.results import load_table
        from svbench.reports.compare.drift import find_drift
        from svbench.reports.compare.drift_formats import (
            advice,
            headline,
            junit_verdict,
            markdown_verdict,
            show_verdict,
        )
        from svbench.reports.compare.golden import load_golden

        options.check_file(golden, "--golden", [run_folder])
        for flag, path in (("--markdown", markdown), ("--junit", junit)):
            options.check_together(flag, update and path is not None, "without --update")
            options.check_file(path, flag, [run_folder])
        table = load_table(run_folder)
        if update or reason is not None or tolerance:
            _update(golden, table, update, reason, tolerance or [])
            return
        verdict = find_drift(load_golden(golden), table)
        if markdown is not None:
            put(markdown_verdict(verdict, table.title), markdown, "--markdown")
        if junit is not None:
            put(junit_verdict(verdict, table.title), junit, "--junit")
        show_verdict(verdict)
        if not verdict.passes:
            raise RegressionError(f"{golden}: {headline(verdict)}; {advice(verdict)}")


def _add_compare(app: typer.Typer) -> None:
    @app.command()
    def compare(
        run_folders: Annotated[list[Path], options.path_argument("Two run folders or more.")],
        against: Annotated[
            str | None,
            typer.Option(help="Compare with this row, NAME or RUN:NAME; default: first model."),
        ] = None,
        metrics: Metrics = None,
        format: Annotated[  # noqa: A002
            str, typer.Option(help="text, markdown, latex, csv or json.")
        ] = "text",
        out: Out = None,
    ) -> None:
        """Put the rows of several runs into one table, where they were judged alike.

        Example: svbench compare runs/before runs/after --against cmc-pe-gamma1.5
        """
        from svbench.files.results import load_requests
        from svbench.reports.compare.run_comparison import FORMATS
        from svbench.reports.compare.run_comparison import compare as compare_runs
        from svbench.reports.compare.shared_requests import Run
        from svbench.reports.tables.text import show

        if format not in FORMATS:
            raise ConfigError(f"--format: found {format!r}, expected one of {', '.join(FORMATS)}")
        if len(run_folders) < 2:
            raise ConfigError(f"{run_folders[0]}: found one run folder, expected two or more")
        columns = options.names("--metrics", metrics)
        options.check_file(out, "--out", run_folders)
        stems = [Path(os.path.realpath(folder)).name for folder in run_folders]
        apart = len(set(stems)) == len(stems)
        run_names = stems if apart else list(map(str, run_folders))
        named = zip(run_names, run_folders, strict=True)
        runs = [Run(n, *read_run(f), load_requests(f)) for n, f in named]
        found = compare_runs(runs, columns, against)
        if format == "text" and out is None:
            show(found.sheets)
        else:
            put(FORMATS[format](found), out)


def _update(
    file: Path, table: ResultTable, update: bool, reason: str | None, tolerance: list[str]
) -> None:
    """Write a table into a golden file, with what moved and why."""
    from svbench.reports.compare.drift import find_drift
    from svbench.reports.compare.golden import (
        Entry,
        dump_golden,
        load_golden,
        parse_tolerances,
        updated,
    )

    if not update:
        raise ConfigError("--reason and --tolerance: found no --update, expected it beside them")
    if not (reason or "").strip():
        raise ConfigError("--update: found no --reason, expected one for the history of the file")
    old = load_golden(file) if file.exists() else None
    found = () if old is None else find_drift(old, table).findings
    changes = tuple(str(finding) for finding in found if finding.outcome != "same")
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    entry = Entry(today, __version__, str(reason).strip(), changes)
    put(dump_golden(updated(old, table, parse_tolerances(tolerance), entry)), file, "--golden")
    for change in changes or ("no value moved" if old else "a first golden table",):
        typer.echo(change)


def _check_format(name: str, texts: Iterable[str]) -> None:
    if name not in texts:
        known = ", ".join((*texts, "html"))
        raise ConfigError(f"--format: found {name!r}, expected one of {known}")


def read_run(path: Path) -> tuple[ResultTable, ClipValues | None]:
    """Read the table of a run, and the scores of its clips if they lie beside it."""
    from svbench.files.results import load_scores, load_table

    scores = (path if path.is_dir() else path.parent) / "scores.csv"
    return load_table(path), load_scores(scores) if scores.exists() else None


def put(text: str, out: Path | None, flag: str = "--out") -> None:
    """Print a text, or write it to a file and say so."""
    if out is None:
        typer.echo(text, nl=False)
        return
    from svbench.files.writing import write_text

    write_text(out, text, flag)
    typer.echo(f"written: {out}", err=True)
