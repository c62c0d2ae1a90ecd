"""Decoding of audio onto a time line.

Each block of decoded samples is placed by its time stamp. Consecutive blocks without a gap form a
run, which is resampled as one piece. Gaps between runs are silent; where runs overlap, the earlier
one is kept and the later one begins after it.

Time stamps are rounded by containers and jitter in recordings, so a block starts a new run only if
it deviates by more than `HARD`, or by more than `SOFT` together with the blocks after it: a lost
packet shifts all that follows, jitter does not. Elementary streams (ADTS, MP3 …) have no time
stamps; there the number of samples, each at its own rate, is the clock.

Sample rate, layout and number of channels may change within a stream. Channels are averaged, or
only the first is kept, as in the loaders of ImageBind and audioldm_eval.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from svbench.errors import DataError
from svbench.files.media.containers import BARE_SOUND, form, opened, origin, sound_stream
from svbench.files.media.streams import Streams
from svbench.types import Channels

Audio = NDArray[np.float32]

SOFT = 0.01  # s by which blocks may deviate from the mean of their run before they count as shifted
HARD = 0.1  # s by which a single block may deviate: ffmpeg's own bound (min_hard_comp)
BACK = Fraction(1)  # s by which time stamps may jump back: more is another recording
BEHIND = 8  # blocks that must deviate in the same direction
LEAD = Fraction(1, 2)  # s kept around the window, for the support of resampling filters
SEEK_FROM = 60  # s; for earlier starts, decoding from the start of the file costs little
PREROLL = 5  # s decoded and dropped after a seek: codecs depend on previous packets
SEEKABLE = ("mov", "matroska", "wav", "flac", "ogg")  # formats with exact time stamps after a seek


class NotFiniteError(DataError):
    """Sound holds NaN or infinity."""


@dataclass(slots=True)
class Block:
    """Decoded mono samples, (n,), or only their number if they lie outside the window."""

    time: Fraction  # s from time zero
    rate: int  # samples / s
    count: int
    samples: Audio | None
    end: Fraction = field(init=False)  # s from time zero

    def __post_init__(self) -> None:
        self.end = self.time + Fraction(self.count, self.rate)


@dataclass(slots=True)
class Run:
    """Blocks without a gap; sample i is at anchor + (offset + i) / rate."""

    anchor: Fraction  # s: the start of the run, kept or not
    rate: int
    offset: int = 0  # samples before the first one that is kept
    count: int = 0  # samples of the run, kept or not
    blocks: list[Audio] = field(default_factory=list)
    joined: int = 0  # number of blocks, kept or not
    drift: float = 0.0  # s by which their time stamps are late, on average

    @property
    def end(self) -> Fraction:
        """Return the end of the run, in seconds from time zero."""
        return self.anchor + Fraction(self.count, self.rate)


@dataclass(frozen=True, slots=True)
class TimeLine:
    """The audio of a file within a window."""

    runs: tuple[Run, ...]

    @property
    def rate(self) -> int:
        """Return the sample rate of the first run."""
        return self.runs[0].rate

    @property
    def end(self) -> Fraction:
        """Return the end of the last run, in seconds from time zero."""
        return max(run.end for run in self.runs)

    def has_sound_between(self, begin: Fraction, end: Fraction) -> bool:
        """Return whether any sample lies in a window."""
        return any(run.anchor < end and run.end > begin for run in self.runs)

    def laid_out(self, first: int, count: int, rate: int) -> Audio:
        """Return samples `first` .. `first + count` of the time line at `rate`, shape (count,)."""
        line = np.zeros(count, np.float32)
        free = 0  # the end of the earlier runs
        for run in self.runs:
            if not run.blocks:
                continue
            place, piece = _resampled(run, rate)
            place -= first
            begin, end = max(place, free, 0), min(place + len(piece), count)
            if begin < end:
                line[begin:end] = piece[begin - place : end - place]
                free = end
        return np.clip(line, -1, 1)


def read_time_line(
    path: Path,
    begin: Fraction = Fraction(0),
    end: Fraction | None = None,
    most: int | None = None,
    channels: Channels = "mean",
    streams: Streams | None = None,
) -> TimeLine:
    """Decode the audio of a file between two times, in seconds from its time zero.

    Parameters
    ----------
    path : Path
        a file with an audio stream
    begin, end : Fraction
        the window; samples outside cost time but no memory (Default value = the whole file)
    most : int or None
        the largest number of samples to keep (Default value = None: no bound)
    channels : "mean" or "first"
        how channels are mixed down (Default value = "mean")
    streams : Streams or None
        of the clip, where several views of it are read (Default value = None)

    Raises
    ------
    DataError
        if the audio cannot be decoded, is absent, or longer than `most`
    """
    blocks: list[Block] = []
    kept = 0
    first, last = begin - LEAD, None if end is None else end + LEAD
    begun = begin if begin > SEEK_FROM else Fraction(0)
    decode = partial(_decoded, path, begun, channels)
    with closing((streams or Streams()).read(("sound", path, begun, channels), decode)) as decoded:
        for block in decoded:
            if block.end < first:
                block = replace(block, samples=None)
            else:
                kept += block.count
            if most is not None and kept > most:
                raise DataError(
                    f"{path}: found more than {most} samples of sound, "
                    "expected fewer; the native view holds all of it"
                )
            blocks.append(block)
            if last is not None and block.time > last:
                break
    if not blocks:
        raise DataError(f"{path}: found an audio stream without sound, expected samples")
    return TimeLine(tuple(_runs(blocks, path)))


def _decoded(path: Path, begin: Fraction, channels: Channels) -> Generator[Block, None, None]:
    """Yield decoded blocks, after a seek if the window is late and the format allows it."""
    with opened(path) as container:
        stream = sound_stream(container, path)
        zero = origin(container, path)
        name = form(container)
        if begin > SEEK_FROM and name in SEEKABLE:
            near = begin - PREROLL + zero
            container.seek(int(near / Fraction(stream.time_base or 1)), stream=stream)
        mono = _Mono(channels)
        clock = Fraction(0)
        for packet in container.demux(stream):
            for frame in packet.decode():
                stamp = None if name in BARE_SOUND else _stamp(frame, zero)
                samples = mono.of(frame, path)
                block = Block(
                    clock if stamp is None else stamp, frame.sample_rate, len(samples), samples
                )
                clock = block.end
                if block.count:
                    yield block


def _stamp(frame: av.AudioFrame, zero: Fraction) -> Fraction | None:
    if frame.pts is None or frame.time_base is None:
        return None
    return frame.pts * Fraction(frame.time_base) - zero


class _Mono:
    """Mixes frames down to mono; the converter is renewed when frames change their format."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self._form: tuple[object, ...] = ()
        self._packed = av.AudioResampler(format="flt")

    def of(self, frame: av.AudioFrame, path: Path) -> Audio:
        """Return the mean over channels, or the first of them, shape (n,)."""
        found = (frame.format.name, frame.layout.name, frame.sample_rate)
        if found != self._form:
            # Packed samples lie in one plane. Planar frames of 8 channels or more must never be
            # accessed: PyAV reads their planes past the end of the list.
            self._form, self._packed = found, av.AudioResampler(format="flt")
        channels = frame.layout.nb_channels
        if channels < 1 or frame.sample_rate < 1:
            raise DataError(
                f"{path}: found sound of {channels} channels at {frame.sample_rate} Hz, "
                "expected at least one of each"
            )
        pieces = [np.zeros(0, np.float32)]
        for packed in self._packed.resample(frame):
            by_channel = np.ascontiguousarray(packed.to_ndarray().reshape(-1, channels).T)
            first = self._channels == "first"
            pieces.append(by_channel[0] if first else by_channel.mean(axis=0))
        samples = np.concatenate(pieces)
        if not np.isfinite(samples).all():
            raise NotFiniteError(
                f"{path}: found NaN or infinity in the sound, expected finite samples"
            )
        # Lossy codecs overshoot; players clip before mixing.
        return np.clip(samples, -1, 1)


