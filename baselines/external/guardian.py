"""The parent of a driver: ends it, and all that it started, when svbench is done or gone.

Run as a script of its own, by the standard library alone, so that it starts at once:

    python -I -S guardian.py TASKS REPLIES OUT COMMAND...

TASKS and REPLIES are numbers of open files: the first becomes the driver's standard input, the
second is passed on. Standard input is a life line on which nothing is ever written; it ends when
svbench closes it or is killed, by whatever signal. The driver has a session of its own. What is
still alive of its process group is killed when the life line ends, or when the driver does.
The group's number cannot be taken by strangers meanwhile, since the driver is waited for last.
What left the group by a session of its own (a daemon) is not followed.

Then the folder OUT, which svbench made for this driver's files, is removed, and the exit code is
the driver's, or 128 and the number of the signal that ended it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress

NOT_STARTED = 127  # as of a shell


def main(tasks: int, replies: int, out: str, command: list[str]) -> int:
    """Run a driver until it ends, or the life line does; return its exit code."""
    try:
        driver = subprocess.Popen(command, stdin=tasks, pass_fds=[replies], start_new_session=True)
    except OSError as error:
        print(f"{command[0]}: cannot be started ({error.strerror})", file=sys.stderr, flush=True)
        driver = None
    os.close(tasks)
    os.close(replies)
    if driver is None:
        _wait_for_the_end()
        code = NOT_STARTED
    else:
        code = _guard(driver)
    shutil.rmtree(out, ignore_errors=True)
    return code


def _guard(driver: subprocess.Popen[bytes]) -> int:
    """Wait for the ends of a driver and of the life line; return the driver's exit code."""
    waited_for, lock = threading.Event(), threading.Lock()

    def watch() -> None:
        _wait_for_the_end()
        with lock:
            if not waited_for.is_set():
                _kill_group(driver.pid)

    watcher = threading.Thread(target=watch)
    watcher.start()
    os.waitid(os.P_PID, driver.pid, os.WEXITED | os.WNOWAIT)
    with lock:
        _kill_group(driver.pid)  # children that it left behind
        code = driver.wait()
        waited_for.set()
    watcher.join()
    return code if code >= 0 else 128 - code


def _wait_for_the_end() -> None:
    while os.read(0, 1):
        pass


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # nothing is left of it
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]))
