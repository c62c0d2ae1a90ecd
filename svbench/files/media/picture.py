"""Decoding of video frames, in order of presentation, each with its time, and upright.

Times are the container's time stamps, relative to the file's time zero. AVI has decoding time
stamps only; there a frame has the time of the packet that releases it from the decoder, minus the
delay of the first frame, so that gaps left by an encoder keep their position.

A late start is reached by seeking, in formats that index or stamp every frame, and only where that
is equivalent to decoding from the start: decoding begins at a key frame presented at or before the
start, and frames decoded before it are dropped (an open GOP refers to frames that were skipped). If
a seek lands too late, an earlier position is tried, and finally the file is decoded from its start.

The display matrix (rotations by 90 degrees, flips) is applied, and pixels are made square.

References
----------
Display matrix: ISO/IEC 14496-12, 8.3.2 (track header); sample aspect ratio: 12.1.4 (`pasp`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import dropwhile
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import SideData, SideDataContainer
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from svbench.errors import DataError
from svbench.files.media.containers import (
    WITHOUT_PRESENTATION_TIME,
    form,
    opened,
    origin,
    picture_stream,
)
from svbench.files.media.streams import Streams

Video = NDArray[np.uint8]

SEEK_FROM = 2.0  # s; for earlier starts, decoding from the start of the file costs little
SEEK_BACK = (1, 10, 60)  # s before the start, positions of a seek in order of trial
SEEKABLE = ("mov", "matroska", "mpegts", "flv", "asf")
MOST_PIXELS = 1 << 26  # of one frame, before and after scaling (8192 x 8192)
NEARLY_SQUARE = Fraction(1, 100)  # deviation of an aspect from 1, as encoders round even sizes
LONGEST_PIXEL = 16  # a sample aspect ratio beyond 16:1 is taken for damage
OBLIQUE = 0.05  # relative deviation of a display matrix from 90 degrees, for rounding


@dataclass(frozen=True, slots=True)
class Track:
    """Properties of a video stream from its header; plain values, which outlive the open file."""

    rates: tuple[Fraction, ...]  # frames / s, as far as known: mean, guessed, base
    frames: int  # 0: unknown
    pixel: Fraction  # width / height of a pixel, before the frame is rotated

    @property
    def step(self) -> Fraction:
        """Return the mean duration of a frame in seconds; 0 if no rate is known."""
        return 1 / self.rates[0] if self.rates else Fraction(0)


@dataclass(frozen=True, slots=True)
class TimedFrame:
    """A decoded frame with its presentation time."""

    time: Fraction  # s from time zero
    length: Fraction  # duration in s; 0: unknown
    frame: av.VideoFrame
    track: Track


def decode_frames(path: Path, start: float = 0.0) -> Generator[TimedFrame, None, None]:
    """Yield the frames of a file in order of presentation, from one at or before `start` (s) on."""
    for back in _attempts(start):
        with opened(path) as container:
            stream = picture_stream(container, path)
            _check_pixels(path, stream.width, stream.height)
            stream.thread_type = "NONE"  # clips are decoded in parallel, each on one thread
            pictures = _decoded(container, stream, path)
            if back is not None:
                reached = _reached(container, stream, path, start, back)
                if reached is None:
                    continue
                first, pictures = reached
                yield first
            yield from pictures
            return


def shared_frames(
    streams: Streams, path: Path, start: float = 0.0
) -> Generator[TimedFrame, None, None]:
    """Yield the same as `decode_frames`, of which other readers of the clip may have taken some."""
    return streams.read(*_shared(path, start))


def follow_frames(
    streams: Streams, path: Path, start: float, watch: Callable[[TimedFrame], None]
) -> Callable[[], None]:
    """Show each frame of `shared_frames` to a watcher as it is decoded; see `Streams.follow`."""
    return streams.follow(*_shared(path, start), watch)


def _shared(
    path: Path, start: float
) -> tuple[Hashable, Callable[[], Generator[TimedFrame, None, None]]]:
    """Return the key of a stream of frames, and what decodes it."""
    begin = start if start >= SEEK_FROM else 0.0
    return ("picture", path, begin), partial(decode_frames, path, begin)


def packet_times(path: Path, start: float = 0.0) -> list[tuple[Fraction, Fraction]]:
    """Return when packets are shown, and for how long, in order, without decoding them.

    Times are seconds from time zero. From one at or before `start` (s) on, or from the first one
    on. Decoded frames nearly always have the same; the list is empty where packets have none.
    """
    with opened(path) as container:
        stream = picture_stream(container, path)
        zero, unit = origin(container, path), Fraction(stream.time_base or 1)
        if form(container) in WITHOUT_PRESENTATION_TIME:
            return []
        if start >= SEEK_FROM and form(container) in SEEKABLE:
            aim = max(Fraction(start) - SEEK_BACK[0], Fraction(0)) + zero
            container.seek(int(aim / unit), stream=stream)
        found = []
        for packet in container.demux(stream):
            if packet.size and not packet.is_discard:
                if packet.pts is None:
                    return []
                found.append((packet.pts * unit - zero, (packet.duration or 0) * unit))
    return sorted(found)


def _attempts(start: float) -> Iterator[int | None]:
    """Yield seconds before the start to seek to; None: decode from the start of the file."""
    if start >= SEEK_FROM:
        yield from (back for back in SEEK_BACK if back < start)
    yield None


def _reached(
    container: InputContainer, stream: av.VideoStream, path: Path, start: float, back: int
) -> tuple[TimedFrame, Iterator[TimedFrame]] | None:
    """Seek, and return the first key frame and those after it; None if it is too late."""
    if form(container) not in SEEKABLE:
        return None
    aim = Fraction(start) - back + origin(container, path)
    try:
        container.seek(int(aim / Fraction(stream.time_base or 1)), stream=stream)
        pictures = dropwhile(lambda one: not one.frame.key_frame, _decoded(container, stream, path))
        first = next(pictures, None)
    except (DataError, av.error.FFmpegError):
        return None
    return None if first is None or first.time > start else (first, pictures)


def _decoded(container: InputContainer, stream: av.VideoStream, path: Path) -> Iterator[TimedFrame]:
    zero, unit, track = origin(container, path), Fraction(stream.time_base or 1), _track(stream)
    clock = _DecodingClock(track.step / unit)
    by_order = form(container) in WITHOUT_PRESENTATION_TIME
    last: Fraction | None = None
    for packet in container.demux(stream):
        for frame in packet.decode():
            stamp = clock.of(packet.dts) if by_order else frame.pts
            if stamp is None:
                raise DataError(
                    f"{path}: found a picture without time stamp, expected one on each; "
                    "a bare stream has to be put into a container"
                )
            time = stamp * unit - zero
            if last is not None and time < last:
                raise DataError(
                    f"{path}: time stamps of the picture jump back from {float(last):.3f} s to "
                    f"{float(time):.3f} s, expected rising ones"
                )
            last = time
            yield TimedFrame(time, (frame.duration or 0) * unit, frame, track)
        clock.pass_over(packet.dts)


class _DecodingClock:
    """Presentation times in formats with decoding time stamps only.

    The decoder holds a frame back until a packet shows that none precedes it. So a frame has the
    time of the packet that releases it, minus the delay of the first frame.
    """

    def __init__(self, step: Fraction) -> None:
        self._step = step  # duration of a frame, in units of the stream
        self._first: int | None = None
        self._delay: int | None = None
        self._last: Fraction | None = None

    def of(self, dts: int | None) -> Fraction | None:
        """Return the time of a frame released by a packet of this decoding time; None: unknown."""
        if dts is not None:
            first = dts if self._first is None else self._first
            self._delay = dts - first if self._delay is None else self._delay
            self._last = Fraction(dts - self._delay)
        elif self._last is not None and self._step:  # released by the end of the file
            self._last += self._step
        else:
            return None
        return self._last

    def pass_over(self, dts: int | None) -> None:
        """Register that a packet was decoded."""
        self._first = dts if self._first is None else self._first


def _track(stream: av.VideoStream) -> Track:
    rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    named = tuple(Fraction(rate) for rate in rates if rate)
    return Track(named, max(0, stream.frames), Fraction(stream.sample_aspect_ratio or 1))


class ToRGB:
    """Converts decoded frames to RGB; the converter is kept for as long as frames look alike."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> Video:
        """Return a frame as stored, (H, W, 3)."""
        # By default PyAV starts as many threads as there are cores, of more work than small frames.
        return np.asarray(self._reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray())


