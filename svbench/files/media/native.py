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
memory      `NativeFrames` shows one frame at a time and keeps none, so that clips may be of any
            length and size; their audio is held whole, at most `MOST_BYTES` of it. `read_native`
            holds the whole clip, at most `MOST_BYTES` of video; more is an error.
passes      Times decide which frames are wanted, so they are known before the first frame is
            shown: from the time stamps of the packets, without decoding. Where decoded frames
            have others (AVI has none), the clip is decoded a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

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
from svbench.files.media.picture import (
    TimedFrame,
    Upright,
    Video,
    decode_frames,
    follow_frames,
    packet_times,
)
from svbench.files.media.sound import Audio, TimeLine, read_time_line
from svbench.files.media.streams import Streams
from svbench.limits import MOST_BYTES  # 23 s of 1920 x 1080 px at 30 frames/s
from svbench.types import Channels, Clip, ClipSpec, Recording

if TYPE_CHECKING:
    from typing import Never

TOLERANCE = Fraction(1, 5)  # s that a header's duration may exceed the streams: muxers round up
LONGER = 60  # s of audio allowed beyond the end of the video
SHORT = Fraction(1, 10)  # s of audio that may be missing at the end, as in the conformed view
ROUNDING = Fraction(3, 2000)  # s: containers round to 1 ms, and 0.5 ms are for the rate itself
MOST_FILLED = 2  # times as many grid points as frames; beyond that the grid is not the clip's own

Take = Callable[[int, Video], None]  # gets each frame, (H, W, 3), by its number
Begin = Callable[[Clip], Take]  # gets a clip without its pixels, before the first frame


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
        if the files cannot be decoded, do not fulfil the conditions of the view, or hold more than
        `MOST_BYTES`
    """
    whole = WholeClip(recording.path)
    with nullcontext(streams) if streams else Streams() as shared:
        NativeFrames(recording, whole.begin, pad=pad, channels=channels, streams=shared).show()
    return whole.clip


class WholeClip:
    """All frames of a clip in memory, at most `MOST_BYTES` of them.

    Parameters
    ----------
    path : Path
        of the clip, for messages
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._clip: Clip | None = None
        self._video: Video = np.empty((0, 0, 0, 3), np.uint8)

    def begin(self, clip: Clip) -> Take:
        """Make room for the frames of a clip; raise DataError if they are too many."""
        frames, height, width = clip.video.shape[:3]
        if clip.video.size > MOST_BYTES:
            raise DataError(
                f"{self._path}: found {frames} frames of {width} x {height} px, more than "
                f"{MOST_BYTES / 2**30:g} GiB, expected less where a whole clip is held; "
                "cut it, scale it down, or leave out what needs all of it"
            )
        self._clip, self._video = clip, np.empty(clip.video.shape, np.uint8)
        return self.take

    def take(self, number: int, frame: Video) -> None:
        """Keep a frame, (H, W, 3)."""
        self._video[number] = frame

    @property
    def clip(self) -> Clip:
        """Return the clip, once all frames are taken."""
        if self._clip is None:
            raise ValueError("no clip has begun")
        return replace(self._clip, video=self._video)


class Unread(np.ndarray):
    """The video of a clip whose frames are shown one by one: its shape, and no pixel of it."""

    def __getitem__(self, place: object) -> Never:
        """Raise TypeError."""
        raise TypeError("found a clip whose frames are not kept, expected no look into them")


class NativeFrames:
    """Shows the frames of a clip in the native view, one by one as they are decoded.

    Parameters
    ----------
    recording : Recording
        the file or files of the clip, and its start in them
    begin : callable
        gets the clip without its pixels before the first frame (`Unread`: its video has a shape),
        and returns what gets each frame. Called again, for all frames anew, where the clip has to
        be decoded twice
    streams : Streams
        of the clip: of what its conformed view decodes meanwhile, each frame is shown at once
    pad : bool
        append silence to short audio (Default value = False)
    channels : "mean" or "first"
        how channels are mixed down (Default value = "mean")
    """

    def __init__(
        self,
        recording: Recording,
        begin: Begin,
        streams: Streams,
        *,
        pad: bool = False,
        channels: Channels = "mean",
    ) -> None:
        self._recording = recording
        self._pass = _Pass(recording, begin, streams, pad, channels)
        self._error: DataError | None = None
        self._rest = follow_frames(streams, recording.path, recording.start, self._watch)

    def show(self) -> None:
        """Show all frames that are left; raise DataError as `read_native` does."""
        path = self._recording.path
        with boundary(path):
            self._rest()
            if self._error is not None:
                raise self._error
            found = self._pass.found
            if found == self._pass.expected:
                return
            again = self._pass.anew(found)
            with closing(decode_frames(path, self._recording.start)) as frames:
                for one in frames:
                    again.take(one)
            if again.found != found:
                raise DataError(f"{path}: found other frames each time it is decoded")

    def _watch(self, one: TimedFrame) -> None:
        """Show a frame; what is wrong with it in this view costs no other view."""
        if self._error is None:
            try:
                with boundary(self._recording.path):
                    self._pass.take(one)
            except DataError as error:
                self._error = error


@dataclass(frozen=True, slots=True)
class _Stamps:
    """When the frames of a clip are shown, and the last one ends, in s from its time zero."""

    times: Sequence[Fraction]
    end: Fraction


