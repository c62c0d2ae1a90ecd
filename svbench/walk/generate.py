"""From requests to sealed sets of samples: generate those that the store does not hold.

The shards of all rows form one queue, so that a worker whose row has no more of them goes on with
the next row. A set is sealed as soon as its last shard is there. A system that does not share its
device (see `svbench.protocols.BatchedSystem`) has the queue to itself: two large models never
compute side by side, and what one loaded is freed before the next one loads.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby

from svbench.engines.protocol import Engine, cut
from svbench.errors import DataError
from svbench.files.set_manifest import Kept
from svbench.files.store import Store
from svbench.pace import Advance, Progress, silent
from svbench.protocols import BatchedSystem, System
from svbench.types import Clip, ClipSpec, Request, SampleSet

SHARD = 8  # requests that a worker takes at a time, or a whole batch where that is larger


def made_by(system: System, request: Request, spec: ClipSpec, run_seed: int) -> str:
    """Return the digest of everything that decides a system's clip beside the id of its request."""
    decided = dict(system.decided_by(request))
    record = json.dumps([system.name, decided, repr(spec), run_seed], sort_keys=True)
    return hashlib.sha256(record.encode()).hexdigest()[:16]


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
        gets a step for each row, which counts each clip as soon as it lies in the store, from the
        workers' threads (Default value = silent)

    Returns
    -------
    sets : list of SampleSet
        one per row

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
        for _, queue in groupby(rows, lambda row: row.beside):
            for row, kept in engine.map(_make, _shards(queue, engine, progress)):
                row.keep(kept)
    return [row.samples for row in rows if row.samples is not None]


@dataclass(eq=False, slots=True)
class _Row:
    """What is asked of a system, and how much of it is there.

    Only the thread that asked changes it; workers call `make`, several of them at a time.
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
    _waiting: int = 0  # clips that are not there yet

    @property
    def beside(self) -> str:
        """Return a word that rows share which may be under way at the same time."""
        shares = isinstance(self.system, BatchedSystem) and self.system.shares_device
        return "" if shares else self.system.name

    def begin(self, engine: Engine, progress: Progress) -> None:
        """Look up what the store holds; seal the set if it is whole."""
        label = f"{self.system.name}: making clips"
        self.advance = self.step.enter_context(progress(label, len(self.requests)))
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
        there = len(self.requests) - self._waiting
        self.advance(there, there)
        self._end_if_whole()

    def shards(self) -> Iterator[Sequence[Request]]:
        """Cut what is missing into shards of whole batches."""
        batch = self.system.batch if isinstance(self.system, BatchedSystem) else 1
        return cut(self.missing, batch * max(1, SHARD // batch))

    def make(self, shard: Sequence[Request]) -> list[Kept]:
        """Make the clips of a shard, and store each as soon as it is there."""
        assert self.advance is not None
        self.advance(0)  # the row may have waited in the queue, which is no time of its clips
        clips = self.system.generate(shard, self.spec)
        kept = [self._put(request, clip) for request, clip in zip(shard, clips, strict=False)]
        if len(kept) != len(shard):
            raise DataError(f"{self.system.name}: gave {len(kept)} clips, expected {len(shard)}")
        return kept

    def _put(self, request: Request, clip: Clip) -> Kept:
        assert self.advance is not None
        kept = self.store.put(self.system.name, self._made_by[request.id], request, clip)
        self.advance(1)
        return kept

    def keep(self, kept: Sequence[Kept]) -> None:
        """Take note of a shard that was made; seal the set if it was the last one."""
        self._found |= {one.sample.request_id: one for one in kept}
        self._waiting -= len(kept)
        self._end_if_whole()

    def _end_if_whole(self) -> None:
        if self._waiting:
            return
        kept = [one for one in self._found.values() if one is not None]
        self.samples = self.store.seal(self.system.name, self.spec, kept)
        if isinstance(self.system, BatchedSystem):
            self.system.release()
        self.step.close()


def _shards(
    rows: Iterable[_Row], engine: Engine, progress: Progress
) -> Iterator[tuple[_Row, Sequence[Request]]]:
    """Yield the shards of rows, each row looked up when its turn comes."""
    for row in rows:
        row.begin(engine, progress)
        for shard in row.shards():
            yield row, shard


def _make(task: tuple[_Row, Sequence[Request]]) -> tuple[_Row, list[Kept]]:
    row, shard = task
    return row, row.make(shard)
