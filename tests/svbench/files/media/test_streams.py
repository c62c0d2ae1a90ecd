"""Streams that views of a clip share: decoded once, and what is read of them is the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from svbench.errors import DataError
from svbench.files import media
from svbench.files.media import Streams
from svbench.types import Clip, ClipSpec, Recording
from tests.factories.clips import make_clip, write_clip

MADE = ClipSpec(40, 10.0, (48, 64), 22050)  # 4 s
JUDGED = ClipSpec(8, 8.0, (32, 32), 16000)  # 1 s


@pytest.fixture
def begun() -> list[int]:
    """Return what is appended to whenever a stream is decoded anew."""
    return []


def counting(begun: list[int]) -> Callable[[], Iterator[int]]:
    def decode() -> Iterator[int]:
        begun.append(0)
        yield from range(5)

    return decode


def test_readers_get_the_whole_stream_however_much_others_took(begun: list[int]) -> None:
    with Streams() as streams:
        streams.keep = True
        first = streams.read("a", counting(begun))
        assert [next(first), next(first)] == [0, 1]
        assert list(streams.read("b", counting(begun))) == [*range(5)]
        second = streams.read("a", counting(begun))
        assert [next(second) for _ in range(4)] == [0, 1, 2, 3]
        streams.keep = False
        assert list(streams.read("a", counting(begun))) == [*range(5)]
    assert len(begun) == 2


def test_nothing_is_kept_for_nobody(begun: list[int]) -> None:
    streams = Streams()
    for _ in range(2):
        assert list(streams.read("a", counting(begun))) == [*range(5)]
    streams.keep = True
    list(streams.read("a", counting(begun)))
    streams.close()
    assert list(streams.read("a", counting(begun))) == [*range(5)]
    assert len(begun) == 4


def test_a_watcher_sees_each_item_once_whoever_reads_it(begun: list[int]) -> None:
    seen: list[int] = []
    with Streams() as streams:
        streams.keep = True  # which keeps nothing of what is followed
        rest = streams.follow("a", counting(begun), seen.append)
        reader = streams.read("a", counting(begun))
        assert [next(reader), next(reader)] == seen == [0, 1]
        reader.close()
        rest()
        assert seen == [*range(5)]
        assert len(begun) == 1
        assert list(streams.read("a", counting(begun))) == [*range(5)]
    assert (len(begun), len(seen)) == (2, 5)


def test_what_a_stream_raises_reaches_its_reader_and_its_watcher() -> None:
    def broken() -> Iterator[int]:
        yield 0
        raise DataError("broken")

    with Streams() as streams:
        rest = streams.follow("a", broken, [].append)
        for read in (lambda: list(streams.read("a", broken)), rest):
            with pytest.raises(DataError, match="broken"):
                read()
        streams.keep = True
        for _ in range(2):  # not taken for one that has ended
            with pytest.raises(DataError, match="broken"):
                list(streams.read("b", broken))


def assert_same(found: Clip, expected: Clip) -> None:
    assert found.spec == expected.spec
    assert np.array_equal(found.video, expected.video)
    assert np.array_equal(found.audio, expected.audio)
    assert np.array_equal(found.frame_times, expected.frame_times)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("choice", ["nearest", "official"])
@pytest.mark.parametrize("start", [0.0, 0.5, 2.5])
def test_views_of_one_decoding_are_those_of_two(
    tmp_path: Path, start: float, choice: str, *, apart: bool
) -> None:
    path = write_clip(tmp_path / "a.mp4", make_clip(1, MADE), apart=apart)
    clip = Recording(path, start, path.with_suffix(".wav") if apart else None)
    spec = replace(JUDGED, frame_choice=choice)
    with Streams() as streams:
        streams.keep = True
        conformed = media.read(clip, spec, streams=streams)
        streams.keep = False
        native = media.read_native(clip, streams=streams)
    assert_same(conformed, media.read(clip, spec))
    assert_same(native, media.read_native(clip))


def test_a_view_that_cannot_be_read_takes_nothing_from_the_other(tmp_path: Path) -> None:
    clip = Recording(write_clip(tmp_path / "a.mp4", make_clip(1, MADE)))
    with Streams() as streams:
        streams.keep = True
        with pytest.raises(DataError, match="video ends at"):
            media.read(clip, replace(JUDGED, frames=80), streams=streams)
        streams.keep = False
        assert_same(media.read_native(clip, streams=streams), media.read_native(clip))
