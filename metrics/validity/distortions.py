"""Known distortions of clips, from hardly noticeable to gross: the table of all of them.

A distortion takes a clip and a level and returns the clip distorted. Nine are those of PEAVS, which
people rated (`rated`); where their published form is not what its description says, the intended
one stands beside it as `name+intended`. The others are losses that generated clips have: of the
picture (`distortions_picture`) and of the sound (`distortions_sound`).

Conventions
-----------
Levels stand in the order of their table, in the unit of the distortion; an arm names those, from
mild to severe, that make one series. The same clip, level and seed give the same bytes; a
distortion that draws nothing does not depend on the seed. Give each clip a seed of its own, or all
have their gaps at the same times. What a distortion does not claim to change is the very array of
the clip. Results are native clips, whose picture and sound may differ in length.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Literal

from svbench.errors import ConfigError, ScoreError
from svbench.metrics.validity import distortions_peavs as peavs
from svbench.metrics.validity import distortions_picture as pictures
from svbench.metrics.validity import distortions_sound as sounds
from svbench.types import Clip

Modality = Literal["picture", "sound"]
Arms = Mapping[str, tuple[int, ...]]

CODE_VERSION: Final = 1  # of all distortions: raise it when any of them gives other bytes

PICTURE: Final[frozenset[Modality]] = frozenset({"picture"})
SOUND: Final[frozenset[Modality]] = frozenset({"sound"})
BOTH: Final = PICTURE | SOUND
RISING: Final[Arms] = MappingProxyType({"": tuple(range(10))})
FALLING: Final[Arms] = MappingProxyType({"": tuple(range(10))[::-1]})
POSITIVE: Final = (1e-3, math.inf)
SLOWER: Final = (1e-3, 0.99)


@dataclass(frozen=True, slots=True)
class Distortion:
    """One way to spoil a clip, and its levels.

    Parameters
    ----------
    name, does : str
        as on the command line, and what it does to a clip, as printed
    unit : str
        of the levels
    levels : tuple of float
        in the order of its table
    arms : mapping
        name -> indices of levels from mild to severe; "" where there is but one
    changes : frozenset
        "picture", "sound" or both
    apply : callable
        (clip, level, seed) -> clip
    accepts : (float, float)
        the least and the largest level
    rated : bool
        whether people rated it
    draws : bool
        whether it depends on the seed
    source : str
        where its definition comes from
    remark : str
        in what the published form is not what it was meant to be
    """

    name: str
    does: str
    unit: str
    levels: tuple[float, ...]
    arms: Arms
    changes: frozenset[Modality]
    apply: Callable[[Clip, float, int], Clip] = field(repr=False)
    accepts: tuple[float, float] = POSITIVE
    rated: bool = False
    draws: bool = False
    source: str = "svbench"
    remark: str = ""

    def __call__(self, clip: Clip, level: float, seed: int) -> Clip:
        """Return the clip distorted to a level, native.

        Raises
        ------
        ConfigError
            if the level is out of range
        ScoreError
            if no picture or no sound is left of the clip
        """
        least, most = self.accepts
        if not least <= level <= most:
            raise ConfigError(
                f"{self.name}: found level {level:g}, expected {least:g} to {most:g} {self.unit}"
            )
        if "sound" in self.changes and not clip.audio.size:
            raise ScoreError(f"{self.name}: found a clip without sound, expected some to distort")
        return self.apply(clip, level, seed)


def _rated(
    name: str,
    does: str,
    unit: str,
    levels: tuple[float, ...],
    changes: frozenset[Modality],
    arms: Arms = RISING,
    **more: Any,
) -> Distortion:
    """Return a distortion of PEAVS in its published form."""
    apply = peavs.Edited(name, peavs.EDITS[name])
    return Distortion(
        name, does, unit, levels, arms, changes, apply, rated=True, source="PEAVS", **more
    )


def _intended(published: Distortion, does: str, **more: Any) -> Distortion:
    """Return the form that a published distortion was meant to have; nobody rated it."""
    name = f"{published.name}+intended"
    apply = peavs.Edited(name, peavs.EDITS[name])
    return replace(
        published,
        name=name,
        does=does,
        apply=apply,
        rated=False,
        source="PEAVS, as intended",
        remark="",
        **more,
    )


_SHIFT: Final = _rated(
    "audio_shift",
    "sound early by the level, or late where it is negative: silence first, its end cut",
    "s",
    peavs.SHIFTS,
    arms={"late": (3, 4, 5, 6, 7, 8, 9), "early": (2, 1, 0)},
    accepts=(-math.inf, math.inf),
    changes=SOUND,
    remark="early sound loses as much at its end as at its start",
)
_MUTING: Final = _rated(
    "inter_muting",
    "sound kept for the level, then silent for 0.4 s, by turns",
    "s",
    peavs.LENGTHS,
    arms=FALLING,
    changes=SOUND,
    remark="the level is what is kept, not what is muted",
)
_GAPS: Final = _rated(
    "video_gaps",
    "picture in segments of the level, two of five followed by as much black",
    "s",
    peavs.LENGTHS,
    arms=FALLING,
    changes=PICTURE,
    draws=True,
    remark="the picture gets longer than its sound; what fills no segment is dropped",
)
_SHUFFLE: Final = _rated(
    "fragment_shuffle",
    "picture and sound together in segments of the level, shuffled",
    "s",
    peavs.SEGMENTS,
    arms=FALLING,
    changes=BOTH,
    draws=True,
    remark="what fills no segment is dropped",
)

_PEAVS: Final = (
    _SHIFT,
    _rated(
        "audio_speed_up",
        "sound faster by the level, higher by as much, ends early",
        "share of the speed",
        peavs.SPEEDS,
        changes=SOUND,
    ),
    _rated(
        "video_speed_up",
        "picture faster by the level, ends early",
        "share of the speed",
        peavs.SPEEDS,
        changes=PICTURE,
    ),
    _rated(
        "audio_slow_down",
        "sound slower by the level, lower by as much, cut at the end of the picture",
        "share of the speed",
        peavs.SPEEDS,
        accepts=SLOWER,
        changes=SOUND,
    ),
    _rated(
        "video_slow_down",
        "picture slower by the level, cut at the end of the sound",
        "share of the speed",
        peavs.SPEEDS,
        accepts=SLOWER,
        changes=PICTURE,
    ),
    _MUTING,
    _GAPS,
    _rated(
        "av_flicker",
        "picture and sound in pieces of the level, two of five blanked for up to that long",
        "s",
        peavs.LENGTHS,
        arms=FALLING,
        changes=BOTH,
        draws=True,
    ),
    _SHUFFLE,
    _intended(_SHIFT, "sound early or late by the level, silence in place of what is gone"),
    _intended(_MUTING, "sound kept for 1 s, then silent for the level, by turns", arms=RISING),
    _intended(_GAPS, "the same gaps of black; the picture ends with its sound, nothing dropped"),
    _intended(_SHUFFLE, "the same segments shuffled, what fills none of them stays behind"),
)

_PICTURE: Final = (
    Distortion(
        "video_blur",
        "Gaussian blur; sigma",
        "of the height",
        (0.001, 0.002, 0.003, 0.004, 0.006, 0.008, 0.012, 0.02, 0.03, 0.05),
        RISING,
        PICTURE,
        pictures.blur,
        accepts=(1e-6, 1),
    ),
    Distortion(
        "video_noise",
        "white Gaussian noise on every pixel and colour; standard deviation",
        "of 255",
        (1, 2, 3, 5, 8, 12, 18, 27, 40, 60),
        RISING,
        PICTURE,
        pictures.noise,
        accepts=(0, 255),
        draws=True,
    ),
    Distortion(
        "video_drops",
        "frames lost at random, the one before held",
        "share of the frames",
        (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9),
        RISING,
        PICTURE,
        pictures.drop,
        accepts=(0, 1),
        draws=True,
    ),
    Distortion(
        "video_frame_rate",
        "frames held for a multiple of their time",
        "times as long",
        (1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 12),
        RISING,
        PICTURE,
        pictures.lower_rate,
        accepts=(1, math.inf),
    ),
    Distortion(
        "video_resolution",
        "reduced in height and width, and enlarged again",
        "times smaller",
        (1.25, 1.5, 2, 3, 4, 6, 8, 12, 16, 24),
        RISING,
        PICTURE,
        pictures.lower_resolution,
        accepts=(1, math.inf),
    ),
    Distortion(
        "video_codec",
        "every frame through JPEG (4:2:0)",
        "quality of 100",
        (90, 80, 70, 60, 50, 40, 30, 20, 10, 5),
        RISING,
        PICTURE,
        pictures.encode,
        accepts=(1, 100),
    ),
)
_SOUND: Final = (
    Distortion(
        "audio_noise",
        "white Gaussian noise; signal-to-noise ratio",
        "dB",
        (40, 35, 30, 25, 20, 15, 10, 5, 0, -5),
        RISING,
        SOUND,
        sounds.noise,
        accepts=(-100, math.inf),
        draws=True,
    ),
    Distortion(
        "audio_pitch",
        "higher or, where the level is negative, lower; as long as before",
        "semitones",
        (-12, -6, -3, -1, -0.25, 0.25, 1, 3, 6, 12),
        {"higher": (5, 6, 7, 8, 9), "lower": (4, 3, 2, 1, 0)},
        SOUND,
        sounds.shift_pitch,
        accepts=(-36, 36),
    ),
    Distortion(
        "audio_gain",
        "louder, clipped at full scale, or, where the level is negative, quieter",
        "dB",
        (-60, -40, -24, -12, -3, 3, 12, 20, 30, 40),
        {"quieter": (4, 3, 2, 1, 0), "louder": (5, 6, 7, 8, 9)},
        SOUND,
        sounds.change_gain,
        accepts=(-200, 200),
    ),
    Distortion(
        "audio_codec",
        "through Opus",
        "kbit/s",
        (128, 96, 64, 48, 32, 24, 16, 12, 8, 6),
        RISING,
        SOUND,
        sounds.encode,
        accepts=(sounds.OPUS_LEAST, sounds.OPUS_MOST),
    ),
)

DISTORTIONS: Final[Mapping[str, Distortion]] = MappingProxyType(
    {one.name: one for one in (*_PEAVS, *_PICTURE, *_SOUND)}
)
