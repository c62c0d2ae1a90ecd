"""Processes and threads that tests wait for, let meet, and kill at a point that no pace decides.

What other processes do is waited for itself, never for the time that it usually takes. Functions
that go to worker processes are closures, which are pickled by value: workers cannot import tests.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.goldens.places import REPOSITORY

# Seconds: a last resort, many times what anything takes on a slow and busy machine.
PATIENCE: Final = 600.0
# Seconds that work takes which must be ended before: no test waits for so long.
ENDLESS: Final = 4 * PATIENCE

KILLED: Final = """
import itertools, os, pathlib, signal, sys
pattern, times, seen = sys.argv[1], int(sys.argv[2]), itertools.count(1)
def watch(event, words):
    if event == "os.rename":
        path = words[1]
    elif event == "open" and isinstance(words[0], str) and words[2] & os.O_ACCMODE:
        path = words[0]
    else:
        return
    if pathlib.Path(os.fsdecode(path)).match(pattern) and next(seen) == times:
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
sys.argv = ["svbench", *sys.argv[3:]]
from svbench.cli.app import main
main()
"""


def until(happened: Callable[[], bool]) -> None:
    """Wait until something has happened; fail where it never does."""
    waits_for(happened)()


def waits_for(happened: Callable[[], bool]) -> Callable[[], None]:
    """Return a function that waits until something has happened; for worker processes too."""

    def wait() -> None:
        end = time.monotonic() + PATIENCE
        while not happened():
            if time.monotonic() > end:
                raise TimeoutError(f"waited for {PATIENCE:g} s in vain")
            time.sleep(0.01)

    return wait


def meeting(folder: Path, count: int) -> Callable[[], None]:
    """Return a function that waits until so many processes have called it; `folder` is new."""
    folder.mkdir()
    all_there = waits_for(lambda: len(list(folder.iterdir())) >= count)

    def meet() -> None:
        (folder / str(os.getpid())).touch()
        all_there()

    return meet


def lives(process: int) -> bool:
    """Return whether a process is there and no zombie, as an orphan may stay for a while."""
    try:
        os.kill(process, 0)
        stat = Path(f"/proc/{process}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def kill_before(pattern: str, words: tuple[object, ...], times: int = 1) -> None:
    """Run a command, and kill it just before it writes such a file, or renames one to its path.

    Parameters
    ----------
    pattern : str
        what the path matches, as `Path.match` has it
    words : tuple
        the command line; what its worker processes write is not seen
    times : int
        the first, second ... such file (Default value = 1)
    """
    command = [sys.executable, "-c", KILLED, pattern, str(times), *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@contextmanager
def reserved_port() -> Iterator[tuple[int, int]]:
    """Yield a port of the loopback where nobody listens, and the number of what holds it.

    As long as that is open, here or in a child, the kernel gives the port to no one by itself;
    who names it, with SO_REUSEADDR, may listen there.
    """
    with socket.socket() as holding:
        holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holding.bind(("127.0.0.1", 0))
        yield int(holding.getsockname()[1]), holding.fileno()