class Upright:
    """Converts decoded frames to upright RGB arrays of square pixels."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rgb = ToRGB()

    def upright(self, one: TimedFrame) -> tuple[Video, Fraction]:
        """Return a frame with its display matrix applied, (H, W, 3), and its pixel aspect."""
        _check_pixels(self._path, one.frame.width, one.frame.height)
        rgb = self._rgb(one.frame)
        matrix, ratio = self._matrix(one.frame), self._pixel(one)
        pixel = 1 / ratio if swaps_axes(matrix) else ratio
        return turned(rgb, matrix), pixel

    def _pixel(self, one: TimedFrame) -> Fraction:
        """Return width / height of a stored pixel."""
        ratio = one.track.pixel
        if ratio <= 0 or not 1 <= max(ratio, 1 / ratio) <= LONGEST_PIXEL:
            raise DataError(
                f"{self._path}: found pixels of aspect {ratio}, expected at most {LONGEST_PIXEL}:1"
            )
        return ratio

    def covering(self, one: TimedFrame, size: tuple[int, int]) -> Video:
        """Return a frame scaled to cover `size` and centre-cropped to it, (*size, 3)."""
        array, pixel = self.upright(one)
        tall, wide = _scaled(array.shape[0], array.shape[1], size, pixel)
        if tall * wide > MOST_PIXELS:
            raise DataError(
                f"{self._path}: found a picture of {array.shape[1]} x {array.shape[0]} px, which "
                f"would be {wide} x {tall} px to cover {size[1]} x {size[0]}; expected less"
            )
        return cover(array, size, pixel)

    def square(self, one: TimedFrame) -> Video:
        """Return a frame with square pixels, (H, W, 3), scaled up along one axis if need be.

        Pixels that are nearly square stay as they are: to interpolate all of them for a column or
        two of width costs more than it mends, and published code takes them as they are.
        """
        array, pixel = self.upright(one)
        if abs(pixel - 1) <= NEARLY_SQUARE:
            return array
        height, width = array.shape[:2]
        wide = max(width, round(width * pixel))
        tall = max(height, round(height / pixel))
        _check_pixels(self._path, wide, tall)
        return np.asarray(cv2.resize(array, (wide, tall), interpolation=cv2.INTER_CUBIC), np.uint8)

    def _matrix(self, frame: av.VideoFrame) -> tuple[int, int, int, int]:
        """Return a, b, c, d of the display matrix: x' = a x + c y, y' = b x + d y."""
        try:
            # Not `frame.side_data`: its reference cycle would keep the frame in memory.
            matrix = SideDataContainer(frame).get("DISPLAYMATRIX")  # type: ignore[call-arg]
        except ValueError:  # side data of a type unknown to PyAV
            turn = np.deg2rad(frame.rotation)
            cosine, sine = float(np.cos(turn)), float(np.sin(turn))
            return _quarter_turn(cosine, -sine, sine, cosine, self._path)
        if not isinstance(matrix, SideData):
            return 1, 0, 0, 1
        a, b, _, c, d = (float(n) for n in np.frombuffer(bytes(matrix), "=i4", 5))
        return _quarter_turn(a, b, c, d, self._path)


def _quarter_turn(a: float, b: float, c: float, d: float, path: Path) -> tuple[int, int, int, int]:
    """Return the nearest of the eight rotations by 90 degrees and flips."""
    straight, crossed = min(abs(a), abs(d)), min(abs(b), abs(c))
    if max(abs(a), abs(b), abs(c), abs(d)) == 0:  # not set
        return 1, 0, 0, 1
    if straight > 0 and max(abs(b), abs(c)) <= OBLIQUE * straight:
        return int(np.sign(a)), 0, 0, int(np.sign(d))
    if crossed > 0 and max(abs(a), abs(d)) <= OBLIQUE * crossed:
        return 0, int(np.sign(b)), int(np.sign(c)), 0
    raise DataError(
        f"{path}: found a display matrix that is no quarter turn ({a:.0f} {b:.0f} {c:.0f} {d:.0f}),"
        " expected turns by 90 degrees and mirrors"
    )


def swaps_axes(matrix: tuple[int, int, int, int]) -> bool:
    """Return whether a matrix exchanges rows and columns."""
    return matrix[0] == 0


def turned(array: Video, matrix: tuple[int, int, int, int]) -> Video:
    """Return a frame (H, W, 3) with a display matrix of rotations and flips applied."""
    a, b, c, d = matrix
    if swaps_axes(matrix):
        array, across, down = array.swapaxes(0, 1), c, b
    else:
        across, down = a, d
    return np.ascontiguousarray(array[:: down or 1, :: across or 1])


def cover(frame: Video, size: tuple[int, int], pixel: Fraction = Fraction(1)) -> Video:
    """Return a frame scaled to cover a size, keeping its aspect, and centre-cropped.

    Parameters
    ----------
    frame : np.ndarray, shape (H, W, 3)
        the frame
    size : (int, int)
        height and width in pixels
    pixel : Fraction
        width / height of a pixel of the frame (Default value = 1)

    Returns
    -------
    np.ndarray, shape (*size, 3)
    """
    height, width = frame.shape[:2]
    if (height, width) == size and pixel == 1:
        return frame
    tall, wide = _scaled(height, width, size, pixel)
    how = cv2.INTER_AREA if tall * wide < height * width else cv2.INTER_CUBIC
    scaled = cv2.resize(frame, (wide, tall), interpolation=how)
    top, left = (tall - size[0]) // 2, (wide - size[1]) // 2
    return np.asarray(scaled[top : top + size[0], left : left + size[1]], np.uint8)


def _scaled(height: int, width: int, size: tuple[int, int], pixel: Fraction) -> tuple[int, int]:
    """Return the least height and width at which a frame covers `size`."""
    shown_width = width if pixel == 1 else float(width * pixel)
    scale = max(size[0] / height, size[1] / shown_width)
    return max(size[0], round(height * scale)), max(size[1], round(shown_width * scale))


def _check_pixels(path: Path, width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise DataError(
            f"{path}: found pictures of {width} x {height} px, "
            f"expected at most {MOST_PIXELS} pixels each"
        )
