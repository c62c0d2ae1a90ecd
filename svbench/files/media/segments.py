"""Consecutive clips of a whole recording, read in one pass.

Segment K is what `svbench.files.media.read` returns for a clip that begins at K times the duration
of the format: the same frames, and the samples of the same time stamps, but at the rate at which
they were recorded, so that nothing is resampled twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from itertools import count as counting
from itertools import islice
from pathlib import Path

import numpy as np

from svbench.errors import DataError
from svbench.files.media.containers import boundary
from svbench.files.media.lengths import TOLERANCE, begins_late, check_sound, too_short
from svbench.files.media.official import as_segmented
from svbench.files.media.picture import TimedFrame, Upright, Video, decode_frames
from svbench.files.media.sound import read_time_line
from svbench.types import Clip, ClipSpec, Recording


def read_segments(recording: Recording, spec: ClipSpec, count: int | None = None) -> Iterator[Clip]:
    """Yield the segments of a recording, from its time zero on.

    Parameters
    ----------
    recording : Recording
        the file or files
    spec : ClipSpec
        the format of a segment, but for its sample rate, which stays that of the recording
    count : int or None
        how many segments there shall be (Default value = None: as many as there are frames for;
        silence then fills what the sound of the last one lacks)

    Raises
    ------
    DataError
        if the files cannot be decoded, or hold fewer segments than `count`
    """
    sound_path = recording.sound or recording.path
    with boundary(sound_path):
        line = read_time_line(sound_path, channels=spec.channels)
        spec = replace(spec, sample_rate=line.rate)
    with boundary(recording.path):
        for number, video in enumerate(_pictures(recording.path, spec, count)):
            place = replace(recording, start=number * spec.duration)
            if count is not None:
                check_sound(line, sound_path, place, spec, advice="")
            first = round(Fraction(place.start) * line.rate)
            yield Clip(video, line.laid_out(first, spec.samples, line.rate), spec)


def _pictures(path: Path, spec: ClipSpec, count: int | None) -> Iterator[Video]:
    """Yield the frames of each segment, (spec.frames, *spec.size, 3)."""
    upright, fps = Upright(path), Fraction(spec.fps)
    choose = as_segmented if spec.frame_choice == "official" else nearest
    with closing(decode_frames(path)) as pictures:
        chosen = choose(pictures, fps)
        for number in counting() if count is None else range(count):
            frames = list(islice(chosen, spec.frames))
            place = Recording(path, number * spec.duration)
            if frames and frames[0].time >= place.start + spec.duration:
                raise DataError(begins_late(path, "video", frames[0].time, place, spec))
            if len(frames) < spec.frames:
                if count is None:
                    return
                end = Fraction(place.start) + len(frames) / fps
                raise DataError(too_short(path, "video", end, place, spec, advice=""))
            yield np.stack([upright.covering(one, spec.size) for one in frames])


def nearest(pictures: Iterable[TimedFrame], fps: Fraction) -> Iterator[TimedFrame]:
    """Yield the frame that is nearest to each n / fps, n = 0, 1, …, while the pictures last.

    Of two equally near ones it is the earlier.
    """
    step, number = 1 / fps, 0
    previous: TimedFrame | None = None
    for one in pictures:
        while previous is not None and number * step - previous.time <= one.time - number * step:
            yield previous
            number += 1
        previous = one
    if previous is None:
        return
    end = previous.time + max(previous.length, previous.track.step or step)
    while (number + 1) * step - end <= TOLERANCE:
        yield previous
        number += 1
