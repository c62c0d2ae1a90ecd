"""The commands `svbench weights list, fetch, verify, import, random`.

No tensor is read, unless a file is checked that is not on record yet.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from svbench.cli.parsing import number, path_argument
from svbench.cli.progress import progress_bars
from svbench.errors import DataError
from svbench.files.destinations import check_folder

if TYPE_CHECKING:
    from svbench.files.weights.folder import Checked
    from svbench.files.weights.published import Published

app = typer.Typer(
    help="List, fetch, verify and import the weights of other people's networks; make random ones.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Names = Annotated[list[str], typer.Argument(help="Names as in `svbench weights list`.")]


@app.command("list")
def list_weights() -> None:
    """Show which weights there are, under which licence, and which lie in the folder.

    Example: svbench weights list
    """
    from svbench.files.weights import folder as store
    from svbench.files.weights import published

    typer.echo(f"weights in {store.weights_folder()}")
    problems = []
    for name, known in published.PUBLISHED.items():
        try:
            found = store.find(name)
            which = "random weights" if found and found.random else "yes"
            here = f"{which}, sha256 {found.sha256[:12]}" if found else "no"
        except DataError as error:
            here = "wrong"
            problems.append(str(error))
        size = f"{known.size / 1e6:,.1f} MB"
        typer.echo(f"\n{name}\n  {known.what}\n  {known.file}, {size}, licence: {known.licence}")
        typer.echo(f"  here: {here}")
    if problems:
        raise DataError.of(problems)


@app.command("fetch")
def fetch(
    names: Names,
    offline: Annotated[bool, typer.Option(help="Download nothing: fail if absent.")] = False,
) -> None:
    """Download weights; an interrupted download is resumed.

    Example: svbench weights fetch i3d vggish
    """
    from svbench.files.weights import folder as store
    from svbench.files.weights import published

    for known in [published.entry(name) for name in names]:  # a wrong name before gigabytes
        if offline:
            typer.echo(f"{known.name}: {store.require(known.name).path}")
            continue
        about = f"{known.what}; licence: {known.licence}; from {known.address}"
        typer.echo(f"{known.name}: {about}")
        _print(_with_bar(known))


def _with_bar(known: Published) -> Checked:
    """Fetch a file under a bar."""
    from rich.progress import DownloadColumn, Progress

    from svbench.files.weights import folder as store

    with Progress(*Progress.get_default_columns(), DownloadColumn()) as bars:
        task = bars.add_task(known.file, total=known.size)
        return store.fetch(
            known.name,
            lambda done, whole: bars.update(task, completed=done, total=whole or None),
        )


@app.command("verify")
def verify() -> None:
    """Read every byte of the weights in the folder; compare structures and digests.

    Example: svbench weights verify
    """
    from svbench.files.weights import folder as store
    from svbench.files.weights import published

    problems = []
    for name in published.PUBLISHED:
        try:
            found = store.verify(name)
            typer.echo(f"{name}: {found.standing if found else 'absent'}")
        except DataError as error:
            typer.echo(f"{name}: wrong")
            problems.append(str(error))
    if problems:
        raise DataError.of(problems)


@app.command("import")
def import_file(
    name: Annotated[str, typer.Argument(help="A name as in `svbench weights list`.")],
    file: Annotated[Path, path_argument("The file you already have.")],
) -> None:
    """Copy a file that you have into the folder of weights, if it is the right one.

    Example: svbench weights import imagebind ~/imagebind_huge.pth
    """
    from svbench.files.weights import folder as store

    _print(store.put(name, file))


@app.command("random")
def random(
    out: Annotated[Path, path_argument("A new folder, or one that this command began.")],
    mixer: Annotated[
        list[str] | None, typer.Option(help="Of joint weights, once or more; default: cmc-pe.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="A part, once or more: joint, or a name of svbench weights list."),
    ] = None,
    size: Annotated[
        str, typer.Option(help="Of the joint model: paper, or tiny for tests.")
    ] = "paper",
    seed: Annotated[int, number("seed", "Of all numbers.")] = 0,
) -> None:
    """Write random weights of true size, for load tests and timing; the same command goes on.

    Base models and joint weights come to OUT, the networks of metrics to OUT/networks, all in
    half precision and in the forms of the published files. Tables made from them say so.

    Example: svbench weights random /data/random --mixer cmc-pe --mixer cross-attention
    """
    check_folder(out, "OUT")
    from svbench.catalog.random_weights import FOLDER, PARTS, RandomWeights, write
    from svbench.catalog.systems import ADJUSTED

    wanted = RandomWeights(mixer or ADJUSTED, only or PARTS, size, seed)
    with progress_bars() as bars:
        write(out, wanted, bars, typer.echo)
    for folder in wanted.joint_folders(out):
        typer.echo(f"joint model: svbench run --scale paper --weights {folder} ...")
    if wanted.has_networks:
        typer.echo(f"networks of metrics: SVBENCH_WEIGHTS={out / FOLDER} svbench ...")


def _print(found: Checked) -> None:
    typer.echo(f"{found.file.name}: {found.file.path}: {found.standing}")
