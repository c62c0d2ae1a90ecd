"""Fréchet distances of several samples per caption: intervals are over captions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from svbench.metrics.frechet import Frechet
from svbench.types import Features
from tests.metrics.test_frechet import FVD, Matrix, Ruler, apart, features, white


def repeated(values: Matrix, samples: int) -> Features:
    """Return features of clips of one row each, `samples` clips for each caption."""
    requests = tuple(f"c{i // samples}/{i % samples}" for i in range(len(values)))
    return Features("ruler-1", values, np.arange(len(values)), requests)


def test_samples_of_a_caption_are_drawn_together() -> None:
    # Twice the same clip adds nothing: the interval is that of the captions, not of the clips.
    metric = Frechet("fvd", "FVD", Ruler(), ddof=0)
    generated, reference = white(20, 3, 1) * 2, white(30, 3, 2)
    once = metric.score(features(generated), features(reference)).score
    twice = metric.score(
        repeated(np.repeat(generated, 2, axis=0), 2), repeated(np.repeat(reference, 2, axis=0), 2)
    ).score
    assert twice.value == pytest.approx(once.value, rel=1e-12)
    assert twice.interval == pytest.approx(once.interval, rel=1e-9)
    assert (once.note, twice.note) == ("", "interval over 20 captions")


def test_samples_of_one_caption_have_no_interval() -> None:
    alone, many = repeated(white(10, 2, 1), 10), features(white(10, 2, 2))
    assert FVD.score(alone, many).score.interval is None
    assert FVD.score(many, alone).score.interval is None


def test_the_interval_of_captions_covers_where_that_of_clips_does_not() -> None:
    # 12 captions, 6 samples each, of which 90 % of the variance lies between captions.
    rng = np.random.default_rng(0)
    metric = Frechet("fvd", "FVD", Ruler(), resamples=80)

    def drawn() -> Matrix:
        between = np.repeat(rng.standard_normal((12, 2)), 6, axis=0)
        return np.asarray(0.9**0.5 * between + 0.1**0.5 * rng.standard_normal((72, 2)) + 2)

    reference = rng.standard_normal((400, 2))
    sets = [drawn() for _ in range(100)]
    expected = np.mean([apart(one, reference) for one in sets])

    def covered(of: Sequence[Features]) -> float:
        found = [metric.score(one, features(reference)).score.interval for one in of]
        return float(np.mean([i is not None and i[0] <= expected <= i[1] for i in found]))

    assert covered([repeated(one, 6) for one in sets]) > 0.85
    assert covered([features(one) for one in sets]) < 0.7
