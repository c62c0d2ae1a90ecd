"""Drawing of a drumstick that strikes one object: the picture of the miniature Greatest Hits.

The scene is one object on a ground, and one arm with a drumstick, shown from the side. All
that moves is the arm with its stick and, where the material is soft, the top of the object.

Conventions
-----------
Places are pixels of a picture that is `CANVAS` pixels wide and high; the picture is drawn at
that size and shrunk to that of the clip, pixel areas averaged. Times are seconds from the start
of the recording. A `Stroke` is one contact of stick and object; its time is the moment of first
contact. A hit lifts off at once. A scratch drags the tip sideways while the stick leaves.
Lift is 0 on the object and 1 at the top of the arm's motion.

References
----------
A. Owens et al., "Visually Indicated Sounds", CVPR 2016: the recordings that this stands for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from svbench.miniature.drawing import painting
from svbench.miniature.drawing.painting import CANVAS, Colour, shaded

Action = Literal["hit", "scratch"]

FALL = 0.03  # s from the top to contact; a short fall lies within one frame at 8 frames/s
RISE = 0.75  # s from contact to the top, when the next stroke leaves the time
ARM_TURN = 0.07  # radians the forearm is turned by about the elbow when lifted
WRIST_TURN = 0.10  # radians the stick is turned by about the wrist, beyond the forearm
TIP_RADIUS = 5.0  # pixels
DRAG_SHIFT = 6.0  # pixels the tip goes sideways in a scratch
DRAG_TIME = 0.25  # s a scratch lasts
DISPLACEMENT = 11.0  # pixels a soft object's top sinks, or a hard object is pushed aside
RECOVERY = 0.5  # s in which the object comes back

HORIZON = 84  # pixels from the top, where wall and ground meet
BOTTOM = 112.0  # pixels from the top, where objects stand
LIT = 1.35  # brightness of the lit part of an object
SHADOW = 0.72  # brightness of the ground in the object's shadow

SLEEVES: tuple[Colour, ...] = ((178, 34, 52), (40, 70, 150), (45, 45, 50))
SKIN: Colour = (224, 172, 140)
STICK: Colour = (238, 214, 170)


@dataclass(frozen=True, slots=True)
class Stroke:
    """One contact of the stick with the object."""

    time: float  # s
    action: Action


@dataclass(frozen=True, slots=True)
class Scene:
    """The picture apart from the motion."""

    shape: Literal["block", "bowl", "mound"]
    colour: Colour  # of the object
    soft: bool  # the object yields when struck
    wall: Colour
    ground: Colour
    sleeve: Colour
    centre: float  # of the object, pixels from the left
    top: float  # of the object, pixels from the top
    width: float  # of the object, pixels


def lift(strokes: Sequence[Stroke], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lift of the stick, 0 (contact) to 1 (top), at each time.

    After a stroke the stick rises slowly and evenly; it then waits at the top until it falls,
    faster and faster, on the next one.
    """
    contact = np.array([stroke.time for stroke in strokes], float)
    following = np.searchsorted(contact, times, side="right")
    before = np.concatenate([[-np.inf], contact])[following]
    after = np.concatenate([contact, [np.inf]])[following]
    rise = np.minimum(RISE, after - before - FALL)
    risen = np.clip((times - before) / rise, 0.0, 1.0) if len(contact) else np.ones_like(times)
    fallen = np.clip((times - after + FALL) / FALL, 0.0, 1.0) ** 2
    return np.asarray(risen * (1.0 - fallen), np.float64)


