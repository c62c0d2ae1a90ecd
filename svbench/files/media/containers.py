"""Opening of media files: local files of known formats only, and mapping of foreign errors.

Time zero of a file is the earliest start of its chosen video and audio streams; cover pictures,
subtitles and other tracks do not count.

The chosen stream is that of the ffmpeg command line: of several the one marked as default, then the
largest picture or the audio with most channels, then the first. Cover pictures are not video.

References
----------
Choice of streams: https://ffmpeg.org/ffmpeg.html#Automatic-stream-selection
`format_whitelist`, `protocol_whitelist`: https://ffmpeg.org/ffmpeg-formats.html#Format-Options
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from stat import S_ISDIR, S_ISREG

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition

from svbench.errors import DataError, SvbenchError

# Formats that contain their own video or audio. Play lists, scripts, image patterns, devices and
# text (concat, hls, dash, sdp, image2, lavfi, tty …) would read other files, or network hosts.
DEMUXERS = (
    *("aa", "aac", "ac3", "aiff", "amr", "ape", "apng", "asf", "au", "av1", "avi", "caf", "dts"),
    *("dv", "eac3", "flac", "flv", "gif", "gxf", "h264", "hevc", "ivf", "loas", "m4v"),
    *("matroska", "webm", "mjpeg", "mov", "mp3", "mpc", "mpc8", "mpeg", "mpegts", "mpegtsraw"),
    *("mpegvideo", "mxf", "nsv", "nut", "obu", "ogg", "oma", "rm", "swf", "tak", "truehd", "tta"),
    *("vc1", "voc", "vvc", "w64", "wav", "wtv", "wv", "xwma", "yuv4mpegpipe"),
)
# Elementary streams among them: their demuxers make up time stamps from the first header.
BARE_SOUND = ("aac", "ac3", "dts", "eac3", "loas", "mp3", "truehd")
# Formats whose packets have decoding time stamps only.
WITHOUT_PRESENTATION_TIME = ("avi", "h264", "hevc", "m4v", "mpegvideo", "vc1", "vvc")
# Formats that may have a custom channel order, and the codecs that then pass it on.
OWN_CHANNEL_ORDER = ("mov", "caf", "aiff")
PCM = re.compile(r"pcm_(?:[suf](\d+)(?:le|be)?|alaw|mulaw)")
DISGUISED = 1 << 20  # bytes of a WAV, more than FFmpeg would search
DTS_SYNC_WORDS = tuple(  # ETSI TS 102 114, 5.3 and annex H: 16 and 14 bits a word, either order
    bytes.fromhex(word) for word in ("7ffe8001", "fe7f0180", "1fffe800", "ff1f00e8")
)
DEFAULT_BONUS = 5_000_000  # what ffmpeg's choice adds for a stream marked as default
MICROSECONDS = 1_000_000  # FFmpeg counts containers in them


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """Open a local media file; any error, also of the block, becomes a DataError."""
    try:
        found = path.stat()
        if not S_ISREG(found.st_mode) and not S_ISDIR(found.st_mode):  # reading it may never end
            raise DataError(f"{path}: found a device or pipe, expected a clip")
        if S_ISREG(found.st_mode) and found.st_size == 0:
            raise DataError(f"{path}: found an empty file (0 bytes), expected a clip")
        container = av.open(
            local(path),
            options=_options(path),
            metadata_errors="replace",  # tags may be Latin-1; no tag decides anything
        )
    except SvbenchError:
        raise
    except Exception as error:
        raise DataError(_cannot_open(path, error)) from error
    with container, boundary(path):
        yield container


def _options(path: Path) -> dict[str, str]:
    """Return the options with which FFmpeg opens a file."""
    options = {"format_whitelist": ",".join(DEMUXERS), "protocol_whitelist": "file"}
    if path.is_file() and _is_plain_wave(path):
        options["max_probe_packets"] = "1"
    return options


def _is_plain_wave(path: Path) -> bool:
    """Return whether a file is a WAV that needs no search for a compressed stream.

    FFmpeg searches the samples of every 16-bit WAV for DTS in disguise, which takes ten times as
    long as reading them; its sync words are found sooner.
    """
    with path.open("rb") as file:
        header = file.read(12)
        if (header[:4], header[8:]) != (b"RIFF", b"WAVE"):
            return False
        start = file.read(DISGUISED)
    return not any(word in start for word in DTS_SYNC_WORDS)


@contextmanager
def boundary(path: Path) -> Iterator[None]:
    """Map any error of decoders, NumPy, OpenCV or soxr to a DataError that names the file."""
    try:
        yield
    except SvbenchError:
        raise
    except Exception as error:
        raise DataError(_cannot_decode(path, error)) from error


def local(path: Path) -> str:
    """Return a URL that FFmpeg treats as a local file, even if the path contains colons."""
    return f"file:{path.absolute()}"


def picture_stream(container: InputContainer, path: Path) -> av.VideoStream:
    """Return the video stream that ffmpeg would choose; raise DataError if there is none."""
    hidden = Disposition.attached_pic | Disposition.timed_thumbnails
    candidates = [s for s in container.streams.video if not s.disposition & hidden]
    if not candidates:
        raise DataError(f"{path}: found no video stream, expected one{_streams(container)}")
    stream = max(candidates, key=lambda s: _rank(s, _pixels(s)))
    if stream.codec_context is None:
        raise DataError(f"{path}: found a video stream of an unknown codec, expected a known one")
    return stream


def sound_stream(container: InputContainer, path: Path) -> av.AudioStream:
    """Return the audio stream that ffmpeg would choose, safe to decode.

    PyAV frees the list of a custom channel order twice, so the layout of such a stream must never
    be accessed, nor reach a frame. As channels are averaged, their order is not needed.
    """
    stream = _chosen_sound(container, path)
    context = stream.codec_context
    if context is None:
        raise DataError(f"{path}: found an audio stream of an unknown codec, expected a known one")
    if _may_have_own_order(container, stream):
        channels = _channels(container, stream)
        if channels < 1:
            raise DataError(f"{path}: found no number of channels, expected one in the header")
        context.layout = f"{channels} channels"
    return stream


def _chosen_sound(container: InputContainer, path: Path) -> av.AudioStream:
    candidates = container.streams.audio
    if not candidates:
        raise DataError(
            f"{path}: found no audio stream, expected one in the file or in "
            f"{path.with_suffix('.wav').name} beside it{_streams(container)}"
        )
    if len(candidates) == 1:
        return candidates[0]
    return max(candidates, key=lambda s: _rank(s, _channels(container, s)))


def origin(container: InputContainer, path: Path) -> Fraction:
    """Return the time stamp of time zero, the start of the file's chosen streams, in seconds."""
    chosen: list[av.VideoStream | av.AudioStream] = []
    if container.streams.audio:
        chosen.append(_chosen_sound(container, path))
    if any(not s.disposition & Disposition.attached_pic for s in container.streams.video):
        chosen.append(picture_stream(container, path))
    starts = [
        s.start_time * Fraction(s.time_base)
        for s in chosen
        if s.start_time is not None and s.time_base is not None
    ]
    return min(starts, default=Fraction(0))


