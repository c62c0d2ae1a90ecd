"""Guards around what a plug-in builds: metrics, their extractors, and systems.

A guard has the members of `svbench.protocols`, and does what the object behind it does. What that
raises is blamed on the plug-in (see `svbench.catalog.plugins.blaming`): while clips are generated
or features extracted as a DataError, while scores are computed as a ScoreError, and anything else
as a ConfigError. Properties are read once, when the guard is made, so that an object that lacks
one is refused before any work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from svbench.catalog.plugins import Offer, blaming
from svbench.errors import ConfigError, DataError, ScoreError
from svbench.files.names import check_name
from svbench.protocols import (
    BatchedSystem,
    EventMetric,
    Extractor,
    FrameByFrameExtractor,
    FrameReader,
    Metric,
    PairedExtractor,
    System,
)
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
from svbench.walk.plan import Unavailable

PLUGIN: Final = "plug-in"  # of the settings of a column or row: its origin


# --- metrics -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class GuardedExtractor:
    """An extractor of a plug-in; its key names the plug-in's version."""

    inner: Any
    origin: str
    key: str
    view: View

    @property
    def machine(self) -> Any:
        """Return where its network computes; AttributeError where it has none."""
        return self.inner.machine

    @property
    def light(self) -> bool:
        """Return whether each process may have one; False where it does not say."""
        return bool(getattr(self.inner, "light", False))

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        """Return features (k, D) of each clip."""
        from svbench.walk.clip_problems import checked_features

        with blaming(self.origin, DataError):
            blocks = list(self.inner(clips, captions))
            if len(blocks) != len(clips):
                raise ValueError(f"extracted {len(blocks)} features, expected {len(clips)}")
            return [checked_features(np.asarray(block)) for block in blocks]


@dataclass(frozen=True, eq=False)
class GuardedPairedExtractor(GuardedExtractor):
    """An extractor of a plug-in that measures picture and sound apart."""

    joins_any_length: bool

    def joined(self, picture: Values, sound: Values) -> Values:
        """Return the features of a clip made of one clip's picture and another's sound."""
        with blaming(self.origin, ScoreError):
            joined: Values = self.inner.joined(picture, sound)
            return joined


class _ReadingFrames:
    """Of a guard: what the extractor behind it reads, it reads frame by frame."""

    inner: Any
    origin: str

    def reader(self, clip: Clip, caption: str) -> FrameReader:
        """Return what reads the frames of a clip."""
        with blaming(self.origin, DataError):
            return GuardedReader(self.inner.reader(clip, caption), self.origin)


@dataclass(frozen=True, eq=False)
class GuardedReader:
    """A reader of frames of a plug-in."""

    inner: FrameReader
    origin: str

    def take(self, number: int, frame: NDArray[np.uint8]) -> None:
        """Take a frame."""
        with blaming(self.origin, DataError):
            self.inner.take(number, frame)

    def features(self) -> Values:
        """Return features (k, D) of the clip."""
        from svbench.walk.clip_problems import checked_features

        with blaming(self.origin, DataError):
            found: Any = np.asarray(self.inner.features())
            return checked_features(found)


class GuardedFrameByFrameExtractor(_ReadingFrames, GuardedExtractor):
    """An extractor of a plug-in that holds no whole clip."""


class GuardedPairedFrameByFrameExtractor(_ReadingFrames, GuardedPairedExtractor):
    """An extractor of a plug-in that holds no whole clip, and measures picture and sound apart."""


@dataclass(frozen=True, eq=False)
class GuardedMetric:
    """A metric of a plug-in; its settings name the plug-in's version."""

    inner: Metric
    origin: str
    name: str
    title: str
    better: Better
    extractor: Extractor
    needs_reference: bool
    settings: Mapping[str, Any]

    @property
    def paired(self) -> bool:
        """Return whether it compares clip by clip; False where it does not say."""
        return bool(getattr(self.inner, "paired", False))

    def score(self, generated: Features, reference: Features | None) -> Judgement:
        """Return the score of a set; raise ScoreError where there is none."""
        with blaming(self.origin, ScoreError):
            judgement = self.inner.score(generated, reference)
            _check_kind(judgement, Judgement, f"{self.name}: score")
            return judgement


@dataclass(frozen=True, eq=False)
class GuardedEventMetric(GuardedMetric):
    """A metric of a plug-in whose events can be compared with annotated ones."""

    def detection(
        self, features: Features, annotated: Mapping[str, Sequence[float]]
    ) -> tuple[Detection, ...]:
        """Return how well each kind of its events finds the annotated ones."""
        with blaming(self.origin, ScoreError):
            assert isinstance(self.inner, EventMetric)
            found = tuple(self.inner.detection(features, annotated))
            for kind in found:
                _check_kind(kind, Detection, f"{self.name}: detection")
            return found


