"""The command `svbench study`: a human study of the clips of a run, and what came out of it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from svbench.cli import common as options
from svbench.cli.output import print_note
from svbench.cli.parsing import names, number, path_option, read_path
from svbench.cli.progress import progress_bars
from svbench.engines.choice import EngineChoice
from svbench.errors import ConfigError
from svbench.files.text import counted, shown

if TYPE_CHECKING:
    from svbench.study.collect import Collected
    from svbench.study.plan import Planned, StudySettings

NAMED = 5  # files that are passed over; of more their number
BESIDE_OUT = "beside RUN --out"
BESIDE_COLLECT = "beside --collect"


def study(
    places: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN | FILES...",
            help="A run folder; with --collect, raters' files or folders of them.",
            parser=read_path,
        ),
    ],
    engine: options.EngineOptions,
    out: Annotated[
        Path | None, path_option("A new folder for the study, or one that this command began.")
    ] = None,
    collect: Annotated[
        bool, typer.Option("--collect", help="Fit the answers in raters' files.")
    ] = False,
    study: Annotated[
        Path | None,
        path_option("Beside --collect: the study's folder; default: that above the files."),
    ] = None,
    run: Annotated[
        Path | None,
        path_option("Beside --collect: the run folder; default: where the study was made from."),
    ] = None,
    question: Annotated[
        str | None, typer.Option(help="sync, quality or caption; default: sync.")
    ] = None,
    systems: Annotated[
        tuple[str, ...], names("systems", "Comma-separated; default: all models.")
    ] = (),
    raters: Annotated[int | None, number("raters", "Sheets of trials; default: 10.")] = None,
    trials: Annotated[
        int | None, number("trials", "Pairs for each rater; default: up to 30.")
    ] = None,
    checks: Annotated[
        int | None, number("checks", "Attention checks among them; default: up to 4.")
    ] = None,
    overlap: Annotated[
        int | None, number("overlap", "Raters of each pair, to see if they agree; default: 2.")
    ] = None,
    seed: Annotated[int | None, number("seed", "Of everything that is drawn; default: 0.")] = None,
    embed: Annotated[
        bool, typer.Option("--embed", help="Put the clips into the page: one file to hand out.")
    ] = False,
) -> None:
    """Write a study of the clips of a run for people, or collect their answers.

    Hand out OUT/hand-out; keep OUT/key.json, which says which system made which clip. The answers
    become the column "people" of svbench report RUN. See docs/human-study.md.

    Example: svbench study runs/greatesthits-mini --out study/

    Example: svbench study --collect answers/ --study study/
    """
    chosen = {
        "question": question,
        "systems": systems or None,
        "raters": raters,
        "trials": trials,
        "checks": checks,
        "overlap": overlap,
        "seed": seed,
    }
    given = {name: value for name, value in chosen.items() if value is not None}
    if collect:
        _check_collecting(given, out, embed, engine)
        _collect(places, study, run)
        return
    for flag, value in (("--study", study), ("--run", run)):
        options.check_together(flag, value is not None, BESIDE_COLLECT)
    if len(places) != 1:
        raise ConfigError(f"RUN: found {len(places)} folders, expected one (or --collect FILES)")
    if out is None:
        raise ConfigError("--out: found none, expected a folder for the study")
    from svbench.study.plan import StudySettings

    _write(places[0], out, StudySettings(**given), engine, embed=embed)  # type: ignore[arg-type]


def _check_collecting(
    given: Iterable[str], out: Path | None, embed: bool, engine: options.EngineOptions
) -> None:
    """Raise ConfigError for options that have no effect beside --collect."""
    for name in given:
        options.check_together(f"--{name}", True, BESIDE_OUT)
    options.check_together("--out", out is not None, "without --collect")
    options.check_together("--embed", embed, BESIDE_OUT)
    options.check_together("--engine, --workers", engine.choice() != EngineChoice(), BESIDE_OUT)


def _write(
    run: Path, out: Path, settings: StudySettings, engine: options.EngineOptions, *, embed: bool
) -> None:
    from svbench.study.plan import plan_study
    from svbench.study.write import write_study

    with (
        closing(engine.choice().start(device="cpu")) as computing,
        progress_bars() as progress,
    ):
        planned = plan_study(run, settings, computing)
        page = write_study(planned, run, out, computing, embed=embed, progress=progress)
    if planned.left_out:
        left_out = counted(planned.left_out, "request")
        print_note(f"{left_out} left out, for which not every system has a clip")
    _print_plan(planned, page)


def _print_plan(planned: Planned, page: Path) -> None:
    key = planned.key
    first = key.sheets[0]
    checks = sum(map(key.is_check, first))
    typer.echo(
        f"{len(key.systems)} systems on {counted(planned.requests, 'request')}; "
        f"{counted(len(key.sheets), 'rater')}, {counted(len(first) - checks, 'pair')} and "
        f"{counted(checks, 'attention check')} each"
    )
    typer.echo(
        f"hand out: {page.parent} (rater 1 opens index.html#1, and so on; without a number a "
        "sheet is drawn)"
    )
    typer.echo(f"keep: {page.parent.parent / 'key.json'}")


def _collect(places: list[Path], folder: Path | None, run: Path | None) -> None:
    from svbench.study.collect import collect

    found = collect(places, _study_of(places) if folder is None else folder, run)
    if others := found.passed_over:
        first = ", ".join(shown(file.name) for file in others[:NAMED])
        more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
        print_note(f"passed over, no results of a study: {first}{more}")
    for line in found.excluded:
        print_note(line)
    _print_people(found)


def _study_of(places: list[Path]) -> Path:
    """Return the folder of a study above the first of some files."""
    from svbench.study.key import KEY_FILE

    first = places[0].absolute()
    place = next(
        (folder for folder in (first, *first.parents) if (folder / KEY_FILE).is_file()), None
    )
    if place is None:
        raise ConfigError(f"--study: found no {KEY_FILE} above {places[0]}, expected a folder")
    return place


def _print_people(found: Collected) -> None:
    people = found.people
    width = max(len(one.system) for one in people.systems)
    typer.echo(people.title)
    for one in sorted(people.systems, key=lambda each: -each.share):
        interval = (
            "" if one.interval is None else f" [{one.interval[0]:.3f}, {one.interval[1]:.3f}]"
        )
        typer.echo(
            f"  {one.system:<{width}}  {one.share:.3f}{interval}  {one.wins} won, {one.ties} tied, "
            f"{one.losses} lost on {counted(one.count, 'request')}"
        )
    typer.echo(people.caveat)
    typer.echo(f"written: {found.file}; svbench report {found.file.parent} shows it")
