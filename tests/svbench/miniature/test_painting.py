"""Shapes land at their positions, and mixed colours have the expected values."""

from __future__ import annotations

import numpy as np
import pytest

from svbench.miniature.drawing import painting
from svbench.miniature.drawing.painting import CANVAS, OUTLINE, Canvas

RED = (200.0, 0.0, 0.0)


@pytest.fixture
def canvas() -> Canvas:
    return np.full((CANVAS, CANVAS, 3), 255, np.uint8)


def colour(canvas: Canvas, right: int, down: int) -> tuple[int, ...]:
    return tuple(int(part) for part in canvas[down, right])


def test_colours_are_shaded_and_mixed() -> None:
    assert painting.shaded((100, 200, 10), 1.5) == (150, 255, 15)
    assert painting.mixed((0, 100, 200), (100, 100, 0), 0.25) == (25, 100, 150)


def test_a_varied_colour_stays_near() -> None:
    for seed in range(50):
        found = painting.varied((250, 128, 4), np.random.default_rng(seed))
        assert np.abs(np.array(found) - (250, 128, 4)).max() <= 250 * 0.12 + 8
        assert min(found) >= 0
        assert max(found) <= 255


def test_a_gradient_goes_from_top_to_bottom() -> None:
    made = painting.gradient((0, 0, 0), (100, 200, 50), height=101)
    assert colour(made, 5, 0) == (0, 0, 0)
    assert colour(made, 99, 50) == (50, 100, 25)
    assert colour(made, 0, 100) == colour(made, 0, 127) == (100, 200, 50)


def test_shapes_are_filled_and_outlined(canvas: Canvas) -> None:
    painting.polygon(canvas, [(10, 10), (30, 10), (30, 30), (10, 30)], RED)
    painting.disc(canvas, (80, 20), 10, RED, outline=False)
    painting.ellipse(canvas, (80, 80), (20, 10), RED)
    painting.half_ellipse(canvas, (30, 80), (15, 15), RED, outline=False)
    assert colour(canvas, 20, 20) == colour(canvas, 80, 20) == colour(canvas, 80, 80) == RED
    assert colour(canvas, 10, 20) == pytest.approx(OUTLINE, abs=20)  # its edge is soft
    assert colour(canvas, 80, 32) == (255, 255, 255)
    assert colour(canvas, 97, 80) == RED
    assert colour(canvas, 80, 97) == (255, 255, 255)
    assert (colour(canvas, 30, 70), colour(canvas, 30, 90)) == (RED, (255, 255, 255))


def test_a_place_left_of_its_pivot_goes_up() -> None:
    assert painting.turned((0, 10), (10, 10), np.pi / 2) == pytest.approx((10, 0))
    assert painting.turned((3, 4), (10, 10), 0.0) == (3, 4)


def test_a_film_begins_every_frame_on_the_stage(canvas: Canvas) -> None:
    def paint(canvas: Canvas, i: int) -> None:
        canvas[:, 8 * i : 8 * i + 8] = 0

    video = painting.film(canvas, paint, frames=3, size=(64, 64))
    assert video.shape == (3, 64, 64, 3)
    dark = (video[:, 0, :, 0] == 0).sum(axis=1)
    assert dark.tolist() == [4, 4, 4]  # what one frame shows is gone in the next
    assert (canvas == 255).all()
