"""What was measured of the picture or the sound of a clip, kept as long as that.

Clips may share a picture or a sound: a control whose sound is another's, a clip whose sound was
distorted. What was measured of an array is then found by the array itself, not by its content nor
by the clip; arrays of clips are never written to.

Where the frames of a clip are shown one by one, meters measure them (`MeterReader`), and what they
find is kept by the array that stands for the picture. Extractors of one clip share them.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import Any, Final, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from svbench.protocols import Extractor
from svbench.types import Clip, Values

T = TypeVar("T")


class MeasuredArrays(Generic[T]):
    """Measurements by array and by whatever else decides them; may be used by many threads."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[weakref.ref[NDArray[Any]], dict[Hashable, T]]] = {}

    def of(self, array: NDArray[Any]) -> dict[Hashable, T]:
        """Return the measurements of an array, to which more may be added."""
        place = id(array)
        found = self._kept.get(place)
        if found is None or found[0]() is not array:
            forget = weakref.ref(array, lambda _: self._kept.pop(place, None))
            found = self._kept[place] = (forget, {})
        return found[1]

    def __len__(self) -> int:
        """Return the number of arrays of which something is kept."""
        return len(self._kept)


class Meter(Protocol):
    """Measures the frames of a clip."""

    def take(self, frame: NDArray[np.uint8]) -> None:
        """Take the next frame, (H, W, 3)."""
        ...

    def finish(self) -> None:
        """Keep what was measured, once all frames are taken."""
        ...


class _Shared:
    """A meter to which several readers show the same frames."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._next = 0
        self._finished = False
        self._error: Exception | None = None

    def take(self, number: int, frame: NDArray[np.uint8]) -> None:
        if number == self._next:
            self._next += 1
            self._once(lambda: self._meter.take(frame))
        elif self._error is not None:
            raise self._error

    def finish(self) -> None:
        if not self._finished:
            self._finished = True
            self._once(self._meter.finish)
        elif self._error is not None:
            raise self._error

    def _once(self, step: Callable[[], None]) -> None:
        if self._error is not None:
            raise self._error
        try:
            step()
        except Exception as error:
            self._error = error
            raise


# Not the meters themselves: they hold the clip, and would keep it.
_METERS: Final = MeasuredArrays["weakref.ref[_Shared]"]()


class MeterReader:
    """Reads frames for an extractor that finds what it needs among what is measured of a clip.

    Parameters
    ----------
    extractor : Extractor
        is called once the meter has finished
    clip, caption
        that it is called with
    key : hashable
        of the meter: of one clip, readers with equal keys share it
    make : callable
        makes the meter
    """

    def __init__(
        self,
        extractor: Extractor,
        clip: Clip,
        caption: str,
        key: Hashable,
        make: Callable[[], Meter],
    ) -> None:
        self._extractor, self._clip, self._caption = extractor, clip, caption
        meters = _METERS.of(clip.video)
        shared = meters[key]() if key in meters else None
        if shared is None:
            shared = _Shared(make())
            meters[key] = weakref.ref(shared)
        self._meter = shared
        self.take = shared.take

    def features(self) -> Values:
        """Return the features of the clip, once all frames are taken."""
        self._meter.finish()
        return self._extractor([self._clip], [self._caption])[0]
