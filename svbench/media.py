"""Reading and writing clips; the only module that knows PyAV (FFmpeg).

There is one path from a file to a judged clip, and every step of it is defined here:

origin      Time zero is the start of the container (of the sound file, where it is separate),
            so a sound that starts late in the file stays late.
frames      Judged frame i is the decoded frame whose time stamp is nearest to start + i / fps;
            of two equally near ones the earlier.
size        A frame that is not of the wanted size is scaled to cover it, aspect kept (pixel
            area average when shrinking, bicubic when enlarging), and its centre is cut out.
            A rotation stored in the file is applied first.
sound       The channels' mean, resampled by soxr "HQ" (what librosa does), cut at start, clipped
            to -1..1.
length      A longer file is cut. A file that is short by at most `TOLERANCE` is taken as whole
            (containers round lengths): its last frame is held, silence is appended. Anything
            shorter is an error, unless padding was asked for.

`read_native` gives a clip at its own frame rate, size and sample rate instead: every frame,
frame i at time i / fps with the stream's average rate, which is how the published AV-Align
code sees a file. A file whose streams end before the length in its header is refused.

Files that the harness writes for itself are lossless (FFV1 and 24-bit FLAC in Matroska);
MP4 is written for people, and for data sets that are drawn by code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
import soxr
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from svbench.errors import DataError
from svbench.types import Clip, ClipSpec, Recording

VERSION = "1"  # part of every digest: raise it when a decoded array could change
TOLERANCE = 0.1  # s; an AAC packet at 16 kHz lasts 0.064 s, and muxers drop the last one
NATIVE_TOLERANCE = 0.2  # s that a header may promise beyond the streams: muxers are generous
FLAC_SCALE = 2.0**23  # 24-bit samples; a float32 holds 24 bits, so nothing audible is lost
# x264's look-ahead reads beyond small frames, so with it the same frames may give other bytes.
REPEATABLE = "threads=1:bframes=0:mbtree=0:rc-lookahead=0"

Video = NDArray[np.uint8]
Audio = NDArray[np.float32]


def read(recording: Recording, spec: ClipSpec, *, pad: bool = False) -> Clip:
    """Read a clip and conform it to `spec`; with `pad`, a short file is filled up."""
    return Clip(_read_video(recording, spec, pad), _read_audio(recording, spec, pad), spec)


def read_native(recording: Recording) -> Clip:
    """Read the whole clip from `recording.start` on, as it was made."""
    path = recording.path
    with _opened(path) as container:
        stream = _video_stream(container, path)
        rate = Fraction(stream.average_rate or stream.guessed_rate or 0)
        reformatter = VideoReformatter()
        step = 1 / rate if rate else Fraction(0)
        first = Fraction(recording.start) - step / 2
        frames, end = [], Fraction(0)
        for frame, time in _timed(container, recording):
            if time >= first:
                frames.append(_rgb(frame, reformatter))
            held = Fraction(frame.duration or 0) * (frame.time_base or 0)
            end = time + max(step, held)
        length = (container.duration or 0) / 1_000_000
        alone = recording.sound is None or not container.streams.audio
    if not frames or not rate:
        raise DataError(f"{path}: found no video frames, expected at least two")
    audio, sample_rate = _decode_audio(recording, None)
    whole_end = max(float(end), len(audio) / sample_rate if recording.sound is None else 0.0)
    if alone and length - whole_end > NATIVE_TOLERANCE:
        raise DataError(
            f"{path}: found {whole_end:.3f} s in it, expected the {length:.3f} s that its header "
            "tells; is it truncated?"
        )
    spec = ClipSpec(len(frames), float(rate), frames[0].shape[:2], sample_rate)
    audio = audio[round(recording.start * sample_rate) :][: spec.samples]
    return Clip(np.stack(frames), np.pad(audio, (0, spec.samples - len(audio))), spec)


def duration(path: Path) -> float:
    """Give the length of a file's video stream in seconds, from its header."""
    with _opened(path) as container:
        stream = _video_stream(container, path)
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        if container.duration is not None:
            return container.duration / 1_000_000  # FFmpeg counts containers in microseconds
    raise DataError(f"{path}: found no length in its header, expected a finished video file")


