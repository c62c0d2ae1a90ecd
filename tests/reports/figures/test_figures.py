"""Figures of single clips: what is drawn is computed by hand; the same numbers, the same bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svbench.catalog.gallery import gallery_of
from svbench.engines.local import Local
from svbench.errors import ConfigError, DataError
from svbench.files.clip_view import ClipView, Gallery, Motion
from svbench.metrics.avalign.score import precision_recall
from svbench.reports.figures import clip_figure, distributions
from svbench.reports.figures import precision_recall as scatter
from svbench.reports.figures.drawing import DARK, INK, darkened, wrapped, write
from svbench.reports.tables.clip_scores import ClipScores, read_clip_scores
from svbench.types import ResultTable
from tests.factories.pages import ALIGN, FOUND, IB, MODEL, MOTION, REAL, make_table, write_page_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_page_run(tmp_path / "run")


@pytest.fixture
def scores(run: Path) -> ClipScores:
    return read_clip_scores(run)


def twice(draw: object, folder: Path, ending: str) -> bytes:
    """Draw the same twice, and give the bytes after seeing that they are equal."""
    for name in ("one", "other"):
        draw(folder / f"{name}.{ending}")  # type: ignore[operator]
    one, other = ((folder / f"{name}.{ending}").read_bytes() for name in ("one", "other"))
    assert one == other
    return one


@pytest.mark.parametrize("ending", ["svg", "pdf"])
def test_figures_give_the_same_bytes_each_time(
    run: Path, scores: ClipScores, tmp_path: Path, ending: str
) -> None:
    table = make_table()
    twice(lambda path: distributions.draw(table, scores, path), tmp_path, ending)
    twice(lambda path: scatter.draw(table, scores, ALIGN, path), tmp_path, ending)
    gallery = gallery_of(run, table, ["c0/0", "c2/0"], tmp_path, Local())
    panels = clip_figure.panels_of(table, scores, gallery, "c2/0", None)
    drawn = twice(lambda path: clip_figure.draw(panels, tmp_path, path), tmp_path, ending)
    assert drawn.startswith(b"<?xml" if ending == "svg" else b"%PDF")


def test_the_dark_figure_is_the_light_one_in_other_colours(
    scores: ClipScores, tmp_path: Path
) -> None:
    distributions.draw(make_table(), scores, tmp_path / "d.svg", dark=True)
    light, dark = (tmp_path / "d.svg").read_text(), (tmp_path / "d-dark.svg").read_text()
    assert INK in light
    assert darkened(light) == dark
    assert not any(colour in dark for colour in DARK)
    assert len(set(DARK) | set(DARK.values())) == 2 * len(DARK)  # so no colour is changed twice


def test_other_endings_and_unwritable_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected \.svg or \.pdf"):
        write(tmp_path / "a.png", (1, 1), lambda _figure: None)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        write(tmp_path / "file" / "a.svg", (1, 1), lambda _figure: None)


def test_long_titles_are_broken_and_cut() -> None:
    assert wrapped("short", 10) == "short"
    assert wrapped("one two three four", 9) == "one two\nthree …"


def test_histograms_share_one_range() -> None:
    table, values = make_table(), np.array([-0.5, 0.0, 1.0, 1.0])
    scores = ClipScores(("a", "b", "c", "d"), {(MODEL, IB): {"value": values}})
    rows = list(table.rows)
    assert distributions.span_of(table.columns[1], rows, scores) == (-0.5, 1.0)
    assert distributions.span_of(table.columns[2], rows, scores) == (0.0, 1.0)
    shares, edges = distributions.histogram(values, (-0.5, 1.0))
    assert (shares[0], shares[-1], shares.sum()) == (0.25, 0.5, 1.0)
    assert (edges[0], edges[-1], len(edges)) == (-0.5, 1.0, 21)


def test_bars_of_all_rows_of_a_panel_have_one_scale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = make_table()
    spread, heaped = np.linspace(0, 0.999, 20), np.full(20, 0.5)
    of = {(MODEL, IB): {"value": spread}, (REAL, IB): {"value": heaped}}
    scores = ClipScores(tuple(map(str, range(20))), of)
    heights: list[float] = []

    def look(_path: Path, size: tuple[float, float], fill: Any, **_more: Any) -> None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=size)
        fill(figure)
        for patch in figure.axes[0].patches:
            values, _, baseline = patch.get_data()
            heights.append(float(np.max(np.abs(values - baseline))))

    monkeypatch.setattr(distributions, "write", look)
    distributions.draw(table, scores, tmp_path / "d.svg")
    assert heights == pytest.approx([distributions.FULL / 20, distributions.FULL])


def test_equal_clips_become_one_disc() -> None:
    nan = float("nan")
    p, r = np.array([1, 0.5, 1, nan]), np.array([1, 0.25, 1, nan])
    x, y, counts = scatter.points(p, r)
    assert (x.tolist(), y.tolist(), counts.tolist()) == ([0.5, 1], [0.25, 1], [1, 2])


def test_nothing_to_draw_is_said(tmp_path: Path) -> None:
    table, empty = make_table(), ClipScores((), {})
    with pytest.raises(DataError, match="found no scores of single clips"):
        distributions.draw(table, empty, tmp_path / "d.svg")
    with pytest.raises(DataError, match="found no precision of single clips"):
        scatter.draw(table, empty, ALIGN, tmp_path / "p.svg")
    with pytest.raises(ConfigError, match="found no clip to draw"):
        clip_figure.draw([], tmp_path, tmp_path / "c.svg")


def test_matches_are_those_that_precision_and_recall_count() -> None:
    assert clip_figure.matches((0.25, 0.5), (0.25, 0.5), 8.0) == [(0, 0), (1, 1)]
    assert clip_figure.matches((0.25,), (0.375,), 8.0) == []  # one frame apart is too far
    assert clip_figure.matches((0.26,), (0.375, 0.15), 8.0) == [(0, 0), (0, 1)]
    rng = np.random.default_rng(0)
    for _ in range(50):
        onsets, peaks = rng.integers(0, 250, 7) * 0.016, rng.integers(0, 32, 5) / 8
        pairs = clip_figure.matches(onsets, peaks, 8.0)
        shares = len({a for a, _ in pairs}) / 7, len({v for _, v in pairs}) / 5
        assert shares == precision_recall(onsets, peaks, 8.0)


def test_a_panel_holds_what_the_metric_saw(run: Path, scores: ClipScores, tmp_path: Path) -> None:
    table = clip_figure.rows_of(make_table(), [MODEL, REAL])
    assert [row.system for row in table.rows] == [MODEL, REAL]
    gallery = gallery_of(run, table, ["c2/0"], tmp_path, Local())
    panel, other = clip_figure.panels_of(table, scores, gallery, "c2/0", ALIGN)
    assert panel.title == "CMC-PE, gamma 1.5: a stick hits wood"
    assert (panel.onsets, panel.peaks) == FOUND["c2/0"][:2]
    assert panel.motion == Motion(8.0, MOTION)
    assert other.view.system == REAL


def test_clips_of_a_figure_share_one_scale(
    run: Path, scores: ClipScores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = clip_figure.rows_of(make_table(), [MODEL, REAL])
    gallery = gallery_of(run, table, ["c2/0"], tmp_path, Local())
    one, other = clip_figure.panels_of(table, scores, gallery, "c2/0", ALIGN)
    faster = replace(other.motion, values=[4 * value for value in other.motion.values])
    louder = replace(other.view, envelope=[[-1.0, 1.0] for _ in other.view.envelope])
    limits: list[tuple[float, float]] = []

    def look(_path: Path, size: tuple[float, float], fill: Any, **_more: Any) -> None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=size)
        fill(figure)
        limits.extend(axis.get_ylim() for axis in figure.axes)

    monkeypatch.setattr(clip_figure, "write", look)
    panels = [one, replace(other, motion=faster, view=louder)]
    clip_figure.draw(panels, tmp_path, tmp_path / "c.svg")
    assert limits[1] == limits[4] == pytest.approx((0, 1.2 * max(faster.values)))
    assert limits[2] == limits[5] == pytest.approx((-1.1, 1.1))


def test_unknown_rows_metrics_and_pictures_are_named(scores: ClipScores, tmp_path: Path) -> None:
    table: ResultTable = make_table()
    with pytest.raises(ConfigError, match=f"--systems: found 'x', expected some of {REAL}"):
        clip_figure.rows_of(table, ["x"])
    with pytest.raises(ConfigError, match=f"--metric: found '{IB}', expected one .*: {ALIGN}"):
        clip_figure.panels_of(table, scores, Gallery(), "c0/0", IB)
    assert clip_figure.panels_of(table, scores, Gallery(), "c0/0", None) == []
    view = ClipView(MODEL, "c0/0", "d", "v", "p", "gone.jpg", 8, 1.0, ((0, 0),))
    with pytest.raises(DataError, match=f"c0/0 of {MODEL}: found no motion curve"):
        clip_figure.panels_of(table, scores, Gallery({}, (view,)), "c0/0", None)
    panel = clip_figure.Panel("t", view, Motion(8.0, MOTION), (), ())
    with pytest.raises(DataError, match=r"gone\.jpg: found no readable picture"):
        clip_figure.draw([panel], tmp_path, tmp_path / "c.svg")
