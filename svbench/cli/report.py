"""The command `report`: the table of a run, in every format."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from svbench.cli import common as options
from svbench.cli.output import print_or_write
from svbench.cli.parsing import number, path_option
from svbench.engines.choice import EngineChoice
from svbench.errors import ConfigError
from svbench.files.destinations import check_apart, check_file, check_folder

if TYPE_CHECKING:
    from svbench.api.imported import Import

PAGE_FOLDER = "report"  # below the run folder, where `--out` names no other


def report(
    run_folder: options.RunFolder,
    engine: options.EngineOptions,
    format: Annotated[  # noqa: A002
        str,
        typer.Option(help="text, markdown, latex, csv, json, model-index, clips or html."),
    ] = "text",
    out: options.TextOut = None,
    metrics: options.Columns = (),
    svg: Annotated[
        Path | None, path_option("Save the table as a picture, too; not with html.")
    ] = None,
    gallery: Annotated[
        int | None,
        number("gallery", "html: requests shown with clips; default: up to 24."),
    ] = None,
    compact: Annotated[
        bool, typer.Option("--compact", help="latex, markdown: no counts, a short caption.")
    ] = False,
    intervals: Annotated[
        bool, typer.Option(help="Beside --compact: intervals in small print, or none.")
    ] = True,
    by: Annotated[
        str | None,
        typer.Option(help="A row per category of this kind: class, material, action ..."),
    ] = None,
    min_clips: Annotated[
        int | None, number("min_clips", "Beside --by: put smaller categories together.")
    ] = None,
    ranks: Annotated[
        bool, typer.Option("--ranks", help="text, markdown, latex: the ranks of models, below.")
    ] = False,
    import_scores: options.ImportScores = None,
    import_better: options.ImportBetter = None,
) -> None:
    """Print the table of a run again, as text or for papers, web pages and programs.

    With --by, there is a table for each metric that scores single clips: categories below each
    other, systems side by side. With --ranks, a second table has for each model the ranks that the
    comparisons leave open; html, csv and json always hold them. With html, a folder with one page,
    figures and clips is written: RUN/report, or --out. Columns that --import-scores brings stand
    behind those of --metrics, or where that names them.

    Example: svbench report runs/greatesthits-mini --format latex --out table.tex
    """
    _check_compact(format, compact=compact, intervals=intervals)
    options.check_together("--min-clips", min_clips is not None and by is None, "beside --by")
    if ranks:
        _check_ranks(format, alone=not compact and by is None and svg is None)
    if by is not None:
        _check_by(format)
        options.check_together("--svg", svg is not None, "without --by")
    imports = options.read_imports(import_scores, import_better)
    if format == "html":  # a folder, not one text
        options.check_together("--svg", svg is not None, "beside other formats than html")
        metrics = _with_imported(metrics, imports)
        _import(run_folder, imports)
        _write_page(run_folder, out, metrics, gallery, engine.choice())
        return
    _check_format(format)
    options.check_together("--gallery", gallery is not None, "beside --format html")
    chosen = engine.choice() != EngineChoice()
    options.check_together("--engine, --workers", chosen, "beside --format html")
    check_file(out, "--out", [run_folder])
    check_file(svg, "--svg", [run_folder])
    metrics = _with_imported(metrics, imports)
    _import(run_folder, imports)
    compact_intervals = intervals if compact else None
    if ranks:
        _print_ranks(run_folder, format, out, metrics)
    elif by is None:
        _print_table(run_folder, format, out, metrics, svg, compact_intervals)
    else:
        _print_categories(run_folder, format, out, metrics, compact_intervals, by, min_clips or 1)


def _import(run: Path, imports: tuple[Import, ...]) -> None:
    """Join imported files to the results of a run, before these are shown."""
    if imports:
        from svbench.api.results import load_results

        options.join_imports(load_results(run), imports)


def _with_imported(metrics: tuple[str, ...], imports: tuple[Import, ...]) -> tuple[str, ...]:
    """Return the columns to show: those named, then what this call imports and names not."""
    from svbench.files.imported import column_name

    brought = [column_name(c.form, c.name) for one in imports for c in one.scores.columns]
    return tuple(dict.fromkeys((*metrics, *brought))) if metrics else ()


def _check_by(format: str) -> None:  # noqa: A002
    from svbench.reports.tables.by_category import FORMATS

    wanted = f"beside --format {', '.join(FORMATS)}; html shows every kind of categories"
    options.check_together("--by", format not in FORMATS, wanted)


def _check_ranks(format: str, *, alone: bool) -> None:  # noqa: A002
    from svbench.reports.tables.formats import RANKED

    named = ", ".join(RANKED)
    options.check_together("--ranks", format not in RANKED, f"beside --format {named}")
    options.check_together("--ranks", not alone, "without --by, --compact and --svg")


def _check_compact(format: str, *, compact: bool, intervals: bool) -> None:  # noqa: A002
    from svbench.reports.tables.formats import COMPACT

    alone = compact and format not in COMPACT
    options.check_together("--compact", alone, f"beside --format {' or '.join(COMPACT)}")
    options.check_together("--no-intervals", not (compact or intervals), "beside --compact")


def _check_format(name: str) -> None:
    from svbench.reports.tables.formats import CLIP_FORMATS, FORMATS

    if name not in (*FORMATS, *CLIP_FORMATS):
        known = ", ".join((*FORMATS, *CLIP_FORMATS, "html"))
        raise ConfigError(f"--format: found {name!r}, expected one of {known}")


def _print_table(
    run: Path,
    format: str,  # noqa: A002
    out: Path | None,
    metrics: tuple[str, ...],
    svg: Path | None,
    compact_intervals: bool | None,
) -> None:
    """Print or write a table; `compact_intervals` is None where it is not to be compact."""
    from svbench.api.results import load_results
    from svbench.reports.tables.formats import (
        CLIP_FORMATS,
        FORMATS,
        compacted,
        select_columns,
        sheets,
    )
    from svbench.reports.tables.text import save_svg, show

    results = load_results(run)
    scores = results.scores
    table = select_columns(results.table, metrics)
    if format == "text" and out is None:
        show(sheets(table, scores))
    elif format in CLIP_FORMATS:
        print_or_write(CLIP_FORMATS[format](table, scores, results.requests or {}), out)
    elif compact_intervals is not None:
        print_or_write(compacted(format, table, scores, intervals=compact_intervals), out)
    else:
        print_or_write(FORMATS[format](table, scores), out)
    if svg is not None:
        save_svg(sheets(table, scores)[:1], svg)


def _print_ranks(
    run: Path,
    format: str,  # noqa: A002
    out: Path | None,
    metrics: tuple[str, ...],
) -> None:
    """Print or write a table, and the ranks of its models below it."""
    from svbench.api.results import load_results
    from svbench.reports.tables.formats import ranked, select_columns, with_ranks
    from svbench.reports.tables.text import show

    results = load_results(run)
    table = select_columns(results.table, metrics)
    if format == "text" and out is None:
        show(with_ranks(table, results.scores))
    else:
        print_or_write(ranked(format, table, results.scores), out)


def _print_categories(
    run: Path,
    format: str,  # noqa: A002
    out: Path | None,
    metrics: tuple[str, ...],
    compact_intervals: bool | None,
    kind: str,
    least: int,
) -> None:
    """Print or write the tables by category; see `_print_table`."""
    from svbench.api.results import load_results
    from svbench.reports.tables.by_category import FORMATS, by_category, compacted, sheets
    from svbench.reports.tables.formats import select_columns
    from svbench.reports.tables.text import show

    results = load_results(run)
    table = select_columns(results.table, metrics)
    found = by_category(table, results.scores_of_clips(), results.requests or {}, kind, least)
    if format == "text" and out is None:
        show(sheets(found))
    elif compact_intervals is not None:
        print_or_write(compacted(format, found, intervals=compact_intervals), out)
    else:
        print_or_write(FORMATS[format](found), out)


def _write_page(
    run: Path,
    out: Path | None,
    metrics: tuple[str, ...],
    gallery: int | None,
    choice_of_engine: EngineChoice,
) -> None:
    """Write the page of a run folder, with copies of the clips of some requests.

    Media are read to make copies that a browser plays, but no model is loaded.
    """
    from svbench.api.results import load_results
    from svbench.catalog.gallery import gallery_of
    from svbench.reports.analysis.clip_scores import read_clip_scores
    from svbench.reports.page.clip_choice import choose
    from svbench.reports.page.html import check_ours, write_page
    from svbench.reports.tables.formats import select_columns
    from svbench.walk.run import RECORD

    run = run if run.is_dir() else run.parent
    out = out or run / PAGE_FOLDER
    check_folder(out)
    check_apart(out / "data", "--out", [run])  # else the page's would come to the run's
    check_ours(out)
    results = load_results(run)
    scores = read_clip_scores(run).joined(results.imported_scores)
    table, requests = select_columns(results.table, metrics), results.requests or {}
    choice = choose(table, scores, gallery)
    typer.echo(f"copying clips of {len(choice.why)} requests", err=True)
    proof = run.absolute() / RECORD
    with closing(choice_of_engine.start(device="cpu", proof=proof)) as engine:
        views = gallery_of(run, table, list(choice.why), out, engine)
    page = write_page(
        run, out, gallery=views, choice=choice, table=table, scores=scores, requests=requests
    )
    typer.echo(f"page: {page}", err=True)
