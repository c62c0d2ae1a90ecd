"""Paired differences of all rows from one, bold where their interval excludes 0."""

from __future__ import annotations

import json

import pytest

from svbench.errors import ConfigError
from svbench.intervals import mean_interval
from svbench.reports.comparison import FORMATS, compare
from svbench.reports.differences import all_differences, chosen_row, differences
from svbench.reports.merge import Run
from svbench.reports.table import Cell
from tests.result_factories import ALIGN, FVD, clip_values, make_table, with_score

TABLE = make_table()
BEST, ONE, CROSS = "cmc-pe-gamma1.5", "cmc-pe-gamma1", "cross-attention-gamma1"


def test_the_first_model_is_the_one_that_others_are_held_against() -> None:
    assert chosen_row(TABLE, None).system == CROSS
    assert chosen_row(make_table(rows=TABLE.rows[:2]), None).system == "real"
    assert chosen_row(TABLE, BEST).system == BEST
    assert chosen_row(TABLE, "cmc-pe, gamma 1.5").system == BEST


def test_an_unknown_row_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="--against: found 'x', expected one of real, shuffled"):
        chosen_row(TABLE, "x")


def test_differences_are_means_over_pairs_with_intervals() -> None:
    sheet = differences(TABLE, clip_values(), chosen_row(TABLE, None))
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
    found = all_differences(TABLE, clip_values(), chosen_row(TABLE, BEST))
    assert {(p.first, p.second, p.metric) for p in found} == {
        (row.system, BEST, ALIGN) for row in TABLE.rows if row.system != BEST
    }


def test_rows_without_a_common_request_are_dashes_and_named() -> None:
    values = {**clip_values(), (BEST, ALIGN): {"other/0": 0.5}}
    sheet = differences(TABLE, values, chosen_row(TABLE, None))
    assert sheet is not None
    cells = {line.title: line.cells[0].value for line in sheet.lines}
    assert cells["cmc-pe, gamma 1.5"] == "–"
    assert sheet.footnotes[-1] == "no request in common: cmc-pe, gamma 1.5"


def test_without_scores_of_clips_there_is_no_table_of_differences() -> None:
    assert differences(TABLE, {}, chosen_row(TABLE, None)) is None


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
