"""Work as it goes to other processes: pickled once, and what comes back as an answer.

An answer holds the result of a shard, or the error that the work raised, and the warnings that were
logged meanwhile, which the process that asked logs in its turn.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any, Final

from svbench.engines.threads import on_one_thread
from svbench.errors import ConfigError, SvbenchError

LOGGER: Final = "svbench"  # all modules log below it


def pickled(work: Callable[[Any], Any]) -> bytes | None:
    """Pickle work, closures included; None where that is not possible."""
    import cloudpickle

    try:
        found: bytes = cloudpickle.dumps(work)
    except Exception:  # whatever the objects of a plug-in raise
        return None
    return found


class Loaded:
    """The work that a process has loaded.

    Parameters
    ----------
    otherwise : str
        the option that does without other processes, for messages
    """

    def __init__(self, otherwise: str) -> None:
        self._otherwise = otherwise
        self._work: Callable[[Any], Any] | None = None

    def compute(self, work: bytes | None, shard: Any) -> Any:
        """Compute a shard on one thread; `work` is None if it is that of the shard before.

        Raises what the work raises, and ConfigError where it cannot be loaded.
        """
        if work is not None:
            self.load(work)
        if self._work is None:
            raise ConfigError(
                f"--workers: a worker process has no work, expected some; use {self._otherwise}"
            )
        with on_one_thread():
            return self._work(shard)

    def load(self, work: bytes) -> None:
        """Load work, once the models of earlier work are let go."""
        self._work = None
        try:
            self._work = pickle.loads(work)
        except SvbenchError:  # of a device or of weights that are not here
            raise
        except Exception as error:
            reason = " ".join(str(error).split())
            raise ConfigError(
                f"--workers: a worker process cannot load the work ({type(error).__name__}: "
                f"{reason:.200}), expected modules that it can import; use {self._otherwise}"
            ) from error


def answer(compute: Callable[[], Any]) -> bytes:
    """Compute, and pickle the result or the error, and the warnings that were logged."""
    result, error = None, None
    with _warnings() as logged:
        try:
            result = compute()
        except Exception as raised:
            error = raised
    return _pickled(result, error, logged)


def result_of(pickled_answer: bytes) -> Any:
    """Return the result of an answer, or raise its error; log its warnings."""
    result, error, logged = pickle.loads(pickled_answer)
    for name, level, text in logged:
        logging.getLogger(name).log(level, "%s", text)
    if error is not None:
        raise error
    return result


def _pickled(result: Any, error: Exception | None, logged: list[Any]) -> bytes:
    """Pickle a result or error; what cannot be pickled becomes a RuntimeError."""
    try:
        found = pickle.dumps((result, error, logged))
        if error is not None:
            pickle.loads(found)
    except Exception as unfit:
        known = unfit if error is None else error
        return pickle.dumps((None, RuntimeError(f"{type(known).__name__}: {known}"), logged))
    return found


class _Collecting(logging.Handler):
    """Keeps the warnings of one thread as plain texts."""

    def __init__(self, kept: list[tuple[str, int, str]]) -> None:
        super().__init__(logging.WARNING)
        self._kept, self._thread = kept, get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self._kept.append((record.name, record.levelno, record.getMessage()))


@contextmanager
def _warnings() -> Iterator[list[tuple[str, int, str]]]:
    """Collect the warnings of svbench, in place of printing them here."""
    kept: list[tuple[str, int, str]] = []
    logger, handler = logging.getLogger(LOGGER), _Collecting(kept)
    logger.addHandler(handler)
    try:
        yield kept
    finally:
        logger.removeHandler(handler)
