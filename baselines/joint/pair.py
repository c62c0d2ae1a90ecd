"""One value for each modality, audio first as in every checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
R = TypeVar("R")


class Pair(NamedTuple, Generic[T_co]):
    """One value for each modality.

    Examples
    --------
    >>> exponents = Pair(audio=0.5, video=2.0)
    >>> exponents.map(lambda e, steps: steps**e, Pair(audio=4, video=3))
    Pair(audio=2.0, video=9.0)
    >>> Pair.collate([Pair(1, 2), Pair(3, 4)], list)
    Pair(audio=[1, 3], video=[2, 4])
    """

    audio: T_co
    video: T_co

    def map(self, function: Callable[..., R], *others: Pair[Any]) -> Pair[R]:
        """Apply a function to each modality, with the values of `others` as further arguments."""
        return Pair(
            function(self.audio, *(other.audio for other in others)),
            function(self.video, *(other.video for other in others)),
        )

    @staticmethod
    def collate(pairs: Iterable[Pair[T]], function: Callable[[list[T]], R]) -> Pair[R]:
        """Apply a function to the list of each modality's values."""
        audio, video = zip(*pairs, strict=True)
        return Pair(function(list(audio)), function(list(video)))
