"""A pair of things, one for sound and one for video: sound first, as in every checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Modal(NamedTuple, Generic[T]):
    """One thing for each modality."""

    audio: T
    video: T

    def map(self, do: Callable[..., R], *others: Modal[Any]) -> Modal[R]:
        """Do the same for both; `others` give further arguments."""
        return Modal(
            do(self.audio, *(other.audio for other in others)),
            do(self.video, *(other.video for other in others)),
        )

    @property
    def swapped(self) -> Modal[T]:
        """Give each modality the other's: what crosses over."""
        return Modal(self.video, self.audio)
