"""Extrapolated Fréchet distances: lines, bias, intervals, fadtk's definition, and the metric."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.linalg
from numpy.typing import NDArray

from svbench.errors import ScoreError
from svbench.intervals import student_quantile
from svbench.metrics import extrapolation
from svbench.metrics.extrapolation import (
    GROUPS,
    Extrapolated,
    Line,
    extrapolated,
    fadtk_infinity,
    fit_line,
)
from svbench.metrics.frechet import Frechet, distance, stats
from svbench.metrics.kernel_distance import examples_of
from tests.metrics.test_frechet import Ruler, features

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]


def test_a_line_is_fitted_exactly() -> None:
    line = fit_line([1, 2, 4], [5.0, 7.0, 11.0])
    assert (line.intercept, line.slope, line.r2) == pytest.approx((3, 2, 1))
    assert fit_line([1, 2], [4.0, 4.0]).r2 == 1
    assert fit_line([1, 2, 3], [0.0, 1.0, 0.0]).r2 == pytest.approx(0)


def apart(a: Matrix, b: Matrix) -> float:
    return distance(stats(a), stats(b))


def sides(
    count: int, width: int, seed: int, shift: float = 0.0, rows: int = 1
) -> tuple[tuple[Matrix, Labels], tuple[Matrix, Labels]]:
    """Return two samples of Gaussians |shift| apart in every feature; rows of a clip are alike."""
    rng = np.random.default_rng(seed)
    found = []
    for side in range(2):
        own = rng.standard_normal((count * rows, width))
        if rows > 1:
            shared = np.repeat(rng.standard_normal((count, width)), rows, axis=0)
            own = (own + shared) / 2**0.5
        labels = np.repeat(np.arange(count), rows) + side * count
        found.append((own + shift * (1 - side), labels))
    return found[0], found[1]


@pytest.mark.parametrize(("shift", "rows"), [(0.0, 1), (0.5, 1), (0.5, 3)])
def test_the_bias_of_finite_sets_is_taken_away(shift: float, rows: int) -> None:
    truth, plain, found = 8 * shift**2, [], []
    for seed in range(25):
        one, other = sides(48, 8, seed, shift, rows)
        plain.append(apart(one[0], other[0]))
        found.append(extrapolated(one, other)[0].intercept)
    error = np.std(found) / 25**0.5
    assert abs(np.mean(found) - truth) < 3 * error + 0.05
    assert np.mean(plain) - truth > 4 * error


@pytest.mark.parametrize(("shift", "rows"), [(0.0, 1), (0.5, 1), (0.5, 3)])
def test_intervals_cover_the_distance_of_the_populations(shift: float, rows: int) -> None:
    reach, truth, hits = student_quantile(0.975, GROUPS - 1), 8 * shift**2, 0
    for seed in range(30):
        line, deviation = extrapolated(*sides(64, 8, seed, shift, rows))
        hits += abs(line.intercept - truth) <= reach * deviation
    assert hits >= 27


def test_the_seed_decides() -> None:
    sets = sides(40, 4, 0)
    assert extrapolated(*sets, seed=1) == extrapolated(*sets, seed=1)
    assert extrapolated(*sets, seed=1) != extrapolated(*sets, seed=2)


def test_the_order_of_clips_in_memory_does_not_matter() -> None:
    (a, of_a), (b, of_b) = sides(40, 4, 0, rows=2)
    line, _ = extrapolated((a, of_a), (b, of_b))
    turned, _ = extrapolated((a[::-1], of_a[::-1]), (b, of_b))
    assert turned.intercept == pytest.approx(line.intercept, rel=1e-9, abs=1e-9)


def test_subsets_hold_whole_examples_of_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []

    def watched(generated: Matrix, reference: Matrix, ddof: int) -> float:
        assert ddof == 1
        seen.append((len(generated), len(reference)))
        return 1 / len(generated)

    monkeypatch.setattr(extrapolation, "_distance", watched)
    one, _ = sides(40, 4, 0, rows=2)
    _, other = sides(60, 4, 0, rows=3)
    line, _ = extrapolated(one, (other[0], other[1] + 100))
    whole = seen[: 1 + 4 * 4]  # all, then two subsets of two orders for four shares
    assert whole[0] == (80, 180)
    assert set(whole[1:]) == {(64, 144), (54, 120), (46, 102), (40, 90)}
    assert line.slope == pytest.approx(1 / 80, rel=0.02)


@pytest.mark.parametrize(("count", "width"), [(40, 20), (40, 30), (19, 2)])
def test_refuses_too_few_clips(count: int, width: int) -> None:
    expected = rf"20 examples: more than {2 * width} rows for D = {width}; found {count} generated"
    with pytest.raises(ScoreError, match=expected):
        extrapolated(*sides(count, width, 0))


# --- fadtk -------------------------------------------------------------------------------------


def by_fadtk(generated: Matrix, reference: Matrix, sizes: list[int], seed: int) -> list[float]:
    """Return slope, height at 0 and R^2 as fadtk writes them, with numpy, from a seeded draw."""
    rng, found = np.random.RandomState(seed), []
    fixed = reference.mean(axis=0), np.cov(reference, rowvar=False)
    for size in sizes:
        some = generated[rng.choice(len(generated), size=size, replace=True)]
        gap, own = fixed[0] - some.mean(axis=0), np.cov(some, rowvar=False)
        root = scipy.linalg.sqrtm(fixed[1] @ own)
        trace = np.trace(fixed[1]) + np.trace(own) - 2 * np.trace(np.real(root))
        found.append(gap @ gap + trace)
    at, heights = 1 / np.array(sizes), np.array(found)
    slope, height = np.polyfit(at, heights, 1)
    left = np.square(heights - slope * at - height).sum()
    return [slope, height, 1 - left / np.square(heights - heights.mean()).sum()]


def test_fadtk_by_its_formula_with_the_same_draws() -> None:
    rng = np.random.default_rng(0)
    generated, reference = rng.standard_normal((900, 12)) * 1.2, rng.standard_normal((700, 12))
    draws = np.random.RandomState(7)
    line = fadtk_infinity(
        generated, reference, lambda count, size: draws.choice(count, size=size, replace=True)
    )
    sizes = [int(size) for size in np.linspace(500, 900, 25)]
    expected = by_fadtk(generated, reference, sizes, 7)
    assert [line.slope, line.intercept, line.r2] == pytest.approx(expected, rel=1e-8)


def test_draws_with_replacement_leave_the_bias_of_the_plain_distance() -> None:
    rng = np.random.default_rng(0)
    generated, reference = rng.standard_normal((1000, 48)), rng.standard_normal((4000, 48))
    plain = apart(generated, reference)
    theirs = fadtk_infinity(generated, reference, lambda n, k: rng.integers(n, size=k)).intercept
    labels = np.arange(5000)
    ours, _ = extrapolated((generated, labels[:1000]), (reference, labels[1000:]))
    assert theirs > 0.7 * plain  # of one population: it should be 0
    assert abs(ours.intercept) < 0.1 * plain


def test_fadtk_refuses_fewer_rows_than_its_smallest_subset() -> None:
    with pytest.raises(ScoreError, match="needs more than 500 rows, got 20"):
        fadtk_infinity(np.eye(20), np.eye(20), lambda n, k: np.arange(k) % n)


# --- the metric --------------------------------------------------------------------------------

METRIC = Extrapolated("fad-inf", "FAD-inf", Frechet("fad", "FAD", Ruler(), seed=3), ("audio",))


def test_scores_two_sets_of_clips() -> None:
    (a, _), (b, _) = sides(40, 4, 0, 0.5, rows=2)
    score = METRIC.score(features(a, 2), features(b, 2)).score
    labels, same = examples_of(features(a, 2), features(b, 2))  # clips of one name
    line, deviation = extrapolated((a, labels), (b, same), seed=3)
    assert score.value == pytest.approx(line.intercept)
    low, high = score.interval or (0, 0)
    assert high - low == pytest.approx(2 * student_quantile(0.975, 9) * deviation)
    assert score.note == f"line over 1 / N: R² = {line.r2:.3f}"
    assert (score.metric, score.better, score.count, score.reference_count) == (
        *("fad-inf", "lower"),
        *(40, 40),
    )


def test_refuses_what_cannot_be_compared() -> None:
    some = features(np.eye(6, 3))
    with pytest.raises(ScoreError, match="fad-inf needs reference clips"):
        METRIC.score(some, None)
    with pytest.raises(ScoreError, match="are by ruler-1, of reference clips by ruler-2"):
        METRIC.score(some, features(np.eye(6, 3), extractor="ruler-2"))


def test_settings_are_complete_and_serialisable() -> None:
    recorded = json.loads(json.dumps(METRIC.settings))
    assert (recorded["ddof"], recorded["compares"]) == (1, ["audio"])
    assert recorded["subsets"]["seed"] == 3
    assert "resamples" not in recorded
    assert isinstance(fit_line([1, 2], [1.0, 2.0]), Line)
