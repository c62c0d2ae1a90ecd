"""Plans from a run whose differences are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from svbench.errors import DataError
from svbench.intervals import mean_intervals, widening
from svbench.power import detectable_effect, paired_power
from svbench.reports.analysis.detectable import detectable
from svbench.reports.analysis.planning import ColumnPlan, Plan, Question, plan_of
from svbench.types import ClipSpec, Column, ResultTable, Row, Score

SPEC = ClipSpec(32, 8.0, (64, 64), 16000)
ALIGN, FVD = "av-align@x", "fvd@y"
COLUMN = Column(ALIGN, "AV-Align", "higher", {"bounds": [0.0, 1.0]})
Values = Mapping[str, np.ndarray[tuple[int], np.dtype[np.float64]]]


def planned(
    values: Values, repeats: int = 1, column: Column = COLUMN, **asked: float
) -> tuple[Plan, ColumnPlan]:
    """Return the plan of a run whose rows have these scores per clip."""
    scores = {
        (system, ALIGN): {f"c{i // repeats}/{i % repeats}": float(v) for i, v in enumerate(of)}
        for system, of in values.items()
    }
    rows = tuple(
        Row(name, name, len(of), scores={ALIGN: Score(ALIGN, float(of.mean()), "higher", len(of))})
        for name, of in values.items()
    )
    table = ResultTable("a run", "some", "mini", SPEC, (column,), rows)
    plan = plan_of(table, scores, Question(**asked))  # type: ignore[arg-type]
    return plan, plan.columns[0]


def two_rows(count: int, gap: float, scatter: float, seed: int = 0) -> Values:
    """Return two rows whose paired differences have exactly this mean and standard deviation."""
    noise = np.random.default_rng(seed).standard_normal(count)
    noise = (noise - noise.mean()) / noise.std(ddof=1)
    base = np.linspace(0.3, 0.4, count)
    return {"better": base + gap + scatter * noise, "worse": base}


def test_scatter_gap_and_detectable_difference_of_two_rows() -> None:
    plan, column = planned(two_rows(40, 0.1, 0.2))
    assert (plan.rows, plan.compared, plan.level) == (("better", "worse"), 2, 0.05)
    assert column.gap == pytest.approx(0.1)
    assert column.deviation == pytest.approx(0.2)
    wider = widening(0.2, 40, (-1.0, 1.0))
    assert column.detectable == pytest.approx(0.2 * detectable_effect(40, 0.8, 0.05, wider))
    assert [one.difference for one in column.needed] == pytest.approx([0.1, 0.05, 0.025])
    assert column.power is None


def test_the_captions_needed_are_the_fewest_with_the_power() -> None:
    _, column = planned(two_rows(40, 0.1, 0.2), difference=0.08)
    [needed] = column.needed
    assert needed.n is not None

    def power(n: int) -> float:
        return paired_power(0.08 / 0.2, n, 0.05, widening(0.2, n, (-1.0, 1.0)))

    assert power(needed.n) >= 0.8 > power(needed.n - 1)
    assert column.power == pytest.approx(power(40))
    _, there = planned(two_rows(40, 0.1, 0.2), difference=0.08, n=needed.n)
    assert there.power is not None
    assert there.power >= 0.8
    assert there.detectable <= 0.08


@pytest.mark.parametrize("count", [10, 40])
def test_a_detectable_difference_is_detected_by_the_intervals_of_tables(count: int) -> None:
    _, column = planned(two_rows(count, 0.05, 0.1))
    drawn = np.random.default_rng(count).normal(column.detectable, 0.1, (4000, count))
    found = mean_intervals(drawn, (-1.0, 1.0))[:, 0] > 0
    assert found.mean() == pytest.approx(0.8, abs=0.03)


def test_more_rows_need_more_captions() -> None:
    plan, column = planned(two_rows(40, 0.1, 0.2))
    many, of_many = planned(two_rows(40, 0.1, 0.2), rows=8)
    assert many.level == pytest.approx(plan.level / 28)
    assert of_many.detectable > column.detectable


def test_the_scatter_is_the_upper_quartile_of_pairs() -> None:
    one, other = two_rows(30, 0.1, 0.1), two_rows(30, 0.2, 0.3, seed=1)
    rows = {"a": one["better"], "b": one["worse"], "c": other["better"]}
    _, column = planned(rows)
    pairs = [rows["a"] - rows["b"], rows["a"] - rows["c"], rows["b"] - rows["c"]]
    assert column.deviation == pytest.approx(max(p.std(ddof=1) for p in pairs))


def test_alike_samples_help_little_and_independent_ones_like_captions() -> None:
    rng = np.random.default_rng(3)
    base = np.full(400, 0.5)
    alike = np.repeat(rng.normal(0.05, 0.1, 200), 2)
    _, column = planned({"a": base + alike, "b": base}, repeats=2)
    assert column.n == 200
    assert column.icc == pytest.approx(1.0)
    counts = [one.n for one in column.by_samples]
    assert counts == [counts[0]] * 4
    _, column = planned({"a": base + rng.normal(0.05, 0.1, 400), "b": base}, repeats=2)
    first, _, _, eight = (one.n or 0 for one in column.by_samples)
    assert column.icc == pytest.approx(0.0, abs=0.15)
    assert first / eight == pytest.approx(8, rel=0.5)


def test_values_without_a_range_need_the_pairs_that_tables_ask_for() -> None:
    unbounded = replace(COLUMN, settings={})
    _, column = planned(two_rows(20, 0.5, 0.1), column=unbounded)
    assert column.needed[0].n == 40


def test_rows_without_scatter_tell_nothing() -> None:
    rows = {"a": np.full(8, 0.75), "b": np.full(8, 0.5)}
    with pytest.raises(DataError, match="AV-Align: every difference of two rows is the same"):
        planned(rows)


def distances(*values: float, counts: tuple[int, ...] = (50, 50)) -> ResultTable:
    rows = tuple(
        Row(f"r{i}", f"r{i}", n, scores={FVD: Score(FVD, v, "lower", n, (v - 19.6, v + 19.6))})
        for i, (v, n) in enumerate(zip(values, counts, strict=True))
    )
    return ResultTable("a run", "some", "mini", SPEC, (Column(FVD, "FVD", "lower"),), rows)


def test_distances_are_compared_by_their_bootstraps() -> None:
    [column] = plan_of(distances(100.0, 140.0), {}, Question()).columns
    assert not column.paired
    assert column.gap == pytest.approx(40)
    assert column.deviation == pytest.approx(10 * 2**0.5, rel=1e-4)
    # intervals of half 19.6 must not overlap: 2 x 19.6, and z(.8) standard deviations more
    assert column.detectable == pytest.approx(39.2 + 0.841621 * 10 * 2**0.5, rel=1e-4)
    [four] = plan_of(distances(100.0, 140.0), {}, Question(n=200)).columns
    assert four.detectable == pytest.approx(column.detectable / 2)
    [asked] = plan_of(distances(100.0, 140.0), {}, Question(difference=four.detectable)).columns
    assert asked.needed[0].n in (200, 201)
    with pytest.raises(DataError, match="sets of 40 to 50 clips, expected equal ones"):
        plan_of(distances(100.0, 140.0, counts=(50, 40)), {}, Question())


def test_controls_serve_where_there_are_no_two_models() -> None:
    values = two_rows(20, 0.1, 0.2)
    scores = {(name, ALIGN): {f"c{i}/0": float(v) for i, v in enumerate(of)}
              for name, of in values.items()}  # fmt: skip
    rows = tuple(
        Row(name, name, 20, name == "worse", scores={ALIGN: Score(ALIGN, 0.3, "higher", 20)})
        for name in values
    )
    table = ResultTable("a run", "some", "mini", SPEC, (COLUMN,), rows)
    plan = plan_of(table, scores, Question())
    assert not plan.models
    assert plan.columns[0].deviation == pytest.approx(0.2)
    with pytest.raises(DataError, match="found 1 row with scores, expected two or more"):
        plan_of(replace(table, rows=rows[:1]), scores, Question())


@pytest.mark.parametrize("count", [12, 40, 150])
def test_tables_state_nearly_the_same_detectable_difference(count: int) -> None:
    values = two_rows(count, 0.1, 0.2)
    _, column = planned(values)
    scores = {
        (name, ALIGN): {f"c{i}/0": float(v) for i, v in enumerate(of)}
        for name, of in values.items()
    }
    rows = tuple(
        Row(name, name, count, scores={ALIGN: Score(ALIGN, float(of.mean()), "higher", count)})
        for name, of in values.items()
    )
    table = ResultTable("a run", "some", "mini", SPEC, (COLUMN,), rows)
    stated = detectable(table, COLUMN, scores)
    assert stated is not None
    assert stated.pair == pytest.approx(column.detectable, rel=0.05)
    [of_sets] = plan_of(distances(100.0, 140.0), {}, Question()).columns
    of_table = detectable(distances(100.0, 140.0), distances(1.0, 1.0).columns[0], {})
    assert of_table is not None
    assert of_table.pair == pytest.approx(of_sets.detectable, rel=1e-3)


def test_what_people_prefer_is_not_planned_like_clips() -> None:
    people = Column("people@sync", "People", "higher", {})
    score = Score("people@sync", 0.5, "higher", 40)
    rows = tuple(
        Row(name, name, 40, scores={ALIGN: Score(ALIGN, 0.3, "higher", 40), "people@sync": score})
        for name in ("better", "worse")
    )
    table = ResultTable("a run", "some", "mini", SPEC, (COLUMN, people), rows)
    scores = {
        (system, ALIGN): {f"c{i}/0": float(v) for i, v in enumerate(values)}
        for system, values in two_rows(40, 0.1, 0.2).items()
    }
    plan = plan_of(table, scores, Question())
    assert [column.title for column in plan.columns] == ["AV-Align"]
    assert "docs/human-study.md" in plan.absent["People"]
