"""One shard of clips, made by a system and stored, in this process or in one of a cluster."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from svbench.errors import DataError
from svbench.files.set_manifest import Kept
from svbench.files.store import Store
from svbench.protocols import BatchedSystem, System
from svbench.types import ClipSpec, NotMade, Request

Task = Sequence[tuple[Request, str]]  # requests, and the digests of what decides their clips


def made_by(system: System, request: Request, spec: ClipSpec, run_seed: int) -> str:
    """Return the digest of everything that decides a system's clip beside the id of its request."""
    decided = dict(system.decided_by(request))
    record = json.dumps([system.name, decided, repr(spec), run_seed], sort_keys=True)
    return hashlib.sha256(record.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes clips of one system, and stores them."""

    system: System
    spec: ClipSpec
    run_seed: int
    store: Store

    def __call__(self, task: Task) -> Iterator[Kept | NotMade]:
        """Yield each clip as soon as it is stored, or why it was not made."""
        clips = self.system.generate([request for request, _ in task], self.spec)
        count = 0
        for (request, made), clip in zip(task, clips, strict=False):
            if isinstance(clip, NotMade):
                yield clip
            else:
                yield self.store.put(self.system.name, made, request, clip)
            count += 1
        if count != len(task):
            raise DataError(f"{self.system.name}: gave {count} clips, expected {len(task)}")

    def check(self, task: Task) -> None:
        """Check that clips made here would be those that were asked for elsewhere.

        Raises DataError where weights, libraries or the device are others here.
        """
        for request, made in task:
            if made_by(self.system, request, self.spec, self.run_seed) != made:
                raise DataError(
                    f"{self.system.name}: node {platform.node()} found other weights, libraries or "
                    "another kind of device, expected those of the node that svbench was started on"
                )


@dataclass(slots=True)
class Makers:
    """Makes clips of any of some systems, in a process of its own, one shard at a time.

    Shards come in the order of the systems, but for those that another process was lost with.
    """

    makers: Mapping[str, Maker]  # by name of the system, in the order of the rows
    _unreleased: set[str] = field(init=False)  # systems whose large model may be loaded
    _last: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self._unreleased = {n for n, m in self.makers.items() if holds_large_model(m.system)}

    def __call__(self, shard: tuple[str, Task]) -> list[Kept | NotMade]:
        """Return the clips of a shard, once they are stored, and why others were not made."""
        name, task = shard
        self._release_others(name)
        self.makers[name].check(task)
        return list(self.makers[name](task))

    def _release_others(self, name: str) -> None:
        """Free the large models of other rows: there may be no room for one more beside them.

        All earlier rows are released, also those that other processes made: rows that share
        a model keep it until the last of them is. A later one may be loaded where an earlier
        shard was lost by another process.
        """
        names = list(self.makers)
        for other in {*names[: names.index(name)], self._last} - {name}:
            if other in self._unreleased:
                self._unreleased.remove(other)
                release(self.makers[other].system)
        self._last = name
        if holds_large_model(self.makers[name].system):
            self._unreleased.add(name)

    def describe(self, shard: tuple[str, Task]) -> str:
        """Return what a shard is called in messages."""
        name, task = shard
        return f"{name}: {', '.join(request.id for request, _ in task)}"


def holds_large_model(system: System) -> bool:
    """Return whether a system loads a model beside which no other one may be."""
    return isinstance(system, BatchedSystem) and not system.shares_device


def release(system: System) -> None:
    """Free what a system loaded."""
    if isinstance(system, BatchedSystem):
        system.release()
