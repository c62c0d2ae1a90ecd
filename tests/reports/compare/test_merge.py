"""Several runs as one table: what was judged alike, and a reason for all that was not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from svbench.errors import DataError
from svbench.files.results import DATA, REQUESTS, RequestIdentity, digest_requests
from svbench.reports.compare.merge import Merged, merge
from svbench.reports.compare.shared_requests import Run
from svbench.types import ResultTable, Row
from tests.factories.results import ALIGN, FVD, clip_values, make_table, with_score
from tests.factories.results import REQUESTS as REQUESTS_OF_TABLE

BEST = "cmc-pe-gamma1.5"
FIRST = Run("first", make_table(), clip_values())
OTHERS = {"seed": 0, "real clips": 16, "real set": "decade"}  # a record of other real clips


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


def test_a_row_that_one_run_lacked_is_that_of_the_other() -> None:
    table = make_table()
    model = next(one for one in table.rows if one.system == BEST)
    absent = Row(BEST, model.title, asked=0, absent=dict.fromkeys(model.scores, "not here"))
    lacking = replace(
        table, rows=tuple(absent if one.system == BEST else one for one in table.rows)
    )
    for runs in ([FIRST, second(lacking)], [second(lacking), FIRST]):
        merged = merge(runs)
        assert sorted(systems(merged)) == sorted(systems(Merged(table, {})))
        assert row(merged, BEST).scores == model.scores
    both = merge([Run("first", lacking, clip_values()), second(lacking)])
    assert row(both, BEST) == absent


def test_rows_of_one_name_are_named_by_their_run_and_differences_are_noted() -> None:
    table = with_settings(make_table(), BEST, steps="50", set="other")
    merged = joined(with_score(table, BEST, ALIGN, value=0.625))
    assert systems(merged)[-2:] == [f"{BEST} (first)", f"{BEST} (second)"]
    assert row(merged, f"{BEST} (second)").scores[ALIGN].value == 0.625
    assert row(merged, f"{BEST} (second)").title == "cmc-pe, gamma 1.5 (second)"
    assert merged.scores[f"{BEST} (second)", ALIGN] == clip_values()[BEST, ALIGN]
    assert (BEST, ALIGN) not in merged.scores
    assert merged.table.notes[-1] == (
        "cmc-pe, gamma 1.5 of second and of first were made otherwise: "
        "steps: 25 in first and 50 in second"
    )


def test_rows_of_another_name_join_as_they_are() -> None:
    mine = replace(make_table().rows[4], system="mine", title="my model")
    merged = joined(make_table(rows=(make_table().rows[0], mine)))
    assert systems(merged)[-1] == "mine"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"scale": "paper"}, "second left out: scale: mini in first and paper in second"),
        (
            {"dataset": "landscape"},
            "second left out: data set: greatesthits in first and landscape in second",
        ),
    ],
)
def test_a_run_that_cannot_be_compared_at_all_is_refused(
    changed: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        joined(make_table(record=OTHERS, **changed))


def test_of_three_runs_the_one_that_does_not_fit_is_left_out_with_its_reason() -> None:
    other = Run("third", make_table(scale="paper", record=OTHERS), clip_values())
    merged = merge([FIRST, other, second(make_table())])
    assert merged.table.title.endswith(": first, second")
    assert merged.table.notes[-1] == "third left out: scale: mini in first and paper in third"


def test_the_same_real_clips_join_whatever_their_data_set_is_called() -> None:
    merged = joined(make_table(dataset="my-list", scale="paper"))
    assert systems(merged) == systems(Merged(make_table(), {}))
    assert merged.table.scale == "mini"  # figures of a miniature stay such
    turned = merge([second(make_table(dataset="my-list", scale="paper")), FIRST])
    assert turned.table.scale == "mini"


def read_otherwise(**choice: str) -> Run:
    table = make_table()
    return second(replace(table, spec=replace(table.spec, **choice)))


def test_clips_that_were_read_otherwise_never_stand_side_by_side() -> None:
    message = (
        r"^second left out, judged otherwise: "
        r"frame choice: nearest in first and official in second "
        r"\(in FVD \(miniature I3D\), AV-Align \(corrected, published detectors\)\)$"
    )
    with pytest.raises(DataError, match=message):
        merge([FIRST, read_otherwise(frame_choice="official")])


def test_columns_that_do_not_read_what_was_read_otherwise_stand_side_by_side() -> None:
    merged = merge([FIRST, read_otherwise(channels="first")])
    refused = row(merged, f"{BEST} (second)")
    assert refused.absent == {
        ALIGN: "judged otherwise: channels: mean in first and first in second"
    }
    assert refused.scores[FVD].value == 300.0  # which reads the picture alone


def test_a_column_judged_otherwise_is_empty_with_the_setting_that_differs() -> None:
    detectors = {"onsets": {"delta": 0.1}, "peaks": {"relative": 0.0}}
    merged = joined(with_column_settings(ALIGN, detectors=detectors))
    refused = row(merged, f"{BEST} (second)")
    assert ALIGN not in refused.scores
    assert refused.absent[ALIGN] == (
        "judged otherwise: detectors.onsets.delta: 0.07 in first and 0.1 in second"
    )
    assert refused.scores[FVD].value == 300.0
    assert (f"{BEST} (second)", ALIGN) not in merged.scores


def test_a_row_without_a_cell_that_fits_is_left_out_with_its_reason() -> None:
    merged = joined(with_column_settings(ALIGN, window=5))
    assert not [name for name in systems(merged) if name.startswith("shuffled (second")]
    assert (
        "real pictures, sound of another clip (floor) of second left out, judged otherwise: "
        "window: 3 in first and 5 in second"
    ) in merged.table.notes


def test_a_run_of_which_no_row_fits_is_refused_with_the_reason_and_its_columns() -> None:
    alone = make_table(columns=with_column_settings(ALIGN, window=5).columns[1:])
    rows = tuple(replace(r, scores={ALIGN: r.scores[ALIGN]}) for r in alone.rows)
    with pytest.raises(DataError, match="left out, judged otherwise: window") as caught:
        joined(replace(alone, rows=rows))
    assert str(caught.value) == (
        "second left out, judged otherwise: window: 3 in first and 5 in second "
        "(in AV-Align (corrected, published detectors))"
    )


def test_seeds_of_intervals_may_differ() -> None:
    merged = joined(with_column_settings(ALIGN, seed=7, resamples=100))
    assert systems(merged) == systems(Merged(make_table(), {}))


def test_sets_of_other_real_clips_or_counts_are_not_compared() -> None:
    others = make_table(record={"seed": 0, "real clips": 16, "real set": "decade"})
    merged = joined(others)
    assert row(merged, f"{BEST} (second)").absent[FVD] == (
        "judged otherwise: real set: c0ffee in first and decade in second"
    )
    assert row(merged, f"{BEST} (second)").scores[ALIGN].value == 0.5
    apart = joined(make_table(record={**make_table().record, "reference set": "facade"}))
    assert row(apart, f"{BEST} (second)").absent[FVD] == (
        "judged otherwise: reference set: absent in first and facade in second"
    )
    fewer = joined(with_score(make_table(), BEST, FVD, count=12))
    assert (
        row(fewer, f"{BEST} (second)").absent[FVD]
        == "judged otherwise: clips: 16 in first and 12 in second"
    )


def test_halves_of_real_clips_are_drawn_by_the_seed_and_models_are_not() -> None:
    merged = joined(make_table(record={"seed": 1, "real clips": 16, "real set": "c0ffee"}))
    assert (
        row(merged, "real (second)").absent[FVD]
        == "judged otherwise: seed: 0 in first and 1 in second"
    )
    assert BEST in systems(merged)  # equal in every figure, and so one row
    assert "seed" not in merged.table.record


def asked(
    count: int = 16, source: str = "clip", caption: str = "a hit"
) -> dict[str, RequestIdentity]:
    names = [request.rpartition("/")[0] for request in REQUESTS_OF_TABLE[:count]]
    return {name: RequestIdentity(caption, f"{source} of {name}") for name in names}


def part(count: int, known: dict[str, RequestIdentity], **changed: object) -> Run:
    """Return a run of the first few requests, on real clips that differ as a set."""
    values = {key: dict(list(of.items())[:count]) for key, of in clip_values().items()}
    table = with_settings(make_table(record=OTHERS, **changed), BEST, set="other")
    return Run("second", with_score(table, BEST, ALIGN, value=0.625), values, known)


WHOLE = replace(FIRST, requests=asked())


def paired_requests(merged: Merged) -> set[str]:
    one, other = (merged.scores[f"{BEST} ({run})", ALIGN] for run in ("first", "second"))
    return set(one) & set(other)


@pytest.mark.parametrize("turned", [False, True])
def test_a_run_that_is_a_part_of_another_is_paired_where_they_meet(turned: bool) -> None:
    runs = [WHOLE, part(4, asked(4))]
    merged = merge(runs[::-1] if turned else runs)
    assert paired_requests(merged) == set(REQUESTS_OF_TABLE[:4])
    message = "first: 4 of its 16 requests are among the 4 of second"
    message = message if turned else "second: 4 of its 4 requests are among the 16 of first"
    assert merged.table.notes[-1] == f"{message}; paired differences rest on those"


def test_a_caption_that_one_run_does_not_know_does_not_count() -> None:
    assert len(paired_requests(merge([WHOLE, part(4, asked(4, caption=""))]))) == 4


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (asked(4, source="else"), "their 4 equal ids have other real clips"),
        (asked(4, caption="a scratch"), "their 4 equal ids have other captions"),
        ({"x": RequestIdentity("a hit", "x")}, "other ids, e.g. 'x' and 'clip-00'"),
        (
            None,
            "their real clips differ as sets, and second has no requests.jsonl to identify single "
            "ones (the command that made it, run again, writes one)",
        ),
    ],
)
def test_requests_that_need_not_be_the_same_are_never_paired(
    known: dict[str, RequestIdentity] | None, why: str
) -> None:
    merged = merge([WHOLE, part(4, known)])
    assert not paired_requests(merged)
    assert merged.table.notes[-1] == f"second: no request in common with first: {why}"


def test_without_a_record_of_requests_equal_real_sets_have_the_same() -> None:
    table = with_score(with_settings(make_table(), BEST, set="other"), BEST, ALIGN, value=0.625)
    assert len(paired_requests(joined(table))) == 16
    unknown = make_table(record={})
    bare = [Run("first", unknown, clip_values()), second(with_settings(unknown, BEST, a="b"))]
    assert not paired_requests(merge(bare))


def test_of_three_runs_two_may_share_what_the_first_has_not() -> None:
    late = {f"late-{i}": RequestIdentity("a hit", f"late {i}") for i in range(3)}
    values = {key: {f"{name}/0": 0.5 for name in late} for key in clip_values()}
    others = [
        Run(name, replace(part(0, {}).table, record={"real set": name}), values, late)
        for name in ("second", "third")
    ]
    merged = merge([WHOLE, *others])
    for system, of in merged.scores.items():
        assert of.keys() in (set(REQUESTS_OF_TABLE), {f"late-{i}/0" for i in range(3)}), system


def test_a_distance_from_files_read_otherwise_stands_where_it_reads_none_of_that() -> None:
    def run(name: str, real: str, requests: dict[str, RequestIdentity], **choice: str) -> Run:
        table = make_table(
            record={"real set": real, REQUESTS: digest_requests(requests), "seed": 0}
        )
        spec = replace(table.spec, **choice)
        return Run(name, replace(table, spec=spec), clip_values(), requests)

    one = run("first", "a", asked())
    same = merge([one, run("second", "b", asked(), channels="first")])
    assert row(same, f"{BEST} (second)").scores[FVD].value == 300.0
    reason = (
        r"channels: mean in first and first in second \(in AV-Align .*; "
        r"real set: a in first and b in second \(in FVD "
    )
    with pytest.raises(DataError, match=reason):
        merge([one, run("second", "b", asked(source="else"), channels="first")])


def test_a_run_without_scores_of_clips_is_merged_with_a_note() -> None:
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


def on_data(**data: object) -> ResultTable:
    return make_table(record={**make_table().record, DATA: data})


def test_runs_on_other_clips_of_a_data_set_are_named() -> None:
    whole, part = {"identity": "a" * 64, "limit": None}, {"identity": "b" * 64, "limit": 40}
    first = Run("first", on_data(**whole), clip_values())
    merged = merge([first, second(on_data(**part))])
    expected = (
        "identity: aaaaaaaaaaaa in first and bbbbbbbbbbbb in second; "
        "limit: None in first and 40 in second"
    )
    assert f"second rests on other data: {expected}" in merged.table.notes
    same = merge([first, second(on_data(**whole | {"list": "another.txt"}))])
    assert not any("other data" in note for note in same.table.notes)
    older = merge([first, second(make_table())])
    assert not any("other data" in note for note in older.table.notes)
