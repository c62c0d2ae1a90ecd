"""A command line that is planned, not carried out: its words are read as the command reads them.

The command itself is built by Typer, so options, readers, defaults, `--config` and errors are its
own; only what it calls in the end is not called.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import typer

from svbench.api.keywords import ScoreKeywords
from svbench.api.planned import Planned, planned_run, planned_score, planned_sweep
from svbench.cli.options import spelled_out
from svbench.cli.run import run
from svbench.cli.score import score
from svbench.cli.sweep_gamma import sweep_gamma
from svbench.cli.train import train, train_config
from svbench.errors import ConfigError

if TYPE_CHECKING:
    from svbench.doctor.trainings import PlannedTraining


@dataclass(frozen=True, slots=True)
class PlannedCommand:
    """What a command line would do."""

    name: str
    work: Planned | PlannedTraining
    workers: int | None  # threads; None: the command has none


def read_plan(text: str) -> PlannedCommand:
    """Read the words of a command line.

    Raises
    ------
    ConfigError
        if they are of no command that can be planned, or a setting is wrong
    typer.BadParameter, or another error of usage
        as the command raises it
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"--plan: found {text!r:.80} ({error}), expected a command") from error
    name, *others = words[1:] if words[:1] == ["svbench"] else words or [""]
    if name not in PLANNERS:
        known = ", ".join(PLANNERS)
        raise ConfigError(f"--plan: found {name!r}, expected {known}, and its options")
    command, plan = PLANNERS[name]
    given = parsed(command, name, others)
    engine = given.get("engine")
    return PlannedCommand(name, plan(**given), engine.workers if engine is not None else None)


def parsed(command: Callable[..., None], name: str, words: list[str]) -> Mapping[str, Any]:
    """Return what a command would be called with; raise typer.Exit if the words ask for help."""
    found: list[Mapping[str, Any]] = []

    @wraps(command)
    def keep(**given: Any) -> None:
        found.append(given)

    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name)(spelled_out(keep))
    typer.main.get_command(app)(words, prog_name=f"svbench {name}", standalone_mode=False)
    if not found:
        raise typer.Exit
    return found[0]


# What the commands of these names build of their options.


def _run(sampled: Any, systems: Any, gamma: Any, out: Any, **_others: Any) -> Planned:
    return planned_run(sampled.dataset, systems=systems, gamma=gamma, out=out, **sampled.sampling())


def _sweep_gamma(sampled: Any, gammas: Any, systems: Any, out: Any, **_others: Any) -> Planned:
    return planned_sweep(
        sampled.dataset, gammas=gammas, systems=systems, out=out, **sampled.sampling()
    )


def _score(generated: Any, reference: Any, judged: Any, out: Any, **others: Any) -> Planned:
    known = ScoreKeywords.__annotations__
    keywords: Any = {name: value for name, value in others.items() if name in known}
    return planned_score(*generated, reference=reference, out=out, **keywords, **judged.judging())


def _train(out: Any, **options: Any) -> PlannedTraining:
    from svbench.doctor.trainings import PlannedTraining

    options.pop("workers")  # of its engine, which no plan depends on
    return PlannedTraining(train_config(**options), out)


PLANNERS: Final[Mapping[str, tuple[Callable[..., None], Callable[..., Any]]]] = {
    "run": (run, _run),
    "score": (score, _score),
    "sweep-gamma": (sweep_gamma, _sweep_gamma),
    "train": (train, _train),
}
