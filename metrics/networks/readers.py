"""Readers of frames: what extractors keep of a clip whose frames are shown one by one.

A clip may be long and large, so a reader keeps the frames that its network takes, at the size of
that, or what is measured of them (`avalign.measured`). See `svbench.protocols.FrameReader`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from svbench.protocols import Extractor
from svbench.types import Clip, Values

Frame = NDArray[np.uint8]  # (H, W, 3)


class SoundReader:
    """Reads no frame: of extractors of sound and captions."""

    def __init__(self, extractor: Extractor, clip: Clip, caption: str) -> None:
        self._extractor, self._clip, self._caption = extractor, clip, caption

    def take(self, number: int, frame: Frame) -> None:
        """Keep nothing."""

    def features(self) -> Values:
        """Return the features of the clip."""
        return self._extractor([self._clip], [self._caption])[0]


class KeptFrames:
    """Some frames of a video, found by their place in it.

    Parameters
    ----------
    shape : (int, int, int, int)
        of the video
    places : iterable of int
        of the frames that are kept
    made : callable, optional
        what is kept of a frame (Default value = None, all of it)
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        places: Iterable[int],
        made: Callable[[Frame], Frame] | None = None,
    ) -> None:
        self.shape = shape
        self._places, self._made = frozenset(map(int, places)), made
        self._kept: dict[int, Frame] = {}

    def __len__(self) -> int:
        """Return the number of frames of the video."""
        return self.shape[0]

    def take(self, number: int, frame: Frame) -> None:
        """Keep a frame if it is one of those."""
        if number in self._places:
            self._kept[number] = self._made(frame) if self._made else frame

    def __getitem__(self, places: Sequence[int] | NDArray[np.int64] | int) -> Frame:
        """Return what is kept of a frame, or of some, stacked; raise KeyError for any other."""
        if isinstance(places, int | np.integer):
            return self._kept[int(places)]
        return np.stack([self._kept[int(place)] for place in places])


Video = Frame | KeptFrames  # (T, H, W, 3)
