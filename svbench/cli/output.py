"""What commands print: tables and texts on the output stream, notes on the error stream."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from svbench.api.results import Results


def print_results(results: Results, *, as_json: bool) -> None:
    """Print the table of a run and where its files lie, or its results.json alone."""
    from svbench.files.results import dump_table
    from svbench.reports.tables.sheet import arrange
    from svbench.reports.tables.text import show

    if as_json:
        typer.echo(dump_table(results.table), nl=False)
        return
    show([arrange(results.table, results.scores)])
    folder = results.path
    typer.echo(f"results: {folder / 'results.json'}   per clip: {folder / 'scores.csv'}")


def print_note(line: str) -> None:
    """Print a note on the error stream."""
    print(f"svbench: note: {line}", file=sys.stderr)


def print_or_write(text: str, out: Path | None, flag: str = "--out") -> None:
    """Print a text, or write it to a file, which a line on the error stream then names."""
    if out is None:
        typer.echo(text, nl=False)
        return
    from svbench.files.writing import write_text

    write_text(out, text, flag)
    typer.echo(f"written: {out}", err=True)