def check(recording: Recording) -> None:
    """Raise DataError unless the files open and hold a video and an audio stream."""
    with _opened(recording.path) as container:
        _video_stream(container, recording.path)
        if recording.sound is None:
            _check_audio_stream(container, recording.path)
    if recording.sound is not None:
        with _opened(recording.sound) as container:
            _check_audio_stream(container, recording.sound)


def fingerprint(recording: Recording, view: str, *, pad: bool = False) -> str:
    """Hash all that decides the decoded arrays: file bytes, start, view, versions."""
    whole = hashlib.sha256(f"{VERSION}/{av.__version__}/{view}/{pad}/{recording.start!r}".encode())
    for path in (recording.path, recording.sound):
        if path is not None:
            try:
                with path.open("rb") as file:
                    whole.update(hashlib.file_digest(file, "sha256").digest())
            except OSError as error:
                raise DataError(_cannot_open(path, error)) from error
    return whole.hexdigest()


# --- video -------------------------------------------------------------------------------------


def _read_video(recording: Recording, spec: ClipSpec, pad: bool) -> Video:
    video = np.empty((spec.frames, *spec.size, 3), np.uint8)
    times = [Fraction(recording.start) + i / Fraction(spec.fps) for i in range(spec.frames)]
    reformatter = VideoReformatter()
    with _opened(recording.path) as container:
        _video_stream(container, recording.path)
        chosen, previous, end = 0, None, Fraction(0)
        for frame, time in _timed(container, recording):
            while previous is not None and chosen < spec.frames:
                before, at = previous
                if times[chosen] - at > time - times[chosen]:
                    break
                video[chosen] = cover(_rgb(before, reformatter), spec.size)
                chosen += 1
            if chosen == spec.frames:
                return video
            end = time + (time - previous[1] if previous else Fraction(1) / Fraction(spec.fps))
            previous = (frame, time)
        if previous is None:
            raise DataError(f"{recording.path}: found no video frames, expected {spec.frames}")
        missing = times[-1] + 1 / Fraction(spec.fps) - end
        if missing > Fraction(TOLERANCE) and not pad:
            raise DataError(_too_short(recording.path, "video", float(end), recording.start, spec))
        video[chosen:] = cover(_rgb(previous[0], reformatter), spec.size)
    return video


