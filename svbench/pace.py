"""Progress: how much of some work is done, and an estimate of the time that is left.

Work is counted in items: clips, steps. Items that are in the store from an earlier run count as
done, but not towards the mean time of an item. Times are seconds. `Saving` decides when a record of
what is done is written.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final, Protocol

SECOND: Final = 1.0
PAUSE: Final = 2.0  # s between two writings of a record that grows, at least,
SHARE: Final = 20  # and so many times as long as the last one took
LATER: Final = 0.5  # of the mean time of an item: what follows sooner came in the same batch


class Advance(Protocol):
    """Reports progress of one job; called from any thread."""

    def __call__(self, done: int, kept: int = 0, /) -> None:
        """Count `done` further items, of which `kept` were there already."""
        ...


# Opens a bar for a label and a number of items; what it yields is called with items that are done.
# Several may be open at once: of two rows whose clips are being made, for example.
Progress = Callable[[str, int], AbstractContextManager[Advance]]


def silent(_label: str, _total: int) -> AbstractContextManager[Advance]:
    """Return a context that shows no progress."""
    return nullcontext(lambda _done, _kept=0, /: None)


class Pace:
    """Estimates the time left from the mean time of the items made so far.

    Parameters
    ----------
    total : int
        items
    clock : callable
        seconds (Default value = time.monotonic)
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total, self.done, self._clock = total, 0, clock
        self._made = 0
        self._began = self._last = clock()
        self._longest = 0.0  # s from one batch to the next

    def advance(self, done: int, kept: int = 0, /) -> None:
        """Count `done` further items, of which `kept` were there already."""
        self.done += done
        self._made += done - kept
        if not self._made:
            self._began = self._clock()  # looking up what is kept takes no time worth counting
        if done > kept:
            self._longest = max(self._longest, self._clock() - self._last)
        if done > kept or not self._made:
            self._last = self._clock()

    @property
    def each(self) -> float | None:
        """Return the mean time of an item in seconds, or None before the first."""
        return (self._last - self._began) / self._made if self._made else None

    @property
    def left(self) -> float | None:
        """Return the estimated time left in seconds, or None where nothing is known yet."""
        if self.each is None:
            return None
        waited = min(self._clock() - self._last, self._longest)  # a stall shortens nothing
        return max(0.0, (self.total - self.done) * self.each - waited)

    @property
    def elapsed(self) -> float:
        """Return the seconds since the work began."""
        return self._clock() - self._began

    @property
    def between_batches(self) -> bool:
        """Return whether the last batch is over: its items come right behind one another.

        Within a batch the mean time of an item is too long, as all its items are done at once.
        """
        return self.each is not None and self._clock() - self._last >= LATER * self.each

    def __str__(self) -> str:
        """Return how far the work is, such as "8 of 40, 5 s each, about 3 min left"."""
        each, left = self.each, self.left
        if each is None or left is None:
            return f"{self.done} of {self.total}"
        return f"{self.done} of {self.total}, {duration(each)} each, {time_left(left)}"


def time_left(seconds: float) -> str:
    """Return the time left in words, such as "about 3 min left"."""
    return f"about {duration(max(SECOND, round(seconds)))} left"


def duration(seconds: float) -> str:
    """Return a duration to two or three digits, such as "0.31 s", "5 s", "3 min" or "2.5 h"."""
    if round(seconds, 1) < 10:
        return f"{seconds:.2g} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


@dataclass(slots=True)
class Saving:
    """Writes a record of growing work from time to time, so that it costs little of long work.

    Parameters
    ----------
    clock : callable
        seconds (Default value = time.monotonic)
    """

    clock: Callable[[], float] = time.monotonic
    _due: float = -math.inf

    def perhaps(self, save: Callable[[], None]) -> None:
        """Write the record, unless that would be too soon after the last time."""
        begun = self.clock()
        if begun < self._due:
            return
        save()
        end = self.clock()
        self._due = end + max(PAUSE, SHARE * (end - begun))
