"""The engine of a single machine: threads of this process, or processes of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from svbench.engines.pickled_work import pickled
from svbench.engines.processes import Processes
from svbench.engines.threads import on_one_thread, one_thread_each

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Local:
    """Maps shards over a few workers of this machine.

    Parameters
    ----------
    workers : int
        threads, or processes (Default value = 1, the caller's own thread)

    Notes
    -----
    Decoding, optical flow, resampling and large networks release Python's lock, so threads use all
    cores without copying clips between processes. Small networks and the reading of many small
    frames hold it most of the time; `spread` has processes for these. Each worker computes on one
    thread: so sums are rounded alike however many cores and workers there are, and no two workers'
    threads wait for each other's cores. At most twice as many shards as there are workers are under
    way, which keeps memory flat however many shards there are.
    """

    workers: int = 1
    _processes: list[Processes] = field(default_factory=list, repr=False, compare=False)

    @property
    def distributed(self) -> bool:
        """Return False: all workers share the devices of this process."""
        return False

    def map(self, work: Callable[[T], R], shards: Iterable[T]) -> Iterator[R]:
        """Yield `work(shard)` for each shard, in order; computed by threads."""
        with one_thread_each():
            if self.workers == 1:
                yield from map(work, shards)
                return
            with ThreadPoolExecutor(self.workers, initializer=on_one_thread) as pool:
                ahead = 2 * self.workers
                yield from in_order(lambda shard: pool.submit(work, shard), shards, ahead)

    def spread(
        self,
        work: Callable[[T], R],
        shards: Iterable[T],
        *,
        named: Callable[[T], str] = str,
        alone: bool = False,
    ) -> Iterator[R]:
        """Yield `work(shard)` for each shard, in order; computed by processes where there can be.

        Work that cannot be pickled, as that of a plug-in may be, is computed by threads.

        Raises
        ------
        StoppedError
            where a process was killed
        """
        del named, alone  # a worker has one shard at a time
        sent = pickled(work) if self.workers > 1 else None
        if sent is None:
            yield from self.map(work, shards)
            return
        submit = partial(self._pool().submit, sent)
        try:
            yield from in_order(submit, shards, 2 * self.workers)
        except BaseException:  # what is under way is of no use to anybody
            self.close(kill=True)
            raise

    def close(self, *, kill: bool = False) -> None:
        """End the processes, if any; further work has new ones started."""
        while self._processes:
            self._processes.pop().close(kill=kill)

    def _pool(self) -> Processes:
        """Return the processes, which start at their first shards."""
        if not self._processes:
            self._processes.append(Processes(self.workers))
        return self._processes[0]


def in_order(submit: Callable[[T], Future[R]], shards: Iterable[T], ahead: int) -> Iterator[R]:
    """Yield the results of shards in their order, of which at most `ahead` are under way."""
    pending: deque[Future[Any]] = deque()
    try:
        for shard in shards:
            pending.append(submit(shard))
            if len(pending) >= ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
