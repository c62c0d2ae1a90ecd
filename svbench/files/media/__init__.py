"""Decoding and encoding of clips; the only package that uses PyAV (FFmpeg).

Every clip is decoded in the same way, step by step:

clock       Time stamps are the clock, of video and of audio: never an index, never a count of
            samples. Time zero is the earliest start of video and audio in a file, so audio that
            starts late stays late (a separate audio file has its own time zero).
streams     Those that the ffmpeg command line would choose (see `containers`).
frames      Frame i of a clip is the decoded frame whose time stamp is nearest to start + i / fps;
            of two equally near ones the earlier. If the `frame_choice` of a format is "official",
            it is that of the paper's data script instead, which is late (see `official`).
size        The display matrix (rotations, flips) is applied first and pixels are made square. A
            frame of another size is scaled to cover the wanted one, keeping its aspect (area
            interpolation when shrinking, bicubic when enlarging), and centre-cropped.
audio       The mean of the channels (or the first channel, if the format has it so), clipped to
            -1..1 before and after it is laid out by time stamps (see `sound`), resampled by soxr
            "HQ" (as librosa does) and cut at start.
length      A longer file is cut. A file that is short by at most `TOLERANCE` counts as complete
            (containers round durations): its last frame is repeated, silence is appended. Anything
            shorter is an error, unless padding is enabled.

`read_native` instead decodes a clip as it was made: every frame at its own size and time, audio at
its own rate, both from the first frame on; `NativeFrames` shows the same frames one by one, and
holds none (see `native`).
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from svbench.errors import DataError
from svbench.files.media.containers import (
    MICROSECONDS,
    boundary,
    opened,
    picture_stream,
    sound_stream,
)
from svbench.files.media.encoding import (
    quantise,
    read_comment,
    read_lossless,
    write_lossless,
    write_mp4,
    write_wav,
)
from svbench.files.media.lengths import TOLERANCE, begins_late, check_sound, too_short
from svbench.files.media.native import NativeFrames, WholeClip, read_native
from svbench.files.media.official import as_segmented
from svbench.files.media.picture import (
    SEEK_FROM,
    TimedFrame,
    Upright,
    cover,
    decode_frames,
    shared_frames,
)
from svbench.files.media.segments import read_segments
from svbench.files.media.sound import read_time_line
from svbench.files.media.streams import Streams
from svbench.types import Clip, ClipSpec, Recording

__all__ = [
    "NativeFrames",
    "Streams",
    "WholeClip",
    "check",
    "cover",
    "duration",
    "fingerprint",
    "fingerprint_key",
    "frame_rate",
    "quantise",
    "read",
    "read_comment",
    "read_frames",
    "read_lossless",
    "read_native",
    "read_segments",
    "read_sound",
    "write_lossless",
    "write_mp4",
    "write_wav",
]

VERSION = "3"  # part of every digest: increased when a decoded array could change
MICROSECOND = Fraction(1, MICROSECONDS)  # s

Video = NDArray[np.uint8]
Audio = NDArray[np.float32]


def read(
    recording: Recording, spec: ClipSpec, *, pad: bool = False, streams: Streams | None = None
) -> Clip:
    """Decode a clip and conform it to a format.

    Parameters
    ----------
    recording : Recording
        the file or files of the clip, and its start in them
    spec : ClipSpec
        the format
    pad : bool
        repeat the last frame and append silence to a short clip (Default value = False)
    streams : Streams or None
        of the clip, where several views of it are read (Default value = None)

    Raises
    ------
    DataError
        if the files cannot be decoded, or are too short
    """
    streams = streams or Streams()
    video = _read_picture(recording, spec, pad, streams)
    with boundary(recording.sound or recording.path):
        return Clip(video, _read_audio(recording, spec, pad, streams), spec)


def read_frames(recording: Recording, spec: ClipSpec, *, pad: bool = False) -> Video:
    """Decode the frames of a clip alone, as `read` does, shape (T, H, W, 3); its sound is not read.

    Raises DataError as `read` does.
    """
    return _read_picture(recording, spec, pad, Streams())


def read_sound(recording: Recording) -> tuple[Audio, int]:
    """Decode the whole sound of a file: samples (S,) from its time zero on, and their rate.

    Channels are averaged. Raises DataError if it cannot be decoded, or is absent.
    """
    path = recording.sound or recording.path
    with boundary(path):
        line = read_time_line(path)
        return line.laid_out(0, max(1, round(line.end * line.rate)), line.rate), line.rate


def duration(path: Path) -> float:
    """Return the duration of a file's video stream in seconds, from its header."""
    with opened(path) as container:
        stream = picture_stream(container, path)
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        if container.duration is not None:
            return container.duration / MICROSECONDS
    raise DataError(f"{path}: found no length in its header, expected a finished video file")


