"""Draw a drumstick that strikes, or drags over, one object: the picture of the miniature.

The scene is one object on a ground, and one arm with a drumstick, seen from the side. All
that moves is the arm with its stick and, where the material is soft, the top of the object.

Conventions
-----------
Places are pixels of a picture that is `CANVAS` pixels wide and high; the picture is drawn at
that size and shrunk to the wanted one, pixel areas averaged. Times are seconds from the start
of the recording. A `Stroke` is one contact of stick and object; its time is the moment of first
contact. A hit lifts off at once. A scratch drags the tip sideways while the stick leaves.
Lift is 0 on the object and 1 at the top of the arm's way.

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

Action = Literal["hit", "scratch"]
Colour = tuple[float, float, float]  # red, green, blue, 0..255
Point = tuple[float, float]  # right, down

CANVAS = 128  # twice the side of the miniature's clips: edges come out smooth
SHIFT = 4  # cv2 draws at 1/16 pixel, so slow motion does not stutter
FALL = 0.03  # s from the top to contact; a short fall lies within one frame at 8 frames/s
RISE = 0.75  # s from contact to the top, when the next stroke leaves the time
ARM_TURN = 0.07  # radians the forearm is turned by about the elbow when lifted
WRIST_TURN = 0.10  # radians the stick is turned by about the wrist, beyond the forearm
TIP_RADIUS = 5.0  # pixels
DRAG_WAY = 6.0  # pixels the tip goes sideways in a scratch
DRAG_TIME = 0.25  # s a scratch lasts
REACTION_WAY = 11.0  # pixels a soft object's top sinks, or a hard object is pushed aside
RECOVERY = 0.5  # s in which the object comes back

HORIZON = 84  # pixels from the top, where wall and ground meet
BOTTOM = 112.0  # pixels from the top, where objects stand
LIT = 1.35  # brightness of the lit part of an object
SHADOW = 0.72  # brightness of the ground in the object's shadow

SLEEVES: tuple[Colour, ...] = ((178, 34, 52), (40, 70, 150), (45, 45, 50))
SKIN: Colour = (224, 172, 140)
STICK: Colour = (238, 214, 170)
OUTLINE: Colour = (40, 32, 30)


@dataclass(frozen=True, slots=True)
class Stroke:
    """One contact of the stick with the object."""

    time: float  # s
    action: Action


@dataclass(frozen=True, slots=True)
class Scene:
    """What is seen, apart from the motion."""

    shape: Literal["block", "bowl", "mound"]
    colour: Colour  # of the object
    soft: bool  # the object gives way
    wall: Colour
    ground: Colour
    sleeve: Colour
    centre: float  # of the object, pixels from the left
    top: float  # of the object, pixels from the top
    width: float  # of the object, pixels


def lift(strokes: Sequence[Stroke], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the lift of the stick, 0 (contact) to 1 (top), at each time.

    After a stroke the stick rises slowly and evenly; it then waits at the top until it falls,
    faster and faster, on the next one.
    """
    contact = np.array([stroke.time for stroke in strokes], float)
    following = np.searchsorted(contact, times, side="right")
    before = np.concatenate([[-np.inf], contact])[following]
    after = np.concatenate([contact, [np.inf]])[following]
    way_up = np.minimum(RISE, after - before - FALL)
    risen = np.clip((times - before) / way_up, 0.0, 1.0) if len(contact) else np.ones_like(times)
    fallen = np.clip((times - after + FALL) / FALL, 0.0, 1.0) ** 2
    return np.asarray(risen * (1.0 - fallen), np.float64)


