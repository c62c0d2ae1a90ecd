"""Harder renditions of the miniature Greatest Hits, for tuning detectors of hits.

The miniature is made so that 8 frames/s can show every stroke: the stick rises slowly, the
object responds to each hit, and nothing else moves. Here the same strokes, scenes and sounds are
drawn as a camera and a microphone might have recorded them. Detector settings are chosen on
these clips (`svbench tune-avalign`), which have the disturbances of real recordings.

Disturbances, drawn anew for every clip
---------------------------------------
motion      The stick falls in 0.05 to 0.16 s and rises as fast or faster (0.10 to 0.35 s), so
            the rebound can be the larger motion. It is lifted to heights that vary, sways
            while it waits, and now and then strikes the air (a feint: it falls half as far,
            slower, and makes no sound). The object responds weakly or not at all.
picture     The camera shakes (slow drift and jitter); up to three soft shapes wander behind
            the scene, and one of them may jump once; fine texture, exposure blur, defocus,
            flicker and sensor noise.
format      8 to 30 frames/s, 64 to 192 px.
sound       Strokes of uneven loudness (12 dB), background noise of -60 to -34 dB, a
            reverberating room, swells of other sound.

Conventions
-----------
As in `drumstick` and `greatesthits`: pixels of the 128-px canvas, seconds, sound in -1..1. A clip
lasts 4 s. Each is decided by (seed, split, number) alone. Hit times are exact, not rounded to
the 1/15-s grid of the real annotations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from svbench.miniature import greatesthits as miniature
from svbench.miniature.drawing import drumstick, painting, percussion
from svbench.miniature.drawing.drumstick import Stroke
from svbench.miniature.drawing.folders import SPLITS, Split
from svbench.types import Clip, ClipSpec

SECONDS: Final = 4.0
RATES: Final = (8.0, 12.0, 15.0, 15.0, 24.0, 30.0)  # frames/s; the real set is annotated at 15
SIDES: Final = (64, 96, 128, 192)  # px
SOUND_RATE: Final = 16000  # 1/s
SLOWEST_FEINT_GAP: Final = 0.75  # s between strokes that leave room for a feint
TOPS: Final = (0.45, 1.0)  # share of the full height that a stroke falls from: uneven players
LOUDNESS: Final = (0.25, 1.0)  # of a stroke, on top of the miniature's own 0.7 to 1
FINE: Final = 240.0  # 1/s, the grid of the stick's trajectory
EXPOSURES: Final = 3  # pictures averaged into one frame
_HARD: Final = 3  # sets these random numbers apart from the miniature's own


@dataclass(frozen=True, slots=True)
class Hit:
    """An annotated moment."""

    time: float  # s
    action: str
    material: str


@dataclass(frozen=True, slots=True)
class HardClip:
    """A clip with its true hits."""

    id: str
    clip: Clip
    hits: tuple[Hit, ...]


def hard_clip(seed: int, split: Split, number: int) -> HardClip:
    """Draw clip `number` of a split."""
    rng = np.random.default_rng([seed, SPLITS.index(split), number, _HARD])
    trial = miniature.plan(seed, split, number, 1)
    fps, side = float(rng.choice(RATES)), int(rng.choice(SIDES))
    spec = ClipSpec(round(SECONDS * fps), fps, (side, side), SOUND_RATE)
    canvases = _exposed(trial, spec, rng)
    video = _filmed(canvases, side, rng)
    audio = _recorded(trial, rng)
    hits = tuple(Hit(stroke.time, stroke.action, trial.material.name) for stroke in trial.strokes)
    return HardClip(f"{split}-{number:03d}", Clip(video, audio, spec), hits)


# --- motion ------------------------------------------------------------------------------------


def _exposed(
    trial: miniature.Trial, spec: ClipSpec, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return the scene, averaged over a few moments of each frame's exposure."""
    exposure = rng.uniform(0.1, 0.5) / spec.fps
    back = np.linspace(-exposure, 0.0, EXPOSURES)
    times = (np.arange(spec.frames)[:, None] / spec.fps + back).ravel()
    grid = np.arange(-1.0, SECONDS + 1.0, 1 / FINE)
    lifted = np.interp(times, grid, _lift(trial.strokes, grid, rng))
    dragged = drumstick.drag(trial.strokes, times)
    moved = rng.uniform(0, 0.4) * drumstick.DISPLACEMENT * drumstick.reaction(trial.strokes, times)
    size = (painting.CANVAS, painting.CANVAS)
    drawn = drumstick.draw_motion(trial.scene, lifted, dragged, moved, size)
    moments = drawn.reshape(spec.frames, EXPOSURES, *size, 3)
    return np.asarray(moments.mean(axis=1, dtype=np.float32), np.float32)


