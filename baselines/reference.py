"""Reference rows: what a table's numbers are worth is seen against them.

real        the real clips themselves: the ceiling
shuffled    real pictures with the sound of another real clip: the floor of any score that asks
            whether picture and sound belong together
lagged      real clips whose sound comes late: how much a score feels a known fault

Their pictures are real, so against the real clips a Fréchet distance would be zero by
construction; the walk therefore compares them with the half of the real clips that is not
theirs (`made_of_real_clips`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from svbench.errors import ConfigError
from svbench.types import Clip, ClipSpec, Request

LAG = 0.25  # s; two frames at 8 frames/s, twice the window of AV-Align

ReadReal = Callable[[str, ClipSpec], Clip]  # example id, format -> the real clip


@dataclass(frozen=True, slots=True)
class Reference:
    """A system that answers every request from the real clips."""

    name: str
    title: str
    settings: Mapping[str, str]
    answer: ReadReal
    made_of_real_clips: bool = True

    def generate(self, requests: Sequence[Request], spec: ClipSpec) -> Iterator[Clip]:
        """Yield one clip per request, in order."""
        for request in requests:
            yield self.answer(request.example, spec)


def real(read: ReadReal) -> Reference:
    """Give the real clips unchanged."""
    return Reference("real", "real clips (ceiling)", {}, read)


def shuffled(read: ReadReal, examples: Sequence[str], seed: int) -> Reference:
    """Give each real picture the sound of another clip, each sound used once."""
    partner = partners(examples, seed)

    def answer(example: str, spec: ClipSpec) -> Clip:
        return Clip(read(example, spec).video, read(partner[example], spec).audio, spec)

    pairs = hashlib.sha256(repr(sorted(partner.items())).encode()).hexdigest()[:16]
    settings = {"pairs": f"one seeded cycle, {pairs}"}
    return Reference("shuffled", "real pictures, another clip's sound (floor)", settings, answer)


def lagged(read: ReadReal, lag: float = LAG) -> Reference:
    """Give real clips whose sound comes `lag` seconds late.

    The sound is moved around a circle: its end comes first. Silence put in front instead would
    end in a sudden start of the background noise, and a detector hears that as an onset.
    """

    def answer(example: str, spec: ClipSpec) -> Clip:
        clip = read(example, spec)
        return Clip(clip.video, np.roll(clip.audio, round(lag * spec.sample_rate)), spec)

    return Reference("lagged", f"real clips, sound {lag:g} s late", {"lag": f"{lag:g} s"}, answer)


def partners(examples: Sequence[str], seed: int) -> dict[str, str]:
    """Send the examples round one seeded cycle, so that none keeps its own sound."""
    if len(examples) < 2:
        raise ConfigError(f"the shuffled row needs at least 2 clips, got {len(examples)}")
    order = np.random.default_rng(seed).permutation(len(examples))
    return {examples[a]: examples[b] for a, b in zip(order, np.roll(order, 1), strict=True)}
