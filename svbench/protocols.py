"""The seams of the benchmark: what makes clips, what measures them, what scores them.

Whatever has these properties and methods can be used; nothing needs to be derived from a class of
svbench. Arrays, shapes and units are those of `svbench.types`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from svbench.types import (
    Better,
    Clip,
    ClipSpec,
    Detection,
    Features,
    Judgement,
    NotMade,
    Request,
    Setting,
    Values,
    View,
)


class System(Protocol):
    """Generates clips."""

    @property
    def name(self) -> str:
        """Return the name of its folder in the store and of its row in the table."""
        ...

    @property
    def title(self) -> str:
        """Return the title of its row, as printed."""
        ...

    @property
    def settings(self) -> Mapping[str, Setting]:
        """Return its settings (steps, gamma, guidance, weights), for the record of its row."""
        ...

    @property
    def made_of_real_clips(self) -> bool:
        """Return whether its clips hold pictures or sound of the real ones.

        Such a system is compared with real clips that it is not made of: see
        `svbench.walk.halves`.
        """
        ...

    def decided_by(self, request: Request) -> Mapping[str, str]:
        """Return what decides one clip beside its id and seed.

        Settings, the caption if it is read, digests of the real clips that it is made of: a clip
        that the store holds is made again when they change.
        """
        ...

    def generate(self, requests: Sequence[Request], spec: ClipSpec) -> Iterator[Clip | NotMade]:
        """Yield one clip per request, in order; the same request gives the same clip.

        In place of a clip that it could not make, though it can make others, it yields why.
        """
        ...


@runtime_checkable
class BatchedSystem(System, Protocol):
    """Generates several clips at a time, by a model that it loads when the first is asked for.

    Optional: what has none of these members is asked for a few clips at a time, and no other
    system computes meanwhile.
    """

    @property
    def batch(self) -> int:
        """Return how many clips it makes at a time: it is asked for whole batches."""
        ...

    @property
    def shares_device(self) -> bool:
        """Return whether other systems may compute meanwhile, as small ones on a CPU may."""
        ...

    def release(self) -> None:
        """Free what was loaded: its clips are made. Whoever asks for more has it loaded again."""
        ...


@runtime_checkable
class RecordedSystem(System, Protocol):
    """Yields recorded clips.

    Optional: where its clips are `unchanged`, what is annotated of the real clips holds for them.
    """

    @property
    def unchanged(self) -> bool:
        """Return whether each clip is the real clip of its request, unchanged."""
        ...


@runtime_checkable
class UnconditionalSystem(System, Protocol):
    """Generates clips of nothing but a seed.

    Optional: where it is `unconditional`, its clips show no caption, and metrics that read captions
    do not score them.
    """

    @property
    def unconditional(self) -> bool:
        """Return whether no caption, picture or sound decides its clips."""
        ...


@runtime_checkable
class CompletingSystem(System, Protocol):
    """Completes clips that another system of the run made, of which it keeps picture or sound.

    Optional: its requests are those of that system's clips, which they carry (`Request.given`).
    """

    @property
    def completes(self) -> str:
        """Return the name of that system's row; "" if it completes none."""
        ...


class RealClips(Protocol):
    """The real clips of a run, for systems that make theirs of them."""

    @property
    def examples(self) -> tuple[str, ...]:
        """Return the ids of all examples, in order."""
        ...

    def read(self, example: str, spec: ClipSpec) -> Clip:
        """Return the real clip of an example."""
        ...

    def digest(self, example: str) -> str:
        """Return the digest of what `read` returns."""
        ...


class Extractor(Protocol):
    """Extracts features from clips."""

    @property
    def key(self) -> str:
        """Return a name of everything that decides its features: code version, settings, weights.

        Features are kept under it, so two extractors of one key must extract the same.
        """
        ...

    @property
    def view(self) -> View:
        """Return in which form clips are read: the set's ("conformed") or their own ("native")."""
        ...

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        """Return features (k, D) of each clip, k >= 1, which must not depend on the batch."""
        ...


class FrameReader(Protocol):
    """Reads the frames of one clip, and keeps of them what its features take."""

    def take(self, number: int, frame: NDArray[np.uint8]) -> None:
        """Take a frame (H, W, 3); all are shown, in order. It may be kept, and is read-only."""
        ...

    def features(self) -> Values:
        """Return features (k, D) of the clip, k >= 1, once all frames are taken."""
        ...


