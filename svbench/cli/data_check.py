"""The command `svbench data check`: what is wrong in the folder of a data set."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from svbench.cli import common as options
from svbench.cli.parsing import path_option
from svbench.cli.progress import progress_bars
from svbench.errors import ConfigError, DataError
from svbench.files.destinations import check_folder
from svbench.files.text import counted, shown

if TYPE_CHECKING:
    from svbench.audit.audit import Report, SplitReport
    from svbench.audit.kinds import Finding

STYLES: Final = {"fault": "bold red", "note": "yellow"}
EXAMPLES: Final = 3  # clips of a kind that the table names


def check(
    engine: options.EngineOptions,
    dataset: options.Dataset,
    data_root: options.RealRoot = None,
    captions: options.Captions = None,
    split: Annotated[
        str | None, typer.Option(help="train, test or all; default: all that are there.")
    ] = None,
    limit: options.Limit = None,
    decode: Annotated[
        bool, typer.Option("--decode", help="Decode all clips; default: headers alone.")
    ] = False,
    out: Annotated[
        Path | None, path_option("Folder of the report; default: runs/check-DATASET.")
    ] = None,
    plugin: options.Plugin = None,
) -> None:
    """Check the clips, lists and captions of a data set; the same command resumes.

    Prints what is wrong by kind, and the identity of the clips, as results.json of a run has it.
    Exits with 3 if there is a fault. Nothing is written into the data folder.

    Example: svbench data check --dataset landscape --data-root Landscape --decode
    """
    from svbench.audit.audit import audit
    from svbench.audit.page import write_page
    from svbench.audit.subject import Wanted, subject_of
    from svbench.audit.writing import CSV, PAGE, WRITTEN, write
    from svbench.config import find_data_root
    from svbench.files.locking import locked, remove_partial_files

    root = find_data_root("paper", data_root)
    if root is None:
        raise ConfigError(
            f"--data-root: not given, expected the folder of {dataset} (or set SVBENCH_DATA)"
        )
    place = Path("runs") / f"check-{dataset}" if out is None else out
    wanted = Wanted(
        dataset=dataset,
        root=root,
        captions=captions,
        split=split,
        limit=limit,
        decode=decode,
        plugins=plugin or (),
    )
    choice = engine.choice()
    subject = subject_of(wanted)
    _check_place(place, root)
    with (
        locked(place, WRITTEN) as ours,
        closing(choice.start(device="cpu")) as started,
        progress_bars() as progress,
    ):
        if ours:
            remove_partial_files(place, ())
        report = audit(subject, place, started, progress)
        write(report, place)
        write_page(report, place, started, progress)
    _show(report)
    typer.echo(f"page: {place / PAGE}   every finding: {place / CSV}")
    if faults := report.count("fault"):
        raise DataError(
            f"{root}: found {counted(faults, 'fault')}, expected none; see {place / CSV}"
        )


def _check_place(out: Path, root: Path) -> None:
    """Raise ConfigError for a report in the data folder, of which it would become a part."""
    if out.resolve().is_relative_to(root.resolve()):
        raise ConfigError(f"--out {out}: found a place in the data folder, expected one outside it")
    check_folder(out)


def _show(report: Report) -> None:
    """Print the findings by kind, and each split with its identity."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in ("Kind", "", "Count"):
        table.add_column(heading, no_wrap=True)
    table.add_column("First", overflow="fold")
    for kind, found in report.by_kind().items():
        severity = found[0].severity
        first = ", ".join(_named(finding, report) for finding in found[:EXAMPLES])
        more = ", .." if len(found) > EXAMPLES else ""
        style = STYLES[severity]
        table.add_row(kind, Text(severity, style), str(len(found)), Text(f"{first}{more}"))
    if report.findings:
        console.print(table)
    faults, notes = report.count("fault"), report.count("note")
    how = "decoded" if report.subject.decode else "headers read"
    clips = sum(one.listed for one in report.splits)
    counts = f"{counted(faults, 'fault')}, {counted(notes, 'note')}"
    typer.echo(f"{report.subject.title}: {clips} clips, {how}: {counts}")
    for one in report.splits:
        _show_split(one)


def _named(finding: Finding, report: Report) -> str:
    from svbench.audit.writing import place_of

    return shown(finding.clip) if finding.clip else place_of(finding.file, report.subject.root)


def _show_split(one: SplitReport) -> None:
    identity, captions = one.identity, one.captions
    source = identity["list"] or "every clip"
    first = "" if identity["limit"] is None else f", the first {identity['limit']}"
    typer.echo(
        f"{one.split} ({source}{first}): {one.usable} of {one.listed} clips usable, "
        f"{counted(captions.distinct, 'caption')}"
    )
    if captions.perhaps_long:
        typer.echo(
            f"  {captions.perhaps_long} captions may exceed 77 tokens; `svbench weights fetch "
            "clip-bpe` has them counted"
        )
    if one.usable:
        typer.echo(f"  identity {identity['identity']}")
