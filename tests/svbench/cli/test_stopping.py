"""A command that is told to stop ends at once, in one line, and goes on when it is run again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from svbench.cli.stopping import stoppable
from svbench.early_stops import STOPS
from tests.factories.clips import write_folder
from tests.factories.commands import Command
from tests.factories.processes import ENDLESS, PATIENCE, lives, until

# A shard that never ends: asleep, or in a C call that no Python handler interrupts.
SLOW = """
import pathlib, sys, time
from svbench.cli import app as cli
from svbench.walk import extract_shard
read, slow, mark = extract_shard.read_sample, {slow}, pathlib.Path(sys.argv[-1])
def reading(*words):
    mark.touch()
    slow()
    return read(*words)
extract_shard.read_sample = reading
sys.argv = ["svbench", *sys.argv[1:-1]]
cli.main()
"""
ASLEEP = f"lambda: time.sleep({ENDLESS})"
# The call releases Python's lock, yet the main thread answers no signal until it is done.
IN_C = "lambda: __import__('hashlib').pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)"
WORKERS = f"""
import multiprocessing, os, pathlib, sys, time
from concurrent.futures import ProcessPoolExecutor
from svbench.cli.stopping import stoppable
from svbench.engines.processes import end_with
def work(path):
    pathlib.Path(path).write_text(str(os.getpid()))
    time.sleep({ENDLESS})
if __name__ == "__main__":
    own = multiprocessing.get_context("spawn")
    with stoppable(), ProcessPoolExecutor(1, own, end_with, (os.getpid(),)) as pool:
        pool.submit(work, sys.argv[1]).result()
"""


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return a command line that scores two shards of clips against two clips."""
    root = tmp_path_factory.mktemp("clips")
    write_folder(root / "mine", 5)
    write_folder(root / "real", 2, first_seed=10)
    small = [
        "--frames",
        "8",
        "--fps",
        "8",
        "--size",
        "32",
        "--metrics",
        "av-align-corrected@published",
    ]
    return ["score", str(root / "mine"), "--reference", str(root / "real"), *small]


@contextmanager
def started(mark: Path, *command: str, **more: object) -> Iterator[subprocess.Popen[str]]:
    """Start a command, and wait until it is at work: then the file `mark` is there."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, *command, str(mark)], **pipes, **more)
    try:
        until(mark.exists)
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Return exit code and output of a process that ends long before its shard would."""
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", [number.name for number in STOPS])
def test_a_slow_shard_is_not_waited_for(
    name: str, workers: int, words: list[str], tmp_path: Path
) -> None:
    command = [*words, "--out", str(tmp_path / "run"), "--workers", str(workers)]
    with started(tmp_path / "mark", "-c", SLOW.format(slow=ASLEEP), *command) as process:
        process.send_signal(signal.Signals[name])
        code, out, err = ended(process)
    assert (code, out) == (75, "")
    line = f"svbench: stopped by {name}; the same command goes on from here"
    assert err.splitlines() == ["extracting features (7)", line]


def test_the_same_command_completes(words: list[str], tmp_path: Path, svbench: Command) -> None:
    command = [*words, "--out", str(tmp_path / "run"), "--json"]
    with started(tmp_path / "mark", "-c", SLOW.format(slow=ASLEEP), *command) as process:
        process.terminate()
        assert ended(process)[0] == 75
    assert [row["system"] for row in json.loads(svbench(*command).out)["rows"]] == [
        "mine",
        "mine-shuffled",
        "real",
    ]


def test_a_call_that_answers_no_signal_is_not_waited_for(words: list[str], tmp_path: Path) -> None:
    command = [*words, "--out", str(tmp_path / "run"), "--workers", "1"]
    with started(tmp_path / "mark", "-c", SLOW.format(slow=IN_C), *command) as process:
        process.terminate()
        assert ended(process)[0] == 75


def test_what_nohup_ignores_stays_ignored(words: list[str], tmp_path: Path) -> None:
    def deaf() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    command = [*words, "--out", str(tmp_path / "run"), "--workers", "1"]
    slow = SLOW.format(slow=ASLEEP)
    with started(tmp_path / "mark", "-c", slow, *command, preexec_fn=deaf) as process:
        process.send_signal(signal.SIGHUP)
        process.terminate()  # the earlier one would have been answered first
        assert "stopped by SIGTERM" in ended(process)[2]


@pytest.mark.parametrize("whole_group", [False, True])
def test_child_processes_end_too(whole_group: bool, tmp_path: Path) -> None:
    script, mark = tmp_path / "script.py", tmp_path / "child"
    script.write_text(WORKERS)
    with started(mark, str(script), start_new_session=True) as process:
        until(lambda: mark.read_text() != "")
        child = int(mark.read_text())
        number = signal.SIGINT if whole_group else signal.SIGTERM
        (os.killpg if whole_group else os.kill)(process.pid, number)
        code, _, err = ended(process)
    line = f"svbench: stopped by {number.name}; the same command goes on from here\n"
    assert (code, err) == (75, line)
    until(lambda: not lives(child))


def test_signals_are_as_they_were_behind_it() -> None:
    before = [signal.getsignal(number) for number in STOPS]
    with stoppable():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in STOPS] == before
    assert signal.set_wakeup_fd(-1) == -1
