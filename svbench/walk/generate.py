"""From requests to sealed sets of samples: generate those that the store does not hold.

The shards of all rows form one queue, so that a worker whose row has no more of them goes on with
the next row. A set is sealed as soon as its last shard is there.

In this process, a system that does not share its device (see `svbench.protocols.BatchedSystem`) has
the queue to itself: two large models never compute side by side, and what one loaded is freed
before the next one loads. Those that share are spread over processes where there are many clips to
make: small networks hold Python's lock most of the time, so that threads would wait for each other.
Workers of a cluster have devices of their own: there all rows are spread, and each worker frees a
large model before it loads the next one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import groupby

from svbench.compute import import_torch
from svbench.engines.protocol import Engine, cut, worth_spreading
from svbench.files.known_files import KnownFiles
from svbench.files.set_manifest import Kept
from svbench.files.store import Store
from svbench.pace import Advance, Progress, silent
from svbench.protocols import BatchedSystem, System
from svbench.types import ClipSpec, NotMade, Request, SampleSet
from svbench.walk.make_shard import Maker, Makers, Task, holds_large_model, made_by, release

SHARD = 8  # requests that a worker takes at a time, or a whole batch where that is larger


def generate(
    asked: Iterable[tuple[System, Sequence[Request]]],
    spec: ClipSpec,
    run_seed: int,
    store: Store,
    engine: Engine,
    progress: Progress = silent,
) -> list[SampleSet]:
    """Generate the samples that the store does not hold whole, and seal the sets.

    Parameters
    ----------
    asked : iterable of (System, sequence of Request)
        a system for each row, and what is asked of it
    spec : ClipSpec
        the format of all clips
    run_seed : int
        of the run, for the record of each clip
    store : Store
        where the clips are kept
    engine : Engine
        maps shards over workers
    progress : Progress
        gets a step for each row, which counts clips that lie in the store, from the workers'
        threads (Default value = silent)

    Returns
    -------
    sets : list of SampleSet
        one per row, each with what its system could not make

    Raises
    ------
    DataError
        where a system yields fewer clips than requests; the sets of the rows before it are sealed
    """
    with ExitStack() as stack:
        rows = [
            _Row(system, requests, spec, run_seed, store, stack.enter_context(ExitStack()))
            for system, requests in asked
        ]
        for light, queue in _queues(rows, engine):
            for row, kept in _made(queue, engine, progress, light=light):
                row.keep(kept)
    return [row.samples for row in rows if row.samples is not None]


@dataclass(eq=False, slots=True)
class _Row:
    """What is asked of a system, and how much of it is there.

    Only the thread that asked changes it; workers call `make`, several threads at a time.
    """

    system: System
    requests: Sequence[Request]
    spec: ClipSpec
    run_seed: int
    store: Store
    step: ExitStack  # closed with the row's step of the progress
    advance: Advance | None = None
    samples: SampleSet | None = None  # once the set is sealed
    missing: Sequence[Request] = ()  # when the row began
    _made_by: dict[str, str] = field(default_factory=dict)  # by request
    _found: dict[str, Kept | None] = field(default_factory=dict)
    _not_made: dict[str, str] = field(default_factory=dict)  # by request, why
    _waiting: int = 0  # clips that are not there yet

    @property
    def side_by_side(self) -> str:
        """Return "" if rows of other systems may be under way meanwhile, else the system's name."""
        shares = isinstance(self.system, BatchedSystem) and self.system.shares_device
        return "" if shares else self.system.name

    @property
    def may_hold_a_model(self) -> bool:
        """Return whether torch may be needed: controls that load nothing do without."""
        return isinstance(self.system, BatchedSystem) or not self.system.made_of_real_clips

    def look_up(self, engine: Engine) -> int:
        """Look up what the store holds; return how many clips are missing."""
        self._made_by = {
            request.id: made_by(self.system, request, self.spec, self.run_seed)
            for request in self.requests
        }
        sealed = self.store.sealed(self.system.name)

        def find(request: Request) -> Kept | None:
            how = self._made_by[request.id]
            return self.store.find(self.system.name, how, request, self.spec, sealed)

        self._found = dict(zip(self._made_by, engine.map(find, self.requests), strict=True))
        self.missing = [r for r in self.requests if self._found[r.id] is None]
        self._waiting = len(self.missing)
        return self._waiting

    def begin(self, progress: Progress) -> None:
        """Show what is there; seal the set if it is whole."""
        label = f"{self.system.name}: making clips"
        self.advance = self.step.enter_context(progress(label, len(self.requests)))
        there = len(self.requests) - self._waiting
        self.advance(there, there)
        self._end_if_whole()

    def shards(self) -> Iterator[Sequence[Request]]:
        """Cut what is missing into shards of whole batches; of large models, of one batch."""
        batch = self.system.batch if isinstance(self.system, BatchedSystem) else 1
        batches = 1 if holds_large_model(self.system) else max(1, SHARD // batch)
        return cut(self.missing, batch * batches)

    def make(self, shard: Sequence[Request]) -> list[Kept | NotMade]:
        """Make and store the clips of a shard, and count each as soon as it is there."""
        assert self.advance is not None
        self.advance(0)  # the row may have waited in the queue, which is no time of its clips
        kept = list[Kept | NotMade]()
        for one in self.maker(self.task(shard)):
            kept.append(one)
            self.advance(1)
        return kept

    @property
    def maker(self) -> Maker:
        """Return what makes its clips, in whichever process."""
        store = replace(self.store, known=KnownFiles())
        return Maker(self.system, self.spec, self.run_seed, store)

    def task(self, shard: Sequence[Request]) -> Task:
        """Return a shard as `Maker` takes it."""
        return [(request, self._made_by[request.id]) for request in shard]

    def count(self, made: int) -> None:
        """Show clips that another process made."""
        assert self.advance is not None
        self.advance(made)

    def keep(self, kept: Sequence[Kept | NotMade]) -> None:
        """Take note of a shard that was made; seal the set if it was the last one."""
        for one in kept:
            if isinstance(one, NotMade):
                self._not_made[one.request_id] = one.reason
            else:
                self._found[one.sample.request_id] = one
        self._waiting -= len(kept)
        self._end_if_whole()

    def _end_if_whole(self) -> None:
        if self._waiting:
            return
        kept = [one for one in self._found.values() if one is not None]
        sealed = self.store.seal(self.system.name, self.spec, kept)
        self.samples = replace(sealed, not_made=self._not_made)
        release(self.system)
        self.step.close()


def _queues(rows: Sequence[_Row], engine: Engine) -> Iterator[tuple[bool, Sequence[_Row]]]:
    """Yield rows that are made in one queue, and whether each process may load all their models."""
    if engine.distributed:
        yield True, rows
        return
    for side_by_side, queue in groupby(rows, lambda row: row.side_by_side):
        yield side_by_side == "", list(queue)


def _made(
    rows: Sequence[_Row], engine: Engine, progress: Progress, *, light: bool
) -> Iterator[tuple[_Row, list[Kept | NotMade]]]:
    """Yield the clips of rows, shard by shard, as they are made."""
    missing = sum(row.look_up(engine) for row in rows)
    if not engine.distributed and any(row.missing and row.may_hold_a_model for row in rows):
        import_torch()
    if not worth_spreading(engine, missing, light=light):
        yield from engine.map(_make, _shards(rows, progress))
        return
    queued: deque[_Row] = deque()

    def tasks() -> Iterator[tuple[str, Task]]:
        for row, shard in _shards(rows, progress):
            queued.append(row)
            yield row.system.name, row.task(shard)

    makers = Makers({row.system.name: row.maker for row in rows})
    for kept in engine.spread(makers, tasks(), named=makers.describe, alone=True):
        row = queued.popleft()
        row.count(len(kept))
        yield row, kept


def _shards(rows: Iterable[_Row], progress: Progress) -> Iterator[tuple[_Row, Sequence[Request]]]:
    """Yield the shards of rows, each row shown when its turn comes."""
    for row in rows:
        row.begin(progress)
        for shard in row.shards():
            yield row, shard


def _make(task: tuple[_Row, Sequence[Request]]) -> tuple[_Row, list[Kept | NotMade]]:
    row, shard = task
    return row, row.make(shard)
