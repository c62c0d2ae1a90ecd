"""Painting of simple shapes on a canvas, of which every drawn scene consists.

Conventions
-----------
A canvas is a picture uint8 (`CANVAS`, `CANVAS`, 3), RGB, twice as wide and high as the clips it
becomes: shrunk with pixel areas averaged, edges come out smooth. Places are pixels from the left
and from the top. Shapes have a dark outline by default.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Canvas = NDArray[np.uint8]
Colour = tuple[float, float, float]  # red, green, blue, 0..255
Point = tuple[float, float]  # right, down

CANVAS: Final = 128  # twice the side of the miniatures' clips
SHIFT: Final = 4  # cv2 draws at 1/16 pixel, so slow motion does not stutter
OUTLINE: Final[Colour] = (40, 32, 30)
WHITE: Final[Colour] = (246, 250, 252)


def shaded(colour: Colour, shade: float) -> Colour:
    """Return a colour `shade` times as bright."""
    red, green, blue = (min(255.0, shade * part) for part in colour)
    return red, green, blue


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """Return a mix of two colours, with `share` (0..1) of the other one."""
    red, green, blue = (a + share * (b - a) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def varied(colour: Colour, rng: np.random.Generator) -> Colour:
    """Return a random colour near this one: of another brightness and hue."""
    parts = np.clip(np.array(colour) * rng.uniform(0.88, 1.1) + rng.uniform(-8, 8, 3), 0, 255)
    return float(parts[0]), float(parts[1]), float(parts[2])


def gradient(top: Colour, bottom: Colour, height: int = CANVAS) -> Canvas:
    """Return a canvas with a gradient from the top to another colour `height` pixels below."""
    share = np.clip(np.arange(CANVAS) / max(height - 1, 1), 0, 1)[:, None]
    column = (1 - share) * np.array(top) + share * np.array(bottom)
    return np.repeat(np.rint(column).astype(np.uint8)[:, None], CANVAS, axis=1)


def film(
    stage: Canvas, paint: Callable[[Canvas, int], None], frames: int, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return a video (T, H, W, 3): for each frame, what `paint` paints on a copy of the stage."""
    video = np.empty((frames, *size, 3), np.uint8)
    for i in range(frames):
        canvas = stage.copy()
        paint(canvas, i)
        cv2.resize(canvas, size[::-1], dst=video[i], interpolation=cv2.INTER_AREA)
    return video


# --- shapes ------------------------------------------------------------------------------------


def polygon(canvas: Canvas, corners: Sequence[Point], colour: Colour, outline: bool = True) -> None:
    """Paint a convex polygon."""
    fixed = np.array([_at(corner) for corner in corners], np.int32)
    cv2.fillConvexPoly(canvas, fixed, colour, cv2.LINE_AA, SHIFT)
    if outline:
        cv2.polylines(canvas, [fixed], True, OUTLINE, 1, cv2.LINE_AA, SHIFT)


def shape(canvas: Canvas, corners: Sequence[Point], colour: Colour) -> None:
    """Paint any polygon, without outline."""
    cv2.fillPoly(
        canvas, [np.array([_at(c) for c in corners], np.int32)], colour, cv2.LINE_AA, SHIFT
    )


def ellipse(
    canvas: Canvas, centre: Point, axes: Point, colour: Colour, outline: bool = True
) -> None:
    """Paint an ellipse of these half axes."""
    for paint, width in ((colour, -1), (OUTLINE, 1))[: 1 + outline]:
        cv2.ellipse(canvas, _at(centre), _at(axes), 0, 0, 360, paint, width, cv2.LINE_AA, SHIFT)


def half_ellipse(
    canvas: Canvas, centre: Point, axes: Point, colour: Colour, outline: bool = True
) -> None:
    """Paint the upper half of an ellipse of these half axes."""
    for paint, width in ((colour, -1), (OUTLINE, 1))[: 1 + outline]:
        cv2.ellipse(canvas, _at(centre), _at(axes), 0, 180, 360, paint, width, cv2.LINE_AA, SHIFT)


def ring(canvas: Canvas, centre: Point, axes: Point, colour: Colour, width: int = 1) -> None:
    """Paint the edge of an ellipse."""
    cv2.ellipse(canvas, _at(centre), _at(axes), 0, 0, 360, colour, width, cv2.LINE_AA, SHIFT)


def line(canvas: Canvas, a: Point, b: Point, width: int, colour: Colour) -> None:
    """Paint a straight line, without outline."""
    cv2.line(canvas, _at(a), _at(b), colour, width, cv2.LINE_AA, SHIFT)


def limb(canvas: Canvas, a: Point, b: Point, width: int, colour: Colour) -> None:
    """Paint a thick line with its outline."""
    line(canvas, a, b, width + 2, OUTLINE)
    line(canvas, a, b, width, colour)


def disc(
    canvas: Canvas, centre: Point, radius: float, colour: Colour, outline: bool = True
) -> None:
    """Paint a disc."""
    for grow, paint in ((1.0, OUTLINE), (0.0, colour))[not outline :]:
        size = round((radius + grow) * 2**SHIFT)
        cv2.circle(canvas, _at(centre), size, paint, -1, cv2.LINE_AA, SHIFT)


def turned(point: Point, pivot: Point, angle: float) -> Point:
    """Return a place turned about a pivot by an angle in radians; left of it, it goes up."""
    right, down = point[0] - pivot[0], point[1] - pivot[1]
    cosine, sine = np.cos(angle), np.sin(angle)
    return pivot[0] + cosine * right - sine * down, pivot[1] + sine * right + cosine * down


def _at(point: Sequence[float]) -> tuple[int, int]:
    """Return a place in the fixed-point numbers that cv2 draws with."""
    right, down = float(point[0]), float(point[1])  # NumPy's numbers are slow to round
    return round(right * 2**SHIFT), round(down * 2**SHIFT)
