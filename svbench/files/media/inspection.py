"""Inspection of headers: what a file states of its streams, and where these really end.

The time stamps of all packets are read, without decoding one: so it is known how much of a stream
is there, also of a file that was cut off, and whether frames last equally long. Streams are those
that are judged (see `containers`), times are seconds from the file's time zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer
from av.stream import Disposition

from svbench.files.media.containers import (
    form,
    header_end,
    opened,
    origin,
    picture_stream,
    sound_stream,
)

# Formats whose headers state how long a stream is; of others it is an estimate by the bit rate.
STATED: Final = ("mov", "matroska")
UNEVEN: Final = 1.5  # times as long as the shortest frame; containers round to 1 ms

Span = tuple[int, int]  # time stamp and duration of a packet, in units of its stream


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """What header and packets say of a stream."""

    start: float  # s
    end: float  # s, of the last packet that is there
    stated: float | None  # s, the end according to the header; None: not stated
    rate: float  # frames or samples / s, the mean; 0: unknown
    size: tuple[int, int] = (0, 0)  # (height, width) of a picture as stored, px
    uneven: bool = False  # its frames last differently long


@dataclass(frozen=True, slots=True)
class Header:
    """The streams of a file that are judged; None: it has none of the kind."""

    picture: StreamHeader | None
    sound: StreamHeader | None


def read_header(path: Path) -> Header:
    """Return what a file states of its streams; raise DataError if it cannot be opened or read."""
    with opened(path) as container:
        hidden = Disposition.attached_pic | Disposition.timed_thumbnails
        seen = any(not stream.disposition & hidden for stream in container.streams.video)
        picture = picture_stream(container, path) if seen else None
        sound = sound_stream(container, path) if container.streams.audio else None
        chosen = [stream for stream in (picture, sound) if stream is not None]
        spans = _spans(container, chosen)
        zero = origin(container, path)
        return Header(
            None if picture is None else _picture(container, picture, spans[picture.index], zero),
            None if sound is None else _sound(container, sound, spans[sound.index], zero),
        )


def _spans(
    container: InputContainer, streams: Sequence[av.VideoStream | av.AudioStream]
) -> dict[int, list[Span]]:
    """Return the packets of streams in order of presentation, by index of the stream."""
    found: dict[int, list[Span]] = {stream.index: [] for stream in streams}
    for packet in container.demux(*streams) if streams else ():
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is not None and packet.size:
            found[packet.stream.index].append((stamp, packet.duration or 0))
    return {index: sorted(spans) for index, spans in found.items()}


def _picture(
    container: InputContainer, stream: av.VideoStream, spans: Sequence[Span], zero: Fraction
) -> StreamHeader:
    unit = Fraction(stream.time_base or 1)
    start, end = _ends(spans, unit, zero)
    stated = header_end(container, stream, zero) if form(container) in STATED else None
    return StreamHeader(
        start=start,
        end=end,
        stated=None if stated is None else float(stated),
        rate=float(stream.average_rate or 0),
        size=(stream.height, stream.width),
        uneven=_is_uneven(spans),
    )


def _sound(
    container: InputContainer, stream: av.AudioStream, spans: Sequence[Span], zero: Fraction
) -> StreamHeader:
    unit = Fraction(stream.time_base or 1)
    start, end = _ends(spans, unit, zero)
    stated = None
    if form(container) in STATED and stream.duration is not None:
        stated = float(((stream.start_time or 0) + stream.duration) * unit - zero)
    return StreamHeader(start, end, stated, float(stream.sample_rate or 0))


def _ends(spans: Sequence[Span], unit: Fraction, zero: Fraction) -> tuple[float, float]:
    """Return where the packets begin and end, in s; what an edit list hides does not count."""
    if not spans:
        return 0.0, 0.0
    end = max(stamp + length for stamp, length in spans)
    return max(0.0, float(spans[0][0] * unit - zero)), float(end * unit - zero)


def _is_uneven(spans: Sequence[Span]) -> bool:
    """Return whether frames last differently long; how long the last one does, nobody knows."""
    steps = [after[0] - before[0] for before, after in pairwise(spans)]
    return len(steps) > 1 and max(steps) > UNEVEN * max(1, min(steps))
