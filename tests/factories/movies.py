"""Recordings with known content: frames that carry their number, sound with bursts at known times.

A frame shows its number as eight bars, black or white; a burst is 20 ms of a 1 kHz tone. So the
decoded frames and samples themselves show the times at which they were recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

RATE = 48000  # samples / s
FPS = 24
BURSTS = (0.5, 1.0, 1.75, 2.5, 3.0, 3.6)  # s
UNIT = Fraction(1, 24000)  # s: holds 24, 25 and 30 frames/s exactly
BARS = 8

Video = NDArray[np.uint8]
Audio = NDArray[np.float32]


def frame(number: int, size: tuple[int, int] = (48, 64)) -> Video:
    """Return a picture of the bits of a number (0..255) as bars."""
    height, width = size
    picture = np.full((height, width, 3), 40, np.uint8)
    for bit, left in enumerate(_lefts(width)):
        level = 235 if number >> bit & 1 else 16
        picture[height // 6 : 5 * height // 6, left : left + width // 10] = level
    return picture


def frames(count: int, size: tuple[int, int] = (48, 64)) -> list[Video]:
    """Return pictures of the numbers from 0 on."""
    return [frame(number, size) for number in range(count)]


def number(picture: Video) -> int:
    """Return the number in the middle of a frame."""
    height, width = picture.shape[:2]
    middle = picture[height // 2 - 1 : height // 2 + 2].mean(axis=(0, 2))
    centres = (left + width // 20 for left in _lefts(width))
    return sum(int(middle[centre] > 128) << bit for bit, centre in enumerate(centres))


def numbers(video: Video) -> list[int]:
    """Return the numbers of all frames (T, H, W, 3)."""
    return [number(picture) for picture in video]


def _lefts(width: int) -> list[int]:
    return [width // 16 + bit * (width * 7 // 8) // BARS for bit in range(BARS)]


def sound(seconds: float = 6.0, bursts: Sequence[float] = BURSTS, rate: int = RATE) -> Audio:
    """Return silence with a burst at each time."""
    samples = np.zeros(round(rate * seconds), np.float32)
    burst = 0.6 * np.sin(2 * np.pi * 1000 * np.arange(round(0.02 * rate)) / rate)
    for time in bursts:
        place = samples[round(time * rate) :][: len(burst)]
        place[:] = burst[: len(place)]
    return samples


def burst_times(audio: Audio, rate: int) -> list[float]:
    """Return where the sound rises above 0.08 after 60 ms of quiet, in seconds."""
    loud = np.flatnonzero(np.abs(audio) > 0.08)
    starts = np.flatnonzero(np.diff(loud, prepend=-rate) > 0.06 * rate)
    return [round(float(loud[start]) / rate, 3) for start in starts]


def write(
    path: Path,
    pictures: Sequence[Video],
    *,
    times: Sequence[float] | None = None,
    audio: Sequence[tuple[float, Audio]] | None = None,
    codec: str = "ffv1",
    options: Mapping[str, str] | None = None,
    form: str | None = None,
    container_options: Mapping[str, str] | None = None,
    pixel: Fraction | None = None,
    sound_codec: str = "pcm_s16le",
    rate: int = RATE,
    layout: str = "mono",
    fps: int = FPS,
) -> Path:
    """Write a recording.

    `times` are those of the frames in seconds (else k / fps); `audio` holds blocks of mono sound
    (start in s, samples), put on every channel of `layout`.
    """
    with av.open(str(path), "w", format=form, options=dict(container_options or {})) as out:
        video = out.add_stream(codec, rate=Fraction(fps), options=dict(options or {}))
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = "bgr0" if codec == "ffv1" else "yuv420p"
        video.codec_context.time_base = UNIT if codec != "mpeg2video" else Fraction(1, fps)
        if pixel is not None:
            video.codec_context.sample_aspect_ratio = pixel
        sounds = (
            out.add_stream(sound_codec, rate=rate, layout=layout) if audio is not None else None
        )
        for k, picture in enumerate(pictures):
            shown = av.VideoFrame.from_ndarray(picture, "rgb24")
            time = Fraction(k, fps) if times is None else Fraction(times[k])
            base = video.codec_context.time_base
            shown.pts, shown.time_base = round(time / base), base
            out.mux(video.encode(shown))
        out.mux(video.encode(None))
        if sounds is not None:
            _encode(out, sounds, audio or ())
    return path


def write_sound(
    path: Path,
    samples: Audio,
    *,
    codec: str = "pcm_s16le",
    rate: int = RATE,
    layout: str = "mono",
    form: str | None = None,
) -> Path:
    """Write sound alone, the same on every channel."""
    with av.open(str(path), "w", format=form) as out:
        _encode(out, out.add_stream(codec, rate=rate, layout=layout), [(0.0, samples)])
    return path


def _encode(out: Any, stream: Any, blocks: Sequence[tuple[float, Audio]]) -> None:
    """Encode blocks of mono sound on all channels of a stream."""
    layout, rate = stream.codec_context.layout, stream.codec_context.rate
    convert = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
    for start, samples in blocks:
        size = stream.codec_context.frame_size or len(samples)
        for first in range(0, len(samples), size):
            packed = np.repeat(samples[first : first + size], layout.nb_channels)[None]
            piece = av.AudioFrame.from_ndarray(packed.astype(np.float32), "flt", layout)
            piece.sample_rate, piece.time_base = rate, Fraction(1, rate)
            piece.pts = round(start * rate) + first
            for ready in convert.resample(piece):
                out.mux(stream.encode(ready))
    out.mux(stream.encode(None))
