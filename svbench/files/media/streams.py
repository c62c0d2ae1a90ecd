"""Decoded streams that several readers of a clip share, so that each is decoded once.

A clip is read in several views, one after another. What one reader took of a stream (frames as the
decoder gives them, blocks of sound) is kept for the next, which gets these first and then what is
left of the stream; so the reader that needs least should come first. Nothing is kept for the last
reader, nor where only one reads: `keep` says whether another one follows.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterator
from contextlib import ExitStack
from itertools import tee
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")


class Streams:
    """The streams of one clip; as a context manager, it closes the files in the end."""

    def __init__(self) -> None:
        self.keep = False  # whether another reader follows
        self._kept: dict[Hashable, Iterator[Any]] = {}
        self._opened = ExitStack()

    def read(
        self, key: Hashable, decode: Callable[[], Generator[T, None, None]]
    ) -> Generator[T, None, None]:
        """Yield a stream from its start.

        Parameters
        ----------
        key : Hashable
            of the stream: which file, and from where it is decoded
        decode : callable
            begins to decode it, where no reader has begun yet
        """
        stream: Iterator[T] | None = self._kept.pop(key, None)
        if stream is None:
            begun = decode()
            self._opened.callback(begun.close)
            stream = begun
        if self.keep:
            stream, self._kept[key] = tee(stream)
        yield from stream

    def close(self) -> None:
        """Forget what is kept, and close the files; streams are then decoded anew."""
        self._kept.clear()
        self._opened.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the files."""
        self.close()
