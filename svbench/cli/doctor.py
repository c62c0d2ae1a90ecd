"""The command `doctor`: what this machine has, and what a planned run or comparison needs."""

from __future__ import annotations

import json as encoder
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from svbench.api.planned import Planned
from svbench.cli import common as options
from svbench.cli.parsing import number, path_option
from svbench.cli.planning import PlannedCommand, read_plan
from svbench.cli.progress import progress_bars
from svbench.errors import DataError
from svbench.limits import CORES

if TYPE_CHECKING:
    from rich.console import Console

    from svbench.doctor.findings import Finding
    from svbench.doctor.planning import Report

STYLES: Final = {"ok": "green", "note": "yellow", "missing": "bold red"}


def doctor(
    out: Annotated[Path, path_option("Where results would lie.")] = Path("runs"),
    ray_address: Annotated[
        str | None,
        typer.Option(
            help="HOST:PORT of a Ray cluster that must answer; default: RAY_ADDRESS, if it is set."
        ),
    ] = None,
    plan: Annotated[
        str | None,
        typer.Option(help="Words of run, score, sweep-gamma or train: estimate what they cost."),
    ] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Time a few clips of the plan here.")
    ] = False,
    power: Annotated[
        Path | None,
        path_option("A run folder: how many clips tell which differences apart, by its scores."),
    ] = None,
    n: Annotated[int | None, number("n", "Beside --power: captions of the planned run.")] = None,
    difference: Annotated[
        float | None,
        number("difference", "Beside --power: the difference to find, in a column's unit."),
    ] = None,
    rows: Annotated[
        int | None, number("rows", "Beside --power: rows that will be compared; default: its own.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show what this machine has and lacks, with what mends it; plan a run with --plan.

    Devices, memory, FFmpeg, weights, data, disks, a cluster. Nothing is downloaded. With --power
    nothing of the machine is looked at: a run that was made says how many clips a comparison needs.

    Example: svbench doctor --plan "run --dataset greatesthits"
    """
    if power is not None:
        _check_alone(plan, ray_address, measure=measure)
        _print_power(power, n, difference, rows, as_json=json)
        return
    for flag, value in {"--n": n, "--difference": difference, "--rows": rows}.items():
        options.check_together(flag, value is not None, "beside --power")
    from svbench.doctor.examine import examine

    options.check_together("--measure", measure and plan is None, "beside --plan")
    command = None if plan is None else read_plan(plan)
    place = out if command is None else command.work.folder
    report = None if command is None else _report(command, timed=measure)
    checks = examine(place, ray_address)
    _print(checks, report, as_json=json)
    planned = 0 if report is None else report.exit_code
    if code := planned or (ray_address is not None and _unreachable(checks)):
        raise typer.Exit(code)


def _check_alone(plan: str | None, ray_address: str | None, *, measure: bool) -> None:
    wanted = "without --power, which looks at a run and not at this machine"
    given = {"--plan": plan is not None, "--measure": measure, "--ray-address": ray_address}
    for flag, value in given.items():
        options.check_together(flag, bool(value), wanted)


def _print_power(
    run: Path, n: int | None, difference: float | None, rows: int | None, *, as_json: bool
) -> None:
    """Print what the scores of a run tell about further ones."""
    from svbench.api.results import load_results
    from svbench.reports.analysis.planning import Question, plan_of
    from svbench.reports.tables.planning import plan_json, sheets
    from svbench.reports.tables.text import show

    results = load_results(run)
    plan = plan_of(results.table, results.scores_of_clips(), Question(n, difference, rows))
    if as_json:
        typer.echo(plan_json(plan), nl=False)
    else:
        show(sheets(plan))


def _unreachable(checks: Sequence[Finding]) -> int:
    """Return the exit code where a cluster does not answer at its address, else 0."""
    lost = any((check.name, check.state) == ("address", "missing") for check in checks)
    return DataError.exit_code if lost else 0


def _report(command: PlannedCommand, *, timed: bool) -> Report:
    from svbench.doctor.planning import report_run, report_training

    if isinstance(command.work, Planned):
        with progress_bars() as progress:
            workers = command.workers or CORES
            return report_run(command.work, workers, timed=timed, progress=progress)
    options.check_together("--measure", timed, "beside a plan of run, score or sweep-gamma")
    return report_training(command.work)


def _print(checks: Sequence[Finding], report: Report | None, *, as_json: bool) -> None:
    planned = () if report is None else report.findings
    if as_json:
        found: dict[str, Any] = {"checks": [asdict(finding) for finding in checks]}
        if report is not None:
            found["plan"] = [asdict(finding) for finding in planned]
            found["exit_code"] = report.exit_code
        typer.echo(encoder.dumps(found, indent=2, ensure_ascii=False))
        return
    findings = [*checks, *planned]
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
