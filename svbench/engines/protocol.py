"""Engines map a function over shards of work; they know nothing of clips or models.

Whatever the engine and the number of workers, results come back in the order of the shards,
and since no shard depends on another they are the same bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Engine(Protocol):
    """Runs the shards of one job."""

    def map(self, work: Callable[[T], R], shards: Iterable[T]) -> Iterator[R]:
        """Yield `work(shard)` for each shard, in order."""
        ...


def cut(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    """Cut items into shards of at most `size`, in order."""
    iterator = iter(items)
    while shard := tuple(islice(iterator, size)):
        yield shard
