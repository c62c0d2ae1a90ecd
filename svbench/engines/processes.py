"""Child processes: workers that load their work once, and end when their parent does.

A worker is a fresh interpreter that runs this module. It is not forked from a process that has
threads, and does not import the caller's script, as those of `multiprocessing` do. The work is
pickled into a file, so that each process loads it once, whatever it holds; shards and results go
through its standard input and output, one at a time.
"""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Final

from svbench.early_stops import STOPS
from svbench.engines.threads import on_one_thread
from svbench.errors import ConfigError, StoppedError

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
        self._started: list[subprocess.Popen[bytes]] = []
        self._folder = Path(tempfile.mkdtemp(prefix="svbench-work-"))
        self._work = self._folder
        self._closing = False

    def take_up(self, work: Callable[[Any], Any]) -> bool:
        """Pickle the work that later shards are for; return whether that is possible."""
        import cloudpickle

        try:
            pickled = cloudpickle.dumps(work)
        except Exception:  # whatever the objects of a plug-in raise
            return False
        self._work = self._folder / f"{len(list(self._folder.iterdir()))}.pickle"
        self._work.write_bytes(pickled)
        return True

    def submit(self, shard: Any) -> Future[Any]:
        """Have a process compute a shard."""
        return self._threads.submit(self._compute, self._work, shard)

    def _compute(self, work: Path, shard: Any) -> Any:
        child = self._process()
        try:
            result, error = _asked(child, (work, shard))
        except (OSError, EOFError, pickle.UnpicklingError) as broken:
            raise StoppedError(KILLED) from broken
        if error is not None:
            raise error
        return result

    def _process(self) -> subprocess.Popen[bytes]:
        """Return the process of the calling thread."""
        child: subprocess.Popen[bytes] | None = getattr(self._own, "child", None)
        if child is None:
            child = self._own.child = _start()
            self._started.append(child)
            if self._closing:
                child.kill()
        return child

    def close(self, *, kill: bool) -> None:
        """End the processes: after their shards, or at once."""
        self._closing = kill
        for child in self._started if kill else ():
            child.kill()
        self._threads.shutdown(wait=True, cancel_futures=kill)
        for child in self._started:
            for pipe in filter(None, (child.stdin, child.stdout)):  # at its end a worker leaves
                pipe.close()
            child.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def _start() -> subprocess.Popen[bytes]:
    """Start a worker process with the modules of this one, on one thread."""
    path = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen(
        [sys.executable, "-c", f"from {__name__} import serve; serve({os.getpid()})"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path, **dict.fromkeys(THREADS, "1")},
        start_new_session=True,  # what stops a terminal's processes is for the parent to handle
    )


def _asked(child: subprocess.Popen[bytes], task: Any) -> Any:
    """Send a task to a process, and return its result and error."""
    assert child.stdin is not None
    assert child.stdout is not None
    pickle.dump(task, child.stdin)
    child.stdin.flush()
    return pickle.load(child.stdout)


# --- in the worker -------------------------------------------------------------------------------


def serve(parent: int) -> None:
    """Compute shards that come through standard input, until that ends or the parent does."""
    end_with(parent)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print goes to standard error
    for work, shard in _tasks(sys.stdin.buffer):
        result, error = None, None
        try:
            with on_one_thread():
                result = _loaded(work)(shard)
        except Exception as raised:
            error = raised
        answers.write(_pickled(result, error))
        answers.flush()


def _tasks(stream: BinaryIO) -> Iterable[tuple[Path, Any]]:
    while True:
        try:
            yield pickle.load(stream)
        except EOFError:
            return


@lru_cache(maxsize=1)  # so that the models of earlier work are let go
def _loaded(path: Path) -> Callable[[Any], Any]:
    """Load the work of a file that the parent process wrote."""
    try:
        work: Callable[[Any], Any] = pickle.loads(path.read_bytes())
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"--workers: a worker process cannot load the work ({type(error).__name__}: "
            f"{reason:.200}), expected modules that it can import; use --workers 1"
        ) from error
    return work


def _pickled(result: Any, error: Exception | None) -> bytes:
    """Pickle a result or error; what cannot be pickled becomes a RuntimeError."""
    try:
        pickled = pickle.dumps((result, error))
        pickle.loads(pickled)
    except Exception as unfit:
        found = unfit if error is None else error
        return pickle.dumps((None, RuntimeError(f"{type(found).__name__}: {found}")))
    return pickled


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
