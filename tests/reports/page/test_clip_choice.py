"""Which requests are shown: ranks by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from svbench.errors import ConfigError
from svbench.reports.analysis.clip_scores import ClipScores, read_clip_scores
from svbench.reports.page.clip_choice import choose, headline_column, ranked_rows
from svbench.types import ClipSpec, Column, ResultTable, Row
from tests.factories.pages import ALIGN, IB, MODEL, OTHER, REAL, make_table, write_page_run

SPEC = ClipSpec(8, 8.0, (32, 32), 16000)


def ranked(values: list[float], better: str = "higher", rows: int = 1) -> tuple:
    """Return a table of one metric, and scores by which request i has the i-th value."""
    column = Column("av-align-x", "AV-Align", better)  # type: ignore[arg-type]
    names = [f"m{row}" for row in range(rows)]
    table = ResultTable("t", "d", "mini", SPEC, (column,), tuple(Row(n, n, 9) for n in names))
    numbers = {(name, "av-align-x"): {"value": np.array(values)} for name in names}
    return table, ClipScores(tuple(f"r{i}" for i in range(len(values))), numbers)


def test_best_worst_and_some_between() -> None:
    #        r0   r1   r2   r3   r4   r5   r6   r7   r8
    table, scores = ranked([0.8, 0.1, 0.7, 0.2, 0.6, 0.3, 0.5, 0.4, 0.9])
    choice = choose(table, scores, 6)
    # ranks: r8 r0 | r2 r4 r6 r7 r5 | r3 r1; between at ranks 1 and 3 of five: r4, r7
    assert dict(choice.why) == {
        "r0": "best",
        "r1": "worst",
        "r3": "worst",
        "r4": "between",
        "r7": "between",
        "r8": "best",
    }
    assert (choice.metric, choice.rows) == ("av-align-x", ("m0",))


def test_where_less_is_better_the_lowest_is_best() -> None:
    table, scores = ranked([3.0, 1.0, 2.0, 4.0], "lower")
    assert dict(choose(table, scores, 3).why) == {"r1": "best", "r0": "between", "r3": "worst"}


def test_a_request_that_no_row_was_judged_on_is_not_chosen() -> None:
    table, scores = ranked([float("nan"), 0.5, 0.25, 0.75])
    assert dict(choose(table, scores, 3).why) == {"r3": "best", "r1": "between", "r2": "worst"}


def test_few_requests_are_all_shown() -> None:
    table, scores = ranked([0.1, 0.2])
    assert dict(choose(table, scores, 24).why) == {"r0": "all", "r1": "all"}
    assert dict(choose(table, scores, 0).why) == {}
    with pytest.raises(ConfigError, match="--gallery: got -1"):
        choose(table, scores, -1)


@pytest.mark.parametrize(("rows", "count"), [(1, 24), (5, 24), (12, 10), (100, 3)])
def test_many_rows_leave_fewer_requests(rows: int, count: int) -> None:
    table, scores = ranked([i / 50 for i in range(50)], rows=rows)
    assert len(choose(table, scores).why) == count


def test_the_headline_is_av_align_and_models_rank(tmp_path: Path) -> None:
    table, scores = make_table(), read_clip_scores(write_page_run(tmp_path))
    column = headline_column(table, scores)
    assert column is not None
    assert column.metric == ALIGN
    assert choose(table, scores, 3).rows == (MODEL, OTHER)
    only = replace(table, rows=table.rows[:1])
    assert [row.system for row in ranked_rows(only.rows)] == [REAL]
    without = replace(table, columns=table.columns[:2])
    second = headline_column(without, scores)
    assert second is not None
    assert second.metric == IB


def test_without_scores_of_clips_there_is_no_headline() -> None:
    table = make_table()
    choice = choose(table, ClipScores((), {}))
    assert (choice.metric, choice.rows, dict(choice.why)) == (None, (), {})
