"""Every difference between a table and its golden one has a name, and only two of them pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from svbench.reports.compare.comparability import settings_differ, shortened
from svbench.reports.compare.drift import Finding, find_drift
from svbench.reports.compare.golden import Golden, Tolerance
from svbench.types import ClipSpec, Column, ResultTable, Row, Score
from tests.factories.results import ALIGN, FVD, make_table, with_score

BEST = "cmc-pe-gamma1.5"
GOLDEN = Golden(make_table(), {ALIGN: Tolerance(absolute=0.01), FVD: Tolerance(interval=True)})


def failures(table: ResultTable, golden: Golden = GOLDEN) -> list[Finding]:
    return list(find_drift(golden, table).failures)


def with_row(system: str, **changed: object) -> ResultTable:
    table = make_table()
    return replace(
        table,
        rows=tuple(
            replace(row, **changed) if row.system == system else row  # type: ignore[arg-type]
            for row in table.rows
        ),
    )


def with_column(metric: str, **changed: object) -> ResultTable:
    table = make_table()
    return replace(
        table,
        columns=tuple(
            replace(column, **changed) if column.metric == metric else column  # type: ignore[arg-type]
            for column in table.columns
        ),
    )


def test_the_same_table_passes_cell_by_cell() -> None:
    verdict = find_drift(GOLDEN, make_table())
    assert verdict.passes
    assert [finding.outcome for finding in verdict.findings] == ["same"] * 9  # 5 rows, one gap
    assert (verdict.summary, verdict.notes) == ("9 the same", ())


def test_a_move_within_tolerance_passes() -> None:
    verdict = find_drift(GOLDEN, with_score(make_table(), BEST, ALIGN, value=0.509))
    assert verdict.passes
    assert verdict.summary == "8 the same, 1 within tolerance"


@pytest.mark.parametrize(
    ("metric", "value", "direction"),
    [
        (ALIGN, 0.511, "better"),
        (ALIGN, 0.489, "worse"),
        (FVD, 279.0, "better"),
        (FVD, 321, "worse"),
    ],
)
def test_a_move_beyond_tolerance_fails_for_better_or_worse(
    metric: str, value: float, direction: str
) -> None:
    verdict = find_drift(GOLDEN, with_score(make_table(), BEST, metric, value=value))
    (finding,) = verdict.failures
    assert (finding.outcome, finding.system, finding.metric) == ("left", BEST, metric)
    assert finding.now == value
    assert verdict.direction(finding) == direction


def test_a_finding_is_printed_in_one_line() -> None:
    (finding,) = failures(with_score(make_table(), BEST, ALIGN, value=0.625))
    assert str(finding) == f"{BEST}, {ALIGN}: beyond tolerance: 0.5 -> 0.625"
    assert (finding.change, finding.allowed) == ("+0.125", "±0.01")


UNLIKE: dict[str, tuple[ResultTable, str, str]] = {
    "a detector's threshold": (
        with_column(ALIGN, settings={"window": 3, "detectors": {"onsets": {"delta": 0.1}}}),
        f"column {ALIGN}",
        "detectors.onsets.delta was 0.07, is 0.1; detectors.peaks was {'relative': 0.0}, is absent",
    ),
    "a metric's weights": (
        with_column(FVD, settings={"extractor": "i3d-2", "ddof": 0}),
        f"column {FVD}",
        "extractor was i3d-1, is i3d-2",
    ),
    "what is better": (
        with_column(FVD, better="higher"),
        f"column {FVD}",
        "better was lower, is higher",
    ),
    "how a row was made": (
        with_row(BEST, settings={**make_table().rows[4].settings, "steps": "50"}),
        f"row {BEST}",
        "steps was 25, is 50",
    ),
    "a model's weights": (
        with_row(BEST, settings={**make_table().rows[4].settings, "weights": "sha256:2"}),
        f"row {BEST}",
        "weights was sha256:1, is sha256:2",
    ),
    "clips requested": (with_row(BEST, asked=17), f"row {BEST}", "clips requested was 16, is 17"),
    "clips left out": (
        with_row(BEST, left_out={"clip-01/0": "silent"}),
        f"row {BEST}",
        "clips left out was [], is ['clip-01/0']",
    ),
    "the count of a cell": (
        with_score(make_table(), BEST, ALIGN, count=15),
        f"{BEST}, {ALIGN}",
        "clips was 16, is 15",
    ),
    "real clips compared with": (
        with_score(make_table(), BEST, FVD, reference_count=15),
        f"{BEST}, {FVD}",
        "real clips compared with was 16, is 15",
    ),
    "the extractor of a cell": (
        with_score(make_table(), BEST, ALIGN, extractor="events-2"),
        f"{BEST}, {ALIGN}",
        "extractor was events-1, is events-2",
    ),
    "the seed": (
        make_table(record={"seed": 1, "real clips": 16, "real set": "c0ffee"}),
        "the table",
        "seed was 0, is 1",
    ),
    "the scale": (make_table(scale="paper"), "the table", "scale was mini, is paper"),
    "the data set": (make_table(dataset="landscape"), "the table", "data set was greatesthits"),
    "the clip format": (
        make_table(spec=ClipSpec(16, 4.0, (64, 64), 16000)),
        "the table",
        "clip format was 32 frames at 8 frames/s",
    ),
}


@pytest.mark.parametrize("kind", UNLIKE)
def test_what_was_judged_otherwise_is_named_and_not_compared(kind: str) -> None:
    table, place, reason = UNLIKE[kind]
    (finding,) = failures(table)
    assert (finding.outcome, finding.place) == ("unlike", place)
    assert reason in finding.reason


def test_cells_of_an_unlike_column_are_left_out_of_the_comparison() -> None:
    table, _, _ = UNLIKE["a metric's weights"]
    moved = with_score(table, BEST, FVD, value=1.0)
    found = find_drift(GOLDEN, moved).findings
    assert {finding.metric for finding in found if finding.system} == {ALIGN}
    assert len(found) == 1 + 5


def without(metric: str, reason: str) -> Callable[[Row], Row]:
    def change(row: Row) -> Row:
        kept = {name: score for name, score in row.scores.items() if name != metric}
        return replace(row, scores=kept, absent={**row.absent, metric: reason})

    return change


def test_what_is_missing_is_named_with_its_reason() -> None:
    table = make_table()
    rows = tuple(map(without(FVD, "no weights here"), table.rows))
    assert [str(f) for f in failures(replace(table, rows=rows))] == [
        f"column {FVD}: missing: no weights here"
    ]
    one = tuple(without(FVD, "broken")(r) if r.system == BEST else r for r in table.rows)
    assert [str(f) for f in failures(replace(table, rows=one))] == [
        f"{BEST}, {FVD}: missing: broken"
    ]
    assert [str(f) for f in failures(replace(table, rows=table.rows[:4]))] == [
        f"row {BEST}: missing: the new table has no such row"
    ]
    assert [str(f) for f in failures(replace(table, columns=table.columns[1:]))] == [
        f"column {FVD}: missing: the new table has no such column"
    ]


def test_what_is_added_is_named_too() -> None:
    more = make_table(columns=(*make_table().columns, Column("new", "new", "higher")))
    assert [str(f) for f in failures(more)] == [
        "column new: added: the golden table has no such column"
    ]
    row = Row("new", "new", 16)
    assert [str(f) for f in failures(make_table(rows=(*make_table().rows, row)))] == [
        "row new: added: the golden table has no such row"
    ]
    scores = {**make_table().rows[1].scores, FVD: Score(FVD, 80.0, "lower", 8, None, "i3d-1", 8)}
    assert [str(f) for f in failures(with_row("shuffled", scores=scores))] == [
        f"shuffled, {FVD}: added: the golden cell is empty"
    ]


def test_a_column_that_was_empty_is_added_whatever_its_settings() -> None:
    empty = tuple(map(without(FVD, "no weights"), make_table().rows))
    columns = (Column(FVD, "FVD", "lower"), make_table().columns[1])
    golden = replace(GOLDEN, results=make_table(rows=empty, columns=columns))
    assert [str(f) for f in failures(make_table(), golden)] == [
        f"column {FVD}: added: the golden column is empty"
    ]


def test_digests_of_clips_and_the_version_of_torch_are_noted_only() -> None:
    table = make_table(record={"seed": 0, "real clips": 16, "real set": "decade"})
    rows = tuple(
        replace(row, settings={**row.settings, "set": f"new-{place}", "torch": "2.9"})
        for place, row in enumerate(table.rows)
    )
    verdict = find_drift(GOLDEN, replace(table, rows=rows))
    assert verdict.passes
    named = "real, shuffled, cross-attention-gamma1, cmc-pe-gamma1, cmc-pe-gamma1.5"
    assert verdict.notes == (
        "noted only: real set was c0ffee, is decade",
        f"noted only: set differs (rows: {named})",
        f"noted only: torch was absent, is 2.9 (rows: {named})",
    )


def test_a_golden_table_without_an_identity_of_its_data_binds_none() -> None:
    record = {**GOLDEN.results.record, "data": {"identity": "a"}}
    assert find_drift(GOLDEN, make_table(record=record)).passes
    known = replace(GOLDEN, results=make_table(record=record))
    other = {**record, "data": {"identity": "b"}}
    reasons = [f.reason for f in failures(make_table(record=other), known)]
    assert reasons == ["data.identity was a, is b"]


def test_a_file_may_bind_what_is_only_noted_by_default() -> None:
    strict = replace(GOLDEN, may_differ=())
    table = make_table(record={"seed": 0, "real clips": 16, "real set": "decade"})
    assert [f.reason for f in failures(table, strict)] == ["real set was c0ffee, is decade"]


def test_a_metric_without_a_tolerance_has_the_usual_one() -> None:
    bare = replace(GOLDEN, tolerances={})
    assert find_drift(bare, with_score(make_table(), BEST, ALIGN, value=0.5009)).passes
    assert not find_drift(bare, with_score(make_table(), BEST, ALIGN, value=0.502)).passes


def test_settings_are_walked_into_and_long_values_shortened() -> None:
    assert settings_differ({"a": {"b": 1, "c": [1, 2]}, "d": None}, {"a": {"b": 1, "c": [1]}}) == (
        "a.c was [1, 2], is [1]",
        "d was None, is absent",
    )
    (line,) = settings_differ({"a": "x" * 99}, {"a": "y"})
    assert line == f"a was {'x' * 59}…, is y"
    assert shortened(("a", "b", "c", "d", "e")) == "a; b; c; and 2 more"


def test_the_digest_of_scores_is_a_result_and_judges_nothing() -> None:
    """It follows the last bits of a processor, whatever the tolerances."""
    table = make_table()
    assert not failures(replace(table, record={**table.record, "scores": "d1"}))
    assert failures(replace(table, record={**table.record, "split": "train"}))