def drag(strokes: Sequence[Stroke], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the sideways way of the tip, 0 to 1, at each time; it returns with the rise."""
    way = np.zeros_like(times)
    for stroke in strokes:
        if stroke.action == "scratch":
            since = times - stroke.time
            out, back = since / DRAG_TIME, 1.0 - (since - DRAG_TIME) / RISE
            way = np.maximum(way, np.clip(np.minimum(out, back), 0.0, 1.0))
    return way


def reaction(strokes: Sequence[Stroke], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give how far the object is out of its rest, 0 to 1, at each time.

    Contact throws it out at once; it comes back slowly and evenly.
    """
    contact = np.array([-np.inf, *(stroke.time for stroke in strokes)])
    since = times - contact[np.searchsorted(contact, times, side="right") - 1]
    return np.asarray(np.clip(1.0 - since / RECOVERY, 0.0, 1.0))


def draw(
    scene: Scene, strokes: Sequence[Stroke], *, frames: int, fps: float, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Draw a recording, shape (T, H, W, 3): frame i shows the moment i / fps."""
    times = np.arange(frames) / fps
    lifted, dragged = lift(strokes, times), drag(strokes, times)
    moved = REACTION_WAY * reaction(strokes, times)
    return draw_motion(scene, lifted, dragged, moved, size)


def draw_motion(
    scene: Scene,
    lifted: NDArray[np.float64],
    dragged: NDArray[np.float64],
    moved: NDArray[np.float64],
    size: tuple[int, int],
) -> NDArray[np.uint8]:
    """Draw one frame per lift, drag and pixels that the object is out of its rest."""
    empty = _stage(scene)
    video = np.empty((len(lifted), *size, 3), np.uint8)
    for i in range(len(lifted)):
        canvas = empty.copy()
        sunk, pushed = (moved[i], 0.0) if scene.soft else (0.0, moved[i])
        _draw_object(canvas, scene, sunk, pushed)
        _draw_arm(canvas, scene, lifted[i], dragged[i], sunk)
        cv2.resize(canvas, size[::-1], dst=video[i], interpolation=cv2.INTER_AREA)
    return video


def shaded(colour: Colour, shade: float) -> Colour:
    """Give a colour `shade` times as bright."""
    red, green, blue = (min(255.0, shade * part) for part in colour)
    return red, green, blue


def _stage(scene: Scene) -> NDArray[np.uint8]:
    """Paint wall, ground and the object's shadow."""
    canvas = np.empty((CANVAS, CANVAS, 3), np.uint8)
    canvas[:HORIZON], canvas[HORIZON:] = scene.wall, scene.ground
    centre, axes = _at((scene.centre, BOTTOM - 2)), _at((0.62 * scene.width, 6.0))
    colour = shaded(scene.ground, SHADOW)
    cv2.ellipse(canvas, centre, axes, 0, 0, 360, colour, -1, cv2.LINE_AA, SHIFT)
    return canvas


def _draw_object(canvas: NDArray[np.uint8], scene: Scene, sunk: float, pushed: float) -> None:
    half, top, bottom = scene.width / 2, scene.top + sunk, BOTTOM
    centre = scene.centre - pushed
    left, right = centre - half, centre + half
    light = shaded(scene.colour, LIT)
    if scene.shape == "block":
        _polygon(canvas, [(left, top), (right, top), (right, bottom), (left, bottom)], scene.colour)
        _polygon(canvas, [(left, top), (right, top), (right, top + 9), (left, top + 9)], light)
    elif scene.shape == "bowl":
        foot = 0.5 * half
        sides = [(left, top), (right, top), (centre + foot, bottom), (centre - foot, bottom)]
        _polygon(canvas, sides, scene.colour)
        _ellipse(canvas, (centre, top), (half, 6.0), light)
    else:
        _half_ellipse(canvas, (centre, bottom), (half, bottom - top), scene.colour)
        _half_ellipse(canvas, (centre, bottom), (0.5 * half, 0.72 * (bottom - top)), light, False)


def _draw_arm(
    canvas: NDArray[np.uint8], scene: Scene, lifted: float, dragged: float, sunk: float
) -> None:
    """Draw the forearm, the hand and the stick, turned about the elbow and the wrist."""
    touch = (scene.centre + DRAG_WAY * dragged, scene.top + sunk - TIP_RADIUS)
    elbow = (touch[0] + 112.0, touch[1] - 40.0)
    hand = _turned((touch[0] + 48.0, touch[1] - 17.0), elbow, ARM_TURN * lifted)
    turn = (ARM_TURN + WRIST_TURN) * lifted
    tip = _turned((hand[0] - 48.0, hand[1] + 17.0), hand, turn)
    tail = _turned((hand[0] + 9.0, hand[1] - 3.0), hand, turn)
    _limb(canvas, hand, elbow, 18, scene.sleeve)
    _limb(canvas, tail, tip, 5, STICK)
    _disc(canvas, tip, TIP_RADIUS, STICK)
    _disc(canvas, hand, 9.5, SKIN)


def _turned(point: Point, pivot: Point, angle: float) -> Point:
    """Turn a place that lies left of its pivot upwards by an angle in radians."""
    right, down = point[0] - pivot[0], point[1] - pivot[1]
    cosine, sine = np.cos(angle), np.sin(angle)
    return pivot[0] + cosine * right - sine * down, pivot[1] + sine * right + cosine * down


def _at(point: Sequence[float]) -> tuple[int, int]:
    """Give a place in the fixed-point numbers that cv2 draws with."""
    return round(point[0] * 2**SHIFT), round(point[1] * 2**SHIFT)


def _polygon(canvas: NDArray[np.uint8], corners: Sequence[Point], colour: Colour) -> None:
    fixed = np.array([_at(corner) for corner in corners], np.int32)
    cv2.fillConvexPoly(canvas, fixed, colour, cv2.LINE_AA, SHIFT)
    cv2.polylines(canvas, [fixed], True, OUTLINE, 1, cv2.LINE_AA, SHIFT)


def _ellipse(canvas: NDArray[np.uint8], centre: Point, axes: Point, colour: Colour) -> None:
    for paint, width in ((colour, -1), (OUTLINE, 1)):
        cv2.ellipse(canvas, _at(centre), _at(axes), 0, 0, 360, paint, width, cv2.LINE_AA, SHIFT)


def _half_ellipse(
    canvas: NDArray[np.uint8], centre: Point, axes: Point, colour: Colour, outline: bool = True
) -> None:
    for paint, width in ((colour, -1), (OUTLINE, 1))[: 1 + outline]:
        cv2.ellipse(canvas, _at(centre), _at(axes), 0, 180, 360, paint, width, cv2.LINE_AA, SHIFT)


def _limb(canvas: NDArray[np.uint8], a: Point, b: Point, width: int, colour: Colour) -> None:
    cv2.line(canvas, _at(a), _at(b), OUTLINE, width + 2, cv2.LINE_AA, SHIFT)
    cv2.line(canvas, _at(a), _at(b), colour, width, cv2.LINE_AA, SHIFT)


def _disc(canvas: NDArray[np.uint8], centre: Point, radius: float, colour: Colour) -> None:
    for grow, paint in ((1.0, OUTLINE), (0.0, colour)):
        size = round((radius + grow) * 2**SHIFT)
        cv2.circle(canvas, _at(centre), size, paint, -1, cv2.LINE_AA, SHIFT)
