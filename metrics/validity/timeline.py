"""Edits of a picture or a sound: pieces of the source and of nothing, one behind the other.

An edit is played like a file: an output frame or sample at time t falls into one piece, which says
which time of the source is shown or heard there. So it holds for any rate, and for frames at times
of their own; nothing is counted in frames or samples of the source.

Conventions
-----------
Times are seconds, float64. A map is an array of source indices, one per output frame or sample;
-1 is a black frame or a silent sample. Output frame n is shown at n / fps, output sample n heard at
n / rate. A frame is shown until the next one, the last one without end; a sound is silent outside
of its samples, and its nearest sample is taken, half a sample to the even one.

References
----------
moviepy 1.0.3, with which PEAVS distorted its clips, plays edits by these rules:
`concatenate_videoclips`, `AudioFileClip.get_frame`, `FFMPEG_VideoReader.get_frame`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ScoreError
from svbench.types import Clip

NOTHING: Final = -1  # in a map: black or silent
EARLY: Final = 1e-5  # frames by which a frame is shown before its time, so that rounding drops none
SEEK: Final = 100  # frames that moviepy reads and drops before it seeks instead
TIE: Final = 1e-9  # s: an output time this close to a seam belongs to the piece behind it

Floats = NDArray[np.float64]
Map = NDArray[np.int64]
Value = TypeVar("Value", np.uint8, np.float32)


class Piece(NamedTuple):
    """A stretch of the output: of the source from `start` on at a speed, or nothing."""

    duration: float  # s of the output
    start: float | None  # s in the source; None: black or silent
    speed: float = 1  # s of the source per s of the output


class Edit(NamedTuple):
    """The pieces of a picture and of a sound; None: it stays as it is."""

    picture: Sequence[Piece] | None = None
    sound: Sequence[Piece] | None = None
    # Whether seams that meet a frame's time up to rounding are taken as meeting it. Without, the
    # rounding of float64 decides which piece is shown, as it did for the clips that people rated.
    exact: bool = False


def length(pieces: Iterable[Piece]) -> float:
    """Return the duration of pieces one behind the other, in s."""
    return float(_seams(pieces)[-1])


def frame_map(pieces: Sequence[Piece], times: Floats, fps: float, *, exact: bool = False) -> Map:
    """Return which source frame each output frame shows, shape (T',).

    Parameters
    ----------
    pieces : sequence of Piece
        the picture
    times : np.ndarray, shape (T,)
        when each source frame is shown, s, rising
    fps : float
        output frames / s
    exact : bool
        see `Edit.exact` (Default value = False)
    """
    shown = np.arange(0.0, length(pieces) - (TIE if exact else 0), 1 / fps)
    source, there = _source_times(pieces, shown, exact)
    found = _on_screen(source, times, fps)
    if not exact:
        latest = max((piece.start for piece in pieces if piece.start is not None), default=0.0)
        before = int(_on_screen(np.array([latest]), times, fps)[0])
        found[there] = _sought(found[there], source[there], times, fps, before)
    return np.where(there, found, NOTHING)


def _on_screen(source: Floats, times: Floats, fps: float) -> Map:
    """Return the frame that is shown at each source time."""
    shown = np.searchsorted(times, source + EARLY / fps, side="right") - 1
    return np.asarray(np.maximum(shown, 0), np.int64)


def _sought(found: Map, source: Floats, times: Floats, fps: float, before: int) -> Map:
    """Return the frames that moviepy's reader returns in place of those on screen.

    It seeks where it is asked for an earlier frame than just before, or one more than `SEEK` ahead,
    and then begins with the first frame behind the time. If that comes less than half a frame
    later, all frames up to the next seek are one ahead; else only the first, which is repeated.
    `before` is where it stands at first: at the piece that comes last in the source, for it has
    looked at the beginning of each of them.
    """
    step = np.diff(found, prepend=before)
    sought = np.where((step < 0) | (step > SEEK), np.arange(found.size), -1)
    begins = np.maximum.accumulate(sought)
    between = source > times[found] + EARLY / fps
    after = np.minimum(found + 1, times.size - 1)
    near = (times[after] - source) * fps < 0.5 - EARLY
    first = found == found[begins]  # as often as it is asked for
    ahead = (begins >= 0) & between[begins] & (first | near[begins])
    return np.where(ahead, after, found)


def sample_map(pieces: Sequence[Piece], samples: int, rate: int, *, exact: bool = False) -> Map:
    """Return which source sample each output sample is, shape (S',).

    Parameters
    ----------
    pieces : sequence of Piece
        the sound
    samples : int
        of the source
    rate : int
        samples / s, of source and output
    exact : bool
        see `Edit.exact` (Default value = False)
    """
    count = int(rate * (length(pieces) + (TIE if exact else 0)))
    source, there = _source_times(pieces, np.arange(count, dtype=np.float64) * (1 / rate), exact)
    found = np.rint(rate * source).astype(np.int64)
    return np.where(there & (found >= 0) & (found < samples), found, NOTHING)


def maps(edit: Edit, clip: Clip) -> tuple[Map | None, Map | None]:
    """Return the maps of a clip's picture and sound; None for what the edit leaves as it is."""
    fps, rate = clip.spec.fps, clip.spec.sample_rate
    picture = sound = None
    if edit.picture is not None:
        picture = frame_map(edit.picture, clip.frame_times, fps, exact=edit.exact)
    if edit.sound is not None:
        sound = sample_map(edit.sound, clip.audio.size, rate, exact=edit.exact)
    return picture, sound


def played(edit: Edit, clip: Clip) -> Clip:
    """Return a clip as the edit plays it, native; an edited picture has a constant rate.

    Raises
    ------
    ScoreError
        if no frame or no sample is left
    """
    picture, sound = maps(edit, clip)
    for modality, found in (("picture", picture), ("sound", sound)):
        if found is not None and not found.size:
            raise ScoreError(
                f"no {modality} is left of a clip whose picture lasts {picture_length(clip):g} s "
                f"and sound {sound_length(clip):g} s"
            )
    video, times = clip.video, clip.frame_times
    if picture is not None:
        video, times = _taken(video, picture), np.arange(picture.size) / clip.spec.fps
    audio = clip.audio if sound is None else _taken(clip.audio, sound)
    return Clip(video, audio, replace(clip.spec, frames=len(video)), times)


def _taken(source: NDArray[Value], places: Map) -> NDArray[Value]:
    """Return the entries at places along the first axis, zero where there is nothing."""
    found = source[np.maximum(places, 0)]
    found[places == NOTHING] = 0
    return found


def picture_length(clip: Clip) -> float:
    """Return how long the picture is, in s: its last frame is shown for 1 / fps."""
    steady = np.array_equal(clip.frame_times, np.arange(clip.spec.frames) / clip.spec.fps)
    return clip.spec.duration if steady else float(clip.frame_times[-1]) + 1 / clip.spec.fps


def sound_length(clip: Clip) -> float:
    """Return how long the sound is, in s."""
    return clip.audio.size / clip.spec.sample_rate


def _seams(pieces: Iterable[Piece]) -> Floats:
    """Return where pieces begin, and where the last one ends, in s of the output."""
    return np.cumsum([0.0, *(piece.duration for piece in pieces)])


def _source_times(
    pieces: Sequence[Piece], times: Floats, exact: bool
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the source time at each output time, and whether there is any."""
    seams = _seams(pieces)
    at = np.searchsorted(seams, times + (TIE if exact else 0), side="right") - 1
    at = np.minimum(at, len(pieces) - 1)
    starts = np.array([0.0 if piece.start is None else piece.start for piece in pieces])
    speeds = np.array([piece.speed for piece in pieces], np.float64)
    there = np.array([piece.start is not None for piece in pieces], bool)
    return speeds[at] * (times - seams[at]) + starts[at], there[at]
