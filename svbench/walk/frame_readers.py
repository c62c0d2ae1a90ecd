"""The extractors of one native clip, each of which is shown its frames as they are decoded.

What fails for one extractor becomes its line, and costs no other. Extractors that read no frames
one by one (`FrameByFrameExtractor`) share a copy of the whole clip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from svbench.errors import DataError
from svbench.files import media
from svbench.protocols import Extractor, FrameByFrameExtractor, FrameReader
from svbench.types import Clip, Sample, Values
from svbench.walk.clip_problems import checked_features, problem_of

T = TypeVar("T")


class FrameReaders:
    """Readers of one clip, by key of their extractor.

    Parameters
    ----------
    extractors : mapping from key to Extractor
        that want features of the clip
    sample : Sample
        the clip, for its caption and messages
    """

    def __init__(self, extractors: Mapping[str, Extractor], sample: Sample) -> None:
        self._extractors, self._sample = extractors, sample
        self._readers: dict[str, FrameReader] = {}
        self._problems: dict[str, str] = {}

    def begin(self, clip: Clip) -> Callable[[int, NDArray[np.uint8]], None]:
        """Begin with a clip without its pixels; return what gets each frame by its number."""
        self._readers, self._problems = {}, {}
        whole = _Whole(self._sample, clip)
        for key, extractor in self._extractors.items():
            reader = self._tried(key, partial(self._reader, extractor, clip, whole))
            if reader is not None:
                self._readers[key] = reader
        return self._take

    def _reader(self, extractor: Extractor, clip: Clip, whole: _Whole) -> FrameReader:
        caption = self._sample.caption
        if isinstance(extractor, FrameByFrameExtractor):
            return extractor.reader(clip, caption)
        return _ReaderOfWhole(extractor, caption, whole)

    def _take(self, number: int, frame: NDArray[np.uint8]) -> None:
        for key, reader in list(self._readers.items()):
            self._tried(key, partial(reader.take, number, frame))

    def features(self) -> Iterator[tuple[str, Values | str]]:
        """Yield features, or one line, by key, once all frames were shown."""
        for key, reader in list(self._readers.items()):
            found = self._tried(key, partial(_features, reader))
            if found is not None:
                yield key, found
            self._readers.pop(key, None)  # with all that it holds
        yield from self._problems.items()

    def _tried(self, key: str, step: Callable[[], T]) -> T | None:
        """Return what a step returns; if it fails, its extractor has a line in place of features.

        Raises what is not about the clip.
        """
        try:
            return step()
        except Exception as error:
            self._readers.pop(key, None)
            self._problems[key] = problem_of(self._sample, error)
            return None


def _features(reader: FrameReader) -> Values:
    return checked_features(reader.features())


class _Whole:
    """The whole clip, as soon as an extractor asks for it."""

    def __init__(self, sample: Sample, clip: Clip) -> None:
        self._path, self._clip = sample.recording.path, clip
        self._held: media.WholeClip | None = None
        self._taken = 0

    def hold(self) -> None:
        """Make room for it; raise DataError if it is too large."""
        if self._held is None:
            held = media.WholeClip(self._path)
            held.begin(self._clip)
            self._held = held

    def take(self, number: int, frame: NDArray[np.uint8]) -> None:
        """Keep a frame, which several readers may show it."""
        if self._held is not None and number == self._taken:
            self._held.take(number, frame)
            self._taken += 1

    @property
    def clip(self) -> Clip:
        assert self._held is not None
        return self._held.clip


class _ReaderOfWhole:
    """Reads a clip for an extractor that needs all of it."""

    def __init__(self, extractor: Extractor, caption: str, whole: _Whole) -> None:
        try:
            whole.hold()
        except DataError as error:
            raise DataError(f"{error}: {extractor.key}") from error
        self._extractor, self._caption, self._whole = extractor, caption, whole
        self.take = whole.take

    def features(self) -> Values:
        return self._extractor([self._whole.clip], [self._caption])[0]