@runtime_checkable
class FrameByFrameExtractor(Extractor, Protocol):
    """Extracts features from frames as they are decoded, so that no clip is held whole.

    Optional: what is not one gets native clips whole, which may take some GiB at most.
    """

    def reader(self, clip: Clip, caption: str) -> FrameReader:
        """Return what reads the frames of a clip; its features equal those of the call.

        `clip` has sound, format and times of the clip. Its video has a shape, but no pixels: to
        index it raises TypeError.
        """
        ...


@runtime_checkable
class LightExtractor(Extractor, Protocol):
    """Extracts features at little cost of memory, so that processes share the work.

    Optional: what is not one is called by several threads of one process.
    """

    @property
    def light(self) -> bool:
        """Return whether each process may have one: it loads no network, or a small one on a CPU.

        It is pickled before it has loaded anything.
        """
        ...


@runtime_checkable
class PairedExtractor(Extractor, Protocol):
    """Measures the picture and the sound of a clip apart, so that clips can be re-paired.

    Optional: metrics whose extractor is one get a floor made from the judged clips themselves.
    """

    @property
    def joins_any_length(self) -> bool:
        """Return whether picture and sound of unequal lengths can be joined (native clips)."""
        ...

    def joined(self, picture: Values, sound: Values) -> Values:
        """Return the features of a clip made of one clip's picture and another's sound.

        Both are features of this extractor, of conformed clips (which are equally long) unless it
        `joins_any_length`. Equal to extracting features of the re-paired clip; a caption stays
        with the picture.
        """
        ...


@runtime_checkable
class LongClipExtractor(Extractor, Protocol):
    """Extracts features of clips of some length alone.

    Optional: what it refuses is then known from the headers of files, before hours of work.
    """

    def too_short(self, seconds: float) -> str:
        """Return why a clip of this length in s has no features; "" where it has some.

        The call raises ScoreError for the same clips.
        """
        ...


class Metric(Protocol):
    """Scores features; a pure function of them, without files or devices."""

    @property
    def name(self) -> str:
        """Return its name on the command line."""
        ...

    @property
    def title(self) -> str:
        """Return the title of its column, as printed."""
        ...

    @property
    def better(self) -> Better:
        """Return which direction is better."""
        ...

    @property
    def extractor(self) -> Extractor:
        """Return the extractor whose features it scores."""
        ...

    @property
    def needs_reference(self) -> bool:
        """Return whether it compares with real clips."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return how it scores, as plain JSON, for the record kept with the result."""
        ...

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        """Return the score of a set; raise ScoreError where there is none.

        `reference` is None unless the metric needs one. Several rows may be scored at a time, by
        threads.
        """
        ...


@runtime_checkable
class PairedMetric(Metric, Protocol):
    """Compares each clip with the real clip of its own example, and not a set with a set.

    Optional: where it is `paired`, its reference are the real clips that are asked for again, also
    where others are kept apart to be compared with; rows that are made of real clips are scored
    like any other, and no halves are.
    """

    @property
    def paired(self) -> bool:
        """Return whether it compares clip by clip; it needs the reference then."""
        ...


@runtime_checkable
class EventMetric(Metric, Protocol):
    """Scores detected events, of which some data sets annotate the true ones.

    Optional: tables then state how well its detectors find them.
    """

    def detection(
        self, features: Features, annotated: Mapping[str, Sequence[float]]
    ) -> tuple[Detection, ...]:
        """Return how well each kind of its events finds the annotated ones.

        `annotated` holds their times by request, s from the clip's start, rising; clips of other
        requests do not count. Empty where no annotated clip has a hit.
        """
        ...


@runtime_checkable
class FittedMetric(Metric, Protocol):
    """Scores by a formula that is made of people's ratings.

    Optional: its agreement with these ratings is by construction, so `svbench validate` leaves them
    out of its agreement with people.
    """

    @property
    def fitted_on(self) -> tuple[str, ...]:
        """Return the distortions, by their names in `svbench validate`, whose ratings it uses."""
        ...


class MotionReader(Protocol):
    """Reads how much each frame of a clip moves from features that are stored, to be drawn."""

    def reads(self, metric: str) -> bool:
        """Return whether the features that a metric scores hold a trajectory of motion."""
        ...

    def motion(self, features: Features) -> tuple[float, NDArray[Any]]:
        """Return the frame rate, frames / s, and the motion (T,), px per frame, of one clip."""
        ...
