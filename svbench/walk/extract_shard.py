"""One shard of clips: decoded once, measured by every extractor that wants them.

Whatever is raised for one clip becomes one line, which costs no other clip.
"""

from __future__ import annotations

import platform
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from svbench.errors import DataError, ScoreError, StoppedError, SvbenchError
from svbench.files import media
from svbench.files.feature_store import clip_key
from svbench.files.store import Store, read_sample
from svbench.protocols import Extractor
from svbench.types import Clip, Recording, Sample, SampleSet, Values, View

Place = tuple[str, Recording]
Problems = dict[str, str]  # by extractor key: one line
T = TypeVar("T")  # what a shard consists of


@dataclass(frozen=True, slots=True)
class Source:
    """A clip where it lies, and the keys of the extractors that some set wants it for."""

    sample: Sample
    samples: SampleSet  # how it is read; without the samples, as each shard may be pickled
    wanted: frozenset[str]

    @property
    def clip(self) -> str:
        """Return the key of the clip, by which its features are kept."""
        return clip_key(self.sample)

    @property
    def place(self) -> Place:
        """Return what its problems are known by: equal clips at two places may differ in them."""
        return self.clip, self.sample.recording


Decoded = tuple[Source, Clip]


@dataclass(frozen=True, slots=True)
class Found:
    """What was extracted, and what could not be."""

    # By extractor key, then by key of the clip:
    blocks: dict[str, dict[str, Values]] = field(default_factory=lambda: defaultdict(dict))
    problems: dict[Place, Problems] = field(default_factory=lambda: defaultdict(dict))

    def add(self, other: Found) -> None:
        """Add what was found elsewhere."""
        for key, blocks in other.blocks.items():
            self.blocks[key].update(blocks)
        for place, problems in other.problems.items():
            self.problems[place].update(problems)

    def lacks(self, source: Source, key: str) -> bool:
        """Return whether features that are wanted of a clip are not there."""
        return key in source.wanted and source.clip not in self.blocks[key]


@dataclass(frozen=True, slots=True)
class Work:
    """Extracts features from shards of clips, in whichever thread or process.

    Parameters
    ----------
    extractors : mapping from key to Extractor
        by keys, which may be costly: each is a digest of all settings
    store : Store
        where features are kept
    """

    extractors: Mapping[str, Extractor]
    store: Store

    def __call__(self, shard: Sequence[Source]) -> Found:
        """Return what is extracted from some clips, none of which the store holds."""
        found = Found()
        conformed = [clip for source in shard for clip in self._read(source, found)]
        self._extract("conformed", conformed, found)
        return found

    def _read(self, source: Source, found: Found) -> list[Decoded]:
        """Decode a clip once for all views that are wanted of it.

        What is wanted of its native view is extracted at once, as it may be large; the conformed
        clip, if it is wanted and can be read, is returned.
        """
        conformed = []
        for view, clip in _views(source, self._lacking_views(source, found)):
            if isinstance(clip, str):
                lacking = [k for k in self._viewing(view) if found.lacks(source, k)]
                found.problems[source.place].update(dict.fromkeys(lacking, clip))
            elif view == "conformed":
                conformed.append((source, clip))
            else:
                self._extract(view, [(source, clip)], found)
        return conformed

    def _viewing(self, view: View) -> dict[str, Extractor]:
        return {key: e for key, e in self.extractors.items() if e.view == view}

    def _lacking_views(self, source: Source, found: Found) -> list[View]:
        """Return the views that extractors lack a clip in, that which needs least of it first."""
        lacking = {e.view for key, e in self.extractors.items() if found.lacks(source, key)}
        return sorted(lacking, key=("conformed", "native").index)

    def _extract(self, view: View, clips: Sequence[Decoded], found: Found) -> None:
        """Extract, keep and add the features that are lacking of clips in a view."""
        for key, extractor in self._viewing(view).items():
            new = [(source, clip) for source, clip in clips if found.lacks(source, key)]
            for source, result in apply_extractor(extractor, new):
                if isinstance(result, str):
                    found.problems[source.place][key] = result
                else:
                    found.blocks[key][source.clip] = result
                    self.store.save_features(key, source.clip, result)