def _lift(
    strokes: Sequence[Stroke], grid: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the trajectory of the stick's lift: waits and sways, feints, falls, and rebounds."""
    height = rng.uniform(1.2, 2.6)
    fall, rise = rng.uniform(0.05, 0.16), rng.uniform(0.10, 0.35)
    lift = np.full(len(grid), height)
    for feint in _feints(strokes, rng):
        slow, depth = rng.uniform(0.2, 0.4), rng.uniform(0.25, 0.5)
        lift -= height * depth * np.exp(-0.5 * ((grid - feint) / (slow / 2)) ** 2)
    lift += _wander(grid, 0.06 * height, 1.0, rng)
    for stroke in strokes:
        top = rng.uniform(*TOPS)
        down = np.clip((stroke.time - grid) / fall, 0, 1) ** 0.5
        up = np.clip((grid - stroke.time) / rise, 0, 1)
        share = np.where(grid < stroke.time, down, 1 - (1 - up) ** 2)
        lift = np.minimum(lift, np.where(share < 1, top * height * share, np.inf))
    return np.asarray(np.maximum(lift, 0.0), np.float64)


def _feints(strokes: Sequence[Stroke], rng: np.random.Generator) -> list[float]:
    """Return random moments between strokes at which the stick strikes the air."""
    times = np.array([-0.5, *(stroke.time for stroke in strokes), SECONDS + 0.5])
    wide = np.flatnonzero(np.diff(times) > SLOWEST_FEINT_GAP)
    return [
        float((times[i] + times[i + 1]) / 2 + rng.uniform(-0.1, 0.1))
        for i in wide
        if rng.random() < 0.5
    ]


def _wander(
    times: NDArray[np.float64], size: float, fastest: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return a smooth random trajectory: a few slow waves, up to `fastest` per second."""
    rates, phases = rng.uniform(0.1, fastest, 4), rng.uniform(0, 2 * np.pi, 4)
    waves = np.sin(2 * np.pi * rates * times[:, None] + phases).mean(axis=1)
    return np.asarray(2 * size * waves, np.float64)


# --- picture -----------------------------------------------------------------------------------


def _filmed(
    canvases: NDArray[np.float32], side: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return the video of a poor camera, with further shapes and texture in the scene."""
    frames, full = len(canvases), painting.CANVAS
    times = np.linspace(0, SECONDS, frames, endpoint=False)
    texture = cv2.GaussianBlur(rng.normal(0, 1, (full, full, 1)).astype(np.float32), (0, 0), 1.0)
    texture = np.asarray(rng.uniform(10, 50) * texture[..., None], np.float32)
    shapes = _shapes(times, rng)
    drift = rng.uniform(0, 2.0)
    shake = np.stack([_wander(times, drift, 0.8, rng) for _ in range(2)], axis=1)
    shake += rng.normal(0, rng.uniform(0, 0.35), shake.shape)
    defocus, noise, flicker = rng.uniform(0.0, 1.0), rng.uniform(1, 7), rng.uniform(0, 0.02)
    video = np.empty((frames, side, side, 3), np.uint8)
    for i in range(frames):
        scene: NDArray[Any] = canvases[i] + texture
        for mask, colour in shapes[i]:
            scene = scene + mask * (colour - scene)
        turn = np.array([[1, 0, shake[i, 0]], [0, 1, shake[i, 1]]])
        frame = cv2.warpAffine(scene, turn, (full, full), borderMode=cv2.BORDER_REFLECT)
        if defocus > 0.3:
            frame = cv2.GaussianBlur(frame, (0, 0), defocus)
        how = cv2.INTER_AREA if side < full else cv2.INTER_CUBIC
        frame = cv2.resize(frame, (side, side), interpolation=how)
        frame = frame * (1 + flicker * rng.standard_normal()) + rng.normal(0, noise, frame.shape)
        video[i] = np.clip(np.rint(frame), 0, 255)
    return video


def _shapes(
    times: NDArray[np.float64], rng: np.random.Generator
) -> list[list[tuple[NDArray[np.float32], NDArray[np.float64]]]]:
    """Return for each frame the soft masks and colours of shapes that wander behind the scene."""
    down, right = np.mgrid[: painting.CANVAS, : painting.CANVAS].astype(np.float32)
    frames: list[list[tuple[NDArray[np.float32], NDArray[np.float64]]]] = [[] for _ in times]
    for _ in range(rng.integers(0, 4)):
        radius, colour = rng.uniform(5, 14), rng.uniform(30, 230, 3)
        x = rng.uniform(5, 60) + _wander(times, rng.uniform(1, 10), 1.0, rng)
        y = rng.uniform(5, 50) + _wander(times, rng.uniform(1, 10), 1.0, rng)
        if rng.random() < 0.3:
            x = x + rng.uniform(-12, 12) * (times > rng.uniform(0, SECONDS))
        for i in range(len(times)):
            distance = np.sqrt((right - x[i]) ** 2 + (down - y[i]) ** 2)
            mask = 0.9 * np.clip(radius - distance, 0, 1)
            frames[i].append((mask[..., None].astype(np.float32), colour))
    return frames


# --- sound -------------------------------------------------------------------------------------


def _recorded(trial: miniature.Trial, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the sound of the strokes in a room with noises of its own."""
    timbre = percussion.tuned(trial.material.timbre, miniature.PITCH[trial.scene.shape])
    dry: NDArray[Any] = percussion.synthesise(
        trial.strokes, timbre, seconds=SECONDS, sample_rate=SOUND_RATE, rng=rng
    )
    time = np.arange(len(dry)) / SOUND_RATE
    strokes = np.searchsorted([stroke.time for stroke in trial.strokes], time, side="right")
    dry = dry * rng.uniform(*LOUDNESS, len(trial.strokes) + 1)[strokes]
    fade = np.exp(-time[: SOUND_RATE // 2] / rng.uniform(0.03, 0.12))
    room = rng.standard_normal(len(fade)) * fade
    share = rng.uniform(0.0, 0.25)
    wet = fftconvolve(dry, room / np.sqrt((room**2).sum()))[: len(dry)]
    swell = np.maximum(_wander(time, 1.0, 2.5, rng), 0)
    hiss = np.convolve(rng.standard_normal(len(dry)), np.ones(8) / 8, mode="same")
    level = 10 ** (rng.uniform(-60, -34) / 20)
    other = 10 ** (rng.uniform(-60, -36) / 20) * swell * hiss
    sound = (1 - share) * dry + share * wet + other + level * rng.standard_normal(len(dry))
    return np.clip(sound, -1, 1).astype(np.float32)
