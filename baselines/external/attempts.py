"""Samples from a driver that may fail: which are tried again, how many at a time, and when not.

- What is answered is kept, whatever happens next.
- Where a driver ends, hangs or writes no replies, another one is started, and the samples that it
  had are tried once more, each alone; the ones with which it fails again are named.
- Where it is short of memory, half as many samples are asked for at a time, from then on; a
  sample for which memory is short by itself is named.
- A driver that fails twice before its model is loaded, or with `MOST_LOST` samples in a row, is
  given up: all further samples are named with the same reason. The next run tries again.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from svbench.baselines.external.driver_process import DriverEndedError, DriverProcess
from svbench.baselines.external.job import FAILED, Reply, Wanted

TRIALS: Final = 2  # of a start, and of a sample that a driver ended with
MOST_LOST: Final = 5  # samples in a row that end a driver

log = logging.getLogger(__name__)
Give = Callable[[Wanted, Path], Wanted]


@dataclass(eq=False)
class Attempts:
    """Makes samples by a driver, which it starts when there are some, and again where it ended.

    Parameters
    ----------
    name : str
        of the system
    start : callable
        starts a driver
    most : int
        samples asked for at a time
    """

    name: str
    start: Callable[[], DriverProcess]
    most: int = 1
    _driver: DriverProcess | None = None
    _failed_starts: int = 0
    _lost: int = 0  # samples in a row that ended it
    _given_up: str = ""  # why
    _last_log: Path | None = None  # of a driver that ended
    _tried: Counter[str] = field(default_factory=Counter)  # with a driver that ended

    def replies(self, samples: Sequence[Wanted], give: Give) -> Iterator[Reply]:
        """Yield one reply for each sample, made or failed, not always in order."""
        queue = deque(samples)
        while queue:
            if self._given_up:
                yield from (_named(sample, self._given_up) for sample in queue)
                return
            alone = self._tried[queue[0].id] > 0
            group = [queue.popleft() for _ in range(min(1 if alone else self.most, len(queue)))]
            left = {sample.id: sample for sample in group}
            try:
                for reply in self._asked(group, give):
                    del left[reply.id]
                    yield reply
            except DriverEndedError as end:
                named = self._after(end, list(left.values()), len(group))
                yield from named
                again = left.keys() - {reply.id for reply in named}
                queue.extendleft(s for s in reversed(group) if s.id in again)

    def _asked(self, group: Sequence[Wanted], give: Give) -> Iterator[Reply]:
        """Yield the replies of the driver; it is ended where some are lacking afterwards.

        A caller that takes the last one, and does not come back, leaves it alive.
        """
        driver = self._driver = self._driver or self.start()
        try:
            for reply in driver.ask(group, give):
                self._failed_starts = self._lost = 0
                yield reply
        finally:
            if not driver.idle:
                driver.kill()
                self._driver, self._last_log = None, driver.log

    def _after(self, end: DriverEndedError, left: Sequence[Wanted], asked: int) -> list[Reply]:
        """Settle how to go on after a driver ended; return the samples that are not tried again."""
        reason = f"its driver {end}"
        log.warning("%s: %s; its log is %s", self.name, reason, self._last_log)
        if not end.ready:
            self._failed_starts += 1
            if self._failed_starts >= TRIALS:
                self._given_up = f"{reason} before it was ready"
            return []
        if end.out_of_memory and asked > 1:
            self.most = max(1, asked // 2)
            return []
        self._tried.update(sample.id for sample in left)
        lost = [s for s in left if end.out_of_memory or self._tried[s.id] >= TRIALS]
        self._lost += len(lost)
        if self._lost >= MOST_LOST:
            self._given_up = f"{reason}; given up after {MOST_LOST} samples in a row"
        return [_named(sample, reason) for sample in lost]

    def close(self) -> None:
        """End the driver, if there is one."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None


def _named(sample: Wanted, reason: str) -> Reply:
    return Reply(FAILED, sample.id, error=reason)
