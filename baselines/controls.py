"""Controls: systems that are made of real clips, between which a table's numbers are read.

real        the real clips themselves: the ceiling
codec       real clips, encoded and decoded by a joint model's codecs: the ceiling of all rows that
            share these codecs, for what its autoencoders, its vocoder or Griffin-Lim lose is lost
            for every system behind them
shuffled    real video with the audio of another real clip: the floor of any score of whether video
            and audio belong together
lagged      real clips whose audio is half a second late: how sensitive a score is to a known fault
lagged-0.25 the same, a quarter of a second late, which viewers nearly accept

Their frames are real, so against the same real clips a Fréchet distance would be zero by
construction; they are compared with real clips that they are not made of (`made_of_real_clips`).
The pairs of `shuffled` are one cycle through all clips of a run: where a run grows they change, and
its clips are made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from svbench.compute import CPU, Machine, inference
from svbench.errors import ConfigError
from svbench.protocols import RealClips
from svbench.types import Clip, ClipSpec, Request

if TYPE_CHECKING:
    from svbench.baselines.joint.pair import Pair

# s. Viewers rate audio that is 0.5 s late 1.87 of 5, like audio that does not belong to the video,
# and 0.25 s late 4.08, nearly in sync (the originals 4.72): people begin to notice the fault in
# between (Goncalves et al.: PEAVS. ECCV 2024, arXiv:2404.07336).
LAG = 0.5
SMALL_LAG = 0.25
REAL_TITLE = "real clips (ceiling)"
CODEC_TITLE = "real clips, encoded and decoded (the models' ceiling)"
SHUFFLED_TITLE = "real pictures, another clip's sound (floor)"
LAGGED_TITLE = "real clips, sound {:g} s late"


@dataclass(frozen=True, slots=True)
class Control:
    """A system that makes each clip of real ones.

    Parameters
    ----------
    name, title, settings
        as in `svbench.protocols.System`
    make : callable
        (example id, format) -> clip
    sources : callable
        example id -> what its clip is made of: digests of real clips, and how
    unchanged : bool
        whether its clip is the real clip itself, so that annotations of that hold
    """

    name: str
    title: str
    settings: Mapping[str, str]
    make: Callable[[str, ClipSpec], Clip]
    sources: Callable[[str], Mapping[str, str]]
    made_of_real_clips: bool = True
    batch: int = 1
    shares_device: bool = True
    unchanged: bool = False

    def decided_by(self, request: Request) -> Mapping[str, str]:
        """Return what one clip depends on: real clips, by their digests, and how they are used."""
        return self.sources(request.example)

    def generate(self, requests: Sequence[Request], spec: ClipSpec) -> Iterator[Clip]:
        """Yield one clip per request, in order."""
        for request in requests:
            yield self.make(request.example, spec)

    def release(self) -> None:
        """Do nothing: it holds no model."""


def real(clips: RealClips) -> Control:
    """Return the control of unchanged real clips."""

    def sources(example: str) -> Mapping[str, str]:
        return {"clip": clips.digest(example)}

    return Control("real", REAL_TITLE, {}, clips.read, sources, unchanged=True)


def shuffled(clips: RealClips, seed: int) -> Control:
    """Return the control of real videos with the audio of another clip, each audio used once."""
    partner = partners(clips.examples, seed)

    def make(example: str, spec: ClipSpec) -> Clip:
        own, other = clips.read(example, spec), clips.read(partner[example], spec)
        return Clip(own.video, other.audio, spec)

    def sources(example: str) -> Mapping[str, str]:
        return {"picture": clips.digest(example), "sound": clips.digest(partner[example])}

    pairs = hashlib.sha256(repr(sorted(partner.items())).encode()).hexdigest()[:16]
    settings = {"pairs": f"one seeded cycle, {pairs}"}
    return Control("shuffled", SHUFFLED_TITLE, settings, make, sources)


def lagged(clips: RealClips, lag: float = LAG) -> Control:
    """Return the control of real clips whose audio is `lag` seconds late.

    The audio is rotated: its end comes first. Silence in front instead would end in a sudden start
    of the background noise, which detectors take for an onset.
    """
    settings = {"lag": f"{lag:g} s"}

    def make(example: str, spec: ClipSpec) -> Clip:
        clip = clips.read(example, spec)
        return Clip(clip.video, np.roll(clip.audio, round(lag * spec.sample_rate)), spec)

    def sources(example: str) -> Mapping[str, str]:
        return {**settings, "clip": clips.digest(example)}

    name = "lagged" if lag == LAG else f"lagged-{lag:g}"
    return Control(name, LAGGED_TITLE.format(lag), settings, make, sources)


@dataclass(frozen=True)
class CodecRoundTrip:
    """The control of real clips, encoded and decoded by the codecs of a joint model.

    Parameters
    ----------
    clips : RealClips
        the real clips
    load : callable
        returns its codecs; called at the first request
    weights : str
        digest of its weights
    machine : Machine
        where the codecs compute
    shares_device : bool
        whether other systems may compute meanwhile; for small codecs on a CPU
    """

    clips: RealClips
    load: Callable[[], Pair[Any]]
    weights: str
    machine: Machine = CPU
    name: str = "codec"
    title: str = CODEC_TITLE
    made_of_real_clips: bool = True
    batch: int = 1
    shares_device: bool = False

    @property
    def settings(self) -> Mapping[str, str]:
        """Return its settings: the weights of the codecs, and the threads if they are named."""
        threads = self.machine.threads
        return {"weights": self.weights} | ({} if threads is None else {"threads": str(threads)})

    def decided_by(self, request: Request) -> Mapping[str, str]:
        """Return what one clip depends on: the codecs, and the real clip by its digest."""
        return {**self.settings, "clip": self.clips.digest(request.example)}

    @cached_property
    def _codecs(self) -> Pair[Any]:
        return self.load()

    def generate(self, requests: Sequence[Request], spec: ClipSpec) -> Iterator[Clip]:
        """Yield one clip per request, in order; each is encoded and decoded alone."""
        for request in requests:
            yield self._coded(self.clips.read(request.example, spec), spec)

    def release(self) -> None:
        """Free the codecs, if they were loaded."""
        self.__dict__.pop("_codecs", None)

    def _coded(self, clip: Clip, spec: ClipSpec) -> Clip:
        """Return a clip, encoded and decoded."""
        with inference(self.machine):
            codecs = self._codecs  # inside: large ones are loaded once, not by each worker
            (audio,) = codecs.audio.decode(codecs.audio.encode([clip]), spec)
            (video,) = codecs.video.decode(codecs.video.encode([clip]), spec)
        return Clip(video, audio, spec)


def partners(examples: Sequence[str], seed: int) -> dict[str, str]:
    """Return the successor of each example in one seeded cycle, so that none has its own audio."""
    if len(examples) < 2:
        raise ConfigError(f"the shuffled row needs at least 2 clips, got {len(examples)}")
    order = np.random.default_rng(seed).permutation(len(examples))
    return {examples[a]: examples[b] for a, b in zip(order, np.roll(order, 1), strict=True)}