def drag(strokes: Sequence[Stroke], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sideways shift of the tip, 0 to 1, at each time; it returns with the rise."""
    shift = np.zeros_like(times)
    for stroke in strokes:
        if stroke.action == "scratch":
            since = times - stroke.time
            out, back = since / DRAG_TIME, 1.0 - (since - DRAG_TIME) / RISE
            shift = np.maximum(shift, np.clip(np.minimum(out, back), 0.0, 1.0))
    return shift


def reaction(strokes: Sequence[Stroke], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the displacement of the object, 0 to 1, at each time.

    Contact displaces it at once; it comes back slowly and evenly.
    """
    contact = np.array([-np.inf, *(stroke.time for stroke in strokes)])
    since = times - contact[np.searchsorted(contact, times, side="right") - 1]
    return np.asarray(np.clip(1.0 - since / RECOVERY, 0.0, 1.0))


def draw(
    scene: Scene, strokes: Sequence[Stroke], *, frames: int, fps: float, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return the video of a recording, shape (T, H, W, 3): frame i shows the moment i / fps."""
    times = np.arange(frames) / fps
    lifted, dragged = lift(strokes, times), drag(strokes, times)
    moved = DISPLACEMENT * reaction(strokes, times)
    return draw_motion(scene, lifted, dragged, moved, size)


def draw_motion(
    scene: Scene,
    lifted: NDArray[np.float64],
    dragged: NDArray[np.float64],
    moved: NDArray[np.float64],
    size: tuple[int, int],
) -> NDArray[np.uint8]:
    """Return one frame per lift, shift of the tip, and displacement of the object in pixels."""
    empty = _stage(scene)
    video = np.empty((len(lifted), *size, 3), np.uint8)
    for i in range(len(lifted)):
        canvas = empty.copy()
        sunk, pushed = (moved[i], 0.0) if scene.soft else (0.0, moved[i])
        _draw_object(canvas, scene, sunk, pushed)
        _draw_arm(canvas, scene, lifted[i], dragged[i], sunk)
        cv2.resize(canvas, size[::-1], dst=video[i], interpolation=cv2.INTER_AREA)
    return video


def _stage(scene: Scene) -> NDArray[np.uint8]:
    """Return a canvas with wall, ground and the object's shadow."""
    canvas = np.empty((CANVAS, CANVAS, 3), np.uint8)
    canvas[:HORIZON], canvas[HORIZON:] = scene.wall, scene.ground
    centre, axes = (scene.centre, BOTTOM - 2), (0.62 * scene.width, 6.0)
    painting.ellipse(canvas, centre, axes, shaded(scene.ground, SHADOW), False)
    return canvas


def _draw_object(canvas: NDArray[np.uint8], scene: Scene, sunk: float, pushed: float) -> None:
    half, top, bottom = scene.width / 2, scene.top + sunk, BOTTOM
    centre = scene.centre - pushed
    left, right = centre - half, centre + half
    light = shaded(scene.colour, LIT)
    if scene.shape == "block":
        side = [(left, top), (right, top), (right, bottom), (left, bottom)]
        rim = [(left, top), (right, top), (right, top + 9), (left, top + 9)]
        painting.polygon(canvas, side, scene.colour)
        painting.polygon(canvas, rim, light)
    elif scene.shape == "bowl":
        foot = 0.5 * half
        sides = [(left, top), (right, top), (centre + foot, bottom), (centre - foot, bottom)]
        painting.polygon(canvas, sides, scene.colour)
        painting.ellipse(canvas, (centre, top), (half, 6.0), light)
    else:
        painting.half_ellipse(canvas, (centre, bottom), (half, bottom - top), scene.colour)
        inner = (0.5 * half, 0.72 * (bottom - top))
        painting.half_ellipse(canvas, (centre, bottom), inner, light, False)


def _draw_arm(
    canvas: NDArray[np.uint8], scene: Scene, lifted: float, dragged: float, sunk: float
) -> None:
    """Draw the forearm, the hand and the stick, turned about the elbow and the wrist."""
    touch = (scene.centre + DRAG_SHIFT * dragged, scene.top + sunk - TIP_RADIUS)
    elbow = (touch[0] + 112.0, touch[1] - 40.0)
    hand = painting.turned((touch[0] + 48.0, touch[1] - 17.0), elbow, ARM_TURN * lifted)
    turn = (ARM_TURN + WRIST_TURN) * lifted
    tip = painting.turned((hand[0] - 48.0, hand[1] + 17.0), hand, turn)
    tail = painting.turned((hand[0] + 9.0, hand[1] - 3.0), hand, turn)
    painting.limb(canvas, hand, elbow, 18, scene.sleeve)
    painting.limb(canvas, tail, tip, 5, STICK)
    painting.disc(canvas, tip, TIP_RADIUS, STICK)
    painting.disc(canvas, hand, 9.5, SKIN)
