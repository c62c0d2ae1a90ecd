"""Several runs as one table: what was judged alike, and a reason for all that was not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from svbench.errors import DataError
from svbench.reports.merge import Merged, Run, merge
from svbench.types import ResultTable, Row
from tests.result_factories import ALIGN, FVD, clip_values, make_table, with_score

BEST = "cmc-pe-gamma1.5"
FIRST = Run("first", make_table(), clip_values())


def second(table: ResultTable) -> Run:
    return Run("second", table, clip_values())


def joined(table: ResultTable) -> Merged:
    return merge([FIRST, second(table)])


def systems(merged: Merged) -> list[str]:
    return [row.system for row in merged.table.rows]


def row(merged: Merged, system: str) -> Row:
    return next(row for row in merged.table.rows if row.system == system)


def with_settings(table: ResultTable, system: str, **settings: str) -> ResultTable:
    return replace(
        table,
        rows=tuple(
            replace(r, settings={**r.settings, **settings}) if r.system == system else r
            for r in table.rows
        ),
    )


def with_column_settings(metric: str, **settings: object) -> ResultTable:
    columns = tuple(
        replace(c, settings={**c.settings, **settings}) if c.metric == metric else c
        for c in make_table().columns
    )
    return make_table(columns=columns)


def test_equal_rows_become_one() -> None:
    merged = joined(make_table())
    assert systems(merged) == systems(Merged(make_table(), {}))
    assert merged.table.title == "Greatest Hits, miniature: first, second"
    assert merged.table.record == make_table().record
    assert merged.scores == clip_values()


def test_rows_of_one_name_are_told_apart_by_their_run_and_what_differs_is_said() -> None:
    table = with_settings(make_table(), BEST, steps="50", set="other")
    merged = joined(with_score(table, BEST, ALIGN, value=0.625))
    assert systems(merged)[-2:] == [f"{BEST} (first)", f"{BEST} (second)"]
    assert row(merged, f"{BEST} (second)").scores[ALIGN].value == 0.625
    assert row(merged, f"{BEST} (second)").title == "cmc-pe, gamma 1.5 (second)"
    assert merged.scores[f"{BEST} (second)", ALIGN] == clip_values()[BEST, ALIGN]
    assert (BEST, ALIGN) not in merged.scores
    assert merged.table.notes[-1] == (
        "cmc-pe, gamma 1.5 of second and of first were made otherwise: steps was 25, is 50"
    )


def test_rows_of_another_name_join_as_they_are() -> None:
    mine = replace(make_table().rows[4], system="mine", title="my model")
    merged = joined(make_table(rows=(make_table().rows[0], mine)))
    assert systems(merged)[-1] == "mine"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"scale": "paper"}, "second left out: scale was mini, is paper"),
        ({"dataset": "landscape"}, "second left out: data set was greatesthits, is landscape"),
    ],
)
def test_a_run_that_cannot_be_compared_at_all_is_refused(
    changed: dict[str, object], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        joined(make_table(**changed))


def test_of_three_runs_the_one_that_does_not_fit_is_left_out_with_its_reason() -> None:
    other = Run("third", make_table(scale="paper"), clip_values())
    merged = merge([FIRST, other, second(make_table())])
    assert merged.table.title.endswith(": first, second")
    assert merged.table.notes[-1] == "third left out: scale was mini, is paper"


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"frame_choice": "official"}, "frame choice was nearest, is official"),
        ({"channels": "first"}, "channels was mean, is first"),
    ],
)
def test_clips_that_were_read_otherwise_never_stand_side_by_side(
    choice: dict[str, str], reason: str
) -> None:
    table = make_table()
    other = replace(table, spec=replace(table.spec, **choice))
    with pytest.raises(DataError, match=f"^second left out: {reason}$"):
        merge([FIRST, Run("second", other, clip_values())])


def test_a_column_judged_otherwise_is_empty_with_the_setting_that_differs() -> None:
    detectors = {"onsets": {"delta": 0.1}, "peaks": {"relative": 0.0}}
    merged = joined(with_column_settings(ALIGN, detectors=detectors))
    refused = row(merged, f"{BEST} (second)")
    assert ALIGN not in refused.scores
    assert refused.absent[ALIGN] == ("judged otherwise: detectors.onsets.delta was 0.07, is 0.1")
    assert refused.scores[FVD].value == 300.0
    assert (f"{BEST} (second)", ALIGN) not in merged.scores


def test_a_row_without_a_cell_that_fits_is_left_out_with_its_reason() -> None:
    merged = joined(with_column_settings(ALIGN, window=5))
    assert not [name for name in systems(merged) if name.startswith("shuffled (second")]
    assert (
        "real pictures, sound of another clip (floor) of second left out, judged otherwise: "
        "window was 3, is 5"
    ) in merged.table.notes


def test_runs_of_which_no_row_fits_are_refused_with_every_reason() -> None:
    alone = make_table(columns=with_column_settings(ALIGN, window=5).columns[1:])
    rows = tuple(replace(r, scores={ALIGN: r.scores[ALIGN]}) for r in alone.rows)
    with pytest.raises(DataError, match="left out, judged otherwise: window") as caught:
        joined(replace(alone, rows=rows))
    assert len(str(caught.value).splitlines()) == 5


def test_seeds_of_intervals_may_differ() -> None:
    merged = joined(with_column_settings(ALIGN, seed=7, resamples=100))
    assert systems(merged) == systems(Merged(make_table(), {}))


def test_sets_of_other_real_clips_or_counts_are_not_compared() -> None:
    others = make_table(record={"seed": 0, "real clips": 16, "real set": "decade"})
    merged = joined(others)
    assert row(merged, f"{BEST} (second)").absent[FVD] == (
        "judged otherwise: real set was c0ffee, is decade"
    )
    assert row(merged, f"{BEST} (second)").scores[ALIGN].value == 0.5
    apart = joined(make_table(record={**make_table().record, "reference set": "facade"}))
    assert row(apart, f"{BEST} (second)").absent[FVD] == (
        "judged otherwise: reference set was absent, is facade"
    )
    fewer = joined(with_score(make_table(), BEST, FVD, count=12))
    assert row(fewer, f"{BEST} (second)").absent[FVD] == "judged otherwise: clips was 16, is 12"


def test_halves_of_real_clips_are_drawn_by_the_seed_and_models_are_not() -> None:
    merged = joined(make_table(record={"seed": 1, "real clips": 16, "real set": "c0ffee"}))
    assert row(merged, "real (second)").absent[FVD] == "judged otherwise: seed was 0, is 1"
    assert BEST in systems(merged)  # equal in every figure, and so one row
    assert "seed" not in merged.table.record


def test_requests_are_paired_only_on_the_same_real_clips() -> None:
    table = make_table(record={"seed": 0, "real set": "decade"})
    merged = joined(table)
    assert set(merged.scores[f"{BEST} (second)", ALIGN]) == {
        f"second: {request}" for request in clip_values()[BEST, ALIGN]
    }
    assert merged.table.notes[-1] == (
        "second: its real clips are others, so its requests are not paired with those of first"
    )
    unknown = make_table(record={})
    both = merge(
        [Run("first", unknown, clip_values()), second(with_settings(unknown, BEST, a="b"))]
    )
    assert min(both.scores[f"{BEST} (second)", ALIGN]).startswith("second: ")


def test_a_run_without_scores_of_clips_joins_and_that_is_said() -> None:
    table = with_settings(make_table(), BEST, steps="50")
    merged = merge([FIRST, Run("second", table, None)])
    assert (f"{BEST} (second)", ALIGN) not in merged.scores
    assert merged.table.notes[-1] == (
        "second: no scores of single clips (scores.csv), so nothing of it is paired"
    )


def test_an_empty_column_of_the_first_run_takes_the_settings_of_the_next() -> None:
    rows = tuple(replace(r, scores={ALIGN: r.scores[ALIGN]}) for r in make_table().rows)
    columns = (replace(make_table().columns[0], settings={}), make_table().columns[1])
    first = Run("first", make_table(rows=rows, columns=columns), clip_values())
    merged = merge([first, second(make_table())])
    assert merged.table.columns == make_table().columns
    assert row(merged, f"{BEST} (second)").scores[FVD].value == 300.0


def test_columns_of_either_run_stand_side_by_side() -> None:
    one = Run("first", make_table(columns=make_table().columns[:1]), clip_values())
    merged = merge([one, second(make_table())])
    assert [column.metric for column in merged.table.columns] == [FVD, ALIGN]
