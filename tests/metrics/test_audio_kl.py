"""KL: closed forms of the divergence, pairs by example, what is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from svbench.errors import ConfigError, ScoreError
from svbench.files.weights.loading import WeightFile
from svbench.metrics.audio_kl import AudioKL, divergences, pairs
from svbench.metrics.audio_tagging import CLASSES, TaggerFeatures
from svbench.protocols import PairedMetric
from svbench.types import Features

EXTRACTOR = TaggerFeatures(WeightFile("w", Path("w"), "0"), "panns-16k")
METRIC = AudioKL(EXTRACTOR)


def features(
    requests: list[str], rows: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
) -> Features:
    """Return features of one embedding number and logits that are 0 but for the first classes."""
    values = np.zeros((len(rows), 1 + CLASSES), np.float32)
    values[:, 1 : 1 + rows.shape[1]] = rows
    return Features(EXTRACTOR.key, values, np.arange(len(rows)), tuple(requests))


def test_the_divergence_of_two_coins() -> None:
    p, q = 0.8, 0.3
    real = np.log([[p, 1 - p]])
    made = np.log([[q, 1 - q]]) + 5  # a shift of all logits changes no softmax
    expected = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    assert divergences(made, real)[0] == pytest.approx(expected, rel=1e-12)
    logit = np.log(p / (1 - p)), np.log(q / (1 - q))
    found = divergences(np.array([[logit[1]]]), np.array([[logit[0]]]), "sigmoid")
    assert found[0] == pytest.approx(p * np.log(p / q), rel=1e-12)


def test_it_is_0_for_equal_clips_and_positive_else_and_finite_for_any_logits() -> None:
    rng = np.random.default_rng(0)
    values = 30 * rng.standard_normal((20, CLASSES))
    np.testing.assert_allclose(divergences(values, values), 0, atol=1e-12)
    assert (divergences(values, values[::-1]) > 0).all()
    far = np.array([[1e4, 0.0], [0.0, 1e4]])
    np.testing.assert_allclose(divergences(far, far[::-1]), 1e4)
    with pytest.raises(ScoreError, match=r"found logits \(2, 2\) and \(20, 527\)"):
        divergences(far, values)


def test_clips_are_paired_by_example_whatever_the_order_and_the_repeat() -> None:
    ours, real = pairs(("b/0", "a/1", "x/0", "a/0"), ("a/0", "c/0", "b/0"))
    assert (ours, real) == ([0, 1, 3], [2, 0, 0])


def test_each_clip_is_scored_with_its_own_real_clip() -> None:
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((6, 5)).astype(np.float32)
    real = features([f"{i}/0" for i in range(6)], rows)
    made = features([f"{i}/0" for i in range(5, -1, -1)], rows[::-1] + np.float32(0.5) * rows[:1])
    judged = METRIC.score(made, real)
    expected = divergences(made.values[:, 1:], real.values[::-1, 1:])
    assert [clip.request_id for clip in judged.clips] == list(made.requests)
    np.testing.assert_allclose([clip.value for clip in judged.clips], expected)
    score = judged.score
    assert score.value == pytest.approx(expected.mean())
    assert (score.count, score.reference_count, score.note) == (6, 6, "")
    assert score.interval is not None
    assert score.interval[0] < score.value < score.interval[1]
    assert METRIC.score(real, real).score.value == 0


def test_clips_without_a_real_one_are_left_out_and_counted() -> None:
    rows = np.eye(3, 5, dtype=np.float32)
    real = features(["a/0", "b/0", "c/0"], rows)
    judged = METRIC.score(features(["c/0", "y/0", "a/0"], rows), real)
    assert [clip.request_id for clip in judged.clips] == ["c/0", "a/0"]
    assert judged.score.note == "1 of 3 clips have no real clip of their example"
    assert (judged.score.count, judged.score.reference_count) == (2, 2)
    with pytest.raises(ScoreError, match="none of the 3 clips has one of the same name"):
        METRIC.score(features(["x/0", "y/0", "z/0"], rows), real)
    with pytest.raises(ScoreError, match="needs reference clips"):
        METRIC.score(real, None)
    other = Features("another", real.values, real.owner, real.requests)
    with pytest.raises(ScoreError, match="reference clips by another; expected the same"):
        METRIC.score(real, other)


def test_names_carry_network_sampling_form_and_view() -> None:
    native = TaggerFeatures(EXTRACTOR.weights, "passt-32k", view="native")
    metric = AudioKL(native, "sigmoid")
    assert (metric.name, METRIC.name) == ("kl@passt-32k-sigmoid+native", "kl@panns-16k")
    assert metric.title == "KL (PaSST, 32 kHz, native clips, sigmoid)"
    assert metric.settings != METRIC.settings
    assert isinstance(metric, PairedMetric)
    assert metric.paired
    with pytest.raises(ConfigError, match="found form 'x', expected one of softmax, sigmoid"):
        AudioKL(native, "x")  # type: ignore[arg-type]
