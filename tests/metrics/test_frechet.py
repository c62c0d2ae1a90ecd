"""Fréchet distance: closed forms, properties of any two sets, and the metric around it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from threadpoolctl import threadpool_info, threadpool_limits

from svbench.errors import ScoreError
from svbench.metrics import frechet
from svbench.metrics.frechet import FeatureStats, Frechet, distance, stats
from svbench.types import Clip, Features, Values, View

Matrix = NDArray[np.float64]


def white(rows: int, columns: int, seed: int = 0) -> Matrix:
    """Return features whose sample mean is 0 and whose sample covariance (ddof 1) is I."""
    sample = np.random.default_rng(seed).standard_normal((rows, columns))
    sample -= sample.mean(axis=0)
    q, _ = np.linalg.qr(sample)
    return np.asarray(q * np.sqrt(rows - 1))


def apart(generated: Values, reference: Values, ddof: int = 1) -> float:
    """Return the distance between two sets in the exact form."""
    return distance(stats(generated), stats(reference), ddof, tolerance=0)


def by_square_root(generated: Matrix, reference: Matrix) -> float:
    """Return the distance as the formula is written, with a matrix square root."""
    a, b = np.cov(generated, rowvar=False), np.cov(reference, rowvar=False)
    gap = generated.mean(axis=0) - reference.mean(axis=0)
    root = np.real(scipy.linalg.sqrtm(a @ b))
    return float(gap @ gap + np.trace(a) + np.trace(b) - 2 * np.trace(root))


@pytest.mark.parametrize(("rows", "columns"), [(200, 4), (20, 15), (9, 8)])
def test_gaussians_with_diagonal_covariances(rows: int, columns: int) -> None:
    # |mu_a - mu_b|^2 + sum (sigma_a - sigma_b)^2
    rng = np.random.default_rng(3)
    wide, narrow = rng.uniform(1, 3, columns), rng.uniform(0, 1, columns)
    shift = rng.standard_normal(columns)
    generated, reference = white(rows, columns, 1) * wide, white(rows, columns, 2) * narrow + shift
    expected = shift @ shift + np.square(wide - narrow).sum()
    assert apart(generated, reference) == pytest.approx(expected, rel=1e-12)


def test_two_by_two_covariances_that_do_not_commute() -> None:
    # For 2 x 2: tr (A B)^(1/2) = sqrt(tr(A B) + 2 sqrt(det(A B)))
    first, second = np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([[1.0, -2.0], [0.0, 0.5]])
    a, b = first.T @ first, second.T @ second
    root_trace = np.sqrt(np.trace(a @ b) + 2 * np.sqrt(np.linalg.det(a @ b)))
    expected = np.trace(a) + np.trace(b) - 2 * root_trace
    value = apart(white(50, 2, 1) @ first, white(50, 2, 2) @ second)
    assert value == pytest.approx(expected, rel=1e-12)


def test_sets_in_orthogonal_planes_share_nothing() -> None:
    # A B = 0, so the distance is tr A + tr B although both are singular.
    plane = np.eye(6)
    generated, reference = white(30, 2, 1) @ plane[:2] * 2, white(30, 3, 2) @ plane[3:]
    assert apart(generated, reference) == pytest.approx(2 * 4 + 3, rel=1e-9)


def test_two_points_against_two_points() -> None:
    # On one line: variances 2 and 8 (ddof 1), means 1 and 2: 1 + (sqrt 2 - sqrt 8)^2 = 3.
    generated, reference = np.array([[0.0], [2.0]]), np.array([[0.0], [4.0]])
    assert apart(generated, reference) == pytest.approx(3.0, rel=1e-12)
    # ddof 0: variances 1 and 4: 1 + (1 - 2)^2 = 2.
    assert apart(generated, reference, ddof=0) == pytest.approx(2.0, rel=1e-12)


@pytest.mark.parametrize("rows", [40, 12, 9])
def test_equals_the_formula_with_a_matrix_square_root(rows: int) -> None:
    rng = np.random.default_rng(rows)
    mix = rng.standard_normal((8, 8))
    generated = rng.standard_normal((rows, 8)) @ mix
    reference = rng.standard_normal((30, 8)) + 0.3
    expected = by_square_root(generated, reference)
    assert apart(generated, reference) == pytest.approx(expected, rel=1e-9)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Matrix, Matrix]:
    """Return two sets: few or many rows, flat or steep spectra, narrow or wide apart."""
    seed, columns = draw(st.integers(0, 10**6)), draw(st.integers(1, 12))
    rng = np.random.default_rng(seed)
    sets = []
    for _ in range(2):
        rows = draw(st.integers(2, 40))
        steepness = draw(st.sampled_from([1.0, 0.7, 0.05]))
        mix = rng.standard_normal((columns, columns)) * steepness ** np.arange(columns)[:, None]
        sets.append(rng.standard_normal((rows, columns)) @ mix + rng.standard_normal(columns))
    return sets[0], sets[1]


def size(*sets: Matrix) -> float:
    """Return the scale that rounding is relative to."""
    return float(sum(np.square(one - sets[0].mean(axis=0)).sum() / (len(one) - 1) for one in sets))


@given(pairs())
def test_symmetric_and_never_negative(sets: tuple[Matrix, Matrix]) -> None:
    a, b = sets
    assert apart(a, b) == pytest.approx(apart(b, a), abs=1e-11 * size(a, b))
    assert apart(a, b) >= 0


@given(pairs())
def test_identical_sets_have_no_distance(sets: tuple[Matrix, Matrix]) -> None:
    for one in sets:
        assert apart(one, one.copy()) <= 1e-12 * size(one)
        assert apart(one, one[::-1]) <= 1e-12 * size(one)


@given(pairs(), st.floats(-1000, 1000))
def test_moving_both_changes_nothing(sets: tuple[Matrix, Matrix], by: float) -> None:
    a, b = sets
    assert apart(a + by, b + by) == pytest.approx(apart(a, b), abs=1e-9 * (1 + size(a, b)))


@given(pairs())
def test_moving_one_adds_the_squared_displacement(sets: tuple[Matrix, Matrix]) -> None:
    a, b = sets
    b = b - b.mean(axis=0) + a.mean(axis=0)
    by = np.arange(a.shape[1]) + 1.0
    expected = apart(a, b) + by @ by
    assert apart(a + by, b) == pytest.approx(expected, rel=1e-9, abs=1e-9 * size(a, b))


@given(pairs(), st.integers(0, 1000))
def test_turning_both_changes_nothing(sets: tuple[Matrix, Matrix], seed: int) -> None:
    a, b = sets
    turn, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((a.shape[1],) * 2))
    assert apart(a @ turn, b @ turn) == pytest.approx(apart(a, b), abs=1e-10 * size(a, b))


@given(pairs(), st.floats(0.01, 100))
def test_stretching_both_stretches_it_squared(sets: tuple[Matrix, Matrix], by: float) -> None:
    a, b = sets
    expected = by**2 * apart(a, b)
    assert apart(a * by, b * by) == pytest.approx(expected, abs=1e-10 * by**2 * size(a, b))


@given(pairs(), st.data())
def test_weights_repeat_rows(sets: tuple[Matrix, Matrix], data: st.DataObject) -> None:
    a, b = sets
    weights = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(a), max_size=len(a))))
    weights[0] += 2  # at least two rows
    expected = apart(np.repeat(a, weights, axis=0), b)
    value = distance(stats(a, weights), stats(b), tolerance=0)
    assert value == pytest.approx(expected, abs=1e-11 * (size(a, b) + 1))


@given(pairs())
@settings(max_examples=200)
def test_the_fast_form_is_not_used_beyond_its_tolerance(sets: tuple[Matrix, Matrix]) -> None:
    a, b = stats(sets[0]), stats(sets[1])
    exact = distance(a, b, tolerance=0)
    for tolerance in (1e-3, 1e-7):
        value = distance(a, b, tolerance=tolerance)
        assert value == pytest.approx(exact, rel=tolerance, abs=1e-12 * size(*sets))


def test_steep_spectra_use_the_exact_form() -> None:
    # Singular reference, full generated set: eigenvalues alone would err by 1e-8 of the trace.
    rng = np.random.default_rng(0)
    turn, _ = np.linalg.qr(rng.standard_normal((60, 60)))
    generated = white(300, 60, 1)
    reference = white(300, 60, 2) * 0.5 ** np.arange(60) @ turn
    # tr (A B)^(1/2) with A = I is the sum of the reference's standard deviations.
    deviations = 0.5 ** np.arange(60)
    expected = np.square(1 - deviations).sum()
    value = distance(stats(generated), stats(reference), tolerance=1e-10)
    assert value == pytest.approx(expected, rel=1e-12)
    unchecked = distance(stats(generated), stats(reference), tolerance=np.inf)
    assert abs(unchecked - expected) > 1e-10 * expected


def test_float32_features_are_summed_in_float64() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((500, 5)) + 300 for _ in range(2))
    a32, b32 = a.astype(np.float32), b.astype(np.float32)
    exact = apart(a32.astype(np.float64), b32.astype(np.float64))
    assert apart(a32, b32) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((1, 3)), "at least 2 feature rows, got 1"),
        (np.zeros((0, 3)), "at least 2 feature rows, got 0"),
        (np.array([[0.0, np.nan, 1], [1, 2, 3]]), "finite features, got NaN or infinity"),
        (np.array([[0.0, np.inf, 1], [1, 2, 3]]), "finite features, got NaN or infinity"),
        (np.zeros(3), r"features \(N, D\), got shape \(3,\)"),
        (np.zeros((4, 0)), r"features \(N, D\), got shape \(4, 0\)"),
    ],
)
def test_refuses_features_without_covariance(bad: Matrix, message: str) -> None:
    with pytest.raises(ScoreError, match=message):
        stats(bad)


def test_refuses_features_of_two_widths() -> None:
    with pytest.raises(ScoreError, match="have 3 and 4 columns"):
        apart(white(9, 3), white(9, 4))


def test_refuses_other_degrees_of_freedom() -> None:
    with pytest.raises(ScoreError, match=r"ddof must be 1 \(unbiased\) or 0, got 2"):
        apart(white(9, 3), white(9, 3), ddof=2)


def test_refuses_overflow() -> None:
    with pytest.raises(ScoreError, match="overflows"):
        apart(white(9, 3) * 1e200, white(9, 3))


# The metric


@dataclass(frozen=True)
class Ruler:
    """An extractor that is never called."""

    key: str = "ruler-1"
    view: View = "conformed"

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        raise NotImplementedError


def features(values: Matrix, rows_per_clip: int = 1, extractor: str = "ruler-1") -> Features:
    """Return features of clips of `rows_per_clip` rows each."""
    clips = len(values) // rows_per_clip
    owner = np.repeat(np.arange(clips), rows_per_clip)
    return Features(extractor, values, owner, tuple(f"c{i}/0" for i in range(clips)))


FVD = Frechet("fvd", "FVD", Ruler())


def test_scores_two_sets_of_clips() -> None:
    generated, reference = white(60, 4, 1) * 2, white(90, 4, 2)
    judged = FVD.score(features(generated, 2), features(reference, 3))
    score = judged.score
    assert judged.clips == ()
    assert score.value == pytest.approx(4.0, rel=1e-12)  # four times (2 - 1)^2
    assert (score.metric, score.better, score.extractor) == ("fvd", "lower", "ruler-1")
    assert (score.count, score.reference_count) == (30, 30)
    assert score.note == ""
    assert score.interval is not None
    assert 0 <= score.interval[0] < score.value < score.interval[1]


def test_offers_the_population_covariance() -> None:
    generated, reference = features(white(60, 4, 1) * 2), features(white(60, 4, 2))
    judged = Frechet("fvd", "FVD", Ruler(), ddof=0).score(generated, reference)
    assert judged.score.value == pytest.approx(4.0 * 59 / 60, rel=1e-12)


def test_sums_are_rounded_alike_on_any_number_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = set()

    def watched(*given: Any) -> float:
        threads.update(one["num_threads"] for one in threadpool_info())
        return distance(*given)

    monkeypatch.setattr(frechet, "distance", watched)
    with threadpool_limits(2):
        Frechet("ruler", "Ruler", Ruler(), resamples=2).score(
            features(white(8, 3)), features(white(8, 3, seed=1))
        )
    assert threads == {1}


def test_the_interval_is_seeded() -> None:
    generated, reference = features(white(20, 3, 1)), features(white(20, 3, 2) * 1.5)

    def interval(seed: int) -> tuple[float, float] | None:
        return Frechet("fvd", "FVD", Ruler(), seed=seed).score(generated, reference).score.interval

    assert interval(1) == interval(1)
    assert interval(1) != interval(2)


def test_the_interval_covers_the_spread_of_fresh_samples() -> None:
    # Bias aside (both sides share it), about 95 % of fresh values should lie within the
    # interval of one sample; a row-wise or uncentred interval would miss most of them.
    rng = np.random.default_rng(0)
    values = [
        apart(rng.standard_normal((80, 3)) + 1, rng.standard_normal((80, 3))) for _ in range(200)
    ]
    sample = features(rng.standard_normal((80, 3)) + 1), features(rng.standard_normal((80, 3)))
    low, high = FVD.score(*sample).score.interval or (0, 0)
    spread = np.quantile(values, 0.975) - np.quantile(values, 0.025)
    assert 0.5 < (high - low) / spread < 2


def test_rows_of_a_clip_are_drawn_together() -> None:
    # Each clip owns +1 and -1: whatever clips are drawn, the set is the same.
    generated = features(np.tile([[1.0], [-1.0]], (10, 1)), rows_per_clip=2)
    reference = features(np.tile([[2.0], [-2.0]], (10, 1)), rows_per_clip=2)
    score = FVD.score(generated, reference).score
    assert score.interval == pytest.approx((score.value, score.value), rel=1e-12)
    alone = FVD.score(features(generated.values), features(reference.values)).score
    assert alone.interval is not None
    assert alone.interval[1] - alone.interval[0] > 0.1


def test_one_clip_has_no_interval() -> None:
    one, many = features(white(10, 2, 1), rows_per_clip=10), features(white(10, 2, 2))
    assert FVD.score(one, many).score.interval is None
    assert FVD.score(many, one).score.interval is None
    asked_for_none = Frechet("fvd", "FVD", Ruler(), resamples=0)
    assert asked_for_none.score(many, many).score.interval is None


def test_notes_too_few_rows_for_full_rank() -> None:
    score = FVD.score(features(white(8, 7, 1)[:6]), features(white(30, 7, 2))).score
    assert score.note == (
        "rank-deficient: N = 6 generated and 30 reference rows for D = 7 features; "
        "compare at equal N only"
    )
    assert score.interval is not None


def test_refuses_what_cannot_be_compared() -> None:
    some = features(white(9, 3))
    with pytest.raises(ScoreError, match="fvd needs reference clips"):
        FVD.score(some, None)
    with pytest.raises(ScoreError, match="are by ruler-1, of reference clips by ruler-2"):
        FVD.score(some, features(white(9, 3), extractor="ruler-2"))


def test_settings_are_complete_and_serialisable() -> None:
    recorded = json.loads(json.dumps(FVD.settings))
    assert (recorded["extractor"], recorded["view"], recorded["ddof"]) == (
        "ruler-1",
        "conformed",
        1,
    )
    assert (recorded["resamples"], recorded["seed"]) == (200, 0)
    assert "not the distance of the populations" in recorded["caveat"]
    assert (FVD.better, FVD.needs_reference) == ("lower", True)


def test_stats_are_frozen() -> None:
    summary: FeatureStats = stats(white(9, 3))
    with pytest.raises(AttributeError):
        summary.count = 3  # type: ignore[misc]
