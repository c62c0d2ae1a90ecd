"""The commands `svbench systems list, show, check`: other people's systems on this machine.

Nothing is downloaded: what is missing comes with the command that brings it.
"""

from __future__ import annotations

from typing import Annotated

import typer

from svbench.errors import DataError

app = typer.Typer(
    help="List other people's systems, show one, check what it lacks on this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[
    str, typer.Argument(help="As --systems takes it: NAME, NAME@MODE or external:PATH.")
]


@app.command("list")
def list_systems() -> None:
    """Show which external systems and pipelines of diffusers there are, and which are ready.

    Example: svbench systems list
    """
    from svbench.catalog.external_listing import lines_of_all

    for line in lines_of_all():
        typer.echo(line)


@app.command("show")
def show(name: Name) -> None:
    """Show all that is known of a system: where it comes from, its format, its traps.

    Example: svbench systems show mm-diffusion
    """
    from svbench.catalog.external import find_system
    from svbench.catalog.external_listing import lines_of
    from svbench.catalog.systems import SYSTEMS

    for line in lines_of(find_system(name, SYSTEMS)):
        typer.echo(line)


@app.command("check")
def check(name: Name) -> None:
    """Check what a system lacks on this machine; exit code 3 if there is something.

    Example: svbench systems check mm-diffusion
    """
    from svbench.catalog.external import find_system, lacks
    from svbench.catalog.systems import SYSTEMS

    named = find_system(name, SYSTEMS)
    if missing := lacks(named):
        raise DataError.of([f"{name}: {lack}" for lack in missing])
    typer.echo(f"{name}: ready, in {named.place.root}")