@dataclass(slots=True)
class WorkElsewhere(Generic[T]):
    """The same work on another node, where libraries, weights and devices may be others."""

    work: Callable[[Sequence[T]], Found]
    extractors: Mapping[str, Extractor]  # of the work, by the keys that they have where it was made
    _checked: bool = False

    def __call__(self, shard: Sequence[T]) -> Found:
        """Return what is extracted; raise DataError where it would not be what is asked for."""
        if not self._checked:
            for key, extractor in self.extractors.items():
                if extractor.key != key:
                    raise DataError(
                        f"node {platform.node()}: found features {extractor.key}, expected {key}: "
                        "libraries, weights and the kind of device must be those of the node that "
                        "svbench was started on"
                    )
            self._checked = True
        return self.work(shard)


def describe(shard: Sequence[Source]) -> str:
    """Return what a shard is called in messages: its files."""
    return ", ".join(str(source.sample.recording.path) for source in shard)


def load_features(shard: Sequence[Source], store: Store) -> Found:
    """Return the features of some clips that the store holds."""
    found = Found()
    for source in shard:
        for key in source.wanted:
            block = store.load_features(key, source.clip)
            if block is not None:
                found.blocks[key][source.clip] = block
    return found


def _views(source: Source, views: Sequence[View]) -> Iterator[tuple[View, Clip | str]]:
    """Yield a clip in some views, all of one decoding, or one line where it cannot be read.

    A clip of the store is in every view as it was made.
    """
    clip: Clip | None = None
    with media.Streams() as streams:
        for number, view in enumerate(views, 1):
            streams.keep = number < len(views)
            try:
                if clip is None or not source.samples.stored:
                    clip = read_sample(source.sample, source.samples, view, streams)
            except Exception as error:
                streams.close()  # a stream that failed is at its end
                named = isinstance(error, DataError)  # the file
                yield view, str(error) if named else problem_of(source.sample, error)
            else:
                yield view, clip


def apply_extractor(
    extractor: Extractor, batch: Sequence[tuple[Source, Clip]]
) -> list[tuple[Source, Values | str]]:
    """Return features, or one line, of each clip of a batch.

    If the batch fails, it is extracted clip by clip, to find out which one it was.
    """
    if not batch:
        return []
    try:
        blocks = extractor([c for _, c in batch], [s.sample.caption for s, _ in batch])
        checked = [checked_features(block) for block in blocks]
        return [(source, block) for (source, _), block in zip(batch, checked, strict=True)]
    except Exception as error:
        if len(batch) == 1:
            return [(batch[0][0], problem_of(batch[0][0].sample, error))]
        _foreign(error, alone=False)
    return [result for one in batch for result in apply_extractor(extractor, [one])]


def problem_of(sample: Sample, error: Exception) -> str:
    """Return the problem of a clip; an error that is not about it is raised instead."""
    about_clips = isinstance(error, DataError | ScoreError)
    return f"{sample.recording.path}: {error if about_clips else _foreign(error)}"


def checked_features(block: Values) -> Values:
    """Return the features of a clip; raise ScoreError unless they are rows of finite numbers."""
    if block.ndim != 2 or not len(block) or not np.isfinite(block).all():
        raise ScoreError(f"found features {block.shape} or not finite, expected rows of numbers")
    return block


def _foreign(error: Exception, *, alone: bool = True) -> str:
    """Return the error of another library, which is blamed on a clip, as part of one line.

    What is not about the clip is raised instead: an error of ours (the disk is full, a clip
    changed), and a device without memory for a single clip.
    """
    if isinstance(error, SvbenchError):
        raise error
    torch = sys.modules.get("torch")
    if torch is not None and alone and isinstance(error, torch.OutOfMemoryError):
        raise StoppedError(
            "the device has no memory left for one clip; free some, then run the same command "
            "again to go on"
        ) from error
    text = " ".join(str(error).split())
    found = f"found {type(error).__name__} ({text:.300})"
    return f"{found}, expected a clip that features can be extracted from"