def header_end(
    container: InputContainer, stream: av.VideoStream, zero: Fraction
) -> Fraction | None:
    """Return the end of a stream according to its own header, in seconds from time zero.

    None if the header has no duration of this stream: see `container_end`.
    """
    if form(container) == "avi" and stream.frames and stream.average_rate:
        return stream.frames / Fraction(stream.average_rate)  # FFmpeg estimates AVI's duration
    own = form(container) != "asf"  # all its streams have the duration of the whole file
    if own and stream.duration is not None and stream.time_base is not None:
        return ((stream.start_time or 0) + stream.duration) * Fraction(stream.time_base) - zero
    tag = _clock(stream.metadata.get("DURATION", ""))  # Matroska's, counted from its own zero
    return None if tag is None else tag - zero


def container_end(container: InputContainer, zero: Fraction) -> Fraction | None:
    """Return the end of video and audio according to the container, in seconds from time zero.

    None if it has no duration, or has other tracks, which the duration may be that of.
    """
    kinds = sorted(s.type for s in container.streams)
    if container.duration is None or kinds not in (["video"], ["audio", "video"]):
        return None
    return Fraction(container.duration, MICROSECONDS) - max(zero, Fraction(0))


def form(container: InputContainer) -> str:
    """Return the (first) name of a container's format."""
    return str(container.format.name).split(",")[0]


def _clock(text: str) -> Fraction | None:
    """Return HH:MM:SS.fraction in seconds; None if the text is not of this form."""
    parts = text.strip().split(":")
    try:
        hours, minutes, seconds = (Fraction(part) for part in parts)
    except (ValueError, ZeroDivisionError):
        return None
    return hours * 3600 + minutes * 60 + seconds


def _rank(stream: av.VideoStream | av.AudioStream, size: int) -> int:
    return DEFAULT_BONUS * bool(stream.disposition & Disposition.default) + size


def _pixels(stream: av.VideoStream) -> int:
    return stream.width * stream.height if stream.codec_context else 0


def _channels(container: InputContainer, stream: av.AudioStream) -> int:
    """Return the number of channels, without access to a custom channel order; 0 if unknown."""
    if not stream.codec_context:
        return 0
    context = stream.codec_context
    if not _may_have_own_order(container, stream):
        return int(context.channels)
    found = PCM.fullmatch(context.name)
    bits = int(found[1] or 8) if found else 0
    return (context.bit_rate or 0) // max(1, context.sample_rate * bits)


def _may_have_own_order(container: InputContainer, stream: av.AudioStream) -> bool:
    """Return whether a stream may have a custom channel order."""
    context = stream.codec_context
    plain = context is not None and PCM.fullmatch(context.name) is not None
    return plain and form(container) in OWN_CHANNEL_ORDER


def _streams(container: InputContainer) -> str:
    kinds = sorted({stream.type for stream in container.streams})
    return f" (it holds: {', '.join(kinds) or 'nothing'})"


def _cannot_open(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{path}: found nothing there, expected a clip"
    if isinstance(error, PermissionError):
        return f"{path}: found a file without permission to read, expected a readable clip"
    if isinstance(error, IsADirectoryError):
        return f"{path}: found a folder, expected a clip"
    return f"{path}: found no readable media ({reason(error)}), expected a video or sound file"


def _cannot_decode(path: Path, error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"{path}: decoding needs more memory than there is, expected a smaller clip"
    return f"{path}: decoding stopped ({reason(error)}), expected a whole clip; is it truncated?"


def reason(error: Exception) -> str:
    """Return the message of a foreign error in one line, or its type if it has none."""
    text = str(getattr(error, "strerror", None) or error).strip()
    return text.splitlines()[0].lower() if text else type(error).__name__
