"""The command `check`: a table against a golden one."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from svbench._version import __version__
from svbench.cli import common as options
from svbench.cli.output import print_or_write
from svbench.cli.parsing import path_option
from svbench.errors import ConfigError, RegressionError
from svbench.files.destinations import check_file

if TYPE_CHECKING:
    from svbench.types import ResultTable


def check(
    run_folder: options.RunFolder,
    golden: Annotated[Path, path_option("The golden file.")],
    markdown: Annotated[Path | None, path_option("Write the findings here, too.")] = None,
    junit: Annotated[Path | None, path_option("And here, as JUnit XML.")] = None,
    update: Annotated[bool, typer.Option("--update", help="Take this run as golden.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why, for the file's history.")] = None,
    tolerance: Annotated[
        list[str] | None,
        typer.Option(help="With --update: METRIC=absolute:0.01, relative:0.05 or interval."),
    ] = None,
) -> None:
    """Compare a table with a golden one, metric by metric; exit code 5 where it moved.

    Example: svbench check runs/greatesthits-mini --golden golden.json
    """
    from svbench.files.results import load_table

    check_file(golden, "--golden", [run_folder])
    for flag, path in (("--markdown", markdown), ("--junit", junit)):
        options.check_together(flag, update and path is not None, "without --update")
        check_file(path, flag, [run_folder])
    table = load_table(run_folder)
    if update or reason is not None or tolerance:
        _check_update(update, reason)
        _update(golden, table, str(reason).strip(), tolerance or [])
    else:
        _report_drift(golden, table, markdown, junit)


def _report_drift(
    golden: Path, table: ResultTable, markdown: Path | None, junit: Path | None
) -> None:
    """Print and write what moved; a RegressionError where that is beyond tolerance."""
    from svbench.reports.compare.drift import find_drift
    from svbench.reports.compare.drift_formats import (
        advice,
        headline,
        junit_verdict,
        markdown_verdict,
        show_verdict,
    )
    from svbench.reports.compare.golden import load_golden

    verdict = find_drift(load_golden(golden), table)
    if markdown is not None:
        print_or_write(markdown_verdict(verdict, table.title), markdown, "--markdown")
    if junit is not None:
        print_or_write(junit_verdict(verdict, table.title), junit, "--junit")
    show_verdict(verdict)
    if not verdict.passes:
        raise RegressionError(f"{golden}: {headline(verdict)}; {advice(verdict)}")


def _check_update(update: bool, reason: str | None) -> None:
    if not update:
        raise ConfigError("--reason and --tolerance: found no --update, expected it beside them")
    if not (reason or "").strip():
        raise ConfigError("--update: found no --reason, expected one for the history of the file")


def _update(file: Path, table: ResultTable, reason: str, tolerance: list[str]) -> None:
    """Write a table into a golden file, with what moved and why."""
    from svbench.reports.compare.drift import find_drift
    from svbench.reports.compare.golden import (
        Entry,
        dump_golden,
        load_golden,
        parse_tolerances,
        updated,
    )

    old = load_golden(file) if file.exists() else None
    found = () if old is None else find_drift(old, table).findings
    changes = tuple(str(finding) for finding in found if finding.outcome != "same")
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    entry = Entry(today, __version__, reason, changes)
    text = dump_golden(updated(old, table, parse_tolerances(tolerance), entry))
    print_or_write(text, file, "--golden")
    for change in changes or ("no value moved" if old else "a first golden table",):
        typer.echo(change)