class _Pass:
    """Frames of one decoding, shown as long as they come when they are expected."""

    def __init__(
        self,
        recording: Recording,
        begin: Begin,
        streams: Streams,
        pad: bool,
        channels: Channels,
        expected: _Stamps | None = None,
    ) -> None:
        self._how = recording, begin, streams, pad, channels
        self._recording, self._begin = recording, begin
        self._upright = Upright(recording.path)
        self.expected = expected
        self._known = expected is not None
        self._times: list[Fraction] = []
        self._last: TimedFrame | None = None
        self._before: Video | None = None  # the frame that was shown last
        self._places: Sequence[int] = ()  # of frames among those shown; () if none are
        self._shown = 0
        self._take: Take | None = None

    def anew(self, expected: _Stamps) -> _Pass:
        """Return another pass, whose times are known."""
        return _Pass(*self._how, expected)

    @property
    def found(self) -> _Stamps:
        """Return when the decoded frames are shown; raise DataError if there are none."""
        if self._last is None or not self._times:
            path = self._recording.path
            raise DataError(f"{path}: found no video frames, expected at least two")
        end = self._last.time + max(self._last.track.step, self._last.length)
        return _Stamps(self._times, end)

    def take(self, one: TimedFrame) -> None:
        """Take the next decoded frame."""
        self._last = one
        if one.time < Fraction(self._recording.start) - one.track.step / 2:
            return
        number = len(self._times)
        self._times.append(one.time)
        if number == 0:
            self._start(one)
        if self._take is None or self.expected is None:
            return
        if self.expected.times[number : number + 1] != [one.time]:
            self._take = self._before = None
            return
        self._show(number, one)

    def _show(self, number: int, one: TimedFrame) -> None:
        assert self._take is not None
        frame = self._upright.square(one)
        frame.setflags(write=False)  # all columns are shown the same one
        if self._before is not None:
            if frame.shape != self._before.shape:
                raise DataError(_changes_size(self._recording.path, self._before, frame, one))
            while self._shown < self._places[number]:
                self._take(self._shown, self._before)
                self._shown += 1
        self._take(self._shown, frame)
        self._shown += 1
        self._before = frame

    def _start(self, one: TimedFrame) -> None:
        """Begin with the first frame, if it is known when the others will be shown."""
        path = self._recording.path
        if not one.track.rates:
            raise DataError(f"{path}: found no frame rate, expected one in the header")
        size = self._upright.square(one).shape[:2]
        try:
            self.expected = self.expected or _forecast(self._recording, one)
            if self.expected is None:
                return
            clip, self._places = self._outlined(self.expected, one, size)
        except DataError:
            if self._known:
                raise
            self.expected = None  # what packets promise may not be what is decoded
            return
        self._take = self._begin(clip)

    def _outlined(
        self, stamps: _Stamps, one: TimedFrame, size: tuple[int, ...]
    ) -> tuple[Clip, Sequence[int]]:
        """Return the clip without its pixels, and the place of each frame in it."""
        recording, _, streams, pad, channels = self._how
        times, rate, places = _placed(stamps.times, one.track.rates)
        begin, path = stamps.times[0], recording.sound or recording.path
        with boundary(path):
            latest = stamps.end + LONGER
            line = read_time_line(path, begin, latest, MOST_BYTES // 4, channels, streams)
            _check_length(recording, stamps.end, line.end)
            audio = _sound_of(line, path, begin, stamps.end, pad)
        height, width = size
        shape = (len(times), height, width, 3)
        spec = ClipSpec(len(times), float(rate), (height, width), line.rate, channels=channels)
        unread = np.broadcast_to(np.zeros((), np.uint8), shape).view(Unread)
        return Clip(unread, audio, spec, times), places


def _forecast(recording: Recording, first: TimedFrame) -> _Stamps | None:
    """Return when the frames of a clip should be shown, by its packets; None if unknown."""
    step = first.track.step
    found = packet_times(recording.path, recording.start)
    shown = [t for t, _ in found if t >= Fraction(recording.start) - step / 2]
    if not shown or shown[0] != first.time:
        return None
    time, length = found[-1]
    return _Stamps(shown, time + max(step, length))


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


def _placed(
    times: Sequence[Fraction], rates: Sequence[Fraction]
) -> tuple[NDArray[np.float64], Fraction, Sequence[int]]:
    """Return the time of each frame, in seconds from the first one, the frame rate, and places.

    There may be more times than frames: frame i is shown from places[i] to the next frame's.
    """
    stamps = [time - times[0] for time in times]
    for rate in rates:
        places = [round(stamp * rate) for stamp in stamps]
        off = max(abs(s - p / rate) for s, p in zip(stamps, places, strict=True))
        apart = all(a < b for a, b in pairwise(places))
        if off <= ROUNDING and apart and places[-1] < MOST_FILLED * len(places):
            return np.arange(places[-1] + 1) / float(rate), rate, places
    mean = (len(stamps) - 1) / stamps[-1] if stamps[-1] else rates[0]
    return np.array([float(stamp) for stamp in stamps]), Fraction(mean), range(len(stamps))


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


def _changes_size(path: Path, before: Video, frame: Video, one: TimedFrame) -> str:
    return (
        f"{path}: found pictures of {before.shape[1]} x {before.shape[0]} px and, from "
        f"{float(one.time):.3f} s on, of {frame.shape[1]} x {frame.shape[0]} px, "
        "expected one size in the native view"
    )
