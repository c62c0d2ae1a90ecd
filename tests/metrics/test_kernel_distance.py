"""The unbiased kernel distance: closed forms, clustered rows, intervals, and the metric."""

from __future__ import annotations

import importlib
import json
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from threadpoolctl import threadpool_info, threadpool_limits

from svbench.errors import ScoreError
from svbench.intervals import student_quantile
from svbench.metrics import kernel_distance
from svbench.metrics.frechet import Frechet, distance, stats
from svbench.metrics.kernel_distance import Estimate, KernelDistance, squared_mmd
from svbench.metrics.kernels import TILE, Kernel, Polynomial, Radial
from svbench.types import Features
from tests.metrics.test_frechet import Ruler, features

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]
GAUSSIANS: ModuleType = importlib.import_module("distances_of_gaussians")
CUBIC, LINEAR = Polynomial(), Polynomial(degree=1)


def normal(rng: np.random.Generator, *shape: int) -> Matrix:
    return rng.standard_normal(shape)


def by_definition(a: Matrix, b: Matrix, kernel: Kernel, examples: tuple[Labels, Labels]) -> float:
    """Return the estimate as it is written: means over pairs of different examples."""
    kernel = kernel.fitted(b)

    def mean(x: Matrix, y: Matrix, of_x: Labels, of_y: Labels) -> float:
        return float(kernel(x, y)[of_x[:, None] != of_y].mean())

    first, second = examples
    within = mean(a, a, first, first) + mean(b, b, second, second)
    return within - 2 * mean(a, b, first, second)


def test_a_linear_kernel_gives_the_distance_of_the_means() -> None:
    # E x.x' + E y.y' - 2 E x.y = |mu_x - mu_y|^2, less the variances of both sample means
    rng = np.random.default_rng(0)
    a, b = normal(rng, 30, 4) + 1, normal(rng, 50, 4)
    gap = a.mean(axis=0) - b.mean(axis=0)
    noise = a.var(axis=0, ddof=1).sum() / 30 + b.var(axis=0, ddof=1).sum() / 50
    assert squared_mmd(a, b, LINEAR).value * 4 == pytest.approx(gap @ gap - noise, rel=1e-12)


def test_two_points_against_two_points() -> None:
    # k(0, 2) = 1, k(1, 3) = (3 + 1)^3 = 64, k(0, y) = 1, k(2, 1) = 27, k(2, 3) = 343
    a, b = np.array([[0.0], [2.0]]), np.array([[1.0], [3.0]])
    found = squared_mmd(a, b, CUBIC)
    assert found.value == pytest.approx(1 + 64 - 2 * (1 + 1 + 27 + 343) / 4)
    assert found.variance is None


