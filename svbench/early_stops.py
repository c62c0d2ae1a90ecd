"""Signals that arrive before a command has begun: the same line and exit code as later.

Importing the command line takes some tenths of a second, in which Python would end with a traceback
at SIGINT, and without a message at SIGTERM and SIGHUP. Signals are handled only after the imports
of this module, so there are next to none. `svbench.cli.stopping` takes over as soon as it can.
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

_before: dict[int, Handler] = {}  # by signal: the handler that was replaced


def stopped(name: str) -> str:
    """Return the line that a stopped command prints; `name` is that of the signal."""
    return f"stopped by {name}; the same command goes on from here"


def end_on_signals() -> None:
    """End the process on each of `STOPS`; one that is ignored, as `nohup` has it, stays so."""
    for number in STOPS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            _before[number] = signal.signal(number, _end)


def handler_without(number: signal.Signals) -> Handler:
    """Return the handler of a signal, or the one that `end_on_signals` replaced.

    It is to be restored once a command has ended, when there is nothing left to resume.
    """
    handler = signal.getsignal(number)
    return _before[number] if handler is _end else handler


def _end(number: int, _frame: FrameType | None) -> None:
    try:
        os.write(2, f"svbench: {stopped(signal.Signals(number).name)}\n".encode())
    finally:  # whether or not anybody reads it
        os._exit(EXIT_CODE)
