"""The nine distortions of PEAVS, which people rated, as edits of a picture and its sound.

Two forms stand side by side. The published one is what the released code does, ties between seams
and frames included, because these are the clips that people rated. Where that is not what its
description says, the intended one does what it says:

audio_shift         published: a sound that comes s seconds early also loses its last s seconds, so
                    it is 2 s shorter than the picture; intended: it is followed by silence.
inter_muting        published: the level is what is kept between silences of 0.4 s, so that the
                    smallest level mutes most; intended: the level is the silence, once a second.
video_gaps          published: gaps make the picture longer than its sound; intended: it ends with
                    the sound, and no rest of a segment is dropped.
fragment_shuffle    published: the rest that fills no segment is dropped; intended: it stays last.

Conventions
-----------
An edit is a function of the lengths of picture and sound in s, a level, and Python's own generator,
seeded: the draws are those of the released code. Speeds change the pitch, as on a tape.

References
----------
Goncalves et al.: PEAVS. ECCV 2024, arXiv:2404.07336; definitions and levels from
https://github.com/amazon-science/avgen-eval-toolkit, commit 9cf014b,
mediadistortions/audiovisual_distortions.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from types import MappingProxyType
from typing import Final

from svbench.errors import ScoreError
from svbench.metrics.validity.timeline import (
    Edit,
    Map,
    Piece,
    length,
    maps,
    picture_length,
    played,
    sound_length,
)
from svbench.types import Clip

Editing = Callable[[float, float, float, Random], Edit]  # picture s, sound s, level, draws

CHANCE: Final = 0.4  # of a gap or flicker, per segment
SILENCE: Final = 0.4  # s, of intermittent muting as published
KEPT: Final = 1.0  # s between the silences of intermittent muting as intended
RATE: Final = 44100  # Hz: the blanks of a flicker are silent for whole samples at this rate
ROUNDING: Final = 1e-9  # segments: a rest this small is the rounding of a length

SHIFTS: Final = (1, 0.5, 0.125, -0.045, -0.1, -0.125, -0.25, -0.5, -1, -2)  # s; negative: late
SPEEDS: Final = (0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75)
LENGTHS: Final = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 4)  # s
SEGMENTS: Final = (0.3, 0.4, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4)  # s


def audio_shift(picture: float, sound: float, level: float, draws: Random) -> Edit:
    """Return the edit of a sound that is `level` s early, or late if that is negative."""
    del sound, draws
    if level > 0:
        return Edit(sound=[Piece(max(0.0, picture - level - level), level)])
    late = min(-level, picture)
    return Edit(sound=[Piece(late, None), Piece(picture + max(level, -picture), 0)])


def audio_shift_intended(picture: float, sound: float, level: float, draws: Random) -> Edit:
    """Return the edit of a sound that is early or late, with silence in place of what is gone."""
    if level <= 0:
        return audio_shift(picture, sound, level, draws)._replace(exact=True)
    return Edit(sound=[Piece(picture, min(level, sound))], exact=True)  # silent behind its end


def audio_speed_up(picture: float, sound: float, level: float, draws: Random) -> Edit:
    """Return the edit of a sound that is 1 + `level` times as fast, and ends early."""
    del draws
    return Edit(sound=_at_speed(sound, 1 + level, picture))


def audio_slow_down(picture: float, sound: float, level: float, draws: Random) -> Edit:
    """Return the edit of a sound at 1 - `level` of its speed, cut at the end of the picture."""
    del draws
    return Edit(sound=_at_speed(sound, 1 - level, picture))


def video_speed_up(picture: float, sound: float, level: float, draws: Random) -> Edit:
    """Return the edit of a picture that is 1 + `level` times as fast, and ends early."""
    del draws
    return Edit(picture=_at_speed(picture, 1 + level, sound))


def video_slow_down(picture: float, sound: float, level: float, draws: Random) -> Edit:
    """Return the edit of a picture at 1 - `level` of its speed, cut at the end of the sound."""
    del draws
    return Edit(picture=_at_speed(picture, 1 - level, sound))


def inter_muting(picture: float, sound: float, level: float, draws: Random) -> Edit:
    """Return the edit of a sound kept for `level` s, silent for 0.4 s, and so on."""
    del picture, draws
    return Edit(sound=list(_muted(sound, level, SILENCE)))


def inter_muting_intended(picture: float, sound: float, level: float, draws: Random) -> Edit:
    """Return the edit of a sound kept for 1 s, silent for `level` s, and so on."""
    del picture, draws
    return Edit(sound=list(_muted(sound, KEPT, level)), exact=True)


def video_gaps(picture: float, sound: float, level: float, draws: Random) -> Edit:
    """Return the edit of a picture in segments of `level` s, some followed by as long a gap."""
    del sound
    return Edit(picture=list(_with_gaps(_segments(picture, level), level, draws)))


def video_gaps_intended(picture: float, sound: float, level: float, draws: Random) -> Edit:
    """Return the edit of a picture with gaps that ends with its sound at the latest."""
    whole = _segments(picture, level, ROUNDING)
    pieces = _with_gaps([*whole, *_rest(picture, whole)], level, draws)
    return Edit(picture=list(_until(sound, pieces)), exact=True)


def av_flicker(picture: float, sound: float, level: float, draws: Random) -> Edit:
    """Return the edit of a clip in pieces of `level` s, between blanks of at most that length."""
    del sound
    frames, samples, time = [], [], 0.0
    while time < picture:
        if draws.random() < CHANCE:
            gap = draws.uniform(0, level)
            frames.append(Piece(gap, None))
            samples += [Piece(max(1, int(gap * RATE)) / RATE, None)] if gap > 0 else []
        else:
            gap = min(time + level, picture) - time
            frames.append(Piece(gap, time))
            samples.append(frames[-1])
        time += gap
    return Edit(frames, samples)


def fragment_shuffle(picture: float, sound: float, level: float, draws: Random) -> Edit:
    """Return the edit of a clip whose segments of `level` s are shuffled, sound and picture."""
    del sound
    pieces = _segments(picture, level)
    draws.shuffle(pieces)
    return Edit(pieces, pieces)


def fragment_shuffle_intended(picture: float, sound: float, level: float, draws: Random) -> Edit:
    """Return the edit of a clip whose segments are shuffled, what fills none of them behind."""
    pieces = _segments(picture, level, ROUNDING)
    rest = _rest(picture, pieces)
    draws.shuffle(pieces)
    frames = [*pieces, *rest]
    tail = sound - picture  # a sound may outlast its picture
    return Edit(frames, [*frames, *([Piece(tail, picture)] if tail > 0 else [])], exact=True)


def _at_speed(duration: float, speed: float, most: float) -> list[Piece]:
    """Return a source of some s at a speed, cut after `most` s."""
    return [Piece(min(duration / speed, most), 0, speed)]


def _muted(duration: float, kept: float, silent: float) -> Iterator[Piece]:
    """Yield sound and silence by turns, until `duration` s are over."""
    time, muted = 0.0, False
    while time < duration:
        step = silent if muted else kept
        end = time + step if time + step <= duration else duration
        yield Piece(end - time, None if muted else time)
        time, muted = end, not muted


def _segments(duration: float, level: float, slack: float = 0) -> list[Piece]:
    """Return the segments of `level` s that a source of `duration` s holds."""
    edges = [number * level for number in range(int(duration / level + slack) + 1)]
    return [Piece(end - begin, begin) for begin, end in pairwise(edges)]


def _rest(duration: float, segments: list[Piece]) -> list[Piece]:
    """Return what fills no segment, or nothing."""
    begin = length(segments)
    return [Piece(duration - begin, begin)] if duration - begin > ROUNDING else []


def _with_gaps(pieces: list[Piece], gap: float, draws: Random) -> Iterator[Piece]:
    """Yield each piece, some followed by a gap."""
    for piece in pieces:
        yield piece
        if draws.random() < CHANCE:
            yield Piece(gap, None)


def _until(end: float, pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Yield pieces up to a time of the output, the last one cut."""
    left = end
    for piece in pieces:
        if left <= 0:
            return
        yield piece._replace(duration=min(piece.duration, left))
        left -= piece.duration


