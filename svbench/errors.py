"""Everything svbench raises on purpose.

    SvbenchError
      ConfigError      a setting is unknown, missing or out of range (exit 2)
      DataError        a clip, caption, data set or weight file is absent or malformed (exit 3)
      ScoreError       a metric cannot be computed from its input (exit 4)
      RegressionError  a table left its golden tolerance (exit 5)
      StoppedError     the work stopped half way; the same command resumes it (exit 75)

A message is one line: it names the file or setting, what was found, and what was expected.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class SvbenchError(Exception):
    """Base class; the command line prints it as one line and exits with `exit_code`."""

    exit_code: ClassVar[int] = 1


class ConfigError(SvbenchError, ValueError):
    """A setting is unknown, missing or out of range."""

    exit_code = 2


class DataError(SvbenchError, ValueError):
    """A clip, caption, data set or weight file is absent or malformed.

    One error may stand for several files, so that a user can mend them all at once.
    """

    exit_code = 3

    @classmethod
    def of(cls, problems: Sequence[str]) -> DataError:
        """Return one error of several problems, one line each."""
        return cls("\n".join(problems))


class ScoreError(SvbenchError, ValueError):
    """A metric cannot be computed from its input."""

    exit_code = 4


class RegressionError(SvbenchError):
    """A table left its golden tolerance."""

    exit_code = 5


class StoppedError(SvbenchError):
    """The work stopped half way (disk full, interrupted); the same command resumes it."""

    exit_code = 75
