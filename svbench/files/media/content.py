"""What the content of clips shows: whether anything moves or sounds, and small pictures of it.

pictures    All frames are decoded to small grey ones of `SIDE` x `SIDE` px, scaled by area.
levels      Of each clip of a file: how far the picture departs from its first frame, how bright it
            gets, the peak of the sound and the share of it that is clipped, and digests of both.
thumbnails  JPEGs of frames, upright and with square pixels.

Grey is 0..255, sound -1..1 as it was recorded (the mean of the channels), times are seconds from
the file's time zero.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from svbench.files.media.containers import boundary
from svbench.files.media.picture import TimedFrame, Upright, decode_frames
from svbench.files.media.sound import Audio, read_time_line

SIDE: Final = 64  # px
FULL_SCALE: Final = 0.999
IN_A_ROW: Final = 3  # samples at full scale that count as clipped
QUALITY: Final = 80  # of JPEG
LETTERS: Final = 32  # of a digest
MOST_SAMPLES: Final = 1 << 29  # 2 GiB

Grey = NDArray[np.uint8]
Span = tuple[float, float]  # begin and end of a clip in its file, s


@dataclass(frozen=True, slots=True)
class PictureLevels:
    """The picture of one clip."""

    frames: int
    change: int  # the largest departure of any pixel from the first frame
    brightest: int  # of any pixel
    digest: str


@dataclass(frozen=True, slots=True)
class SoundLevels:
    """The sound of one clip."""

    peak: float
    clipped: float  # share of samples that are at full scale, with others beside them
    digest: str  # of the samples, rounded to 16 bits


@dataclass(frozen=True, slots=True)
class Pictures:
    """The decoded picture of a file."""

    end: float  # s
    damaged: int  # frames that the decoder marks as damaged
    levels: tuple[PictureLevels, ...]  # one for each clip


def picture_levels(path: Path, clips: Sequence[Span]) -> Pictures:
    """Decode the picture of a file; raise DataError where decoding stops.

    Parameters
    ----------
    path : Path
        a file with a video stream
    clips : sequence of (float, float)
        begin and end of each clip in it, in s
    """
    taken = [_Taken() for _ in clips]
    small, damaged, end = VideoReformatter(), 0, Fraction(0)
    with boundary(path), closing(decode_frames(path)) as frames:
        for one in frames:
            damaged += one.frame.is_corrupt
            end = one.time + max(one.length, one.track.step)
            grey = small.reformat(
                one.frame, SIDE, SIDE, "gray", interpolation=Interpolation.AREA, threads=1
            ).to_ndarray()
            for span, of in zip(clips, taken, strict=True):
                if span[0] <= one.time < span[1]:
                    of.add(np.asarray(grey, np.uint8))
    return Pictures(float(end), damaged, tuple(of.levels for of in taken))


class _Taken:
    """Levels of the frames that one clip has so far."""

    def __init__(self) -> None:
        self._first: NDArray[np.int16] | None = None
        self._frames = self._change = self._brightest = 0
        self._whole = hashlib.sha256()

    def add(self, grey: Grey) -> None:
        """Count one more frame, (SIDE, SIDE)."""
        signed = grey.astype(np.int16)
        self._first = signed if self._first is None else self._first
        self._frames += 1
        self._change = max(self._change, int(np.abs(signed - self._first).max()))
        self._brightest = max(self._brightest, int(grey.max()))
        self._whole.update(grey.tobytes())

    @property
    def levels(self) -> PictureLevels:
        """Return the levels of all frames."""
        digest = self._whole.hexdigest()[:LETTERS]
        return PictureLevels(self._frames, self._change, self._brightest, digest)


def sound_levels(path: Path, clips: Sequence[Span]) -> tuple[float, tuple[SoundLevels, ...]]:
    """Decode the sound of a file; return where it ends (s), and the levels of each clip.

    Raises NotFiniteError for NaN or infinity, and DataError where decoding stops.
    """
    with boundary(path):
        line = read_time_line(path, most=MOST_SAMPLES)
        rate = line.rate
        parts = [
            line.laid_out(round(begin * rate), max(1, round((end - begin) * rate)), rate)
            for begin, end in clips
        ]
        return float(line.end), tuple(map(_levels, parts))


def _levels(samples: Audio) -> SoundLevels:
    rounded = np.round(samples * 32767).astype("<i2")
    digest = hashlib.sha256(rounded.tobytes()).hexdigest()[:LETTERS]
    full = np.abs(samples) >= FULL_SCALE
    inside = np.convolve(full, np.ones(IN_A_ROW)) >= IN_A_ROW  # ends of runs
    return SoundLevels(float(np.abs(samples).max()), float(inside.mean()), digest)


def thumbnails(path: Path, times: Sequence[float], size: tuple[int, int]) -> tuple[bytes, ...]:
    """Return JPEGs of the frames at rising times (s), covering a size (height, width).

    Fewer where the picture ends before; raises DataError where it cannot be decoded.
    """
    with boundary(path), closing(_at(path, times)) as frames:
        upright = Upright(path)
        return tuple(_jpeg(upright.covering(one, size)) for one in frames)


def _at(path: Path, times: Sequence[float]) -> Generator[TimedFrame, None, None]:
    """Yield the first frame at or after each of some rising times."""
    wanted = list(times)
    with closing(decode_frames(path, times[0])) as frames:
        for one in frames:
            if wanted and one.time >= wanted[0]:
                yield one
                wanted = [time for time in wanted if time > one.time]
            if not wanted:
                return


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    _, found = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return found.tobytes()
