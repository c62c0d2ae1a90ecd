"""Pairwise comparisons of the models of a column: families, ranks, and rows that lack clips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from svbench.files.results import ClipValues
from svbench.intervals import paired_difference
from svbench.reports.analysis.paired import LEAST_UNBOUNDED
from svbench.reports.analysis.pairwise import LEAST, sets_apart, standing, stretch
from svbench.reports.analysis.ranking import compare_places, marked_places, ranks_of, standings
from svbench.types import Column, ResultTable, Row, Score
from tests.factories.results import SPEC

BOUNDED = Column("m", "M", "higher", {"bounds": [0.0, 1.0]})
DISTANCE = Column("d", "D", "lower")


def table_of(values: Mapping[str, Mapping[str, float]], column: Column = BOUNDED) -> ResultTable:
    """Return a table of these scores per clip."""
    rows = tuple(
        Row(name, name, len(of), scores={"m": _mean(list(of.values()), column)})
        for name, of in values.items()
    )
    return ResultTable("T", "t", "elsewhere", SPEC, (column,), rows)


def _mean(values: list[float], column: Column) -> Score:
    return Score("m", float(np.mean(values)), column.better, len(values))


def scores_of(values: Mapping[str, Mapping[str, float]]) -> ClipValues:
    return {(name, "m"): dict(of) for name, of in values.items()}


def clips(*lifts: float, count: int = 40, seed: int = 0) -> dict[str, dict[str, float]]:
    """Return scores of models a, b ..., each lifted by as much above 0.4."""
    rng = np.random.default_rng(seed)
    common = rng.normal(0.4, 0.1, count)
    return {
        name: {
            f"c{i}/0": float(v)
            for i, v in enumerate(np.clip(common + rng.normal(lift, 0.05, count), 0, 1))
        }
        for name, lift in zip("abcdefgh", lifts, strict=False)
    }


def ranks(values: Mapping[str, Mapping[str, float]], column: Column = BOUNDED) -> object:
    return standing(table_of(values, column), column, scores_of(values)).ranks


def test_models_far_apart_have_one_rank_each() -> None:
    values = clips(0.0, 0.4, 0.2)
    assert ranks(values) == {"b": (1, 1), "c": (2, 2), "a": (3, 3)}
    lower = replace(BOUNDED, better="lower")
    assert ranks(values, lower) == {"a": (1, 1), "c": (2, 2), "b": (3, 3)}


def test_models_that_are_alike_share_their_ranks() -> None:
    values = clips(0.3, 0.3, 0.0)
    assert ranks(values) == dict.fromkeys(("b", "a"), (1, 2)) | {"c": (3, 3)}
    assert marked_places(standings(table_of(values), scores_of(values))) == {}


def test_the_family_is_every_pair_of_the_models_of_a_column() -> None:
    values = clips(*[0.0] * 8)
    found = standing(table_of(values), BOUNDED, scores_of(values))
    assert found.comparisons == 28
    assert [row.system for row in found.rows] == sorted(
        values, key=lambda name: -float(np.mean(list(values[name].values())))
    )


def test_what_differs_at_five_per_cent_alone_may_not_differ_among_eight() -> None:
    values = clips(*[0.0] * 8)
    alone = {name: values[name] for name in "ab"}
    mean = {name: np.mean(list(of.values())) for name, of in alone.items()}
    gaps = [values["a"][r] - values["b"][r] for r in values["a"]]
    # lift a so that its difference from b has a t of 2.5: p = 0.017, above 0.05 / 28
    lift = 2.5 * np.std(gaps, ddof=1) / 40**0.5 - (mean["a"] - mean["b"])
    lifted = {r: float(v + lift) for r, v in values["a"].items()}
    assert ranks({"a": lifted, "b": values["b"]}) == {"a": (1, 1), "b": (2, 2)}
    found = standing(table_of({**values, "a": lifted}), BOUNDED, scores_of({**values, "a": lifted}))
    assert not found.better.any()


def test_controls_and_floors_are_in_no_family() -> None:
    values = clips(0.0, 0.2, 0.4)
    table = table_of(values)
    control = replace(table.rows[2], made_of_real_clips=True)
    found = standing(replace(table, rows=(*table.rows[:2], control)), BOUNDED, scores_of(values))
    assert (found.comparisons, found.ranks) == (1, {"b": (1, 1), "a": (2, 2)})


def test_several_samples_of_an_example_are_one_value() -> None:
    values = clips(0.0, 0.05, count=60)
    one, other = (np.array(list(values[name].values())) for name in "ab")
    repeats = {
        name: {f"e{i // 3}/{i % 3}": v for i, v in enumerate(values[name].values())}
        for name in "ab"
    }
    means = [of.reshape(20, 3).mean(axis=1) for of in (other, one)]
    low, high = paired_difference(*means, (0.0, 1.0)).interval or (0.0, 0.0)
    found = standing(table_of(repeats), BOUNDED, scores_of(repeats))
    assert bool(found.better.any()) == (low > 0 or high < 0)


def test_rows_that_lack_clips_are_compared_on_the_common_ones() -> None:
    values = clips(0.0, 0.2, 0.4)
    values["c"] = {f"{request}x": v for request, v in values["c"].items()}  # none in common
    found = standing(table_of(values), BOUNDED, scores_of(values))
    assert found.comparisons == 1
    assert found.ranks == {"c": (1, 3), "b": (1, 2), "a": (2, 3)}
    values["c"] |= dict(list(values["b"].items())[:1])  # a single one carries nothing
    assert standing(table_of(values), BOUNDED, scores_of(values)).comparisons == 1


def test_common_clips_that_contradict_the_means_decide_nothing() -> None:
    values = clips(0.0, 0.2)
    values["a"] |= {f"more{i}/0": 1.0 for i in range(200)}  # a is better by its mean
    assert ranks(values) == {"a": (1, 2), "b": (1, 2)}


def test_few_pairs_without_a_range_are_not_compared() -> None:
    unbounded = replace(BOUNDED, settings={})
    for count, apart in ((LEAST_UNBOUNDED - 1, 0), (LEAST_UNBOUNDED, 1)):
        values = clips(0.0, 0.3, count=count)
        found = standing(table_of(values, unbounded), unbounded, scores_of(values))
        assert (found.comparisons, int(found.better.sum())) == (apart, apart)


def test_the_comparison_of_a_place_is_the_one_that_decides() -> None:
    values = clips(0.3, 0.3, 0.0)
    table, scores = table_of(values), scores_of(values)
    best, second = compare_places(table, scores)
    assert {best.system, second.system} == {"a", "b"}
    assert (best.following, best.stands) == (second.system, False)
    assert (second.following, second.stands) == (best.system, False)  # not c
    assert best.comparisons == 3
    assert best.evidence is not None
    assert not best.evidence.excludes_zero


def test_a_model_alone_has_no_rank() -> None:
    values = clips(0.3)
    assert ranks_of(standings(table_of(values), scores_of(values))) == {}


# --- whole sets --------------------------------------------------------------------------------


def sets(*values: float, half: float = 1.0, count: int = 40) -> list[Score]:
    return [Score("d", v, "lower", count, (v - half, v + half), "", count) for v in values]


def apart(scores: list[Score]) -> list[bool]:
    return sets_apart(scores)[1]


def test_two_sets_differ_where_their_intervals_do_not_overlap() -> None:
    # sqrt(2) is less than 2: the overlap decides at 95 %
    assert apart(sets(0.0, 1.99)) == [False]
    assert apart(sets(0.0, 2.01)) == [True]
    assert apart(sets(0.0, 0.0, half=0.0)) == [False]


def test_among_eight_sets_intervals_lie_further_apart() -> None:
    level = 1 - 0.05 / 28
    needed = stretch(level) * 2**0.5
    assert needed == pytest.approx(3.1237 / 1.95996 * 2**0.5, rel=1e-4)
    others = [0.0] * 7
    assert not any(apart(sets(*others, needed - 0.01)))
    assert sum(apart(sets(*others, needed + 0.01))) == 7


def test_the_halves_that_face_each_other_count() -> None:
    one = Score("d", 0.0, "lower", 40, (-9.0, 1.0), "", 40)
    other = Score("d", 2.1, "lower", 40, (1.1, 20.0), "", 40)
    assert apart([one, other]) == [True]
    assert apart([replace(one, interval=(-1.0, 1.2)), other]) == [False]


@pytest.mark.parametrize("change", [{"count": 39}, {"interval": None}, {"reference_count": 39}])
def test_sets_that_are_not_alike_are_not_compared(change: dict[str, object]) -> None:
    first, second = sets(0.0, 9.0)
    assert sets_apart([first, replace(second, **change)]) == ([], [])  # type: ignore[arg-type]
    few = sets(0.0, 9.0, count=LEAST - 1)
    assert sets_apart(few) == ([], [])


def test_negative_distances_are_ranked_like_others() -> None:
    scores = sets(-5.0, -1.0, 3.0)
    rows = tuple(Row(n, n, 40, scores={"d": s}) for n, s in zip("abc", scores, strict=True))
    table = ResultTable("T", "t", "elsewhere", SPEC, (DISTANCE,), rows)
    assert standing(table, DISTANCE, {}).ranks == {"a": (1, 1), "b": (2, 2), "c": (3, 3)}
