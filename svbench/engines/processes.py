"""Child processes: workers that load their work once, and end when their parent does.

A worker is a fresh interpreter that runs this module. It is not forked from a process that has
threads, and does not import the caller's script, as those of `multiprocessing` do. Work, shards and
results go through its standard input and output; the work is sent once, whatever it holds.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from svbench.early_stops import STOPS
from svbench.engines.pickled_work import Loaded, answer, result_of
from svbench.errors import StoppedError

POLL_INTERVAL: Final = 1.0  # s between two looks at the parent
THREADS: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
KILLED: Final = (
    "a worker process was killed, perhaps because memory was short; run the same command again to "
    "go on, with fewer --workers if it happens again"
)


class Processes:
    """Worker processes, each started at its first shard; see `Local.spread`."""

    def __init__(self, workers: int) -> None:
        self._threads = ThreadPoolExecutor(workers)  # each talks with a process of its own
        self._own = threading.local()
        self._started: list[Worker] = []
        self._closing = False

    def submit(self, work: bytes, shard: Any) -> Future[Any]:
        """Have a process compute a shard of pickled work."""
        return self._threads.submit(self._compute, work, shard)

    def _compute(self, work: bytes, shard: Any) -> Any:
        worker: Worker | None = getattr(self._own, "worker", None)
        if worker is None:
            worker = self._own.worker = Worker()
            self._started.append(worker)
            if self._closing:
                worker.process.kill()
        return worker.compute(work, shard)

    def close(self, *, kill: bool) -> None:
        """End the processes: after their shards, or at once."""
        self._closing = kill
        for worker in self._started if kill else ():
            worker.process.kill()
        self._threads.shutdown(wait=True, cancel_futures=kill)
        for worker in self._started:
            worker.close()


class Worker:
    """A process on one thread, with the modules of this one."""

    def __init__(self) -> None:
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        self._work = b""  # what it has loaded
        self.process = subprocess.Popen(
            # -P: a folder that the parent does not import from is not to be searched either
            [sys.executable, "-P", "-c", f"from {__name__} import serve; serve({os.getpid()})"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path, **dict.fromkeys(THREADS, "1")},
            start_new_session=True,  # what stops a terminal's processes is for the parent to handle
        )

    def compute(self, work: bytes, shard: Any) -> Any:
        """Return the result of a shard; raise what the work raised, or StoppedError."""
        new = None if work is self._work else work
        try:
            answered = self._asked(new, shard)
        except (OSError, EOFError, pickle.UnpicklingError) as broken:
            raise StoppedError(KILLED) from broken
        self._work = work
        return result_of(answered)

    def _asked(self, work: bytes | None, shard: Any) -> bytes:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(pickle.dumps((work, shard)))
        self.process.stdin.flush()
        found: bytes = pickle.load(self.process.stdout)
        return found

    def close(self) -> None:
        """Let the process leave, and wait for its end."""
        for pipe in filter(None, (self.process.stdin, self.process.stdout)):
            with suppress(OSError):  # of what a killed process did not read
                pipe.close()
        self.process.wait()


# --- in the worker -------------------------------------------------------------------------------


def serve(parent: int) -> None:
    """Compute shards that come through standard input, until that ends or the parent does."""
    end_with(parent)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print goes to standard error
    loaded = Loaded("--workers 1")
    try:
        while True:
            work, shard = pickle.load(sys.stdin.buffer)
            answers.write(pickle.dumps(answer(partial(loaded.compute, work, shard))))
            answers.flush()
    except (EOFError, OSError, pickle.UnpicklingError):  # the parent is done, or gone
        os._exit(0)


def end_with(parent: int) -> None:
    """Make this process end with its parent (a process id), and not before.

    A kill of the parent does not reach its children. What stops a whole group of processes, as
    a terminal or a scheduler does, reaches them as well, and each would print a traceback.
    """
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_INTERVAL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
