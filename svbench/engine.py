"""Engines map a function over shards; they know nothing of clips or models.

Whatever the engine and the number of workers, results come back in the order of the shards,
and since no shard depends on another the answer is the same bit for bit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Engine(Protocol):
    """Runs the shards of one job."""

    def map(self, work: Callable[[T], R], shards: Iterable[T]) -> Iterator[R]:
        """Yield `work(shard)` for each shard, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Local:
    """Work in this process, on a few threads.

    Decoding, optical flow and resampling release Python's lock, so threads use all cores
    without copying clips between processes. At most twice as many shards as there are workers
    are under way, which keeps memory flat however many shards there are.
    """

    workers: int = 1

    def map(self, work: Callable[[T], R], shards: Iterable[T]) -> Iterator[R]:
        """Yield `work(shard)` for each shard, in order."""
        if self.workers == 1:
            yield from map(work, shards)
            return
        pending: deque[Future[R]] = deque()
        with ThreadPoolExecutor(self.workers) as pool:
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


def cut(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    """Cut items into shards of at most `size`, in order."""
    iterator = iter(items)
    while shard := tuple(islice(iterator, size)):
        yield shard
