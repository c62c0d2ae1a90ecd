"""The pictures of a file: decoded in order of presentation, each with its time, upright.

Times are the container's time stamps, counted from the file's time zero. AVI knows the order of
decoding only; there a picture is shown when the packet that sets it free is decoded, less the
delay of the first one: what an encoder left out keeps its place.

A late start is reached by seeking in forms that index their pictures or stamp each of them, and
only where that gives what decoding from the front would give: decoding begins at a key frame
that is shown at or before the start, and pictures that come out before it are thrown away (an
open group of pictures refers to what was skipped). Where a seek lands late, it is tried further
back, and at last the file is decoded from its front.

A display matrix (quarter turns, mirrors) is applied, and pixels that are not square are made so.

References
----------
Display matrix: ISO/IEC 14496-12, 8.3.2 (track header); sample aspect ratio: 12.1.4 (`pasp`).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
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

Video = NDArray[np.uint8]

SEEK_FROM = 2.0  # s: before that, decoding from the front costs little
SEEK_BACK = (1, 10, 60)  # s before the start that a seek aims at, one try after the other
SEEKABLE = ("mov", "matroska", "mpegts", "flv", "asf")
MOST_PIXELS = 1 << 26  # of one picture, before and after scaling (8192 x 8192)
LONGEST_PIXEL = 16  # a sample aspect ratio beyond 16:1 is damage, not a form
OBLIQUE = 0.05  # share of a display matrix that may be off a quarter turn by rounding


@dataclass(frozen=True, slots=True)
class Track:
    """What a header says of the pictures; plain values, which outlive the open file."""

    rates: tuple[Fraction, ...]  # frames / s, as far as named: mean, guessed, finest
    frames: int  # 0: not known
    pixel: Fraction  # width / height of a pixel, before the frame is turned

    @property
    def step(self) -> Fraction:
        """Return the mean time from frame to frame in seconds; 0 where no rate is named."""
        return 1 / self.rates[0] if self.rates else Fraction(0)


@dataclass(frozen=True, slots=True)
class Shown:
    """A decoded picture and when it is shown."""

    time: Fraction  # s from time zero
    length: Fraction  # s it is shown for, as far as its frame says; 0: not known
    frame: av.VideoFrame
    track: Track


def shown(path: Path, start: float = 0.0) -> Generator[Shown, None, None]:
    """Yield the pictures of a file in order, from one at or before `start` (s) on."""
    for back in _attempts(start):
        with opened(path) as container:
            stream = picture_stream(container, path)
            _check_pixels(path, stream.width, stream.height)
            stream.thread_type = "NONE"  # clips are decoded side by side, each on one thread
            pictures = _decoded(container, stream, path)
            if back is not None:
                reached = _reached(container, stream, path, start, back)
                if reached is None:
                    continue
                first, pictures = reached
                yield first
            yield from pictures
            return


def _attempts(start: float) -> Iterator[int | None]:
    """Yield how far before the start to aim a seek; None: decode from the front."""
    if start >= SEEK_FROM:
        yield from (back for back in SEEK_BACK if back < start)
    yield None


def _reached(
    container: InputContainer, stream: av.VideoStream, path: Path, start: float, back: int
) -> tuple[Shown, Iterator[Shown]] | None:
    """Seek, and return the key frame to begin with; None where it would come too late."""
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


def _decoded(container: InputContainer, stream: av.VideoStream, path: Path) -> Iterator[Shown]:
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
            yield Shown(time, (frame.duration or 0) * unit, frame, track)
        clock.pass_over(packet.dts)


class _DecodingClock:
    """Times of pictures in forms that number packets in decoding order alone.

    The decoder holds a picture back until a packet shows that none comes before it. So a picture
    belongs to the packet that sets it free, less the delay of the first picture.
    """

    def __init__(self, step: Fraction) -> None:
        self._step = step  # from picture to picture, in units of the stream
        self._first: int | None = None
        self._delay: int | None = None
        self._last: Fraction | None = None

    def of(self, dts: int | None) -> Fraction | None:
        """Return the stamp of a picture that a packet of this decoding time set free."""
        if dts is not None:
            first = dts if self._first is None else self._first
            self._delay = dts - first if self._delay is None else self._delay
            self._last = Fraction(dts - self._delay)
        elif self._last is not None and self._step:  # set free by the end of the file
            self._last += self._step
        else:
            return None
        return self._last

    def pass_over(self, dts: int | None) -> None:
        """Note that a packet was decoded."""
        self._first = dts if self._first is None else self._first


def _track(stream: av.VideoStream) -> Track:
    rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    named = tuple(Fraction(rate) for rate in rates if rate)
    return Track(named, max(0, stream.frames), Fraction(stream.sample_aspect_ratio or 1))


class Upright:
    """Turns frames into upright RGB pictures of square pixels."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reformatter = VideoReformatter()

    def upright(self, one: Shown) -> tuple[Video, Fraction]:
        """Return a frame turned upright, (H, W, 3), and width / height of its pixels."""
        _check_pixels(self._path, one.frame.width, one.frame.height)
        rgb = self._reformatter.reformat(one.frame, format="rgb24").to_ndarray()
        matrix, ratio = self._matrix(one.frame), self._pixel(one)
        pixel = 1 / ratio if swaps_axes(matrix) else ratio
        return turned(np.asarray(rgb, np.uint8), matrix), pixel

    def _pixel(self, one: Shown) -> Fraction:
        """Return width / height of a pixel as stored."""
        ratio = one.track.pixel
        if ratio <= 0 or not 1 <= max(ratio, 1 / ratio) <= LONGEST_PIXEL:
            raise DataError(
                f"{self._path}: found pixels of aspect {ratio}, expected at most {LONGEST_PIXEL}:1"
            )
        return ratio

    def covering(self, one: Shown, size: tuple[int, int]) -> Video:
        """Return a frame scaled to cover `size` and cut to it: (*size, 3)."""
        array, pixel = self.upright(one)
        tall, wide = _scaled(array.shape[0], array.shape[1], size, pixel)
        if tall * wide > MOST_PIXELS:
            raise DataError(
                f"{self._path}: found a picture of {array.shape[1]} x {array.shape[0]} px, which "
                f"would be {wide} x {tall} px to cover {size[1]} x {size[0]}; expected less"
            )
        return cover(array, size, pixel)

    def square(self, one: Shown) -> Video:
        """Return a frame with square pixels, none of them lost: (H, W, 3)."""
        array, pixel = self.upright(one)
        if pixel == 1:
            return array
        height, width = array.shape[:2]
        wide = max(width, round(width * pixel))
        tall = max(height, round(height / pixel))
        _check_pixels(self._path, wide, tall)
        return np.asarray(cv2.resize(array, (wide, tall), interpolation=cv2.INTER_CUBIC), np.uint8)

    def _matrix(self, frame: av.VideoFrame) -> tuple[int, int, int, int]:
        """Return a, b, c, d of the display matrix: x' = a x + c y, y' = b x + d y."""
        try:
            # Not `frame.side_data`, which would tie the frame into a cycle and keep it in memory.
            matrix = SideDataContainer(frame).get("DISPLAYMATRIX")  # type: ignore[call-arg]
        except ValueError:  # another side datum, of a kind that PyAV does not know
            turn = np.deg2rad(frame.rotation)
            cosine, sine = float(np.cos(turn)), float(np.sin(turn))
            return _quarter_turn(cosine, -sine, sine, cosine, self._path)
        if not isinstance(matrix, SideData):
            return 1, 0, 0, 1
        a, b, _, c, d = (float(n) for n in np.frombuffer(bytes(matrix), "=i4", 5))
        return _quarter_turn(a, b, c, d, self._path)