def cover(frame: Video, size: tuple[int, int]) -> Video:
    """Scale a frame (H, W, 3) to cover `size` and cut its centre; aspect kept."""
    height, width = frame.shape[:2]
    if (height, width) == size:
        return frame
    scale = max(size[0] / height, size[1] / width)
    tall, wide = max(size[0], round(height * scale)), max(size[1], round(width * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(frame, (wide, tall), interpolation=how)
    top, left = (tall - size[0]) // 2, (wide - size[1]) // 2
    return np.asarray(scaled[top : top + size[0], left : left + size[1]], np.uint8)


def _timed(
    container: InputContainer, recording: Recording
) -> Iterator[tuple[av.VideoFrame, Fraction]]:
    """Decode frames from the key frame at or before the start on, with their times in s."""
    stream = container.streams.video[0]
    stream.thread_type = "NONE"  # clips are decoded side by side, each on one thread
    origin = Fraction(container.start_time or 0, 1_000_000)
    if recording.start > 0:
        container.seek(int(recording.start * 1_000_000) + (container.start_time or 0))
    try:
        for frame in container.decode(stream):
            if frame.pts is None or frame.time_base is None:
                raise DataError(f"{recording.path}: found a frame without time stamp")
            yield frame, frame.pts * Fraction(frame.time_base) - origin
    except (av.error.FFmpegError, EOFError) as error:
        raise DataError(_cannot_decode(recording.path, error)) from error


def _rgb(frame: av.VideoFrame, reformatter: VideoReformatter) -> Video:
    array = np.asarray(reformatter.reformat(frame, format="rgb24").to_ndarray(), np.uint8)
    return np.ascontiguousarray(np.rot90(array, frame.rotation // 90)) if frame.rotation else array


# --- sound -------------------------------------------------------------------------------------


def _read_audio(recording: Recording, spec: ClipSpec, pad: bool) -> Audio:
    path = recording.sound or recording.path
    audio, rate = _decode_audio(recording, recording.start + spec.duration + TOLERANCE)
    end = len(audio) / rate
    if recording.start + spec.duration - end > TOLERANCE and not pad:
        raise DataError(_too_short(path, "audio", end, recording.start, spec))
    if rate != spec.sample_rate:
        audio = soxr.resample(audio, rate, spec.sample_rate, quality="HQ")
    first = round(recording.start * spec.sample_rate)
    cut = np.clip(audio[first : first + spec.samples], -1, 1)
    return np.pad(cut, (0, spec.samples - len(cut)))


def _decode_audio(recording: Recording, end: float | None) -> tuple[Audio, int]:
    """Decode mono sound from the file's time zero to `end` (s), and its sample rate."""
    path = recording.sound or recording.path
    blocks: list[Audio] = []
    with _opened(path) as container:
        _check_audio_stream(container, path)
        origin = (container.start_time or 0) / 1_000_000
        rate = container.streams.audio[0].rate
        planar = av.AudioResampler(format="fltp")
        try:
            for frame in container.decode(audio=0):
                if not blocks and frame.time is not None and frame.time > origin:
                    blocks.append(np.zeros(round((frame.time - origin) * rate), np.float32))
                blocks += [f.to_ndarray().mean(axis=0) for f in planar.resample(frame)]
                if end is not None and frame.time is not None and frame.time - origin > end:
                    break
        except (av.error.FFmpegError, EOFError) as error:
            raise DataError(_cannot_decode(path, error)) from error
    audio = np.concatenate([*blocks, np.zeros(0, np.float32)])
    if not np.isfinite(audio).all():
        raise DataError(f"{path}: found NaN or infinity in the sound, expected finite samples")
    return np.clip(audio, -1, 1), rate


# --- writing -----------------------------------------------------------------------------------


def quantise(audio: Audio) -> Audio:
    """Round sound to the 24-bit grid that FLAC stores; idempotent."""
    steps = np.clip(np.rint(audio.astype(np.float64) * FLAC_SCALE), -FLAC_SCALE, FLAC_SCALE - 1)
    # Adding 0 turns -0 into 0, which is what comes back from the file.
    return (steps / FLAC_SCALE + 0.0).astype(np.float32)


def write_lossless(path: Path, clip: Clip, comment: str) -> None:
    """Write FFV1 + FLAC in Matroska; the same clip gives the same bytes.

    The sound must lie on the 24-bit grid (see `quantise`).
    """
    with av.open(str(path), "w", format="matroska", options={"fflags": "+bitexact"}) as out:
        out.metadata["comment"] = comment
        picture = out.add_stream("ffv1", rate=Fraction(clip.spec.fps).limit_denominator(100_000))
        picture.height, picture.width = clip.spec.size
        picture.pix_fmt = "bgr0"
        picture.options = {"level": "3", "slices": "4", "slicecrc": "1", "flags": "+bitexact"}
        sound = out.add_stream("flac", rate=clip.spec.sample_rate, layout="mono", format="s32")
        sound.options = {"flags": "+bitexact"}
        for array in clip.video:
            out.mux(picture.encode(av.VideoFrame.from_ndarray(array, "rgb24")))
        out.mux(picture.encode(None))
        steps = (clip.audio.astype(np.float64) * FLAC_SCALE).astype(np.int64) << 8
        frame = av.AudioFrame.from_ndarray(steps.astype(np.int32)[None], "s32", "mono")
        frame.sample_rate, frame.pts = clip.spec.sample_rate, 0
        out.mux(sound.encode(frame))
        out.mux(sound.encode(None))


def read_lossless(path: Path, spec: ClipSpec) -> Clip:
    """Read what `write_lossless` wrote, bit for bit."""
    with _opened(path) as container:
        try:
            video = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
            container.seek(0)
            steps = [f.to_ndarray()[0] for f in container.decode(audio=0)]
        except (av.error.FFmpegError, EOFError, IndexError) as error:
            raise DataError(_cannot_decode(path, error)) from error
    audio = (np.concatenate(steps).astype(np.float64) / 2.0**31).astype(np.float32)
    try:
        return Clip(np.stack(video), audio, spec)
    except (DataError, ValueError) as error:
        raise DataError(f"{path}: {error}") from error


def read_comment(path: Path) -> str:
    """Give the comment in a file's header, or an empty string."""
    with _opened(path) as container:
        return str({k.lower(): v for k, v in container.metadata.items()}.get("comment", ""))


def write_mp4(
    path: Path,
    video: Video,
    fps: float,
    audio: Audio | None = None,
    sample_rate: int = 16000,
    *,
    quick: bool = False,
) -> None:
    """Write H.264 (CRF 18) and, with `audio`, AAC: for people, and for drawn data sets.

    With `quick`, in half the time and with other bytes: for copies that are only looked at.
    """
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as out:
        picture = out.add_stream("libx264", rate=Fraction(fps).limit_denominator(100_000))
        picture.height, picture.width = video.shape[1:3]
        picture.pix_fmt = "yuv420p"
        picture.options = {"crf": "18", "x264-params": REPEATABLE, "flags": "+bitexact"}
        picture.options |= {"preset": "veryfast"} if quick else {}
        sound = None
        if audio is not None:
            sound = out.add_stream("aac", rate=sample_rate, layout="mono")
            sound.options = {"aac_coder": "fast"} if quick else {}
        for array in video:
            out.mux(picture.encode(av.VideoFrame.from_ndarray(array, "rgb24")))
        out.mux(picture.encode(None))
        if sound is not None and audio is not None:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(audio[None]), "fltp", "mono")
            frame.sample_rate, frame.pts = sample_rate, 0
            out.mux(sound.encode(frame))
            out.mux(sound.encode(None))


def write_wav(path: Path, audio: Audio, sample_rate: int) -> None:
    """Write 16-bit PCM."""
    with av.open(str(path), "w", format="wav", options={"fflags": "+bitexact"}) as out:
        sound = out.add_stream("pcm_s16le", rate=sample_rate, layout="mono")
        steps = np.clip(np.rint(audio.astype(np.float64) * 32768), -32768, 32767)
        frame = av.AudioFrame.from_ndarray(steps.astype(np.int16)[None], "s16", "mono")
        frame.sample_rate, frame.pts = sample_rate, 0
        out.mux(sound.encode(frame))
        out.mux(sound.encode(None))


# --- the boundary: FFmpeg's errors become ours --------------------------------------------------


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{path}: found an empty file (0 bytes), expected a clip")
        container = av.open(str(path))
    except (OSError, av.error.FFmpegError) as error:
        raise DataError(_cannot_open(path, error)) from error
    with container:
        yield container


def _video_stream(container: InputContainer, path: Path) -> av.VideoStream:
    if not container.streams.video:
        raise DataError(f"{path}: found no video stream, expected one{_streams(container)}")
    return container.streams.video[0]


def _check_audio_stream(container: InputContainer, path: Path) -> None:
    if not container.streams.audio:
        raise DataError(
            f"{path}: found no audio stream, expected one in the file or in "
            f"{path.with_suffix('.wav').name} beside it{_streams(container)}"
        )


def _streams(container: InputContainer) -> str:
    kinds = sorted({stream.type for stream in container.streams})
    return f" (it holds: {', '.join(kinds) or 'nothing'})"


def _cannot_open(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{path}: found nothing there, expected a clip"
    if isinstance(error, PermissionError):
        return f"{path}: found a file without permission to read, expected a readable clip"
    return f"{path}: found no readable media ({_reason(error)}), expected a video or sound file"


def _cannot_decode(path: Path, error: Exception) -> str:
    return f"{path}: decoding stopped ({_reason(error)}), expected a whole clip; is it truncated?"


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).lower()


def _too_short(path: Path, what: str, end: float, start: float, spec: ClipSpec) -> str:
    return (
        f"{path}: {what} ends at {end:.3f} s, expected {start + spec.duration:.3f} s "
        f"({spec}); is it truncated? To judge short clips, ask for fewer frames or for padding"
    )
