"""The commands `svbench data check, prepare, export`."""

from __future__ import annotations

import typer

from svbench.cli.data_check import check
from svbench.cli.options import spelled_out

app = typer.Typer(
    help="Check, prepare and export data sets.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("check")(spelled_out(check))
