"""Fixtures shared by all tests; factories that need no fixture live in `tests.factories`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from svbench import cli


@dataclass(frozen=True)
class Outcome:
    """What a command did: its exit code, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def problems(self) -> list[str]:
        """The lines in which svbench itself says what is wrong."""
        return [line for line in self.err.splitlines() if line.startswith("svbench: ")]


Run = Callable[..., Outcome]


@pytest.fixture
def svbench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in this process: `svbench("score", folder, "--reference", other)`."""
    monkeypatch.setenv("COLUMNS", "300")  # long lines stay whole, so tests can look for them
    monkeypatch.delenv("SVBENCH_DATA", raising=False)

    def run(*words: object) -> Outcome:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["svbench", *map(str, words)])
        try:
            cli.main()
            code = 0
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return run
