"""From requests to a sealed set of samples: ask the store what is missing, make that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from svbench.engines.local import Engine, cut
from svbench.errors import DataError
from svbench.files import media
from svbench.files.store import Kept, Store, digest_set, identify
from svbench.pace import Advance
from svbench.protocols import System
from svbench.types import ClipSpec, Example, Request, Sample, SampleSet

SHARD = 8  # requests a worker takes at a time
SAME_RATE = 5e-4  # share that two frame rates may differ by; 23.976 and 24 differ by twice that
UNREADABLE = "unreadable"  # in place of the digest of a clip that cannot be opened


def seed_for(run_seed: int, request_id: str) -> int:
    """Give a 63-bit seed that depends on nothing but the run seed and the request."""
    whole = hashlib.sha256(f"{run_seed}/{request_id}".encode()).digest()
    return int.from_bytes(whole[:8], "big") >> 1


def requests_for(examples: Iterable[Example], repeats: int, run_seed: int) -> tuple[Request, ...]:
    """Ask for each example `repeats` times; ids are "<example id>/<repeat>"."""
    ids = ((e, f"{e.id}/{repeat}") for e in examples for repeat in range(repeats))
    return tuple(Request(i, e.caption, seed_for(run_seed, i)) for e, i in ids)


def made_by(system: System, request: Request, spec: ClipSpec, run_seed: int) -> str:
    """Digest everything that decides a system's clip beside the id of its request."""
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
    """Make the samples that the store does not hold whole, and seal the set.

    `advance` is called for each clip as soon as it lies in the store, from the workers' threads.
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


def recorded(
    name: str,
    examples: Sequence[Example],
    spec: ClipSpec,
    engine: Engine,
    *,
    pad: bool = False,
) -> tuple[SampleSet, dict[str, str]]:
    """Return clips that lie on disk as a set, where they are; nothing is copied.

    Beside the set comes, by request, one line for each clip that cannot be opened or lacks a
    stream: it is found now, from the headers, and not hours later.
    """

    def sample_of(example: Example) -> tuple[Sample, str | None]:
        sample = Sample(f"{example.id}/0", example.caption, example.recording, UNREADABLE)
        try:
            digest, stamp = identify(example.recording, spec, pad=pad)
        except DataError as error:
            return sample, str(error)
        return replace(sample, digest=digest, stamp=stamp), None

    found = list(engine.map(sample_of, examples))
    samples = tuple(sample for sample, _ in found)
    problems = {sample.request_id: problem for sample, problem in found if problem is not None}
    return SampleSet(name, spec, samples, digest_set(spec, samples), pad=pad), problems


def already_at_rate(samples: SampleSet, engine: Engine) -> tuple[int, int]:
    """Count the video files of a recorded set whose frame rate is the judged one, and all files.

    Which source frame they show was decided by whoever cut them.
    """

    def alike(path: Path) -> bool:
        try:
            rate = media.frame_rate(path)
        except DataError:  # it is reported where it is to be read
            return False
        return rate is not None and abs(float(rate) / samples.spec.fps - 1) < SAME_RATE

    files = list(dict.fromkeys(sample.recording.path for sample in samples.samples))
    return sum(engine.map(alike, files)), len(files)
