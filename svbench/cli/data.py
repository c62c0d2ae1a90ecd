"""The commands `svbench data check, prepare, export`: real data sets, from archive to folder."""

from __future__ import annotations

import typer

from svbench.cli.data_check import check
from svbench.cli.data_export import export
from svbench.cli.data_prepare import prepare
from svbench.cli.options import spelled_out

app = typer.Typer(
    help="Check, prepare and export data sets.", no_args_is_help=True, rich_markup_mode=None
)

for _command in (check, prepare, export):
    app.command(_command.__name__)(spelled_out(_command))
