"""A driver as a process: started in a system's checkout, asked for samples, and ended.

The driver is a child of a `guardian`, which ends it, and what it started, when this process closes
it, drops it or is killed. Its prints go to a log, its replies come through a pipe. The log stays
where the driver ended by itself or had to be ended; else all its files are removed.
"""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from svbench.baselines.external.description import Limits
from svbench.baselines.external.job import (
    ALIVE,
    OUT_OF_MEMORY,
    READY,
    Job,
    Reply,
    ReplyError,
    Wanted,
    read_reply,
    task_line,
)
from svbench.errors import DataError
from svbench.files.text import REASON, shown

ROOM: Final = Path(__file__).parent
KIT: Final = "svbench_driver.py"
GRACE: Final = 10.0  # s that a driver has to leave at the end of its job
CHUNK: Final = 1 << 16  # bytes read at a time
LAST: Final = 1 << 14  # bytes at the end of a log in which its last line is looked for
LONGEST: Final = 1 << 20  # bytes of one reply
SIGNALS: Final = 128  # is added to the number of the signal that ended it, as shells do
THREADS: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
OURS: Final = ("PYTHONHOME", "PYTHONPATH", "PYTHONWARNINGS", "VIRTUAL_ENV")  # of this process
# Nothing is downloaded unasked; what a user has set otherwise stays.
OFFLINE: Final = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


class DriverEndedError(Exception):
    """A driver ended, hung or gave no replies; the message is what it did, in words.

    Parameters
    ----------
    what : str
        what it did
    out_of_memory : bool
        whether it said that memory was short
    ready : bool
        whether it had loaded its model before
    """

    def __init__(self, what: str, *, out_of_memory: bool, ready: bool) -> None:
        super().__init__(what)
        self.out_of_memory, self.ready = out_of_memory, ready


@dataclass(frozen=True, slots=True)
class Launch:
    """How a driver is started."""

    name: str
    python: Path
    driver: Path
    checkout: Path
    limits: Limits
    threads: int | None = None  # of a CPU; None: as the environment has it

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment variables of a driver, without those of svbench's own Python."""
        kept = {name: value for name, value in os.environ.items() if name not in OURS}
        threads = {} if self.threads is None else dict.fromkeys(THREADS, str(self.threads))
        return {**OFFLINE, **kept, **threads, "PYTHONUNBUFFERED": "1"}


