"""How a command ends on a signal: one line, exit code 75, at once.

Every file is written whole or not at all, so nothing has to be waited for: neither a shard that a
thread is at work on, nor a training's next checkpoint. Child processes are ended too.

The signal is taken by a thread of its own. Python would call a handler in the main thread only, and
only between two of its own instructions: behind a network's call, that may take half a minute.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, NoReturn

from svbench.early_stops import STOPS, handler_without, stopped
from svbench.errors import StoppedError

# Python's own helper process would complain, after our line, of what it then cleans up.
QUIET: Final = "ignore:resource_tracker:UserWarning"
PATIENCE: Final = 1.0  # s that printing what was printed before may take
SHOW_CURSOR: Final = b"\x1b[?25h\n"  # progress bars hide it


@contextmanager
def stoppable() -> Iterator[None]:
    """End the process on SIGINT, SIGTERM and SIGHUP; for the command line alone.

    A signal that is ignored, as `nohup` has it, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals belong to the main thread
        return
    ears, mouth = os.pipe()
    os.set_blocking(mouth, False)
    watcher = threading.Thread(target=_watch, args=(ears,), name="signals", daemon=True)
    before = {number: handler_without(number) for number in STOPS}
    ours = [n for n, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    previous = signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    try:
        watcher.start()
        for number in ours:
            signal.signal(number, _do_nothing)
        with _quiet_helper():
            yield
    finally:
        for number in ours:
            signal.signal(number, before[number])
        signal.set_wakeup_fd(previous)
        os.close(mouth)
        watcher.join()
        os.close(ears)


@contextmanager
def _quiet_helper() -> Iterator[None]:
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = f"{before},{QUIET}" if before else QUIET
    try:
        yield
    finally:
        os.environ.pop("PYTHONWARNINGS", None)
        if before is not None:
            os.environ["PYTHONWARNINGS"] = before


def _do_nothing(_number: int, _frame: object) -> None:
    """Be there: the watcher is woken only for signals that Python handles."""


def _watch(ears: int) -> None:
    """Wait for one of our signals, or for the end of the command."""
    while number := os.read(ears, 1):
        if number[0] in STOPS:
            _leave(number[0])


def _leave(number: int) -> NoReturn:
    line = f"svbench: {stopped(signal.Signals(number).name)}\n".encode()
    with suppress(OSError):
        os.write(2, SHOW_CURSOR + line if os.isatty(2) else line)
    printing = threading.Thread(target=_flush, daemon=True)  # a reader may have gone to sleep
    printing.start()
    printing.join(PATIENCE)
    _end_children()
    os._exit(StoppedError.exit_code)


def _end_children() -> None:
    """Kill the processes that work for this one; it may have started none."""
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is None:
        return
    for child in multiprocessing.active_children():
        child.kill()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
