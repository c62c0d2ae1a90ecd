"""The native view: clips as they were made, every frame at its own size, rate and time.

zero        The first frame. Audio before it is dropped; all audio after it is kept, even beyond the
            end of the video, as in published code of AV-Align. More than `LONGER` beyond it is an
            error: it is not the audio of this video.
times       Each frame has its time stamp. Stamps of a constant rate, up to the rounding of the
            container, are replaced by i / fps. If they lie on such a grid with gaps (an encoder
            that drops repeated frames), the gaps are filled with the previous frame. Otherwise the
            rate is the mean.
size        Constant over the clip; a change of size is an error. Pixels are made square, but for
            those that are nearly so (a 100th), which stay as they are stored.
length      Video that ends before the duration in its header, and audio that ends before the video,
            are errors, as for conformed clips; with `pad`, silence is appended.
memory      At most `MOST_BYTES` of video and audio; more is an error.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svbench.errors import DataError
from svbench.files.media.containers import (
    boundary,
    container_end,
    header_end,
    opened,
    origin,
    picture_stream,
)
from svbench.files.media.picture import TimedFrame, Upright, Video, shared_frames
from svbench.files.media.sound import Audio, TimeLine, read_time_line
from svbench.files.media.streams import Streams
from svbench.types import Channels, Clip, ClipSpec, Recording

TOLERANCE = Fraction(1, 5)  # s that a header's duration may exceed the streams: muxers round up
LONGER = 60  # s of audio allowed beyond the end of the video
SHORT = Fraction(1, 10)  # s of audio that may be missing at the end, as in the conformed view
ROUNDING = Fraction(3, 2000)  # s: containers round to 1 ms, and 0.5 ms are for the rate itself
MOST_FILLED = 2  # times as many grid points as frames; beyond that the grid is not the clip's own
MOST_BYTES = 4 << 30  # 23 s of 1920 x 1080 px at 30 frames/s


def read_native(
    recording: Recording,
    *,
    pad: bool = False,
    channels: Channels = "mean",
    streams: Streams | None = None,
) -> Clip:
    """Decode a clip from `recording.start` to its end, in the native view.

    Parameters
    ----------
    recording : Recording
        the file or files of the clip, and its start in them
    pad : bool
        append silence to short audio (Default value = False)
    channels : "mean" or "first"
        how channels are mixed down (Default value = "mean")
    streams : Streams or None
        of the clip, where several views of it are read (Default value = None)

    Raises
    ------
    DataError
        if the files cannot be decoded, or do not fulfil the conditions of the view
    """
    with boundary(recording.path):
        pictures = _read_pictures(recording, streams or Streams())
        times, rate = _placed(pictures)
        video = pictures.laid_out(times, rate)
    sound_path = recording.sound or recording.path
    with boundary(sound_path):
        latest = pictures.end + LONGER
        line = read_time_line(
            sound_path, pictures.times[0], latest, MOST_BYTES // 4, channels, streams
        )
        _check_length(recording, pictures.end, line.end)
        audio = _sound_of(line, sound_path, pictures.times[0], pictures.end, pad)
    with boundary(recording.path):
        size = (video.shape[1], video.shape[2])
        spec = ClipSpec(len(video), float(rate), size, line.rate, channels=channels)
        return Clip(video, audio, spec, times)


def _sound_of(line: TimeLine, path: Path, begin: Fraction, end: Fraction, pad: bool) -> Audio:
    """Return all audio from the first frame on, at least as long as the video, shape (S,)."""
    if end - line.end > SHORT and not pad:
        raise DataError(
            f"{path}: audio ends at {float(line.end):.3f} s, expected {float(end):.3f} s as the "
            "picture; is it truncated? To judge such clips, ask for padding"
        )
    if line.end > end + LONGER:
        raise DataError(
            f"{path}: found audio at {float(line.end):.3f} s, expected none more than {LONGER} s "
            f"behind the picture, which ends at {float(end):.3f} s; is it another clip's?"
        )
    count = round((max(end, line.end) - begin) * line.rate)
    if count > MOST_BYTES // 4:  # an absurd sample rate
        raise DataError(
            f"{path}: found {count} samples of sound, expected at most {MOST_BYTES // 4}; "
            "the native view holds the whole sound"
        )
    return line.laid_out(round(begin * line.rate), max(1, count), line.rate)


@dataclass(slots=True)
class _Pictures:
    """The frames of a clip, in a buffer that grows in place, so that no second copy is made."""

    path: Path
    video: Video  # (capacity, H, W, 3), of which len(times) are filled
    times: list[Fraction]  # s from the file's time zero
    end: Fraction  # s
    rates: tuple[Fraction, ...]  # frames / s according to the stream, the mean first

    def laid_out(self, times: NDArray[np.float64], rate: Fraction) -> Video:
        """Return one frame per time, (T, H, W, 3); gaps of the grid repeat the frame before."""
        count = len(times)
        if count > len(self.times):
            places = [round((t - self.times[0]) * rate) for t in self.times]
            self.resize(count)
            _spread(self.video, places)
        self.resize(count)
        return self.video

    def grow(self) -> None:
        """Grow the buffer by a quarter, up to `MOST_BYTES`; raise DataError beyond."""
        room, frame = len(self.video), int(np.prod(self.video.shape[1:]))
        self.resize(max(room + 1, min(room * 5 // 4 + 8, MOST_BYTES // frame)))

    def resize(self, room: int) -> None:
        """Resize the buffer in place to `room` frames; raise DataError beyond `MOST_BYTES`."""
        size = room * int(np.prod(self.video.shape[1:]))
        if size > MOST_BYTES:
            height, width = self.video.shape[1:3]
            raise DataError(
                f"{self.path}: found {room} frames of {width} x {height} px, more than "
                f"{MOST_BYTES / 2**30:g} GiB, expected less; the native view holds the whole clip"
            )
        self.video.resize((room, *self.video.shape[1:]), refcheck=False)


def _spread(video: Video, places: list[int]) -> None:
    """Move frame i to places[i] and repeat it up to the next one, in place, from the end."""
    following = len(video)
    for number in range(len(places) - 1, -1, -1):
        video[places[number] : following] = video[number].copy()
        following = places[number]


def _read_pictures(recording: Recording, streams: Streams) -> _Pictures:
    path, upright = recording.path, Upright(recording.path)
    found: _Pictures | None = None
    last: TimedFrame | None = None
    with closing(shared_frames(streams, path, recording.start)) as pictures:
        for one in pictures:
            last = one
            if one.time < Fraction(recording.start) - one.track.step / 2:
                continue
            frame = upright.square(one)
            found = found or _room_for(one, frame, recording)
            if frame.shape != found.video.shape[1:]:
                raise DataError(_changes_size(path, found.video, frame, one))
            if len(found.times) == len(found.video):
                found.grow()
            found.video[len(found.times)] = frame
            found.times.append(one.time)
    if found is None or last is None:
        raise DataError(f"{path}: found no video frames, expected at least two")
    found.end = last.time + max(last.track.step, last.length)
    return found


def _room_for(one: TimedFrame, frame: Video, recording: Recording) -> _Pictures:
    """Return an empty buffer for about as many frames as the header states."""
    path, track = recording.path, one.track
    if not track.rates:
        raise DataError(f"{path}: found no frame rate, expected one in the header")
    room = _Pictures(path, np.empty((0, *frame.shape), np.uint8), [], Fraction(0), track.rates)
    expected = track.frames - int(recording.start * track.rates[0])
    room.resize(max(1, min(expected, 1 << 16)))  # the header is not trusted
    return room


def _placed(pictures: _Pictures) -> tuple[NDArray[np.float64], Fraction]:
    """Return the time of each frame, in seconds from the first one, and the frame rate."""
    stamps = [time - pictures.times[0] for time in pictures.times]
    for rate in pictures.rates:
        places = [round(stamp * rate) for stamp in stamps]
        off = max(abs(s - p / rate) for s, p in zip(stamps, places, strict=True))
        apart = all(a < b for a, b in pairwise(places))
        if off <= ROUNDING and apart and places[-1] < MOST_FILLED * len(places):
            return np.arange(places[-1] + 1) / float(rate), rate
    mean = (len(stamps) - 1) / stamps[-1] if stamps[-1] else pictures.rates[0]
    return np.array([float(stamp) for stamp in stamps]), Fraction(mean)


def _check_length(recording: Recording, picture: Fraction, sound: Fraction) -> None:
    """Raise DataError if a file ends before the duration in its header."""
    path, end = recording.path, picture
    with opened(path) as container:
        zero = origin(container, path)
        promised = header_end(container, picture_stream(container, path), zero)
        apart = recording.sound is not None and bool(container.streams.audio)
        if promised is None and not apart:  # of the picture or the sound, whichever is longer
            promised, end = container_end(container, zero), max(picture, sound)
    if promised is not None and promised - end > TOLERANCE:
        raise DataError(
            f"{path}: found {float(end):.3f} s in it, expected the {float(promised):.3f} s that "
            "its header states; is it truncated?"
        )


def _changes_size(path: Path, video: Video, frame: Video, one: TimedFrame) -> str:
    return (
        f"{path}: found pictures of {video.shape[2]} x {video.shape[1]} px and, from "
        f"{float(one.time):.3f} s on, of {frame.shape[1]} x {frame.shape[0]} px, "
        "expected one size in the native view"
    )
