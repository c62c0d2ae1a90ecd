from __future__ import annotations

import numpy as np
import pytest

from svbench.doctor.pacing import seconds_each


def batches(count: int, size: int, each: float) -> list[float]:
    """Return when clips are done: `size` at once every `each` seconds, milliseconds apart."""
    return [each * (n // size) + 0.001 * (n % size) for n in range(count)]


def test_clips_one_by_one_take_their_distance() -> None:
    assert seconds_each([0.0, 2.0, 4.0, 6.0]) == 2.0
    assert seconds_each([6.0, 0.0, 4.0, 2.0]) == 2.0  # in any order


@pytest.mark.parametrize("size", [1, 4, 8, 11, 20])
def test_clips_of_a_batch_share_its_time(size: int) -> None:
    each = seconds_each(batches(40, size, each=80.0), together=size)
    assert each == pytest.approx(80.0 / size, rel=0.01)


def test_one_batch_says_nothing() -> None:
    assert seconds_each([]) is None
    assert seconds_each([5.0]) is None
    assert seconds_each(batches(8, 8, each=80.0), together=8) is None
    assert seconds_each([5.0, 5.0, 5.0]) is None  # a clock too coarse


@pytest.mark.parametrize("size", [10, 11, 20, 32])
def test_a_batch_that_is_slower_than_the_shortest_pause_is_none(size: int) -> None:
    each = seconds_each(batches(10 * size, size, each=900.0), together=size)
    assert each == pytest.approx(900.0 / size, rel=0.01)


@pytest.mark.parametrize("size", [8, 20])
@pytest.mark.parametrize("at", [1, 10, 19])
def test_a_night_between_two_batches_does_not_count(at: int, size: int) -> None:
    times = np.asarray(batches(20 * size, size, each=900.0))
    stopped = np.where(np.arange(20 * size) >= at * size, times + 36_000.0, times)
    assert seconds_each(list(stopped), size) == pytest.approx(900.0 / size, rel=0.01)


@pytest.mark.parametrize("at", [3, 20, 37])
def test_a_night_between_two_commands_does_not_count(at: int) -> None:
    times = np.arange(40) * 30.0
    stopped = np.where(np.arange(40) >= at, times + 36_000.0, times)
    assert seconds_each(list(stopped)) == pytest.approx(30.0)


def test_slow_clips_are_no_pauses() -> None:
    assert seconds_each([0.0, 7200.0, 14_400.0]) == 7200.0
