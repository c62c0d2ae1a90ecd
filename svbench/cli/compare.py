"""The command `compare`: several runs in one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from svbench import api
from svbench.cli import common as options
from svbench.cli.output import print_or_write
from svbench.cli.parsing import path_argument, path_option, read_names
from svbench.errors import ConfigError
from svbench.files.destinations import check_file


def compare(
    run_folders: Annotated[
        list[Path], path_argument("Two run folders or more; beside --training-seeds, one.")
    ],
    against: Annotated[
        str | None,
        typer.Option(help="Compare with this row, NAME or RUN:NAME; default: first model."),
    ] = None,
    training_seeds: Annotated[
        list[str] | None,
        typer.Option(
            help="A model trained with several seeds: NAME=ROW,ROW, or NAME of a row that each run "
            "has; may be repeated.",
        ),
    ] = None,
    metrics: options.Columns = (),
    format: Annotated[  # noqa: A002
        str, typer.Option(help="text, markdown, latex, csv or json.")
    ] = "text",
    out: Annotated[Path | None, path_option("Write to this file instead.")] = None,
) -> None:
    """Put the rows of several runs into one table, where they were judged alike.

    With --training-seeds, rows that are trainings of one model also give its mean over them, and
    differences of models whose intervals hold the scatter of trainings.

    Example: svbench compare runs/before runs/after --against cmc-pe-gamma1.5
    """
    from svbench.reports.compare.run_comparison import FORMATS
    from svbench.reports.tables.text import show

    if format not in FORMATS:
        raise ConfigError(f"--format: found {format!r}, expected one of {', '.join(FORMATS)}")
    check_file(out, "--out", run_folders)
    found = api.compare(
        *run_folders, metrics=metrics, against=against, training_seeds=_models(training_seeds or ())
    )
    if format == "text" and out is None:
        show(found.sheets)
    else:
        print_or_write(FORMATS[format](found), out)


def _models(words: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Read --training-seeds: name -> rows, none where rows are found by the name."""
    found: dict[str, tuple[str, ...]] = {}
    for word in words:
        name, equals, rows = word.partition("=")
        if not name.strip() or name.strip() in found:
            wanted = "NAME or NAME=ROW,ROW, each NAME once"
            raise ConfigError(f"--training-seeds: found {word!r}, expected {wanted}")
        found[name.strip()] = read_names("--training-seeds", rows) if equals else ()
    return found