def _runs(blocks: Sequence[Block], path: Path) -> Iterator[Run]:
    """Yield the runs of consecutive blocks."""
    run = Run(blocks[0].time, blocks[0].rate)
    for number, block in enumerate(blocks):
        off = block.time - run.end
        late = float(off)
        if off < -BACK:
            raise DataError(
                f"{path}: time stamps of the sound jump back from {float(run.end):.3f} s to "
                f"{float(block.time):.3f} s, expected rising ones"
            )
        if block.rate != run.rate or _moved(blocks, number, run, late):
            yield run
            # If only the rate changes, the new run continues the old one.
            anchor = block.time if abs(off) > SOFT else run.end
            run = Run(anchor, block.rate)
            late = float(block.time - anchor)
        if block.samples is None and not run.blocks:
            run.offset += block.count
        elif block.samples is not None:
            run.blocks.append(block.samples)
        run.drift += (late - run.drift) / (run.joined + 1)
        run.joined += 1
        run.count += block.count
    yield run


def _moved(blocks: Sequence[Block], number: int, run: Run, late: float) -> bool:
    """Return whether a block, `late` s behind the run, and those after it do not continue it."""
    first = late - run.drift
    if abs(first) <= SOFT:
        return False
    if abs(first) > HARD:
        return True
    clock = run.end
    for block in blocks[number : number + 1 + BEHIND]:
        off = float(block.time - clock) - run.drift
        if abs(off) <= SOFT or off * first < 0:
            return False
        clock += block.end - block.time
    return True


def _resampled(run: Run, rate: int) -> tuple[int, Audio]:
    """Return the index of a run's first sample from time zero at `rate`, and its samples.

    The samples dropped from the start of a run are a multiple of the common period of both rates,
    so a window has the same samples as if the whole run had been resampled.
    """
    samples = np.concatenate(run.blocks)
    if run.rate == rate:
        return round(run.anchor * rate) + run.offset, samples
    period = run.rate // math.gcd(run.rate, rate)
    skipped = -run.offset % period
    place = round(run.anchor * rate) + (run.offset + skipped) * rate // run.rate
    return place, soxr.resample(samples[skipped:], run.rate, rate, quality="HQ")