def guard_metric(column: Metric | Unavailable, offer: Offer) -> Metric | Unavailable:
    """Return a column whose exceptions name its plug-in.

    Raises
    ------
    ConfigError
        if it is no Metric, or is called otherwise than NAME or NAME@PRESET
    """
    with blaming(offer.origin, ConfigError):
        if column.name.partition("@")[0] != offer.name:
            raise ConfigError(
                f"--metrics {offer.name}: found a column called {column.name!r}, expected "
                f"{offer.name} or {offer.name}@PRESET"
            )
        if isinstance(column, Unavailable):
            return column
        guard = GuardedEventMetric if isinstance(column, EventMetric) else GuardedMetric
        return guard(
            column,
            offer.origin,
            name=column.name,
            title=column.title,
            better=column.better,
            extractor=_guard_extractor(column.extractor, offer.origin),
            needs_reference=column.needs_reference,
            settings={**column.settings, PLUGIN: offer.origin},
        )


def _guard_extractor(extractor: Extractor, origin: str) -> Extractor:
    """Return a guarded extractor; one of svbench itself stays as it is, and keeps its features."""
    if type(extractor).__module__.partition(".")[0] == "svbench":
        return extractor
    version = re.sub(r"[^\w.-]+", "-", origin)
    key, view = f"{extractor.key}-{version}", extractor.view
    check_name(key, "extractor key", extractor.key)  # of a folder
    by_frame = isinstance(extractor, FrameByFrameExtractor)
    if isinstance(extractor, PairedExtractor):
        paired = GuardedPairedFrameByFrameExtractor if by_frame else GuardedPairedExtractor
        return paired(extractor, origin, key, view, extractor.joins_any_length)
    guard = GuardedFrameByFrameExtractor if by_frame else GuardedExtractor
    return guard(extractor, origin, key, view)


# --- systems -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class GuardedSystem:
    """A system of a plug-in; its clips are made again by another version of the plug-in."""

    inner: System
    origin: str
    name: str
    title: str
    settings: Mapping[str, Setting]
    made_of_real_clips: bool

    @property
    def unchanged(self) -> bool:
        """Return whether its clips are the real clips, unchanged; False where it does not say."""
        return bool(getattr(self.inner, "unchanged", False))

    @property
    def unconditional(self) -> bool:
        """Return whether its clips are of nothing but a seed; False where it does not say."""
        return bool(getattr(self.inner, "unconditional", False))

    def decided_by(self, request: Request) -> Mapping[str, str]:
        """Return what decides one clip, and the version of the plug-in."""
        with blaming(self.origin, DataError):
            return {**self.inner.decided_by(request), PLUGIN: self.origin}

    def generate(self, requests: Sequence[Request], spec: ClipSpec) -> Iterator[Clip | NotMade]:
        """Yield one clip per request, in order, or why there is none."""
        with blaming(self.origin, DataError):
            for clip in self.inner.generate(requests, spec):
                if not isinstance(clip, NotMade):
                    _check_kind(clip, Clip, f"{self.name}: generate")
                yield clip


@dataclass(frozen=True, eq=False)
class GuardedBatchedSystem(GuardedSystem):
    """A system of a plug-in that makes several clips at a time, by a model that it loads."""

    batch: int
    shares_device: bool

    def release(self) -> None:
        """Free what was loaded."""
        with blaming(self.origin, DataError):
            assert isinstance(self.inner, BatchedSystem)
            self.inner.release()


def guard_system(system: System, offer: Offer) -> System:
    """Return a row whose exceptions name its plug-in.

    Raises
    ------
    ConfigError
        if it is no System, or is called otherwise than NAME or NAME-VARIANT
    """
    with blaming(offer.origin, ConfigError):
        if system.name != offer.name and not system.name.startswith(f"{offer.name}-"):
            raise ConfigError(
                f"--systems {offer.name}: found a row called {system.name!r}, expected "
                f"{offer.name} or {offer.name}-VARIANT"
            )
        check_name(system.name, "system", f"--systems {offer.name}")
        guard: Callable[..., System] = GuardedSystem
        if isinstance(system, BatchedSystem):
            if system.batch < 1:
                raise ValueError(f"{system.name}: found batch {system.batch}, expected 1 or more")
            batch, shares = system.batch, system.shares_device
            guard = partial[System](GuardedBatchedSystem, batch=batch, shares_device=shares)
        return guard(
            system,
            offer.origin,
            name=system.name,
            title=system.title,
            settings={**system.settings, PLUGIN: offer.origin},
            made_of_real_clips=system.made_of_real_clips,
        )


def _check_kind(found: object, kind: type, what: str) -> None:
    if not isinstance(found, kind):
        raise TypeError(f"{what} returned {type(found).__name__}, expected {kind.__name__}")
