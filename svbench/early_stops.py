"""How a command ends that is told to stop before it has begun: the same line, the same exit code.

Importing the command line takes some tenths of a second, in which Python would answer SIGINT with
a traceback, and SIGTERM and SIGHUP without a word. What is imported here has to be loaded before
that is mended, so it is next to nothing. `svbench.cli.stopping` takes over as soon as it can.
"""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False  # as `typing` has it, which takes longer than all else here
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXIT_CODE = 75  # that of StoppedError

_before: dict[int, Handler] = {}  # by signal: what would be done without us


def stopped(name: str) -> str:
    """Return the line that a command leaves behind."""
    return f"stopped by {name}; the same command goes on from here"


def end_on_signals() -> None:
    """End the process on each of `STOPS`; one that is ignored, as `nohup` has it, stays so."""
    for number in STOPS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            _before[number] = signal.signal(number, _end)


def handler_without(number: signal.Signals) -> Handler:
    """Return what handles a signal, or did before `end_on_signals`.

    Once a command has ended, nothing goes on: then ours would be the wrong one.
    """
    handler = signal.getsignal(number)
    return _before[number] if handler is _end else handler


def _end(number: int, _frame: FrameType | None) -> None:
    try:
        os.write(2, f"svbench: {stopped(signal.Signals(number).name)}\n".encode())
    finally:  # whether or not anybody reads it
        os._exit(EXIT_CODE)
