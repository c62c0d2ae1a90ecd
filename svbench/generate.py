"""From requests to a sealed set of samples: ask the store what is missing, make that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence

from svbench import media
from svbench.engine import Engine, cut
from svbench.errors import DataError
from svbench.protocols import System
from svbench.store import Store, digest_set
from svbench.types import ClipSpec, Example, Request, Sample, SampleSet

SHARD = 8  # requests a worker takes at a time


def seed_for(run_seed: int, request_id: str) -> int:
    """Give a 63-bit seed that depends on nothing but the run seed and the request."""
    whole = hashlib.sha256(f"{run_seed}/{request_id}".encode()).digest()
    return int.from_bytes(whole[:8], "big") >> 1


def requests_for(examples: Iterable[Example], repeats: int, run_seed: int) -> tuple[Request, ...]:
    """Ask for each example `repeats` times; ids are "<example id>/<repeat>"."""
    ids = ((e, f"{e.id}/{repeat}") for e in examples for repeat in range(repeats))
    return tuple(Request(i, e.caption, seed_for(run_seed, i)) for e, i in ids)


def made_by(system: System, spec: ClipSpec, run_seed: int) -> str:
    """Digest everything that decides a system's clips beside the request itself."""
    record = json.dumps([system.name, dict(system.settings), repr(spec), run_seed], sort_keys=True)
    return hashlib.sha256(record.encode()).hexdigest()[:16]


def generate(
    system: System,
    requests: Sequence[Request],
    spec: ClipSpec,
    run_seed: int,
    store: Store,
    engine: Engine,
    advance: Callable[[int], None],
) -> SampleSet:
    """Make the samples that the store does not hold yet, and seal the set."""
    digest = made_by(system, spec, run_seed)
    missing = [r for r in requests if store.find(system.name, digest, r) is None]
    advance(len(requests) - len(missing))

    def make(shard: Sequence[Request]) -> int:
        count = 0
        for request, clip in zip(shard, system.generate(shard, spec), strict=False):
            store.put(system.name, digest, request, clip)
            count += 1
        if count != len(shard):
            raise DataError(f"{system.name}: gave {count} clips, expected {len(shard)}")
        return count

    for count in engine.map(make, cut(missing, SHARD)):
        advance(count)
    samples = [store.find(system.name, digest, request) for request in requests]
    lost = [r.id for r, s in zip(requests, samples, strict=True) if s is None]
    if lost:
        raise DataError(
            f"{store.root}: clips of {system.name} vanished while they were made: {lost}"
        )
    return store.seal(system.name, spec, [s for s in samples if s is not None])


def recorded(
    name: str,
    examples: Sequence[Example],
    spec: ClipSpec,
    engine: Engine,
    *,
    pad: bool = False,
) -> tuple[SampleSet, dict[str, str]]:
    """Describe clips that lie on disk as a set, where they are; nothing is copied.

    Beside the set comes, by request, one line for each clip that cannot be opened or lacks a
    stream: it is found now, from the headers, and not hours later.
    """

    def describe(example: Example) -> tuple[Sample, str | None]:
        try:
            media.check(example.recording)
            digest, problem = media.fingerprint(example.recording, repr(spec), pad=pad), None
        except DataError as error:
            digest, problem = "unreadable", str(error)
        return Sample(f"{example.id}/0", example.caption, example.recording, digest), problem

    found = list(engine.map(describe, examples))
    samples = tuple(sample for sample, _ in found)
    problems = {sample.request_id: problem for sample, problem in found if problem is not None}
    return SampleSet(name, spec, samples, digest_set(spec, samples), pad=pad), problems