def frame_rate(path: Path) -> Fraction | None:
    """Return the mean frame rate in a file's header, in frames / s; None if it has none."""
    with opened(path) as container:
        rate = picture_stream(container, path).average_rate
        return Fraction(rate) if rate else None


def check(recording: Recording) -> None:
    """Raise DataError unless the files can be opened and hold a video and an audio stream."""
    with opened(recording.path) as container:
        picture_stream(container, recording.path)
        if recording.sound is None:
            sound_stream(container, recording.path)
    if recording.sound is not None:
        with opened(recording.sound) as container:
            sound_stream(container, recording.sound)


def fingerprint_key(recording: Recording, view: str, *, pad: bool = False) -> str:
    """Return all that determines the decoded arrays beside the bytes of the files."""
    return f"{VERSION}/{av.__version__}/{view}/{pad}/{recording.start!r}"


def fingerprint(recording: Recording, view: str, *, pad: bool = False) -> str:
    """Return the digest of all that determines the decoded arrays: bytes, start, view, versions."""
    whole = hashlib.sha256(fingerprint_key(recording, view, pad=pad).encode())
    for path in (recording.path, recording.sound):
        if path is not None:
            try:
                with path.open("rb") as file:
                    whole.update(hashlib.file_digest(file, "sha256").digest())
            except OSError as error:
                raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    return whole.hexdigest()


def _read_picture(recording: Recording, spec: ClipSpec, pad: bool, streams: Streams) -> Video:
    choose = _read_official if spec.frame_choice == "official" else _read_video
    with boundary(recording.path):
        return choose(recording, spec, pad, streams)


def _read_video(recording: Recording, spec: ClipSpec, pad: bool, streams: Streams) -> Video:
    video = np.empty((spec.frames, *spec.size, 3), np.uint8)
    step = 1 / Fraction(spec.fps)
    times = [Fraction(recording.start) + i * step for i in range(spec.frames)]
    path, upright = recording.path, Upright(recording.path)
    chosen, end = 0, Fraction(0)
    previous: TimedFrame | None = None
    with closing(shared_frames(streams, path, recording.start)) as pictures:
        for one in pictures:
            if previous is None and one.time >= times[-1] + step:
                raise DataError(begins_late(path, "video", one.time, recording, spec))
            while previous is not None and chosen < spec.frames:
                if times[chosen] - previous.time > one.time - times[chosen]:
                    break
                video[chosen] = upright.covering(previous, spec.size)
                chosen += 1
            if chosen == spec.frames:
                return video
            end = one.time + max(one.length, one.track.step or step)
            previous = one
    if previous is None:
        raise DataError(f"{path}: found no video frames, expected {spec.frames}")
    if times[-1] + step - end > TOLERANCE and not pad:
        raise DataError(too_short(path, "video", end, recording, spec))
    video[chosen:] = upright.covering(previous, spec.size)
    return video


def _read_official(recording: Recording, spec: ClipSpec, pad: bool, streams: Streams) -> Video:
    video = np.empty((spec.frames, *spec.size, 3), np.uint8)
    path, upright, fps = recording.path, Upright(recording.path), Fraction(spec.fps)
    first = round(recording.start * fps)
    if abs(recording.start - first / fps) > MICROSECOND:
        raise DataError(
            f"{path}: found a clip from {recording.start:g} s, expected a start on the grid of "
            f"{spec.fps:g} frames/s, where official segments are cut"
        )
    chosen, last = 0, None
    # From the start, as the number of frames matters; all those before a late clip are not kept.
    begun = decode_frames(path) if recording.start >= SEEK_FROM else shared_frames(streams, path)
    with closing(begun) as pictures:
        for number, one in enumerate(as_segmented(pictures, fps)):
            last = one
            if number >= first:
                video[chosen] = upright.covering(one, spec.size)
                chosen += 1
            if chosen == spec.frames:
                return video
    if last is None:
        raise DataError(f"{path}: found no video frames, expected {spec.frames}")
    missing = (spec.frames - chosen) / fps
    if missing > TOLERANCE and not pad:
        end = recording.start + spec.duration - missing
        raise DataError(too_short(path, "video", Fraction(end), recording, spec))
    video[chosen:] = upright.covering(last, spec.size)
    return video


def _read_audio(recording: Recording, spec: ClipSpec, pad: bool, streams: Streams) -> Audio:
    path, begin = recording.sound or recording.path, Fraction(recording.start)
    end = begin + spec.frames / Fraction(spec.fps)
    line = read_time_line(path, begin, end, channels=spec.channels, streams=streams)
    if not pad:
        check_sound(line, path, recording, spec)
    first = round(recording.start * spec.sample_rate)
    return line.laid_out(first, spec.samples, spec.sample_rate)
