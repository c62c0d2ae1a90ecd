"""Krippendorff's alpha: the published example, closed forms, and independence of names."""

from __future__ import annotations

import numpy as np
import pytest

from svbench.study.bradley_terry import Answers
from svbench.study.reliability import agreement, alpha

# K. Krippendorff: Computing Krippendorff's alpha-reliability, 2011: 4 observers, 12 units.
OBSERVERS = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)


def test_the_published_example() -> None:
    given = [
        (unit, float(value))
        for observer in OBSERVERS
        for unit, value in enumerate(observer.split())
        if value != "."
    ]
    units, values = zip(*given, strict=True)
    assert alpha(np.array(units), np.array(values)) == pytest.approx(0.849, abs=0.0005)


def test_full_agreement_is_1_and_chance_is_0() -> None:
    units = np.repeat(np.arange(500), 2)
    assert alpha(units, np.repeat(np.arange(500) % 2, 2).astype(float)) == 1
    noise = np.random.default_rng(0).integers(2, size=1000).astype(float)
    assert alpha(units, noise) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("values", [[0.0, 1.0, 0.5], [1.0, 1.0, 1.0]])
def test_where_nothing_can_be_compared_there_is_none(values: list[float]) -> None:
    units = np.array([0, 1, 2]) if len(set(values)) > 1 else np.array([0, 0, 1])
    assert alpha(units, np.array(values)) is None


def test_agreement_does_not_depend_on_which_system_is_the_first() -> None:
    rng = np.random.default_rng(1)
    sides = rng.permuted(np.tile([0, 1], (40, 1)), axis=1)
    request = np.repeat(np.arange(20), 2)
    better = rng.random(20) < 0.8
    outcome = np.where(sides[:, 0] == 0, better[request], ~better[request]).astype(float)
    given = Answers(sides[:, 0], sides[:, 1], outcome, np.tile([0, 1], 20), request)
    named = Answers(1 - given.first, 1 - given.second, outcome, given.rater, request)
    assert agreement(given, request) == agreement(named, request) == 1


def test_raters_who_always_prefer_one_system_agree() -> None:
    rows = np.tile([0, 1], 10)  # the second rater sees the other side
    request = np.repeat(np.arange(10), 2)
    given = Answers(rows, 1 - rows, (rows == 0).astype(float), np.tile([0, 1], 10), request)
    assert agreement(given, request) == 1
