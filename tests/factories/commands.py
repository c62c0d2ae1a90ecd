"""What a command did, as tests look at it; the fixture `svbench` runs one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """The exit code of a command, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def problems(self) -> list[str]:
        """The lines in which svbench itself says what is wrong, without the word before them."""
        lines = [line for line in self.err.splitlines() if line.startswith("svbench: ")]
        said = [line.removeprefix("svbench: ") for line in lines]
        return [line for line in said if not line.startswith("note: ")]

    @property
    def notes(self) -> list[str]:
        """The lines in which svbench says what will be absent, without the words before them."""
        start = "svbench: note: "
        return [line.removeprefix(start) for line in self.err.splitlines() if start in line]

    def problem(self, code: int) -> str:
        """Give the only problem, after seeing that there is no other and that the code is right."""
        assert self.code == code, f"exit code {self.code}: {self.err}"
        assert len(self.problems) == 1, self.err
        return self.problems[0]


Command = Callable[..., Outcome]


def hint(bad: int, of: int) -> str:
    """Give the last of several lines: how to go on without the bad clips."""
    return (
        f"{bad} of {of} clips cannot be judged; mend them, or leave them out knowingly with "
        "--allow-missing"
    )
