"""The command `doctor`: what this machine has, and what a planned run needs of it."""

from __future__ import annotations

import json as encoder
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from svbench.cli.parsing import path_option

if TYPE_CHECKING:
    from rich.console import Console

    from svbench.doctor.findings import Finding

STYLES: Final = {"ok": "green", "note": "yellow", "missing": "bold red"}


def doctor(
    out: Annotated[Path, path_option("Where results would lie.")] = Path("runs"),
    ray_address: Annotated[
        str | None, typer.Option(help="HOST:PORT of a Ray cluster that must answer.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show what this machine has and lacks, with what mends it; plan a run with --plan.

    Devices, memory, FFmpeg, weights, data, disks, a cluster. Nothing is downloaded.

    Example: svbench doctor
    """
    from svbench.doctor.examine import examine

    _print(examine(out, ray_address), as_json=json)


def _print(findings: Sequence[Finding], *, as_json: bool) -> None:
    if as_json:
        found = {"checks": [asdict(finding) for finding in findings]}
        typer.echo(encoder.dumps(found, indent=2, ensure_ascii=False))
        return
    from rich.console import Console

    console = Console()
    for subject, of in groupby(findings, key=lambda finding: finding.subject):
        _print_subject(console, subject, list(of))


def _print_subject(console: Console, subject: str, findings: Sequence[Finding]) -> None:
    """Print the findings of a subject; below what is not as it should be stands what mends it."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for overflow in ("ellipsis", "fold", "fold"):
        table.add_column(overflow=overflow, no_wrap=overflow == "ellipsis")
    for finding in findings:
        state = Text(f"  {finding.state}", style=STYLES[finding.state])
        table.add_row(state, Text(finding.name), Text(finding.found))
        if finding.mend:
            table.add_row("", "", Text(f"→ {finding.mend}"))
    console.print(Text(subject, style="bold"))
    console.print(table, highlight=False)
