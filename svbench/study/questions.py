"""What raters are asked, and how a clip is damaged so that its answer is known.

An attention check is a pair of a real clip and the same clip damaged in what the question is about:

sync     its picture with the sound of a real clip of another caption; where all captions are
         equal, with its own sound half a clip late (cyclic)
quality  its picture in coarse blocks and its sound at two bits
caption  another real clip, of another caption
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from svbench.errors import ConfigError
from svbench.types import Clip

BLOCKS: Final = 8  # along the shorter side of a damaged picture
SOUND_STEPS: Final = 4  # of a damaged sound: two bits


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and how clips are damaged for it."""

    text: str  # as raters read it
    short: str  # as a column's title has it
    damage: Callable[[Clip, Clip | None], Clip]  # a clip, and one of another caption if there is
    needs_captions: bool = False


def with_sound_of(clip: Clip, other: Clip | None) -> Clip:
    """Return a clip with the sound of another, or with its own half a clip late."""
    if other is None:
        return replace(clip, audio=np.roll(clip.audio, len(clip.audio) // 2))
    sound = other.audio
    if other.spec.sample_rate != clip.spec.sample_rate:
        import soxr

        rates = other.spec.sample_rate, clip.spec.sample_rate
        sound = soxr.resample(sound, *rates, "HQ").clip(-1, 1).astype(np.float32)
    sound = sound[: len(clip.audio)]
    return replace(clip, audio=np.pad(sound, (0, len(clip.audio) - len(sound))))


def coarse(clip: Clip, _other: Clip | None) -> Clip:
    """Return a clip of coarse blocks, with sound of two bits."""
    _, height, width, _ = clip.video.shape
    side = max(1, min(height, width) // BLOCKS)
    rows, columns = (np.arange(n) // side * side for n in (height, width))
    loudest = float(np.abs(clip.audio).max()) or 1.0
    half = SOUND_STEPS // 2
    steps = np.floor(clip.audio / loudest * half).clip(-half, half - 1) + 0.5
    sound = (steps * loudest / half).astype(np.float32)
    return replace(clip, video=clip.video[:, rows][:, :, columns], audio=sound)


def another(_clip: Clip, other: Clip | None) -> Clip:
    """Return the other clip."""
    if other is None:
        raise ConfigError("--question caption: found no two captions, expected different ones")
    return other


QUESTIONS: Final[Mapping[str, Question]] = {
    "sync": Question("Which one fits sound and picture better?", "sync", with_sound_of),
    "quality": Question("Which one has the better picture and sound?", "quality", coarse),
    "caption": Question("Which one fits its description better?", "caption", another, True),
}


def question_of(name: str) -> Question:
    """Return a question by name; raise ConfigError for an unknown one."""
    if name not in QUESTIONS:
        raise ConfigError(f"--question: found {name!r:.80}, expected {' or '.join(QUESTIONS)}")
    return QUESTIONS[name]
