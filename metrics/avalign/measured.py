"""What was measured of the picture or the sound of a clip, kept as long as that.

Clips may share a picture or a sound: a control whose sound is another's, a clip whose sound was
distorted. What was measured of an array is then found by the array itself, not by its content nor
by the clip; arrays of clips are never written to.
"""

from __future__ import annotations

import weakref
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

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
