"""The engine of a single machine: threads of this process."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from threadpoolctl import threadpool_limits

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Local:
    """Maps shards over a few threads of this process.

    Parameters
    ----------
    workers : int
        threads (Default value = 1, the caller's own)

    Notes
    -----
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
    """Limit what the calling thread computes to one thread, from now on."""
    torch = sys.modules.get("torch")
    if torch is not None:
        # A thread's first call of torch takes the number of threads that was set for the process,
        # whatever limit there is: that call has to be made before the limit is set.
        torch.get_num_threads()
    return threadpool_limits(1)
