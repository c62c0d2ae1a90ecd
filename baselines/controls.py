"""Reference rows: what a table's numbers are worth is seen against them.

real        the real clips themselves: the ceiling
shuffled    real pictures with the sound of another real clip: the floor of any score that asks
            whether picture and sound belong together
lagged      real clips whose sound comes half a second late: how much a score feels a known fault
lagged-0.25 the same, a quarter of a second late, which people nearly forgive

Their pictures are real, so against the same real clips a Fréchet distance would be zero by
construction; they are compared with real clips that they are not made of (`made_of_real_clips`).
`shuffled` is one cycle through all clips of a run: where a run grows, its pairs are others, and
are made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from svbench.errors import ConfigError
from svbench.protocols import RealClips
from svbench.types import Clip, ClipSpec, Request

# s. Viewers rate sound that is 0.5 s late 1.87 of 5, as good as none that fits, and 0.25 s late
# 4.08, nearly in sync (the originals 4.72): the cliff of a fault that people notice lies between
# (Goncalves et al.: PEAVS. ECCV 2024, arXiv:2404.07336).
LAG = 0.5
FORGIVEN_LAG = 0.25
REAL_TITLE = "real clips (ceiling)"
SHUFFLED_TITLE = "real pictures, another clip's sound (floor)"
LAGGED_TITLE = "real clips, sound {:g} s late"


@dataclass(frozen=True, slots=True)
class Reference:
    """A system that answers every request from the real clips."""

    name: str
    title: str
    settings: Mapping[str, str]
    answer: Callable[[str, ClipSpec], Clip]  # example id, format
    sources: Callable[[str], Mapping[str, str]]  # example id -> what its answer is made of
    made_of_real_clips: bool = True

    def decided_by(self, request: Request) -> Mapping[str, str]:
        """Return what decides one clip: which real clips, by their digests, and how."""
        return self.sources(request.example)

    def generate(self, requests: Sequence[Request], spec: ClipSpec) -> Iterator[Clip]:
        """Yield one clip per request, in order."""
        for request in requests:
            yield self.answer(request.example, spec)


def real(clips: RealClips) -> Reference:
    """Return the real clips unchanged, as a system."""

    def sources(example: str) -> Mapping[str, str]:
        return {"clip": clips.digest(example)}

    return Reference("real", REAL_TITLE, {}, clips.read, sources)


def shuffled(clips: RealClips, seed: int) -> Reference:
    """Return each real picture with the sound of another clip, each sound used once."""
    partner = partners(clips.examples, seed)

    def answer(example: str, spec: ClipSpec) -> Clip:
        picture, sound = clips.read(example, spec), clips.read(partner[example], spec)
        return Clip(picture.video, sound.audio, spec)

    def sources(example: str) -> Mapping[str, str]:
        return {"picture": clips.digest(example), "sound": clips.digest(partner[example])}

    pairs = hashlib.sha256(repr(sorted(partner.items())).encode()).hexdigest()[:16]
    settings = {"pairs": f"one seeded cycle, {pairs}"}
    return Reference("shuffled", SHUFFLED_TITLE, settings, answer, sources)


def lagged(clips: RealClips, lag: float = LAG) -> Reference:
    """Return real clips whose sound comes `lag` seconds late.

    The sound is moved around a circle: its end comes first. Silence put in front instead would
    end in a sudden start of the background noise, and a detector hears that as an onset.
    """
    settings = {"lag": f"{lag:g} s"}

    def answer(example: str, spec: ClipSpec) -> Clip:
        clip = clips.read(example, spec)
        return Clip(clip.video, np.roll(clip.audio, round(lag * spec.sample_rate)), spec)

    def sources(example: str) -> Mapping[str, str]:
        return {**settings, "clip": clips.digest(example)}

    name = "lagged" if lag == LAG else f"lagged-{lag:g}"
    return Reference(name, LAGGED_TITLE.format(lag), settings, answer, sources)


def partners(examples: Sequence[str], seed: int) -> dict[str, str]:
    """Send the examples round one seeded cycle, so that none keeps its own sound."""
    if len(examples) < 2:
        raise ConfigError(f"the shuffled row needs at least 2 clips, got {len(examples)}")
    order = np.random.default_rng(seed).permutation(len(examples))
    return {examples[a]: examples[b] for a, b in zip(order, np.roll(order, 1), strict=True)}
