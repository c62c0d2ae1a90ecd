"""The three seams: who makes clips, who describes them, who judges them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from svbench.types import (
    Better,
    Clip,
    ClipSpec,
    Features,
    Judgement,
    Request,
    Values,
    View,
)


class System(Protocol):
    """Makes clips."""

    @property
    def name(self) -> str:
        """Name its folder in the store and its row in the table."""
        ...

    @property
    def title(self) -> str:
        """Name it as a reader of the table should see it."""
        ...

    @property
    def settings(self) -> Mapping[str, str]:
        """Return its settings (steps, gamma, guidance, weights), for the record."""
        ...

    @property
    def made_of_real_clips(self) -> bool:
        """Tell whether its clips hold pictures or sound of the real ones.

        Such a system is compared with real clips that it is not made of: see
        `svbench.walk.judging`.
        """
        ...

    def decided_by(self, request: Request) -> Mapping[str, str]:
        """Return what decides one clip beside its id and seed.

        Settings, the caption if it is read, digests of the real clips that it is made of: a clip
        that the store holds is made again when they change.
        """
        ...

    def generate(self, requests: Sequence[Request], spec: ClipSpec) -> Iterator[Clip]:
        """Yield one clip per request, in order; the same request gives the same clip."""
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
    """Describes clips by numbers."""

    @property
    def key(self) -> str:
        """Name everything that decides its numbers: code version, settings, weights."""
        ...

    @property
    def view(self) -> View:
        """Ask for clips in the set's format ("conformed") or as they were made ("native")."""
        ...

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        """Give one (k, D) block per clip, k >= 1; the answer must not depend on the batch."""
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


class Metric(Protocol):
    """Judges features; pure: no files, no device."""

    @property
    def name(self) -> str:
        """Name it as on the command line."""
        ...

    @property
    def title(self) -> str:
        """Name it as a column of a table."""
        ...

    @property
    def better(self) -> Better:
        """Tell which direction is better."""
        ...

    @property
    def extractor(self) -> Extractor:
        """Name the extractor whose features it judges."""
        ...

    @property
    def needs_reference(self) -> bool:
        """Tell whether it compares with real clips."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """Tell how it judges, for the record kept with the result."""
        ...

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        """Judge a set; raise ScoreError where no number can be given."""
        ...
