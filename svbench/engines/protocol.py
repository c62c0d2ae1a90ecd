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

    @property
    def distributed(self) -> bool:
        """Return whether its workers have devices of their own: large models are for them too."""
        ...

    def map(self, work: Callable[[T], R], shards: Iterable[T]) -> Iterator[R]:
        """Yield `work(shard)` for each shard, in order; computed in this process."""
        ...

    def spread(
        self,
        work: Callable[[T], R],
        shards: Iterable[T],
        *,
        named: Callable[[T], str] = str,
        alone: bool = False,
    ) -> Iterator[R]:
        """Yield `work(shard)` for each shard, in order; computed wherever the engine has workers.

        Work, shards and results may be pickled. The work is sent once to each worker, which may
        have what it loads for itself: large models are for an engine that is `distributed`.

        Parameters
        ----------
        work : callable
            computes a shard
        shards : iterable
            what it computes, one after the other
        named : callable
            returns what a shard is called in messages (Default value = str)
        alone : bool
            whether a worker computes one shard at a time, as where it holds a large model; else
            a worker with a GPU may prepare some while that is busy (Default value = False)
        """
        ...


def worth_spreading(engine: Engine, clips: int, *, light: bool) -> bool:
    """Return whether work is to be spread over workers, and not computed in this process.

    Parameters
    ----------
    engine : Engine
        the engine
    clips : int
        how many clips there are to work on
    light : bool
        whether each process may load what the work needs
    """
    return engine.distributed or (light and clips >= WORTH_SPREADING)


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
