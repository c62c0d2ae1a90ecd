"""Tables of categories hold the means of their clips, and every clip is in one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from svbench.errors import ConfigError, DataError
from svbench.files.results import RequestIdentity
from svbench.intervals import mean_interval
from svbench.metrics.per_clip import mean_of_clips
from svbench.reports.analysis.categories import (
    NO_CLIP,
    NO_MEAN,
    SETS,
    GroupTable,
    category_columns,
    group_tables,
    kinds,
)
from svbench.types import ClipScore, ResultTable, Row
from tests.factories.results import ALIGN, COLUMNS, FVD, REQUESTS, clip_values, make_table

MODEL = "cmc-pe-gamma1"
MATERIALS = ["wood"] * 8 + ["metal"] * 5 + ["glass", "dirt"]  # the last clip has none


def labelled(materials: Sequence[str], kind: str = "material") -> dict[str, RequestIdentity]:
    examples = [request.rpartition("/")[0] for request in REQUESTS]
    return {
        name: RequestIdentity("", name, {kind: material} if material else {})
        for name, material in zip(examples, [*materials, "", ""], strict=False)
    }


def tables(
    materials: Sequence[str] = MATERIALS, least: int = 1, **changed: object
) -> dict[str, GroupTable]:
    found = group_tables(
        make_table(**changed), clip_values(), labelled(materials), "material", least
    )
    return {one.group.name: one for one in found}


def row(table: ResultTable, system: str = MODEL) -> Row:
    return next(row for row in table.rows if row.system == system)


def judged_alone(requests: Sequence[str], values: Mapping[str, float]) -> Any:
    """Return the score that a metric gives to these clips alone."""

    class Metric:
        name, better = ALIGN, "higher"

    clips = [ClipScore(request, values[request]) for request in requests]
    return mean_of_clips(Metric(), clips, "events-1", (0.0, 1.0)).score  # type: ignore[arg-type]


def test_a_category_scores_as_its_clips_alone_would() -> None:
    values = clip_values()[MODEL, ALIGN]
    for name, one in tables().items():
        requests = list(one.scores[MODEL, ALIGN])
        assert row(one.table).scores[ALIGN] == judged_alone(requests, values), name


def test_every_clip_is_in_one_group_the_largest_first() -> None:
    found = tables()
    assert list(found) == ["wood", "metal", "dirt", "glass", "without material"]
    assert [row(one.table).asked for one in found.values()] == [8, 5, 1, 1, 1]
    requests = [r for one in found.values() for r in one.scores[MODEL, ALIGN]]
    assert sorted(requests) == sorted(REQUESTS)


def test_a_mean_over_the_groups_by_their_counts_is_the_mean_of_all() -> None:
    scores = [row(one.table).scores[ALIGN] for one in tables().values()]
    whole = row(make_table()).scores[ALIGN].value
    assert np.average([s.value for s in scores], weights=[s.count for s in scores]) == (
        pytest.approx(whole, rel=1e-12)
    )


def test_one_clip_has_no_interval_and_a_count_of_one() -> None:
    score = row(tables()["glass"].table).scores[ALIGN]
    assert (score.count, score.interval) == (1, None)


def test_small_categories_are_put_together() -> None:
    found = tables(least=6)
    assert list(found) == ["wood", "other (3 categories)", "without material"]
    other = found["other (3 categories)"]
    assert (other.group.members, other.group.categories) == ("other", ("metal", "dirt", "glass"))
    assert row(other.table).scores[ALIGN].count == 7
    assert list(tables(MATERIALS[:14], least=2)) == [
        *("wood", "metal", "other (1 category)", "without material")
    ]


def test_one_category_of_all_clips_has_the_scores_of_the_run() -> None:
    table, values = make_table(), clip_values()
    (one,) = group_tables(table, values, labelled(["wood"] * 16), "material")
    assert one.scores == values
    for of, whole in zip(one.table.rows, table.rows, strict=True):
        score = of.scores[ALIGN]
        assert (score.value, score.count) == (whole.scores[ALIGN].value, whole.asked)


def test_distances_are_absent_with_the_reason() -> None:
    for one in tables().values():
        assert all(FVD not in of.scores for of in one.table.rows)
        assert row(one.table).absent[FVD] == SETS
        assert row(one.table, "shuffled").absent[FVD] == "a distance needs more clips"


def test_a_score_that_is_no_mean_is_not_taken_for_one() -> None:
    table = make_table()
    median = replace(row(table).scores[ALIGN], value=0.3)
    rows = tuple(
        replace(of, scores={**of.scores, ALIGN: median}) if of.system == MODEL else of
        for of in table.rows
    )
    found = tables(rows=rows)
    assert {row(one.table).absent[ALIGN] for one in found.values()} == {NO_MEAN}
    assert ALIGN in row(found["wood"].table, "real").scores


def test_repeats_of_an_example_share_its_category_and_are_one_in_the_interval() -> None:
    values = {f"clip-{i:02d}/{k}": (i + k) / 8 for i in range(4) for k in range(2)}
    mean = sum(values.values()) / len(values)
    whole = replace(row(make_table()).scores[ALIGN], value=mean)
    model = replace(row(make_table()), scores={ALIGN: whole})
    table = make_table(rows=(model,), columns=COLUMNS[1:])
    found = group_tables(table, {(MODEL, ALIGN): values}, labelled(["wood"] * 3), "material")
    score = row(found[0].table).scores[ALIGN]
    assert (score.value, score.count) == (3 / 16, 6)
    assert score.interval == mean_interval([1 / 16, 3 / 16, 5 / 16], (0.0, 1.0))


def test_a_category_whose_clips_were_all_left_out_is_shown_without_a_score() -> None:
    table, values = make_table(), clip_values()
    gone = REQUESTS[13]  # the one clip of glass
    left = {gone: "cannot be read"}
    table = replace(table, rows=tuple(replace(of, left_out=left) for of in table.rows))
    scores = {
        key: {name: value for name, value in of.items() if name != gone}
        for key, of in values.items()
    }
    rows = tuple(
        replace(of, scores={ALIGN: replace(of.scores[ALIGN], value=mean(scores[of.system, ALIGN]))})
        for of in table.rows
    )
    table = replace(table, rows=rows)
    found = group_tables(table, scores, labelled(MATERIALS), "material")
    glass = next(one.table for one in found if one.group.name == "glass")
    assert [(of.asked, of.absent[ALIGN], of.left_out) for of in glass.rows] == (
        [(1, NO_CLIP, left)] * 5
    )
    assert all(not row(one.table).left_out for one in found if one.group.name != "glass")


def mean(values: Mapping[str, float]) -> float:
    return float(np.mean(list(values.values())))


def test_unknown_requests_are_without_category() -> None:
    known = labelled(MATERIALS)
    known.pop("clip-00")
    found = group_tables(make_table(), clip_values(), known, "material")
    assert row(found[-1].table).asked == 2


def test_a_kind_that_no_clip_has_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^--by: found 'class', expected one of material$"):
        group_tables(make_table(), clip_values(), labelled(MATERIALS), "class")
    with pytest.raises(ConfigError, match="expected a run whose clips have categories"):
        group_tables(make_table(), clip_values(), {}, "class")


def test_a_table_of_distances_alone_is_refused() -> None:
    table = make_table(columns=COLUMNS[:1])
    with pytest.raises(DataError, match=r"found no metric with a value per clip \(FVD"):
        group_tables(table, clip_values(), labelled(MATERIALS), "material")


def test_kinds_are_named_once_and_their_columns_take_no_others_name() -> None:
    known = {
        "a": RequestIdentity("", "a", {"value": "1", "material": "wood"}),
        "b": RequestIdentity("", "b", {"action": "hit", "material": "wood"}),
    }
    assert kinds(known) == ("value", "material", "action")
    assert category_columns(known, ("value", "request")) == {
        "value": "value (category)",
        "material": "material",
        "action": "action",
    }
