"""One shard of clips: decoded once, measured by every extractor that wants them.

Whatever is raised for one clip becomes one line, which costs no other clip.
"""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from svbench.errors import DataError
from svbench.files import media
from svbench.files.feature_store import clip_key
from svbench.files.store import Store, read_sample, showing_frames
from svbench.protocols import Extractor
from svbench.types import Clip, Recording, Sample, SampleSet, Values, View
from svbench.walk.clip_problems import checked_features, foreign, problem_of, reading_problem
from svbench.walk.frame_readers import FrameReaders

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

        What is wanted of its native view is extracted at once, from frames as they are decoded;
        the conformed clip, if it is wanted and can be read, is returned.
        """
        views = self._lacking_views(source, found)
        if source.samples.stored:  # in every view as it was made
            return self._read_stored(source, views, found)
        with media.Streams() as streams:
            if "native" not in views:
                return self._conformed(source, streams, found) if views else []
            return self._read_native(source, streams, found, conformed="conformed" in views)

    def _read_stored(self, source: Source, views: set[View], found: Found) -> list[Decoded]:
        clip = _read(source, None)
        if isinstance(clip, str):
            for view in views:
                self._note(source, view, clip, found)
            return []
        if "native" in views:
            self._extract("native", [(source, clip)], found)
        return [(source, clip)] if "conformed" in views else []

    def _read_native(
        self, source: Source, streams: media.Streams, found: Found, *, conformed: bool
    ) -> list[Decoded]:
        """Extract what is wanted of the native view of a recorded clip.

        Its conformed view is read meanwhile, and is all that is kept.
        """
        lacking = {k: e for k, e in self._viewing("native").items() if found.lacks(source, k)}
        readers = FrameReaders(lacking, source.sample)
        clips: list[Decoded] = []
        streams.keep = True
        try:
            with showing_frames(source.sample, source.samples, readers.begin, streams):
                if conformed:
                    conformed = False
                    clips = self._conformed(source, streams, found)
        except Exception as error:
            self._note(source, "native", reading_problem(source.sample, error), found)
        else:
            for key, result in readers.features():
                self._keep(source, key, result, found)
        if conformed:  # as not even its file could be looked at
            clips = self._conformed(source, streams, found)
        return clips

    def _conformed(self, source: Source, streams: media.Streams, found: Found) -> list[Decoded]:
        clip = _read(source, streams)
        if isinstance(clip, str):
            self._note(source, "conformed", clip, found)
            return []
        return [(source, clip)]

    def _note(self, source: Source, view: View, line: str, found: Found) -> None:
        """Note for all that is wanted of a view why there is nothing."""
        lacking = [key for key in self._viewing(view) if found.lacks(source, key)]
        found.problems[source.place].update(dict.fromkeys(lacking, line))

    def _keep(self, source: Source, key: str, result: Values | str, found: Found) -> None:
        """Keep features of a clip, or the line that is in place of them."""
        if isinstance(result, str):
            found.problems[source.place][key] = result
        else:
            found.blocks[key][source.clip] = result
            self.store.save_features(key, source.clip, result)

    def _viewing(self, view: View) -> dict[str, Extractor]:
        return {key: e for key, e in self.extractors.items() if e.view == view}

    def _lacking_views(self, source: Source, found: Found) -> set[View]:
        """Return the views that extractors lack a clip in."""
        return {e.view for key, e in self.extractors.items() if found.lacks(source, key)}

    def _extract(self, view: View, clips: Sequence[Decoded], found: Found) -> None:
        """Extract, keep and add the features that are lacking of clips in a view."""
        for key, extractor in self._viewing(view).items():
            new = [(source, clip) for source, clip in clips if found.lacks(source, key)]
            for source, result in apply_extractor(extractor, new):
                self._keep(source, key, result, found)


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


def _read(source: Source, streams: media.Streams | None) -> Clip | str:
    """Return a clip in the format of its set, or one line where it cannot be read."""
    try:
        return read_sample(source.sample, source.samples, "conformed", streams)
    except Exception as error:
        return reading_problem(source.sample, error)


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
        foreign(error, alone=False)
    return [result for one in batch for result in apply_extractor(extractor, [one])]
