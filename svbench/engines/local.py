"""Engines map a function over shards; they know nothing of clips or models.

Whatever the engine and the number of workers, results come back in the order of the shards,
and since no shard depends on another the answer is the same bit for bit.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeVar

from threadpoolctl import threadpool_limits

T = TypeVar("T")
R = TypeVar("R")


# Opens a bar for a label and a number of steps; what it yields is called with steps that are done.
class Engine(Protocol):
    """Runs the shards of one job."""

    def map(self, work: Callable[[T], R], shards: Iterable[T]) -> Iterator[R]:
        """Yield `work(shard)` for each shard, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Local:
    """Work in this process, on a few threads.

    Decoding, optical flow, resampling and networks release Python's lock, so threads use all cores
    without copying clips between processes. Each worker computes on one thread: so sums are
    rounded alike however many cores and workers there are, and no two workers' threads wait for
    each other's cores. At most twice as many shards as there are workers are under way, which
    keeps memory flat however many shards there are.
    """

    workers: int = 1

    def map(self, work: Callable[[T], R], shards: Iterable[T]) -> Iterator[R]:
        """Yield `work(shard)` for each shard, in order."""
        if self.workers == 1:
            with _on_one_thread():
                yield from map(work, shards)
            return
        pending: deque[Future[R]] = deque()
        with ThreadPoolExecutor(self.workers, initializer=_on_one_thread) as pool:
            try:
                for shard in shards:
                    pending.append(pool.submit(work, shard))
                    if len(pending) >= 2 * self.workers:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                for future in pending:
                    future.cancel()


def _on_one_thread() -> threadpool_limits:
    """Let the thread that calls this compute on one thread from now on."""
    torch = sys.modules.get("torch")
    if torch is not None:
        # A thread's first call of torch takes the number that the process was once told, whatever
        # limit there is: that call has to be made before the limit is set.
        torch.get_num_threads()
    return threadpool_limits(1)


def cut(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    """Cut items into shards of at most `size`, in order."""
    iterator = iter(items)
    while shard := tuple(islice(iterator, size)):
        yield shard
