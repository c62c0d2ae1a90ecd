"""A command that is stopped while it is still being imported ends as one at work does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from svbench import early_stops
from svbench.cli.stopping import stoppable
from svbench.early_stops import EXIT_CODE, STOPS, end_on_signals, handler_without, stopped
from svbench.errors import StoppedError
from tests.factories.processes import ENDLESS, PATIENCE

# In place of the library that the command line imports first: it prints a line, and takes its time.
SLOW_TYPER = f"import os, time; os.write(1, b'importing'); time.sleep({ENDLESS})"
ENTRIES = {
    "module": ["-m", "svbench"],
    "script": ["-c", "from svbench.__main__ import main; main()"],
}


@contextmanager
def importing(tmp_path: Path, entry: str, ignored: int | None) -> Iterator[subprocess.Popen[str]]:
    """Start a command, and wait until it imports what it needs."""
    (tmp_path / "typer.py").write_text(SLOW_TYPER)
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}

    def usual() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN if number == ignored else signal.SIG_DFL)

    process = subprocess.Popen(
        [sys.executable, *ENTRIES[entry], "--help"],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True},
        **{"env": environment, "preexec_fn": usual},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.read(len("importing")) == "importing"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("number", STOPS)
def test_a_stop_during_imports_is_one_line(
    number: signal.Signals, entry: str, tmp_path: Path
) -> None:
    with importing(tmp_path, entry, None) as process:
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE)
    assert err == f"svbench: stopped by {number.name}; the same command goes on from here\n"
    assert process.returncode == 75


def test_what_is_ignored_stays_ignored_during_imports(tmp_path: Path) -> None:
    with importing(tmp_path, "module", signal.SIGHUP) as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)  # the earlier one would have been answered first
        _, err = process.communicate(timeout=PATIENCE)
    assert err == f"svbench: {stopped('SIGTERM')}\n"


def test_the_exit_code_is_that_of_a_stop() -> None:
    assert StoppedError.exit_code == EXIT_CODE


def test_behind_a_command_signals_are_as_python_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_stops, "_before", {})
    before = {number: signal.getsignal(number) for number in STOPS}
    try:
        end_on_signals()
        assert all(signal.getsignal(number) is not before[number] for number in STOPS)
        assert {number: handler_without(number) for number in STOPS} == before
        with stoppable():
            pass
        assert {number: signal.getsignal(number) for number in STOPS} == before
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
