"""Squares of frames: what stays as it is, what is cut, sizes of any shape."""

from __future__ import annotations

import numpy as np
import pytest

from svbench.metrics.networks.pictures import square


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_a_square_of_its_size_stays_as_it_is() -> None:
    frame = noise(32, 32)
    assert np.array_equal(square(frame, 32), frame)


@pytest.mark.parametrize("size", [(90, 45), (45, 90), (37, 61), (8, 200), (31, 33), (1, 1)])
def test_a_plain_frame_stays_plain_at_any_size(size: tuple[int, int]) -> None:
    found = square(np.full((*size, 3), 7, np.uint8), 32)
    assert found.shape == (32, 32, 3)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    assert (found == 7).all()


def test_the_middle_is_cut_of_either_side() -> None:
    wide = np.zeros((32, 65, 3), np.uint8)
    wide[:, 16:48] = 200  # (65 - 32) / 2 = 16.5, rounded to even
    assert (square(wide, 32) == 200).all()
    assert (square(wide.transpose(1, 0, 2), 32) == 200).all()


def test_what_lies_beside_a_frame_in_memory_changes_nothing() -> None:
    frame = noise(40, 60)
    within = np.zeros((44, 64, 3), np.uint8)
    within[2:42, 1:61] = frame
    assert np.array_equal(square(within[2:42, 1:61], 32), square(frame, 32))
