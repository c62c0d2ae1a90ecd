"""Decoded streams that several readers of a clip share, so that each is decoded once.

A clip is read in several views, one after another. What one reader took of a stream (frames as the
decoder gives them, blocks of sound) is kept for the next, which gets these first and then what is
left of the stream; so the reader that needs least should come first. Nothing is kept for the last
reader, nor where only one reads: `keep` says whether another one follows.

Of frames, which are large, nothing need be kept: a watcher *follows* their stream, and is shown
each one as another reader has it decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterator
from contextlib import ExitStack
from itertools import tee
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")


class Streams:
    """The streams of one clip; as a context manager, it closes the files in the end."""

    def __init__(self) -> None:
        self.keep = False  # whether another reader follows
        self._kept: dict[Hashable, Iterator[Any]] = {}
        self._followed: dict[Hashable, _Followed[Any]] = {}
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
        if key in self._followed:
            yield from self._followed.pop(key).read()
            return
        stream = self._begun(key, decode)
        if self.keep:
            stream, self._kept[key] = tee(stream)
        try:
            yield from stream
        except Exception:  # it is at its end, though it has not ended
            self._kept.pop(key, None)
            raise

    def follow(
        self,
        key: Hashable,
        decode: Callable[[], Generator[T, None, None]],
        watch: Callable[[T], None],
    ) -> Callable[[], None]:
        """Have a stream shown to a watcher, item by item, as its next reader takes it.

        Parameters
        ----------
        key, decode
            as of `read`
        watch : callable
            gets each item before the reader does

        Returns
        -------
        rest : callable
            shows what no reader has taken; raises what decoding raised, whoever read
        """
        followed = self._followed[key] = _Followed(self._begun(key, decode), watch)
        return followed.rest

    def _begun(self, key: Hashable, decode: Callable[[], Generator[T, None, None]]) -> Iterator[T]:
        """Return a stream from its start: what is kept of it, or decoded anew."""
        if key in self._kept:
            return self._kept.pop(key)
        begun = decode()
        self._opened.callback(begun.close)
        return begun

    def close(self) -> None:
        """Forget what is kept, and close the files; streams are then decoded anew."""
        self._kept.clear()
        self._followed.clear()
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


class _Followed(Generic[T]):
    """A stream with a watcher."""

    def __init__(self, stream: Iterator[T], watch: Callable[[T], None]) -> None:
        self._stream, self._watch = stream, watch
        self._failed: Exception | None = None

    def read(self) -> Generator[T, None, None]:
        """Yield the stream from its start."""
        for item in self._taken():
            self._watch(item)
            yield item

    def rest(self) -> None:
        """Show what has not been read."""
        if self._failed is not None:
            raise self._failed
        for item in self._taken():
            self._watch(item)

    def _taken(self) -> Generator[T, None, None]:
        """Yield what is left; a reader may stop and another one go on."""
        while True:
            try:
                item = next(self._stream)
            except StopIteration:
                return
            except Exception as error:
                self._failed = error
                raise
            yield item
