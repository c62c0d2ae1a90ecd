"""Clips that are too short for an extractor, found from headers before anything is extracted.

An extractor may need clips of some length (`LongClipExtractor`): DeSync's network reads windows of
4.8 s. A set of which no clip is long enough has an empty cell, with the reason, and costs no work.
A set of which some are is refused before hours of work, unless clips may be left out.

Only what is certainly too short counts here: a header may state a frame more or less than is
decoded, so the extractor itself decides what is shorter by less than that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from svbench.engines.protocol import Engine
from svbench.errors import DataError
from svbench.files.known_files import KnownFiles
from svbench.files.media.inspection import read_header
from svbench.protocols import Extractor, LongClipExtractor, Metric
from svbench.types import Sample, SampleSet

SHOWN: Final = 3  # clips that a message names


@dataclass(frozen=True, slots=True)
class Short:
    """The clips of a set that are too short for an extractor."""

    clips: Mapping[str, str]  # request -> why
    of: int  # clips of the set

    @property
    def every(self) -> bool:
        """Return whether no clip is long enough."""
        return len(self.clips) == self.of

    @property
    def reason(self) -> str:
        """Return why a cell is empty, by the first clip."""
        return f"{self}: {next(iter(self.clips.values()))}"

    def __str__(self) -> str:
        """Return how many clips it is."""
        return f"{len(self.clips)} of {self.of} clips are too short"


def too_short(
    samples: SampleSet, extractors: Iterable[Extractor], engine: Engine, known: KnownFiles
) -> dict[str, Short]:
    """Return, by the key of the extractor, clips that are too short for it, where there are any.

    Headers are read only if an extractor needs clips of some length, and those of files that are
    `known` not again.
    """
    choosy = {e.key: e for e in extractors if isinstance(e, LongClipExtractor)}
    if not choosy or not samples.samples:
        return {}
    length = partial(seconds_of, samples=samples, known=known)
    native = list(engine.map(length, samples.samples)) if _any_native(choosy.values()) else []
    conformed = [samples.spec.duration] * len(samples.samples)
    found = {}
    for key, extractor in choosy.items():
        lengths: Sequence[float | None] = native if extractor.view == "native" else conformed
        pairs = zip(samples.samples, lengths, strict=True)
        clips = {
            sample.request_id: why
            for sample, seconds in pairs
            if seconds is not None and (why := extractor.too_short(seconds))
        }
        if clips:
            found[key] = Short(clips, len(samples.samples))
    return found


def _any_native(extractors: Iterable[Extractor]) -> bool:
    return any(extractor.view == "native" for extractor in extractors)


def seconds_of(sample: Sample, samples: SampleSet, known: KnownFiles) -> float | None:
    """Return the length of a clip's picture by its header, in s, and a frame more.

    None of what cannot be opened: it is reported where it is read.
    """
    if samples.stored:
        return samples.spec.duration
    path, start = sample.recording.path, sample.recording.start
    try:
        end = known.read(f"end of picture {path}", (path,), lambda: _end(sample))
    except DataError:
        return None
    return end - start


def _end(sample: Sample) -> float:
    """Return where the picture of a clip's file ends, in s, and a frame more."""
    path = sample.recording.path
    picture = read_header(path).picture
    if picture is None or not picture.rate:
        raise DataError(f"{path}: found no picture of a known frame rate, expected one")
    return picture.end + 1 / picture.rate


def raise_short(
    sets: Sequence[SampleSet], metrics: Sequence[Metric], engine: Engine, known: KnownFiles
) -> None:
    """Raise DataError where some clips of a set are too short for a metric, and others are not."""
    lines = [line for samples in sets for line in _mixed(samples, metrics, engine, known)]
    if lines:
        hint = "choose other --metrics, or leave these clips out knowingly with --allow-missing"
        raise DataError.of([*lines, hint])


def _mixed(
    samples: SampleSet, metrics: Sequence[Metric], engine: Engine, known: KnownFiles
) -> Iterator[str]:
    """Yield a line for each metric for which some clips of a set are too short."""
    found = too_short(samples, [metric.extractor for metric in metrics], engine, known)
    for metric in metrics:
        short = found.get(metric.extractor.key)
        if short is not None and not short.every:
            named = ", ".join(list(short.clips)[:SHOWN]) + (
                ", ..." if len(short.clips) > SHOWN else ""
            )
            why = next(iter(short.clips.values()))
            yield f"{samples.name}: {short} for {metric.name} ({named}): {why}"
