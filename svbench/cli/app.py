"""The command line: its commands, and the one place where errors become lines and exit codes.

A command lives in the module of its name. Every import that costs time stands inside the function
that needs it, so that `svbench --help` answers at once.
"""

from __future__ import annotations

import io
import re
import sys
from typing import Annotated, Any, Final, NoReturn, cast

import typer

from svbench._version import __version__
from svbench.cli import data, listing, systems, weights
from svbench.cli.caption import caption
from svbench.cli.check import check
from svbench.cli.clip_figure import clip_figure
from svbench.cli.compare import compare
from svbench.cli.doctor import doctor
from svbench.cli.loss_over_time import loss_over_time
from svbench.cli.options import spelled_out
from svbench.cli.report import report
from svbench.cli.run import run
from svbench.cli.score import score
from svbench.cli.stopping import stoppable
from svbench.cli.study import study
from svbench.cli.sweep_gamma import sweep_gamma
from svbench.cli.train import train
from svbench.cli.train_extractors import train_extractors
from svbench.cli.train_systems import train_systems
from svbench.cli.tune_avalign import tune_avalign
from svbench.cli.validate import validate
from svbench.early_stops import stopped
from svbench.errors import ConfigError, StoppedError, SvbenchError

app = typer.Typer(
    name="svbench",
    help="The benchmark for sounding video generation: video and sound, made together.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its tables cut long options off at 80 columns
)
# What Typer raises where words are no command line; Typer itself names a subclass only.
UsageError = cast(type[Exception], typer.BadParameter.__base__)
INTERRUPTED: Final = 130


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"svbench {__version__}")
        raise typer.Exit


for _command in (
    run,
    score,
    sweep_gamma,
    report,
    compare,
    check,
    clip_figure,
    validate,
    caption,
    study,
    tune_avalign,
    train,
    loss_over_time,
    train_systems,
    train_extractors,
    doctor,
):
    app.command(_command.__name__.replace("_", "-"))(spelled_out(_command))
app.add_typer(weights.app, name="weights", short_help=weights.app.info.help)
app.add_typer(data.app, name="data", short_help=data.app.info.help)
app.add_typer(systems.app, name="systems", short_help=systems.app.info.help)
app.add_typer(listing.app, name="list", short_help=listing.app.info.help)
for _group in (app, weights.app, data.app, systems.app, listing.app):
    for _info in _group.registered_commands:  # whole summaries, where click would cut them
        _info.short_help = (getattr(_info.callback, "__doc__", None) or "").partition("\n\n")[0]


def main() -> None:
    """Run the command line; an error becomes one line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a character that the terminal cannot show is no error
            stream.reconfigure(errors="backslashreplace")
    try:
        with stoppable():
            code = app(prog_name="svbench", standalone_mode=False)
        if code == INTERRUPTED:
            raise StoppedError(stopped("SIGINT"))
    except typer.Abort:
        _leave(StoppedError(stopped("SIGINT")))
    except UsageError as error:
        if not (line := _usage(error)):  # help was printed
            sys.exit(ConfigError.exit_code)
        _leave(ConfigError(line))
    except SvbenchError as error:
        _leave(error)
    if code:
        sys.exit(code)


def _leave(error: SvbenchError) -> NoReturn:
    for line in str(error).split("\n"):
        print(f"svbench: {_printable(line)}", file=sys.stderr)
    sys.exit(error.exit_code)


def _usage(error: Any) -> str:
    """Return what is wrong with a command line, in one line; empty if its help was the answer."""
    context = getattr(error, "ctx", None)
    text = error.format_message()
    if context is not None and text == context.get_help():  # there were no words at all
        typer.echo(text)
        return ""
    line = re.sub(
        r"^Invalid value for '?([^':]+)'?( / '[^':]+')*: ", r"\1: ", " ".join(text.split())
    )
    return f"{line} (see {context.command_path if context else 'svbench'} --help)" if line else ""


def _printable(line: str) -> str:
    """Return a line that any terminal takes; names of files may hold bytes that are no text."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in line)
