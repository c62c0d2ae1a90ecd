"""Relays: systems that complete the clips of another one, of which they keep picture or sound.

Such a system is asked once the clips of the other are made, for the same requests, which carry
them; seeds are those of the requests, as everywhere. Where the other made no clip, there is none to
complete, and the row says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from svbench.errors import ConfigError
from svbench.protocols import CompletingSystem, System
from svbench.types import Request, Sample, SampleSet
from svbench.walk.requests import seed_for


def parent_of(system: System) -> str:
    """Return the name of the row whose clips a system completes; "" if there is none."""
    return system.completes if isinstance(system, CompletingSystem) else ""


def waves(systems: Sequence[System]) -> Iterator[Sequence[System]]:
    """Yield systems that can be asked at a time: those that complete others' clips come later."""
    made: set[str] = set()
    left = list(systems)
    while left:
        wave = [system for system in left if parent_of(system) in {"", *made}]
        if not wave:
            raise ConfigError(
                f"--systems: {left[0].name} completes clips of {parent_of(left[0])}, expected "
                "that among the rows"
            )
        yield wave
        made |= {system.name for system in wave}
        left = [system for system in left if system not in wave]


def requests_on(samples: Sequence[Sample], run_seed: int) -> tuple[Request, ...]:
    """Return a request for each clip that is to be completed, which carries it."""
    return tuple(
        Request(one.request_id, one.caption, seed_for(run_seed, one.request_id), one)
        for one in samples
    )


def with_parents(samples: SampleSet, parents: SampleSet | None) -> SampleSet:
    """Return a set with what could not be made since the clip to complete was not, either."""
    if parents is None:
        return samples
    reasons = dict.fromkeys(parents.not_made, f"no clip of {parents.name} to complete")
    return replace(samples, not_made={**samples.not_made, **reasons})
