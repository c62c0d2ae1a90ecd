"""The engine of many GPUs and machines: actors of Ray, which are given shards of work.

Ray starts the actors, places them on nodes, finds out that one ended, and carries what is sent.
Each worker is an actor with GPUs or a processor of its own, which loads the work once. The driver
hands out shards, a few for each worker ahead of the first one that is not done, so that memory
stays flat however many there are; results come in the order of the shards. A worker that is
killed, or whose node is lost, costs the shards that it had: others compute them, and a new worker
takes its place. What a lost worker had stored stays, as files are written whole or not at all.

Without an address, a cluster of this machine alone is started, which ends with this process.

References
----------
P. Moritz et al.: Ray: a distributed framework for emerging AI applications, OSDI 2018.
https://docs.ray.io/en/latest/ray-core/actors.html
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from svbench.engines.local import Local
from svbench.engines.pickled_work import pickled, result_of
from svbench.engines.ray_resources import RaySettings, connect, ray_module, reason, size_of
from svbench.engines.ray_workers import Worker, Workers
from svbench.errors import ConfigError, StoppedError
from svbench.limits import CORES

T = TypeVar("T")
R = TypeVar("R")

TRIALS: Final = 3  # of a shard whose worker is lost each time
AHEAD: Final = 4  # shards for each that a worker may have, beyond the first one that is not done
PATIENCE: Final = 60.0  # s without a worker, after which it is said what is waited for

log = logging.getLogger(__name__)


class RayCluster:
    """Maps shards over the workers of a Ray cluster; see `svbench.engines.protocol.Engine`.

    Parameters
    ----------
    settings : RaySettings
        workers and resources
    proof : Path or None
        a file of the run folder, which every node must find as it is here (Default value = None)

    Raises
    ------
    ConfigError
        if Ray is not installed, no cluster answers, or it has no node for a worker
    """

    def __init__(self, settings: RaySettings, proof: Path | None = None) -> None:
        self._connected = connect(settings.address)
        self._workers = Workers(size_of(settings), proof)
        self._local = Local(CORES)
        self._works = 0  # that were sent

    @property
    def distributed(self) -> bool:
        """Return True: each worker has a device of its own."""
        return True

    def map(self, work: Callable[[T], R], shards: Iterable[T]) -> Iterator[R]:
        """Yield `work(shard)` for each shard, in order; computed by threads of this process."""
        yield from self._local.map(work, shards)

    def spread(
        self,
        work: Callable[[T], R],
        shards: Iterable[T],
        *,
        named: Callable[[T], str] = str,
        alone: bool = False,
    ) -> Iterator[R]:
        """Yield `work(shard)` for each shard, in order; computed by the workers.

        Raises
        ------
        ConfigError
            for work that cannot be pickled, and where a node has other code, libraries or files
        StoppedError
            where three workers were lost with the same shard
        """
        sent = pickled(work)
        if sent is None:
            raise ConfigError(
                "--engine ray: found work that cannot be pickled, perhaps of a plug-in, expected "
                "systems and metrics that can be; use --engine local"
            )
        self._works += 1
        reference = [ray_module().put(sent)]
        try:
            yield from _Spread(self._workers, self._works, reference, named, alone).results(shards)
        except BaseException:  # what is under way is of no use to anybody
            self._workers.end()
            raise

    def close(self) -> None:
        """End the workers, and leave the cluster."""
        self._workers.end()
        if self._connected:
            ray_module().shutdown()


@dataclass(eq=False, slots=True)
class _Task:
    """A shard, and how often its worker was lost."""

    number: int
    shard: Any
    lost: int = 0


@dataclass(eq=False)
class _Spread:
    """One call of `RayCluster.spread`: hands out shards, and puts results in order."""

    workers: Workers
    work_number: int
    work: list[Any]  # a reference to the pickled work, in a list: Ray would send the work itself
    named: Callable[[Any], str]
    alone: bool
    _again: deque[_Task] = field(default_factory=deque)  # whose worker was lost
    _under_way: dict[Any, tuple[_Task, Worker]] = field(default_factory=dict)  # by reference
    _done: dict[int, Any] = field(default_factory=dict)
    _first: int = 0  # number of the first shard whose result was not yielded

    def results(self, shards: Iterable[Any]) -> Iterator[Any]:
        """Yield the results of shards in their order."""
        tasks = (_Task(number, shard) for number, shard in enumerate(shards))
        ahead = AHEAD * self.workers.capacity
        self.workers.drop_lost()
        upcoming = next(tasks, None)
        while upcoming or self._again or self._under_way:
            self.workers.fill()
            # By itself, and first: it may be what its worker was lost for.
            while self._again and self._handed_out(self._again[0], alone=True):
                self._again.popleft()
            end = 0 if self._again else self._first + ahead
            while upcoming and upcoming.number < end and self._handed_out(upcoming):
                upcoming = next(tasks, None)
            self._wait()
            while self._first in self._done:
                yield self._done.pop(self._first)
                self._first += 1

    def _handed_out(self, task: _Task, *, alone: bool = False) -> bool:
        """Return whether a worker was free, which then has the shard."""
        worker = self.workers.free(alone=alone or self.alone)
        if worker is None:
            return False
        reference = worker.actor.compute.remote(self.work_number, self.work, task.shard)
        worker.busy += 1
        worker.alone = alone
        self._under_way[reference] = task, worker
        return True

    def _wait(self) -> None:
        """Wait until a worker is ready, or done with a shard."""
        expected = [*self._under_way, *self.workers.starting]
        ready, _ = ray_module().wait(expected, num_returns=1, timeout=PATIENCE)
        if not ready and not self._under_way:
            log.warning("waiting until the cluster has room for a worker")
        for reference in ready:
            if reference in self._under_way:
                self._take(*self._under_way.pop(reference), reference)
            else:
                self.workers.started(reference)

    def _take(self, task: _Task, worker: Worker, reference: Any) -> None:
        """Take the result of a shard; where its worker was lost, have it computed again."""
        ray = ray_module()
        worker.busy, worker.alone = worker.busy - 1, False
        try:
            answered = ray.get(reference)
        except ray.exceptions.RayError as error:
            self.workers.lose(worker)
            self.workers.drop_lost()  # of the same node, which no shard is to be blamed for
            task.lost += 1
            if task.lost >= TRIALS:
                raise StoppedError(
                    f"{self.named(task.shard)}: {TRIALS} workers were lost with it (the last one: "
                    f"{reason(error)}); what others made is kept: run the same command again"
                ) from error
            log.warning("a worker on %s was lost; its work is done again", worker.node)
            self._again.append(task)
        else:
            self._done[task.number] = result_of(answered)
