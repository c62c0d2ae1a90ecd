"""The commands `svbench systems list, show, check`: other people's systems on this machine.

Nothing is downloaded: what is missing comes with the command that brings it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from svbench.errors import DataError

if TYPE_CHECKING:
    from svbench.catalog.external import Named

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
    """Show which external systems there are, what they do, and which are ready.

    Example: svbench systems list
    """
    from svbench.baselines.external.description import TASKS
    from svbench.baselines.external.places import shipped, systems_folder
    from svbench.catalog.external import find_system

    typer.echo(f"systems in {systems_folder()} (or set SVBENCH_SYSTEMS)")
    for name in shipped():
        named = find_system(name)
        described = named.place.description
        missing = named.place.lacks(named.mode)
        here = f"{len(missing)} missing: svbench systems check {name}" if missing else "ready"
        typer.echo(f"\n{name}: {described.title}")
        typer.echo(f"  {described.task}: {TASKS[described.task]}; licence: {described.licence}")
        typer.echo(f"  modes: {', '.join(described.modes)}; {here}")
    typer.echo("\none of your own: --systems external:PATH, a description in YAML")


@app.command("show")
def show(name: Name) -> None:
    """Show all that is known of a system: where it comes from, its format, its traps.

    Example: svbench systems show mm-diffusion
    """
    from svbench.catalog.external import find_system

    for line in _shown(find_system(name)):
        typer.echo(line)


@app.command("check")
def check(name: Name) -> None:
    """Check what a system lacks on this machine; exit code 3 if there is something.

    Example: svbench systems check mm-diffusion
    """
    from svbench.catalog.external import find_system, lacks

    named = find_system(name)
    if missing := lacks(named):
        raise DataError.of([f"{name}: {lack}" for lack in missing])
    typer.echo(f"{name}: ready, in {named.place.root}")


def _shown(named: Named) -> Iterator[str]:
    """Yield the lines that show a system."""
    from svbench.baselines.external.description import TASKS
    from svbench.baselines.external.system import native_format

    place, described = named.place, named.place.description
    yield f"{described.name}: {described.title}"
    yield f"  task: {described.task}, {TASKS[described.task]}"
    yield f"  licence: {described.licence}"
    if described.repository is not None:
        yield f"  repository: {described.repository.url}, commit {described.repository.commit}"
    yield f"  checkout: {place.checkout}"
    yield f"  Python: {place.python}"
    yield f"  driver: {place.driver}"
    for weight in described.weights:
        size = "size not known" if weight.size is None else f"{weight.size / 1e6:,.1f} MB"
        modes = f", for {', '.join(weight.modes)}" if weight.modes else ""
        yield f"  weights: {place.weight(weight)}, {size}, licence: {weight.licence}{modes}"
    yield f"  makes: {native_format(described)}"
    if described.given is not None:
        given = described.given
        yield f"  is given: at least {given.length:g} s, by {given.policy}"
    yield f"  duration: {described.duration.policy}; {described.duration.because}"
    for mode, meaning in described.modes.items():
        yield f"  mode {mode}: {meaning}"
    for setting, value in described.settings.items():
        yield f"  setting {setting}: {value}"
    yield f"  samples at a time: {described.batch}"
    limits = described.limits
    yield f"  time limits: {limits.start:g} s to load, {limits.sample:g} s for a sample"
    for trap in described.traps:
        yield f"  trap: {trap}"