def _quarter_turn(a: float, b: float, c: float, d: float, path: Path) -> tuple[int, int, int, int]:
    """Round a matrix to one of the eight turns and mirrors."""
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
    """Check whether a matrix turns rows into columns."""
    return matrix[0] == 0


def turned(array: Video, matrix: tuple[int, int, int, int]) -> Video:
    """Apply a display matrix of quarter turns and mirrors to a picture (H, W, 3)."""
    a, b, c, d = matrix
    if swaps_axes(matrix):
        array, across, down = array.swapaxes(0, 1), c, b
    else:
        across, down = a, d
    return np.ascontiguousarray(array[:: down or 1, :: across or 1])


def cover(frame: Video, size: tuple[int, int], pixel: Fraction = Fraction(1)) -> Video:
    """Scale a frame (H, W, 3) to cover `size` and cut its centre; the aspect shown is kept.

    `pixel` is the width of a pixel over its height.
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
    """Return the height and width at which a picture just covers `size`."""
    shown_width = width if pixel == 1 else float(width * pixel)
    scale = max(size[0] / height, size[1] / shown_width)
    return max(size[0], round(height * scale)), max(size[1], round(shown_width * scale))


def _check_pixels(path: Path, width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise DataError(
            f"{path}: found pictures of {width} x {height} px, "
            f"expected at most {MOST_PIXELS} pixels each"
        )