class DriverProcess:
    """A driver that is running.

    Parameters
    ----------
    launch : Launch
        how it is started
    job : callable
        (folder of its files, file of its replies) -> its job

    Raises
    ------
    DataError
        where its files cannot be written
    """

    def __init__(self, launch: Launch, job: Callable[[Path, str], Job]) -> None:
        self._limits = launch.limits
        self._ready, self._unread = False, b""
        self._waiting = set[str]()  # samples that it has not answered
        self._replies, replies_end = _pipe()
        tasks_end, self._tasks = _pipe()
        try:
            self._folder = _folder(launch.name, job, replies_end.fileno())
            self._guardian = _start(launch, self._folder, tasks_end, replies_end)
        except OSError as error:
            for file in (self._replies, self._tasks):
                file.close()
            raise DataError(
                f"{launch.name}: its driver cannot be started ({error.strerror or error}), "
                f"expected room for its files in {tempfile.gettempdir()}"
            ) from error
        finally:
            for file in (tasks_end, replies_end):
                file.close()
        os.set_blocking(self._tasks.fileno(), False)
        self._end = weakref.finalize(self, _end, self._guardian, (self._replies, self._tasks))

    @property
    def out(self) -> Path:
        """Return the folder of its files."""
        return self._folder / "out"

    @property
    def log(self) -> Path:
        """Return the file of what it printed."""
        return self._folder / "log.txt"

    @property
    def idle(self) -> bool:
        """Return whether all that it was asked for is answered."""
        return not self._waiting

    def ask(
        self, samples: Sequence[Wanted], give: Callable[[Wanted, Path], Wanted]
    ) -> Iterator[Reply]:
        """Ask for samples, and yield one reply for each, as they come.

        Parameters
        ----------
        samples : sequence of Wanted
            the samples
        give : callable
            (sample, folder) -> the sample with the file of the half that is given, written there

        Raises
        ------
        DriverEndedError
            where it ends, hangs, or writes no replies; it is ended then
        """
        waiting = self._waiting = {sample.id for sample in samples}
        self._await_ready()
        self._send(task_line([give(sample, self.out) for sample in samples]).encode())
        while waiting:
            reply = self._next(self._limits.sample * len(waiting))
            if reply.status == ALIVE:
                continue
            if reply.id not in waiting:
                raise self._failed(f"answered {shown(reply.id)!r}, which it was not asked for")
            waiting.remove(reply.id)
            yield reply

    def close(self) -> None:
        """End it: by the end of its tasks, or at once where it does not leave then."""
        if self._end.alive:
            self._tasks.close()
            self._await_end(GRACE)
        self.kill()

    def kill(self) -> int:
        """End it, and all that it started, at once; return its exit code."""
        self._end()
        code = self._guardian.returncode
        if code == 0 and self.idle:  # one that left its samples undone has a log to be read
            shutil.rmtree(self._folder, ignore_errors=True)
        return code

    def _await_ready(self) -> None:
        while not self._ready:
            self._ready = self._next(self._limits.start).status == READY

    def _send(self, text: bytes) -> None:
        """Write to its standard input, unless it reads nothing for as long as a sample may take."""
        while text:
            if not _wait(self._tasks, selectors.EVENT_WRITE, self._limits.sample):
                raise self._failed(_no_progress(self._limits.sample))
            try:
                text = text[os.write(self._tasks.fileno(), text) :]
            except OSError as error:
                raise self._ended() from error

    def _next(self, limit: float) -> Reply:
        """Return its next reply; raise DriverEndedError if none comes within `limit` seconds."""
        deadline = time.monotonic() + limit
        while b"\n" not in self._unread:
            if not _wait(self._replies, selectors.EVENT_READ, deadline - time.monotonic()):
                raise self._failed(_no_progress(limit))
            more = os.read(self._replies.fileno(), CHUNK)
            self._unread += more
            if not more:
                raise self._ended()
            if len(self._unread) > LONGEST:
                raise self._failed(f"wrote more than {LONGEST:,} bytes as one reply")
        line, _, self._unread = self._unread.partition(b"\n")
        try:
            return read_reply(line, self.out)
        except ReplyError as error:
            raise self._failed(str(error)) from error

    def _await_end(self, limit: float) -> None:
        """Wait until it ends, and drop what it writes meanwhile."""
        deadline = time.monotonic() + limit
        while _wait(self._replies, selectors.EVENT_READ, deadline - time.monotonic()):
            if not os.read(self._replies.fileno(), CHUNK):
                return

    def _failed(self, what: str) -> DriverEndedError:
        """End it, for what it did; return the error."""
        self.kill()
        return DriverEndedError(what, out_of_memory=False, ready=self._ready)

    def _ended(self) -> DriverEndedError:
        """Return the error of a driver that ended by itself."""
        code = self.kill()
        memory = code == OUT_OF_MEMORY
        if memory:
            what = f"was short of memory (exit code {code})"
        elif code > SIGNALS:
            what = f"was killed by signal {code - SIGNALS}"
        else:
            what = f"ended with exit code {code}"
            what += f" ({last})" if code and (last := _last_line(self.log)) else ""
        return DriverEndedError(what, out_of_memory=memory, ready=self._ready)


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    """Return the ends of a pipe, for reading and for writing."""
    reading, writing = os.pipe()
    ends = open(reading, "rb", buffering=0), open(writing, "wb", buffering=0)  # noqa: PTH123, SIM115
    return cast(tuple[BinaryIO, BinaryIO], ends)


def _folder(name: str, job: Callable[[Path, str], Job], replies: int) -> Path:
    """Make the folder of a driver: its job, what it imports, room for its files."""
    folder = Path(tempfile.mkdtemp(prefix=f"svbench-{name}-"))
    for part in ("out", "kit"):
        (folder / part).mkdir()
    shutil.copyfile(ROOM / KIT, folder / "kit" / KIT)
    text = job(folder / "out", f"/dev/fd/{replies}").text()
    (folder / "job.json").write_text(text, encoding="utf-8")
    return folder


def _start(
    launch: Launch, folder: Path, tasks: BinaryIO, replies: BinaryIO
) -> subprocess.Popen[bytes]:
    """Start the guardian of a driver; its standard input is the life line."""
    numbers = (tasks.fileno(), replies.fileno())
    command = map(str, (launch.python, launch.driver, folder / "job.json"))
    paths = os.pathsep.join(map(str, (folder / "kit", launch.checkout)))
    guardian = [sys.executable, "-I", "-S", str(ROOM / "guardian.py"), *map(str, numbers)]
    with (folder / "log.txt").open("wb") as log:
        return subprocess.Popen(
            [*guardian, str(folder / "out"), *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=launch.checkout,
            env={**launch.environment, "PYTHONPATH": paths},
            pass_fds=numbers,
            start_new_session=True,  # what stops a terminal's processes is for svbench to handle
        )


def _end(guardian: subprocess.Popen[bytes], files: Sequence[BinaryIO]) -> None:
    """Cut the life line, and wait until nothing is left."""
    assert guardian.stdin is not None
    guardian.stdin.close()
    guardian.wait()
    for file in files:
        file.close()


def _wait(file: BinaryIO, event: int, limit: float) -> bool:
    """Wait until a pipe is ready; return False where it is not within `limit` seconds."""
    with selectors.DefaultSelector() as selector:
        selector.register(file, event)
        return bool(selector.select(max(0.0, limit)))


def _no_progress(limit: float) -> str:
    return f"showed no progress for {limit:g} s"


def _last_line(log: Path) -> str:
    """Return the last line that a driver printed; "" if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LAST))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    return next((shown(line.strip(), REASON) for line in reversed(lines) if line.strip()), "")