EDITS: Final[Mapping[str, Editing]] = MappingProxyType(
    {
        "audio_shift": audio_shift,
        "audio_shift+intended": audio_shift_intended,
        "audio_speed_up": audio_speed_up,
        "video_speed_up": video_speed_up,
        "audio_slow_down": audio_slow_down,
        "video_slow_down": video_slow_down,
        "inter_muting": inter_muting,
        "inter_muting+intended": inter_muting_intended,
        "video_gaps": video_gaps,
        "video_gaps+intended": video_gaps_intended,
        "av_flicker": av_flicker,
        "fragment_shuffle": fragment_shuffle,
        "fragment_shuffle+intended": fragment_shuffle_intended,
    }
)


@dataclass(frozen=True, slots=True)
class Edited:
    """What an edit of PEAVS makes of a clip.

    Parameters
    ----------
    name : str
        of the distortion
    edit : callable
        lengths of picture and sound in s, level, generator -> edit
    """

    name: str
    edit: Editing

    def maps(self, clip: Clip, level: float, seed: int) -> tuple[Map | None, Map | None]:
        """Return which frame each output frame shows, and which sample each output sample is."""
        return maps(self._edit(clip, level, seed), clip)

    def __call__(self, clip: Clip, level: float, seed: int) -> Clip:
        """Return the clip as it is played; raise ScoreError if nothing is left of it."""
        try:
            return played(self._edit(clip, level, seed), clip)
        except ScoreError as error:
            raise ScoreError(f"{self.name} at level {level:g}: {error}") from None

    def _edit(self, clip: Clip, level: float, seed: int) -> Edit:
        lengths = picture_length(clip), sound_length(clip)
        return self.edit(*lengths, level, Random(seed))
