"""Scenes in which one envelope drives the picture and the sound: clips of the class miniatures.

A scene is a function of a random generator. It first draws its drive, an envelope of one value from
0 to 1 per frame: either smooth (how hard it rains) or decaying pulses (when the bell is struck).
Then it draws the picture and synthesises the sound from that one drive.

Conventions
-----------
Every take has the format `SPEC`. Frame i shows the moment i / fps. Moments of events lie on
frames, so that 4 frames/s show each at its strongest. Colours, sizes, places, pitches and times
come from the generator; the same generator gives the same take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.files import media
from svbench.miniature.drawing import painting
from svbench.miniature.drawing.folders import SPLITS, Split
from svbench.types import ClipSpec

SPEC: Final = ClipSpec(16, 4.0, (64, 64), 16000)
FASTEST: Final = 0.5  # 1/s; a swell has several frames from one peak to the next
_ORDER, _TAKE = 0, 1  # what a random seed is for

Drive = NDArray[np.float64]  # (T,), an envelope in 0..1
Paint = Callable[[painting.Canvas, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """A clip before it is written, and its drive."""

    video: NDArray[np.uint8]  # (T, H, W, 3)
    audio: NDArray[np.float32]  # (S,)
    drive: Drive


Scene = Callable[[np.random.Generator], Take]


def label(scenes: Mapping[str, Scene], seed: int, split: Split, number: int) -> str:
    """Return the class of clip `number`; n clips in a row show each of n classes once.

    The split `reference` shows other takes of the classes of `test`, one by one.
    """
    cycle, place = divmod(number, len(scenes))
    of = SPLITS.index("test" if split == "reference" else split)
    rng = np.random.default_rng([seed, of, cycle, _ORDER])
    return list(scenes)[int(rng.permutation(len(scenes))[place])]


def take(scenes: Mapping[str, Scene], seed: int, split: Split, number: int) -> Take:
    """Draw and synthesise clip `number` of a split."""
    rng = np.random.default_rng([seed, SPLITS.index(split), number, _TAKE])
    return scenes[label(scenes, seed, split, number)](rng)


def write(path: Path, made: Take) -> None:
    """Write a take as one MP4 file, picture and sound."""
    media.write_mp4(path, made.video, SPEC.fps, made.audio, SPEC.sample_rate)


def filmed(stage: painting.Canvas, paint: Paint) -> NDArray[np.uint8]:
    """Draw every frame of a take on its stage."""
    return painting.film(stage, paint, SPEC.frames, SPEC.size)


# --- drives ------------------------------------------------------------------------------------


def swell(rng: np.random.Generator) -> Drive:
    """Return a smooth random envelope whose minimum is 0 and whose maximum is 1."""
    times = np.arange(SPEC.frames) / SPEC.fps
    rates, phases = rng.uniform(0.1, FASTEST, 3), rng.uniform(0, 2 * np.pi, 3)
    waves = np.sin(2 * np.pi * rates * times[:, None] + phases).sum(axis=1)
    return np.asarray((waves - waves.min()) / np.ptp(waves), np.float64)


def moments(
    rng: np.random.Generator, gaps: Sequence[int], first: int = 1, last: int = SPEC.frames - 2
) -> list[int]:
    """Return the frames of random events, apart by one of these numbers of frames."""
    found = [int(rng.integers(first, first + max(gaps)))]
    while found[-1] + min(gaps) <= last:
        found.append(found[-1] + int(rng.choice(gaps)))
    return [frame for frame in found if frame <= last]


def since(frames: Sequence[int]) -> NDArray[np.float64]:
    """Return for each frame the seconds since the last of these frames; infinity before."""
    ticks = np.arange(SPEC.frames)
    before = np.array([-np.inf, *frames])[np.searchsorted(frames, ticks, side="right")]
    return np.asarray((ticks - before) / SPEC.fps, np.float64)


def until(frames: Sequence[int]) -> NDArray[np.float64]:
    """Return for each frame the seconds until the next of these frames; infinity after."""
    ticks = np.arange(SPEC.frames)
    after = np.array([*frames, np.inf])[np.searchsorted(frames, ticks, side="left")]
    return np.asarray((after - ticks) / SPEC.fps, np.float64)


def pulses(frames: Sequence[int], fade: float) -> Drive:
    """Return an envelope of 1 at each of these frames, decaying to 1/e in `fade` seconds."""
    return np.asarray(np.exp(-since(frames) / fade), np.float64)
