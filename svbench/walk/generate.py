"""From requests to a sealed set of samples: generate those that the store does not hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from svbench.engines.protocol import Engine, cut
from svbench.errors import DataError
from svbench.files.set_manifest import Kept
from svbench.files.store import Store
from svbench.pace import Advance
from svbench.protocols import System
from svbench.types import ClipSpec, Request, SampleSet

SHARD = 8  # requests that a worker takes at a time


def made_by(system: System, request: Request, spec: ClipSpec, run_seed: int) -> str:
    """Return the digest of everything that decides a system's clip beside the id of its request."""
    decided = dict(system.decided_by(request))
    record = json.dumps([system.name, decided, repr(spec), run_seed], sort_keys=True)
    return hashlib.sha256(record.encode()).hexdigest()[:16]


def generate(
    system: System,
    requests: Sequence[Request],
    spec: ClipSpec,
    run_seed: int,
    store: Store,
    engine: Engine,
    advance: Advance,
) -> SampleSet:
    """Generate the samples that the store does not hold whole, and seal the set.

    `advance` is called for each clip as soon as it lies in the store, from the workers' threads.
    Raises DataError where a system yields fewer clips than requests.
    """
    sealed = store.sealed(system.name)
    how = {request.id: made_by(system, request, spec, run_seed) for request in requests}

    def find(request: Request) -> Kept | None:
        return store.find(system.name, how[request.id], request, spec, sealed)

    def make(shard: Sequence[Request]) -> list[Kept]:
        kept = []
        for request, clip in zip(shard, system.generate(shard, spec), strict=False):
            kept.append(store.put(system.name, how[request.id], request, clip))
            advance(1)
        if len(kept) != len(shard):
            raise DataError(f"{system.name}: gave {len(kept)} clips, expected {len(shard)}")
        return kept

    found = dict(zip(how, engine.map(find, requests), strict=True))
    missing = [request for request in requests if found[request.id] is None]
    there = len(requests) - len(missing)
    advance(there, there)
    for kept in engine.map(make, cut(missing, SHARD)):
        found |= {one.sample.request_id: one for one in kept}
    return store.seal(system.name, spec, [one for one in found.values() if one is not None])
