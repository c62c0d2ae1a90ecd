"""One shard of clips: decoded once, measured by every extractor that wants them.

Whatever is raised for one clip becomes one line, which costs no other clip.
"""

from __future__ import annotations

import platform
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from svbench.errors import DataError, ScoreError, StoppedError, SvbenchError
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
        for view in dict.fromkeys(extractor.view for extractor in self.extractors.values()):
            viewing = {key: e for key, e in self.extractors.items() if e.view == view}
            for batch in [shard] if view == "conformed" else [(source,) for source in shard]:
                fresh = [s for s in batch if any(found.lacks(s, key) for key in viewing)]
                _extract_batch(viewing, view, fresh, found, self.store)
        return found


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


def _extract_batch(
    viewing: Mapping[str, Extractor],
    view: View,
    fresh: Sequence[Source],
    found: Found,
    store: Store,
) -> None:
    """Decode clips in the view of some extractors; extract, keep and add what is lacking."""
    clips: list[tuple[Source, Clip]] = []
    for source in fresh:
        try:
            clips.append((source, read_sample(source.sample, source.samples, view)))
        except Exception as error:
            named = isinstance(error, DataError)  # the file
            line = str(error) if named else problem_of(source.sample, error)
            lacking = [key for key in viewing if found.lacks(source, key)]
            found.problems[source.place].update(dict.fromkeys(lacking, line))
    for key, extractor in viewing.items():
        new = [(source, clip) for source, clip in clips if found.lacks(source, key)]
        for source, result in apply_extractor(extractor, new):
            if isinstance(result, str):
                found.problems[source.place][key] = result
            else:
                found.blocks[key][source.clip] = result
                store.save_features(key, source.clip, result)


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
