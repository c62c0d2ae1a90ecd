"""Figures of a validation: places known by hand, the same bytes each time, and no text cut off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from svbench.errors import DataError
from svbench.files.validity import Arm
from svbench.reports.figures import style
from svbench.reports.figures.style import DARK, INK
from svbench.reports.validity import overview_figure, response_curves
from svbench.reports.validity.response_curves import MARGIN, places_of, responses_of, span_of
from tests.factories.validity import ALIGN, FVD, WEAK, make_validity, many_metrics

FOUND = make_validity()


def arm(name: str, *levels: float) -> Arm:
    return Arm(name, levels, monotone=True, noticed=None, people_notice=None)


def test_two_arms_run_to_both_sides_from_the_middle() -> None:
    found = places_of([arm("late", -0.1, -1.0), arm("early", 0.1, 0.5, 1.0)])
    assert [(place.x, place.level, place.arm) for place in found] == [
        (-2.0, -1.0, 0),
        (-1.0, -0.1, 0),
        (1.0, 0.1, 1),
        (2.0, 0.5, 1),
        (3.0, 1.0, 1),
    ]


def test_one_arm_runs_from_mild_to_severe_and_several_stand_side_by_side() -> None:
    assert [(p.x, p.level) for p in places_of([arm("", 4.0, 2.0, 1.0)])] == [
        *((1.0, 4.0), (2.0, 2.0), (3.0, 1.0)),
    ]
    three = places_of([arm("a", 1.0, 2.0), arm("b", 1.0), arm("c", 1.0)])
    assert [place.x for place in three] == [1.0, 2.0, 4.0, 6.0]


def test_the_range_holds_0_and_every_interval() -> None:
    one = FOUND.metrics[0]
    low, high = span_of(one, responses_of(FOUND, ALIGN))
    assert low == 0.0
    assert high == pytest.approx(0.5 * (1 + MARGIN))  # the interval of undistorted clips
    below = replace(one, undistorted=-1.0, interval=(-2.0, -0.5))
    low, high = span_of(below, responses_of(FOUND, ALIGN))
    assert low < -2.0
    assert high > 0.4


def test_a_metric_without_any_score_is_not_drawn(tmp_path: Path) -> None:
    assert responses_of(FOUND, FVD) == []
    with pytest.raises(DataError, match="found no score of a distortion"):
        response_curves.draw(FOUND, FVD, tmp_path / "f.svg")
    with pytest.raises(DataError, match="found no correlation with people"):
        overview_figure.draw(replace(FOUND, metrics=FOUND.metrics[2:]), tmp_path / "o.svg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ["svg", "pdf"])
def test_figures_give_the_same_bytes_each_time(tmp_path: Path, ending: str) -> None:
    for name in ("one", "other"):
        response_curves.draw(FOUND, WEAK, tmp_path / f"{name}-r.{ending}")
        overview_figure.draw(FOUND, tmp_path / f"{name}-o.{ending}")
    for kind in "ro":
        one, other = (tmp_path / f"{name}-{kind}.{ending}" for name in ("one", "other"))
        assert one.read_bytes() == other.read_bytes()


def test_curves_show_scores_people_and_the_undistorted_clips(tmp_path: Path) -> None:
    path = tmp_path / "r.svg"
    response_curves.draw(FOUND, ALIGN, path, dark=True)
    text = path.read_text(encoding="utf-8")
    words = ("undistorted", "metric", "people's mean rating", "audio shift: Spearman 0.90", "blur")
    for word in (*words, "← late", "px, mild → severe"):
        assert f"<!-- {word}" in text, word
    assert (tmp_path / "r-dark.svg").read_text(encoding="utf-8").count(DARK[INK])


def test_many_metrics_have_a_line_each(tmp_path: Path) -> None:
    path = tmp_path / "o.svg"
    overview_figure.draw(many_metrics(40), path)
    text = path.read_text(encoding="utf-8")
    assert text.count("number 39") == 1
    assert "…" not in text  # no title cut off


def test_nothing_of_one_panel_lies_outside_the_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside: list[str] = []

    def settled(figure: Figure) -> None:
        figure.draw_without_rendering()
        for text in [*figure.legends[0].get_texts(), *figure.texts]:
            box = text.get_window_extent()
            if box.x0 < 0 or box.x1 > figure.bbox.x1 or box.y0 < 0 or box.y1 > figure.bbox.y1:
                outside.append(text.get_text())

    monkeypatch.setattr(style, "_settle", settled)
    long = replace(FOUND.metrics[0], title="AV-Align, adjusted for chance (corrected, published)")
    found = replace(FOUND, metrics=(long,), responses=FOUND.responses[:1])
    response_curves.draw(found, ALIGN, tmp_path / "r.svg")
    assert outside == []
