"""IS: closed forms, bounds, parts, the interval."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from svbench.errors import ScoreError
from svbench.files.weights.loading import WeightFile
from svbench.metrics.audio_tagging import CLASSES, TaggerFeatures
from svbench.metrics.inception_score import PARTS, InceptionScore, inception_score
from svbench.types import Features

EXTRACTOR = TaggerFeatures(WeightFile("w", Path("w"), "0"), "passt-32k")
METRIC = InceptionScore(EXTRACTOR, resamples=50)


def features(count: int, repeats: int = 1, seed: int = 0, scale: float = 2.0) -> Features:
    rng = np.random.default_rng(seed)
    values = (scale * rng.standard_normal((count, 3 + CLASSES))).astype(np.float32)
    names = tuple(f"{i // repeats}/{i % repeats}" for i in range(count))
    return Features(EXTRACTOR.key, values, np.arange(count), names)


def test_clips_that_are_alike_score_1_and_sure_ones_that_differ_their_number() -> None:
    assert inception_score(np.ones((40, 7)))[0] == pytest.approx(1, rel=1e-12)
    one_each = 1e3 * np.eye(8)
    assert inception_score(one_each, 1) == pytest.approx((8, 0))
    assert inception_score(np.tile(one_each, (5, 1)), 1)[0] == pytest.approx(8)
    assert inception_score(one_each, 4, None)[0] == pytest.approx(2)  # two clips in a part
    assert inception_score(np.tile(one_each, (5, 1)), 5, None) == pytest.approx((8, 0))


def test_parts_of_unequal_sizes_count_alike() -> None:
    values = 1e3 * np.eye(5)[[0, 0, 1, 2, 3]]  # parts of two and three clips: 1 and 3
    mean, deviation = inception_score(values, 2, None)
    assert (mean, deviation) == pytest.approx((2, 1))


def test_it_lies_between_1_and_the_clips_in_a_part() -> None:
    for scale in (0.1, 1.0, 10.0, 1000.0):
        mean, _ = inception_score(features(60, scale=scale).values[:, 3:])
        assert 1 <= mean <= 6 + 1e-9


def test_fewer_clips_than_parts_have_no_score() -> None:
    with pytest.raises(ScoreError, match="over 10 parts needs at least 10 clips, got 9"):
        METRIC.score(features(9))
    assert METRIC.score(features(10)).score.count == 10


def test_the_interval_holds_the_value_and_is_the_same_each_time() -> None:
    score = METRIC.score(features(80)).score
    assert score.interval is not None
    assert 1 <= score.interval[0] <= score.value <= score.interval[1]
    assert METRIC.score(features(80)).score == score
    assert replace(METRIC, seed=1).score(features(80)).score.interval != score.interval
    assert replace(METRIC, resamples=0).score(features(80)).score.interval is None
    assert score.note.startswith(f"standard deviation over {PARTS} parts")


def test_all_clips_of_an_example_are_drawn_together() -> None:
    alone = METRIC.score(features(40)).score.interval
    together = METRIC.score(features(40, repeats=4)).score.interval
    one_example = METRIC.score(features(40, repeats=40)).score.interval
    assert alone != together
    assert one_example is None


def test_embeddings_do_not_count() -> None:
    one, other = features(30), features(30)
    other.values[:, :3] += 5
    assert METRIC.score(one).score == METRIC.score(other).score
    assert (METRIC.name, METRIC.title) == ("is@passt-32k", "IS (PaSST, 32 kHz)")
