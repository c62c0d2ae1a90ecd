"""Outcomes of commands, as the fixture `svbench` returns them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from svbench.cli import app as cli


@dataclass(frozen=True)
class Outcome:
    """The exit code of a command, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def problems(self) -> list[str]:
        """Return svbench's own error lines, without their prefix."""
        lines = [line for line in self.err.splitlines() if line.startswith("svbench: ")]
        messages = [line.removeprefix("svbench: ") for line in lines]
        return [line for line in messages if not line.startswith("note: ")]

    @property
    def notes(self) -> list[str]:
        """Return svbench's notes on what will be absent, without their prefix."""
        start = "svbench: note: "
        return [line.removeprefix(start) for line in self.err.splitlines() if start in line]

    def problem(self, code: int) -> str:
        """Check the exit code and that there is one error line; return it."""
        assert self.code == code, f"exit code {self.code}: {self.err}"
        assert len(self.problems) == 1, self.err
        return self.problems[0]


Command = Callable[..., Outcome]


def exit_code(*words: object) -> int:
    """Run a command line in this process; return its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["svbench", *map(str, words)])
        try:
            cli.main()
        except SystemExit as leaving:
            return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    return 0


def hint(bad: int, of: int) -> str:
    """Return the last of several error lines: how to continue without the bad clips."""
    return (
        f"{bad} of {of} clips cannot be judged; mend them, or leave them out knowingly with "
        "--allow-missing"
    )
