"""Paired differences of all rows from one, bold where their interval excludes 0."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from svbench.errors import ConfigError
from svbench.files.results import RequestIdentity
from svbench.intervals import mean_interval
from svbench.reports.analysis.paired import LEAST_UNBOUNDED
from svbench.reports.compare.differences import (
    EXPLANATION,
    NONE_DIFFERS,
    TOO_FEW,
    all_differences,
    baseline_row,
    differences,
)
from svbench.reports.compare.run_comparison import FORMATS, compare
from svbench.reports.compare.shared_requests import Run
from svbench.reports.tables.sheet import Cell, Sheet
from tests.factories.results import (
    ALIGN,
    FVD,
    OFFSETS,
    REQUESTS,
    clip_values,
    make_table,
    with_score,
)

TABLE = make_table()
BEST, ONE, CROSS = "cmc-pe-gamma1.5", "cmc-pe-gamma1", "cross-attention-gamma1"


def test_the_first_model_is_the_default_baseline() -> None:
    assert baseline_row(TABLE, None).system == CROSS
    assert baseline_row(make_table(rows=TABLE.rows[:2]), None).system == "real"
    assert baseline_row(TABLE, BEST).system == BEST
    assert baseline_row(TABLE, "cmc-pe, gamma 1.5").system == BEST


def test_an_unknown_row_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="--against: found 'x', expected one of real, shuffled"):
        baseline_row(TABLE, "x")


def two_runs(shuffled: float) -> Sequence[Run]:
    """Return a run and the first 4 requests of it, in which `shuffled` has another value."""
    known = {request.rpartition("/")[0]: RequestIdentity("a hit", request) for request in REQUESTS}
    few = {key: dict(list(of.items())[:4]) for key, of in clip_values().items()}
    few["shuffled", ALIGN] = dict.fromkeys(few["shuffled", ALIGN], shuffled)
    rows = tuple(replace(row, asked=4, settings={"set": "few"}) for row in TABLE.rows)
    table = make_table(rows=rows, record={"real set": "few"})
    table = with_score(table, "shuffled", ALIGN, value=shuffled, count=4)
    table = with_score(table, "real", ALIGN, count=4)
    whole = Run("whole", TABLE, clip_values(), known)
    return Run("few", table, few, dict(list(known.items())[:4])), whole


def test_a_plain_name_is_enough_where_the_rows_of_two_runs_agree() -> None:
    runs = two_runs(0.25 - 0.125)
    found = compare(runs, (ALIGN,), "shuffled")
    assert found.sheets[1].title.endswith("sound of another clip (floor) (whole)")  # of more clips
    assert {pair.count for pair in found.pairs if pair.first == "real (few)"} == {4}
    assert {pair.count for pair in found.pairs if pair.first == "real (whole)"} == {16}


@pytest.mark.parametrize("name", ["shuffled (few)", "few:shuffled"])
def test_a_row_of_one_of_two_runs_is_named_by_its_run(name: str) -> None:
    runs = two_runs(0.5)
    assert compare(runs, (ALIGN,), name).sheets[1].title.endswith("(floor) (few)")


def test_a_plain_name_of_rows_that_differ_is_refused_with_both() -> None:
    message = (
        r"^--against: found 'shuffled', which 2 runs call rows that differ, expected one of "
        r"shuffled \(few\), shuffled \(whole\)$"
    )
    runs = two_runs(0.5)
    with pytest.raises(ConfigError, match=message):
        compare(runs, (ALIGN,), "shuffled")


def test_a_plain_name_of_rows_that_meet_nowhere_is_refused() -> None:
    values = {("a (x)", ALIGN): {"x/0": 0.5}, ("a (y)", ALIGN): {"y/0": 0.5}}
    one, other = (replace(TABLE.rows[0], system=name) for name in ("a (x)", "a (y)"))
    table = make_table(rows=(one, other))
    with pytest.raises(ConfigError, match="found 'a', which 2 runs call rows that differ"):
        baseline_row(table, "a", values, {"a (x)": ("x", "a"), "a (y)": ("y", "a")})


def few_pairs(count: int, bounds: object) -> Sheet:
    """Return the differences of CMC-PE at gamma 1.5: +0.375 and +0.125 by turns."""
    values = {
        (system, ALIGN): {f"{place}/0": 0.25 + OFFSETS[system][place % 2] for place in range(count)}
        for system in (BEST, CROSS)
    }
    columns = (replace(TABLE.columns[1], settings={"bounds": bounds}),)
    rows = tuple(row for row in TABLE.rows if row.system in (BEST, CROSS))
    sheet = differences(make_table(columns=columns, rows=rows), values, rows[0])
    assert sheet is not None
    return sheet


@pytest.mark.parametrize("count", [2, 3, 4, 5, 9, 40])
def test_few_pairs_are_called_only_where_the_interval_carries_it(count: int) -> None:
    sheet = few_pairs(count, [0.0, 1.0])
    ((cell,),) = (line.cells for line in sheet.lines)
    assert (cell.place == "best") == cell.interval.startswith("[+")
    assert (NONE_DIFFERS in sheet.footnotes) == (cell.place is None)
    assert (cell.place is None) == (count <= 5)  # of so few a range of -1..1 leaves room for 0


def test_without_a_range_a_difference_is_called_from_forty_pairs_on() -> None:
    few, enough = few_pairs(LEAST_UNBOUNDED - 1, None), few_pairs(LEAST_UNBOUNDED, None)
    assert few.lines[0].cells[0].interval.startswith("[+")  # it excludes 0, which is not enough
    assert few.lines[0].cells[0].place is None
    assert few.footnotes == (EXPLANATION, f"{TABLE.columns[1].title}: {TOO_FEW}")
    assert enough.lines[0].cells[0].place == "best"
    assert enough.footnotes == (EXPLANATION,)


def test_differences_are_means_over_pairs_with_intervals() -> None:
    sheet = differences(TABLE, clip_values(), baseline_row(TABLE, None))
    assert sheet is not None
    assert sheet.title == "Paired differences from cross-attention, gamma 1"
    assert sheet.headings == ("AV-Align (corrected, published detectors) ↑",)  # FVD has no pairs
    cells = {line.title: line.cells[0] for line in sheet.lines}
    # real - cross-attention is 0.5 on every clip: 0.05^(1/16) of all clips are so, at least
    hidden = 1 - 0.05 ** (1 / 16)
    bounds = f"[+{0.5 - 1.5 * hidden:.3f}, +{0.5 + 0.5 * hidden:.3f}]"
    assert cells["real clips (ceiling)"] == Cell("+0.500", bounds, "16 pairs", "best")
    low, high = mean_interval([0.125, -0.125] * 8, (-1, 1)) or (0.0, 0.0)
    assert cells["cmc-pe, gamma 1"] == Cell("0.000", f"[{low:.3f}, +{high:.3f}]", "16 pairs", None)
    assert [line.reference for line in sheet.lines] == [False, False, True, True]


def test_every_difference_is_given_for_programs_too() -> None:
    found = all_differences(TABLE, clip_values(), baseline_row(TABLE, BEST))
    assert {(p.first, p.second, p.metric) for p in found} == {
        (row.system, BEST, ALIGN) for row in TABLE.rows if row.system != BEST
    }


def test_rows_without_a_common_request_are_dashes_and_named() -> None:
    values = {**clip_values(), (BEST, ALIGN): {"other/0": 0.5}}
    sheet = differences(TABLE, values, baseline_row(TABLE, None))
    assert sheet is not None
    cells = {line.title: line.cells[0].value for line in sheet.lines}
    assert cells["cmc-pe, gamma 1.5"] == "–"
    assert sheet.footnotes[-1] == (
        "no request in common with cross-attention, gamma 1: cmc-pe, gamma 1.5"
    )


def test_without_scores_of_clips_there_is_no_table_of_differences() -> None:
    assert differences(TABLE, {}, baseline_row(TABLE, None)) is None


@pytest.mark.parametrize("name", FORMATS)
def test_two_runs_are_printed_in_every_format(name: str) -> None:
    moved = with_score(TABLE, BEST, ALIGN, value=0.625)
    runs = [Run("a", TABLE, clip_values()), Run("b", moved, clip_values())]
    text = FORMATS[name](compare(runs, (ALIGN,)))
    assert text.endswith("\n")
    assert FVD not in text
    assert "(b)" in text
    if name == "json":
        pairs = json.loads(text)["differences"]
        assert pairs[-1]["first"] == f"{BEST} (b)"
        assert pairs[-1]["count"] == 16
    elif name != "csv":
        assert "Paired differences from cross" in text
