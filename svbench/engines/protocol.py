"""Engines map a function over shards of work; they know nothing of clips or models.

Whatever the engine and the number of workers, results come back in the order of the shards,
and since no shard depends on another they are the same bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")
WORTH_SPREADING: Final = 64  # clips from which on processes gain more than their imports cost
LAST_SHARDS: Final = 8  # in which what is left is cut: two for each of four workers


class Engine(Protocol):
    """Runs the shards of one job."""

    def map(self, work: Callable[[T], R], shards: Iterable[T]) -> Iterator[R]:
        """Yield `work(shard)` for each shard, in order; computed in this process."""
        ...

    def spread(self, work: Callable[[T], R], shards: Iterable[T]) -> Iterator[R]:
        """Yield `work(shard)` for each shard, in order; computed wherever the engine has workers.

        Work, shards and results may be pickled. The work is sent once to each worker, which may
        have what it loads for itself: large models are not for it.
        """
        ...


def cut(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    """Cut items into shards of at most `size`, in order."""
    iterator = iter(items)
    while shard := tuple(islice(iterator, size)):
        yield shard


def cut_evenly(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut items into shards of at most `size`, in order, which shrink at the end down to one item.

    So all workers end at nearly the same time, while the shards do not depend on how many workers
    there are (guided self-scheduling: C. Polychronopoulos, D. Kuck, IEEE Transactions on Computers
    C-36, 1987).
    """
    done = 0
    while done < len(items):
        share = -(-(len(items) - done) // LAST_SHARDS)
        yield items[done : done + min(size, share)]
        done += min(size, share)
