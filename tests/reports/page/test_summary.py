"""The summary of a page, against sentences written by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from svbench.reports.analysis.clip_scores import ClipScores, read_clip_scores
from svbench.reports.page.summary import NOT_COMPARABLE, summarise
from svbench.reports.tables.small_networks import SMALL
from svbench.types import ResultTable
from tests.factories import results
from tests.factories.pages import make_table, write_page_run


@pytest.fixture
def scores(tmp_path: Path) -> ClipScores:
    run = results.write_run(tmp_path, results.make_table())
    return read_clip_scores(run)


def without(table: ResultTable, *systems: str) -> ResultTable:
    return replace(table, rows=tuple(r for r in table.rows if r.system not in systems))


def test_two_models_are_compared_with_each_other_and_the_floor(scores: ClipScores) -> None:
    summary = summarise(results.make_table(), scores)
    assert summary.judged == (
        "3 models and 2 controls made of real clips, 16 clips each, judged by 2 metrics. "
        "A clip lasts 4 s: 32 frames at 8 frames/s, 64 x 64 px, 16000 Hz."
    )
    assert summary.headline[0] == (
        "AV-Align (corrected, published detectors), higher is better: the best of the models is "
        "cmc-pe, gamma 1.5, 0.500 [0.450, 0.550]."
    )
    # on each clip 0.375 or 0.125 above cross-attention, so 0.250 on average
    second = summary.headline[1]
    assert second.startswith("Against cross-attention, gamma 1, 0.250 [0.200, 0.300]: +0.250 [+0.")
    assert second.endswith(
        "clip by clip over 16 clips in both: more than the draw of clips explains."
    )
    assert summary.headline[2].startswith(
        "Clear of their floors in AV-Align (corrected, published detectors): "
    )
    for gain in ("cross-attention, gamma 1 +0.125 [", "gamma 1 +0.125 [", "gamma 1.5 +0.375 ["):
        assert gain in summary.headline[2]
    assert summary.headline[3] == "Real clips (ceiling): 0.750 [0.700, 0.800]."


def test_models_without_a_significant_difference_have_no_best(scores: ClipScores) -> None:
    # cmc-pe at gamma 1 is 0.125 above cross-attention on one half, 0.125 below on the other
    table = without(results.make_table(), "cmc-pe-gamma1.5", "real", "shuffled")
    summary = summarise(table, scores)
    assert summary.judged.startswith("2 models, 16 clips each")
    (line,) = summary.headline
    assert "no model is clearly the best. Between cross-attention, gamma 1, 0.250 [" in line
    assert ": +0.000 [−0." in line
    assert line.endswith("no significant difference in this run.")


def test_without_models_the_ceiling_is_compared_with_the_floor(scores: ClipScores) -> None:
    table = results.make_table()
    models = [row.system for row in table.rows if not row.made_of_real_clips]
    summary = summarise(without(table, *models), scores)
    assert summary.judged.startswith("No model and 2 controls made of real clips")
    assert summary.headline[0].endswith(
        "Real clips (ceiling), 0.750 [0.700, 0.800]; "
        "real pictures, sound of another clip (floor), 0.125 [0.075, 0.175]."
    )
    assert summary.headline[1] == (
        "Between the two: +0.625 [+0.348, +0.689], clip by clip over 16 clips in both: "
        "more than the draw of clips explains."
    )


def test_a_metric_of_sets_alone_names_the_best_where_its_interval_carries_that() -> None:
    table = results.make_table()
    table = replace(table, columns=table.columns[:1])
    summary = summarise(table, ClipScores((), {}))
    assert summary.headline == (
        "FVD (miniature I3D), lower is better: the best of the models is cmc-pe, gamma 1.5, "
        "300 [280, 320].",
        "Against cross-attention, gamma 1, 379 [350, 400]: their intervals do not overlap.",
    )
    (line,) = summarise(without(table, "cmc-pe-gamma1.5"), ClipScores((), {})).headline
    assert "no model is clearly the best. Between cross-attention, gamma 1, 379 [" in line
    assert line.endswith("comparisons, or rest on unequal counts or fewer than 10 clips.")
    models = ("cross-attention-gamma1", "cmc-pe-gamma1", "cmc-pe-gamma1.5")
    (line,) = summarise(without(table, *models), ClipScores((), {})).headline
    assert line == (
        "FVD (miniature I3D), lower is better: real clips (ceiling), 70.0 [0.000, 140]."
    )
    assert summarise(replace(table, rows=()), ClipScores((), {})).headline == ()


def test_cautions_come_first(tmp_path: Path) -> None:
    table = make_table()
    row = replace(table.rows[0], left_out={"c9/0": "truncated"})
    table = replace(table, rows=(row, *table.rows[1:]))
    summary = summarise(table, read_clip_scores(write_page_run(tmp_path)))
    assert summary.cautions == (
        NOT_COMPARABLE,
        "some scores rest on 4 clips only: read them as a trial",
        "left out, as they could not be judged: 1 of 4 clips of real clips (ceiling)",
        "absent: FVD; the notes below say why",
    )
    assert summarise(replace(table, scale="paper", rows=()), ClipScores((), {})).cautions == ()
    scored = results.make_table(scale="elsewhere", rows=())
    assert summarise(scored, ClipScores((), {})).cautions == (
        f"FVD (miniature I3D): {SMALL}; not comparable with published figures",
    )
