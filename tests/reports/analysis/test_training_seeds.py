"""Intervals over training seeds and captions: closed forms, limits, coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from svbench.errors import DataError
from svbench.intervals import mean_interval
from svbench.reports.analysis.training_seeds import (
    OverSeeds,
    Trainings,
    family,
    interval_over_seeds,
    over_seeds,
)
from svbench.types import ClipSpec, Column, ResultTable, Row, Score

Array = NDArray[np.float64]
SPEC = ClipSpec(32, 8.0, (64, 64), 16000)
ALIGN, FVD = "av-align@x", "fvd@y"
COLUMN = Column(ALIGN, "AV-Align", "higher", {"bounds": [0.0, 1.0]})
TABLE = ResultTable("runs", "some", "mini", SPEC, (COLUMN,), ())


def compared(first: Array, second: Array | None = None, repeats: int = 1) -> OverSeeds:
    """Return what `over_seeds` computes of scores (trainings, clips)."""
    models, scores = [], {}
    for name, of in (("a", first), ("b", second)):
        if of is not None:
            systems = tuple(f"{name}{k}" for k in range(len(of)))
            models.append(Trainings(name, systems))
            for system, row in zip(systems, of, strict=True):
                ids = (f"c{i // repeats:03d}/{i % repeats}" for i in range(len(row)))
                scores[system, ALIGN] = dict(zip(ids, map(float, row), strict=True))
    return over_seeds(TABLE, scores, COLUMN, *models)


def test_both_terms_and_the_freedom_of_satterthwaite() -> None:
    captions = np.random.default_rng(0).normal(0.2, 0.1, 40)
    a, b = np.array([0.5, 0.6, 0.8]), np.array([0.3, 0.35, 0.37])
    terms = np.array([a.var(ddof=1) / 3, b.var(ddof=1) / 3, captions.var(ddof=1) / 40])
    freedom = terms.sum() ** 2 / (terms**2 / np.array([2, 2, 39])).sum()
    half = scipy.stats.t.ppf(0.975, np.floor(freedom)) * np.sqrt(terms.sum())
    found = interval_over_seeds(captions, [a, b])
    assert found == pytest.approx((captions.mean() - half, captions.mean() + half), rel=1e-6)


def test_many_captions_leave_the_interval_of_the_trainings() -> None:
    seeds = [0.5, 0.6, 0.8]
    captions = np.mean(seeds) + np.tile([-1e-6, 1e-6], 500)
    low, high = interval_over_seeds(captions, [seeds]) or (0, 0)
    want = scipy.stats.t.interval(0.95, 2, np.mean(seeds), scipy.stats.sem(seeds))
    assert (low, high) == pytest.approx(want, rel=1e-3)


@pytest.mark.parametrize("trainings", [[], [[0.5]], [[0.5], [0.3]], [[0.5, 0.5, 0.5]]])
def test_trainings_that_do_not_differ_leave_the_interval_of_the_captions(
    trainings: list[list[float]],
) -> None:
    captions = np.random.default_rng(0).beta(0.3, 2, 15)
    assert interval_over_seeds(captions, trainings, (0, 1)) == mean_interval(captions, (0, 1))


def test_it_is_never_narrower_than_the_captions_and_stays_in_the_range() -> None:
    captions = np.random.default_rng(0).beta(0.3, 2, 15)
    own = mean_interval(captions, (0, 1)) or (0, 0)
    for spread in (0.001, 0.01, 0.1, 0.5):
        low, high = interval_over_seeds(captions, [[0.0, spread]], (0, 1)) or (0, 0)
        assert 0 <= low <= own[0] < own[1] <= high <= 1
    assert (low, high) == (0, 1)


def test_captions_of_a_model_are_averaged_over_its_trainings() -> None:
    first, second = np.array([[0.2, 0.4, 0.6], [0.4, 0.6, 0.8]]), np.array([[0.1, 0.2, 0.3]])
    found = compared(first, second)
    assert (found.first, found.second) == ("a", "b")
    assert found.value == pytest.approx(0.5 - 0.2)
    assert (found.trainings, found.captions) == ((2, 1), 3)
    assert found.interval == pytest.approx(
        interval_over_seeds([0.2, 0.3, 0.4], [[0.4, 0.6], [0.2]], (-1, 1))
    )
    mean = compared(first)
    assert (mean.value, mean.second, mean.trainings) == (pytest.approx(0.5), None, (2,))


def test_captions_that_one_training_lacks_do_not_count() -> None:
    scores = {("a0", ALIGN): {"x/0": 0.1, "y/0": 0.2, "z/0": 0.9},
              ("a1", ALIGN): {"x/0": 0.3, "y/0": 0.4}}  # fmt: skip
    found = over_seeds(TABLE, scores, COLUMN, Trainings("a", ("a0", "a1")))
    assert (found.value, found.captions) == (pytest.approx(0.25), 2)
    with pytest.raises(DataError, match="no scores per clip of 'a2'"):
        over_seeds(TABLE, scores, COLUMN, Trainings("a", ("a0", "a2")))
    scores["a1", ALIGN] = {"w/0": 0.3}
    with pytest.raises(DataError, match="no request that is scored in all of a0, a1"):
        over_seeds(TABLE, scores, COLUMN, Trainings("a", ("a0", "a1")))


def test_samples_of_a_caption_count_once() -> None:
    rng = np.random.default_rng(0)
    once = rng.uniform(0.2, 0.8, (3, 10))
    twice = compared(np.repeat(once, 2, axis=1), repeats=2)
    alone = compared(once)
    assert twice.captions == alone.captions == 10
    assert twice.interval == pytest.approx(alone.interval)


def drawn(
    rng: np.random.Generator, seeds: int, of_seeds: float, captions: int = 40
) -> tuple[Array, Array]:
    """Return two models that do not differ, as (trainings, captions)."""
    shared = rng.normal(0.5, 0.2, captions)
    own = rng.normal(0, 0.1, (2, captions))  # how a caption suits a model, whatever the training
    one, other = (
        shared + suits + rng.normal(0, of_seeds, (seeds, 1)) + rng.normal(0, 0.1, (seeds, captions))
        for suits in own
    )
    return one, other


@pytest.mark.parametrize("of_seeds", [0.0, 0.02, 0.05, 0.1])
def test_three_trainings_and_forty_clips_cover_the_difference(of_seeds: float) -> None:
    rng = np.random.default_rng(1)
    both, clips = [], []
    for _ in range(600):
        one, other = drawn(rng, 3, of_seeds)
        captions = one.mean(axis=0) - other.mean(axis=0)
        for found, of in ((both, [one.mean(axis=1), other.mean(axis=1)]), (clips, [])):
            low, high = interval_over_seeds(captions, of) or (0, 0)
            found.append(low <= 0 <= high)
    assert np.mean(both) > 0.93
    if of_seeds >= 0.05:
        assert np.mean(clips) < 0.8  # an interval over clips does not hold another training


def test_differences_are_corrected_for_the_number_of_models() -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(0.4, 0.6, 40)
    noise = rng.standard_normal((10, 40)) * 0.05
    noise -= noise.mean(axis=1, keepdims=True)  # each gap is exactly what it is set to
    scores = {("z0", ALIGN): {f"c{i}/0": float(v) for i, v in enumerate(base)}}
    models = []
    for k, gap in enumerate([0.1, 0.022, *[0.0] * 8]):
        row = base + gap + noise[k]
        scores[f"m{k}", ALIGN] = {f"c{i}/0": float(v) for i, v in enumerate(row)}
        models.append((Trainings(f"m{k}", (f"m{k}",)), Trainings("z", ("z0",))))
    alone = family(TABLE, scores, COLUMN, models[1:2])
    together = family(TABLE, scores, COLUMN, models)
    assert [one.differs for one in alone] == [True]
    assert [one.differs for one in together] == [True, *[False] * 9]
    assert together[1].interval == alone[0].interval
    means = family(TABLE, scores, COLUMN, [(models[0][0], None)])
    assert not means[0].differs


def sets(values: dict[str, float | None]) -> ResultTable:
    rows = tuple(
        Row(name, name, 9, scores={} if v is None else {FVD: Score(FVD, v, "lower", 9, (1, 999))})
        for name, v in values.items()
    )
    return ResultTable("runs", "some", "mini", SPEC, (Column(FVD, "FVD", "lower"),), rows)


def test_distances_have_the_interval_of_welch() -> None:
    a, b = [100.0, 110.0, 130.0], [150.0, 155.0, 157.0]
    table = sets({f"{n}{k}": v for n, of in (("a", a), ("b", b)) for k, v in enumerate(of)})
    one, other = (Trainings(n, tuple(f"{n}{k}" for k in range(3))) for n in "ab")
    found = over_seeds(table, {}, table.columns[0], one, other)
    welch = scipy.stats.ttest_ind(a, b, equal_var=False)
    half = scipy.stats.t.ppf(0.975, np.floor(welch.df)) * abs(found.value / welch.statistic)
    assert found.value == pytest.approx(np.mean(a) - np.mean(b))
    assert found.interval == pytest.approx((found.value - half, found.value + half), rel=1e-6)
    assert found.captions is None
    mean = over_seeds(table, {}, table.columns[0], one)
    assert mean.interval == pytest.approx(
        scipy.stats.t.interval(0.95, 2, np.mean(a), scipy.stats.sem(a)), rel=1e-6
    )


def test_one_training_of_a_distance_has_no_interval_and_none_is_below_zero() -> None:
    table = sets({"a0": 10.0, "a1": 90.0, "b0": None})
    column = table.columns[0]
    assert over_seeds(table, {}, column, Trainings("a", ("a0",))).interval is None
    both = over_seeds(table, {}, column, Trainings("a", ("a0", "a1")))
    assert both.interval is not None
    assert both.interval[0] == 0.0
    with pytest.raises(DataError, match="no score of 'b0'"):
        over_seeds(table, {}, column, Trainings("b", ("b0",)))


def test_the_mean_of_unbiased_distances_may_lie_below_zero() -> None:
    values = [-0.020, -0.021, -0.0205]
    column = Column("kvd@y", "KVD", "lower")
    rows = tuple(
        Row(f"a{k}", "a", 9, scores={"kvd@y": Score("kvd@y", v, "lower", 9, (v - 0.1, v + 0.1))})
        for k, v in enumerate(values)
    )
    table = ResultTable("runs", "some", "mini", SPEC, (column,), rows)
    found = over_seeds(table, {}, column, Trainings("a", ("a0", "a1", "a2")))
    assert found.interval == pytest.approx(
        scipy.stats.t.interval(0.95, 2, np.mean(values), scipy.stats.sem(values)), rel=1e-6
    )