@st.composite
def clustered(draw: st.DrawFn) -> tuple[Matrix, Matrix, tuple[Labels, Labels]]:
    """Return rows of unequal examples in any order, some of them on both sides."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    width, sides = draw(st.integers(1, 5)), []
    for low in (0, draw(st.integers(0, 12))):
        count = draw(st.integers(4, 10))
        labels = np.repeat(np.arange(low, low + count), rng.integers(1, 4, count))
        rng.shuffle(labels)
        sides.append((normal(rng, len(labels), width), labels))
    return sides[0][0], sides[1][0], (sides[0][1], sides[1][1])


@given(clustered(), st.sampled_from([CUBIC, Radial()]))
def test_means_are_over_pairs_of_different_examples(
    sets: tuple[Matrix, Matrix, tuple[Labels, Labels]], kernel: Kernel
) -> None:
    a, b, examples = sets
    expected = by_definition(a, b, kernel, examples)
    assert squared_mmd(a, b, kernel, examples).value == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(clustered())
def test_the_variance_is_that_of_leaving_each_example_out(
    sets: tuple[Matrix, Matrix, tuple[Labels, Labels]],
) -> None:
    a, b, (first, second) = sets
    value = by_definition(a, b, CUBIC, (first, second))
    without = []
    for example in np.union1d(first, second):
        x, y = first != example, second != example
        without.append(by_definition(a[x], b[y], CUBIC, (first[x], second[y])))
    expected = (len(without) - 1) / len(without) * np.square(np.array(without) - value).sum()
    found = squared_mmd(a, b, CUBIC, (first, second)).variance
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    a, b = normal(rng, TILE + 40, 3), normal(rng, 2 * TILE, 3) + 0.1
    labels = np.repeat(np.arange(TILE + 40), 2)
    sets = (a, b, CUBIC, (labels[: len(a)], labels[: len(b)]))
    whole = squared_mmd(*sets)
    monkeypatch.setattr(kernel_distance, "TILE", 64)
    assert squared_mmd(*sets).value == pytest.approx(whole.value, rel=1e-9)
    assert squared_mmd(*sets).variance == pytest.approx(whole.variance, rel=1e-9)


def test_an_example_larger_than_a_block_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    a, b = normal(rng, 60, 2), normal(rng, 60, 2)
    labels = np.repeat(np.arange(4), [40, 5, 5, 10])
    monkeypatch.setattr(kernel_distance, "TILE", 8)
    examples = (labels, labels + 10)
    expected = by_definition(a, b, CUBIC, examples)
    assert squared_mmd(a, b, CUBIC, examples).value == pytest.approx(expected, rel=1e-9)


def test_a_set_against_itself_is_0() -> None:
    rng = np.random.default_rng(0)
    a, labels = normal(rng, 24, 3), np.repeat(np.arange(8), 3)
    found = squared_mmd(a, a, Radial(), (labels, labels))
    assert found.value == pytest.approx(0, abs=1e-12)
    assert found.variance == pytest.approx(0, abs=1e-12)


def test_the_order_of_rows_and_sides_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    a, b = normal(rng, 40, 3), normal(rng, 30, 3) + 1
    kernel = Radial(bandwidth=1.0)
    one, other = squared_mmd(a, b, kernel), squared_mmd(b[::-1], a[::-1], kernel)
    assert one.value == pytest.approx(other.value, rel=1e-9)
    assert one.variance == pytest.approx(other.variance, rel=1e-9)


# --- bias and intervals, by simulation ---------------------------------------------------------


def halves(count: int, width: int, seed: int) -> tuple[Matrix, Matrix]:
    """Return two samples of one Gaussian."""
    rng = np.random.default_rng(seed)
    return normal(rng, count, width), normal(rng, count, width)


@pytest.mark.parametrize(("count", "expected"), [(256, 0.376), (512, 0.189)])
def test_a_frechet_distance_of_halves_of_one_population_is_far_from_0(
    count: int, expected: float
) -> None:
    a, b = map(stats, halves(count, 400, 0))
    trace = float(np.square(a.rows).sum() + np.square(b.rows).sum()) / (count - 1)  # of both
    assert distance(a, b) / trace == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("count", [32, 64, 128])
def test_over_all_divisions_of_one_sample_the_mean_is_0(count: int) -> None:
    # The standard error of the mean is 0.01 deviations; docs/distances.md measures up to 2,048.
    for mean, deviation in GAUSSIANS.halves(count, 400, 10_000, count).values():
        assert abs(mean) <= 0.03 * deviation
        assert deviation < 0.02  # where the Fréchet distance of the same n is 0.376 and more


@pytest.mark.parametrize("kernel", [CUBIC, Radial()])
@pytest.mark.parametrize(("count", "sets"), [(32, 1500), (128, 300)])
def test_halves_of_one_population_have_a_mean_of_0(kernel: Kernel, count: int, sets: int) -> None:
    # within four standard errors of 0; the mean of kadtk's row-wise form is the same here
    found = [squared_mmd(*halves(count, 8, seed), kernel).value for seed in range(sets)]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(sets)
    assert np.min(found) < 0 < np.max(found)


def dependent(rng: np.random.Generator, count: int, rows: int, centres: Matrix) -> Matrix:
    """Return rows that share half of their variance with the others of their example."""
    own = normal(rng, count * rows, centres.shape[1])
    return np.repeat(centres, rows, axis=0) * 0.5**0.5 + own * 0.5**0.5


@pytest.mark.parametrize("paired", [False, True])
def test_dependent_rows_of_an_example_cause_no_bias(paired: bool) -> None:
    rng, found, naive = np.random.default_rng(0), [], []
    labels = np.repeat(np.arange(24), 3)
    examples = (labels, labels if paired else labels + 24)
    for _ in range(400):
        centres = normal(rng, 24, 4)
        a = dependent(rng, 24, 3, centres)
        b = dependent(rng, 24, 3, centres if paired else normal(rng, 24, 4))
        found.append(squared_mmd(a, b, CUBIC, examples).value)
        naive.append(squared_mmd(a, b, CUBIC).value)
    assert abs(np.mean(found)) < 4 * np.std(found) / 20
    if not paired:  # the pairs of one clip are alike, which a mean over all rows counts as distance
        assert np.mean(naive) > 4 * np.std(naive) / 20


def covered(kernel: Kernel, shift: float, count: int, truth: float, sets: int) -> float:
    """Return how often the interval of two samples holds the distance of the populations."""
    reach, hits = student_quantile(0.975, count - 1), 0
    for seed in range(sets):
        a, b = halves(count, 16, seed)
        found = squared_mmd(a + shift, b, kernel)
        assert found.variance is not None
        hits += abs(found.value - truth) <= reach * found.variance**0.5
    return hits / sets


@pytest.mark.parametrize(("count", "sets"), [(32, 300), (128, 100)])
@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
def test_intervals_cover_the_distance_of_the_populations(
    shift: float, count: int, sets: int
) -> None:
    pair = GAUSSIANS.Pair(16, shift, 1.0)
    for kernel, truth in (
        (Radial(bandwidth=pair.bandwidth), pair.gaussian),
        (CUBIC, pair.polynomial),
    ):
        assert covered(kernel, shift, count, truth, sets) >= 0.9


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros(3), r"features \(N, D\), got shape \(3,\)"),
        (np.zeros((4, 0)), r"features \(N, D\), got shape \(4, 0\)"),
        (np.array([[0.0, np.nan, 1], [1, 2, 3]]), "finite features, got NaN or infinity"),
        (np.zeros((1, 3)), "at least 2 examples on either side, got 1"),
        (np.zeros((0, 3)), "at least 2 examples on either side, got 0"),
        (np.zeros((5, 4)), "have 4 and 3 columns"),
        (np.full((5, 3), 1e200), "overflows"),
    ],
)
def test_refuses_what_has_no_distance(bad: Matrix, message: str) -> None:
    with pytest.raises(ScoreError, match=message):
        squared_mmd(bad, np.eye(5, 3), CUBIC)


# --- the metric --------------------------------------------------------------------------------


def metric(kernel: Kernel = CUBIC, scale: float = 1.0) -> KernelDistance:
    return KernelDistance("kvd", "KVD", Frechet("fvd", "FVD", Ruler()), kernel, scale, ("vision",))


def test_scores_two_sets_of_clips() -> None:
    rng = np.random.default_rng(0)
    generated, reference = normal(rng, 40, 4) + 1, normal(rng, 60, 4)
    judged = metric(scale=100).score(features(generated, 2), features(reference, 3))
    labels = np.repeat(np.arange(20), 2), np.repeat(np.arange(20), 3)
    expected = squared_mmd(generated, reference, CUBIC, labels)
    score = judged.score
    assert judged.clips == ()
    assert score.value == pytest.approx(100 * expected.value)
    assert (score.metric, score.better, score.extractor) == ("kvd", "lower", "ruler-1")
    assert (score.count, score.reference_count, score.note) == (20, 20, "")
    low, high = score.interval or (0, 0)
    assert (low + high) / 2 == pytest.approx(score.value)
    reach = student_quantile(0.975, 19) * (expected.variance or 0) ** 0.5
    assert high - low == pytest.approx(200 * reach)


def test_samples_of_one_example_belong_together() -> None:
    values = normal(np.random.default_rng(0), 8, 2)
    names = ("a/0", "a/1", "b/0", "b/1", "c/0", "c/1", "d/0", "d/1")
    generated = Features("ruler-1", values, np.arange(8), names)
    reference = Features("ruler-1", values[::-1].copy(), np.arange(8), names)
    examples = np.repeat(np.arange(4), 2)
    expected = squared_mmd(values, values[::-1], CUBIC, (examples, examples))
    assert metric().score(generated, reference).score.value == pytest.approx(expected.value)


def test_a_negative_value_stays_negative() -> None:
    some = halves(40, 4, 0)[0]  # each row also stands on the other side, as another example
    score = metric(Radial()).score(features(some), features(some[::-1])).score
    assert score.value < 0
    assert score.interval is not None
    assert score.interval[0] < score.value < score.interval[1]


def test_few_examples_have_a_value_without_interval() -> None:
    a, b = halves(3, 2, 0)
    assert metric().score(features(a), features(b)).score.interval is None
    with pytest.raises(ScoreError, match="at least 2 examples on either side, got 1"):
        metric().score(features(a, 3), features(b))


def test_refuses_what_cannot_be_compared() -> None:
    some = features(np.eye(6, 3))
    with pytest.raises(ScoreError, match="kvd needs reference clips"):
        metric().score(some, None)
    with pytest.raises(ScoreError, match="are by ruler-1, of reference clips by ruler-2"):
        metric().score(some, features(np.eye(6, 3), extractor="ruler-2"))


def test_sums_are_rounded_alike_on_any_number_of_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = set()

    def watched(*given: Any) -> Estimate:
        threads.update(one["num_threads"] for one in threadpool_info())
        return squared_mmd(*given)

    monkeypatch.setattr(kernel_distance, "squared_mmd", watched)
    with threadpool_limits(2):
        metric().score(features(np.eye(6, 3)), features(np.eye(6, 3)))
    assert threads == {1}


def test_settings_are_complete_and_serialisable() -> None:
    recorded = json.loads(json.dumps(metric(Radial(), 100).settings))
    assert (recorded["extractor"], recorded["view"]) == ("ruler-1", "conformed")
    assert recorded["kernel"]["name"] == "gaussian"
    assert (recorded["scale"], recorded["compares"]) == (100, ["vision"])
    assert "unbiased" in recorded["caveat"]
    assert not {"ddof", "resamples", "seed"} & set(recorded)  # of the Fréchet distance alone
    polynomial = json.loads(json.dumps(metric().settings))["kernel"]
    assert polynomial == {"name": "polynomial", "degree": 3, "coef0": 1.0, "gamma": "1 / D"}
