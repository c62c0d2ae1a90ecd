"""The gamma curve: which rows become curves, and that a picture is drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from svbench.errors import DataError
from svbench.reports.figures import gamma_curve
from svbench.reports.figures.gamma_curve import curves_of, curves_of_paper, draw, levels_of
from svbench.reports.published import published
from svbench.types import ClipSpec, Column, ResultTable, Row, Score

SPEC = ClipSpec(32, 8.0, (64, 64), 16000)


def row(name: str, value: float, **settings: str) -> Row:
    score = Score("av", value, "higher", 8, (value - 0.1, value + 0.1), "events")
    real = not settings
    return Row(name, name, 8, real, settings, {"av": score})


def table(*rows: Row) -> ResultTable:
    columns = (Column("av", "AV-Align", "higher"), Column("fvd", "FVD", "lower"))
    return ResultTable("a sweep", "greatesthits", "mini", SPEC, columns, rows)


SWEEP = table(
    row("real", 0.9),
    row("b", 0.7, mixer="cmc-pe", gamma="1.5"),
    row("a", 0.8, mixer="cmc-pe", gamma="1"),
    row("c", 0.3, mixer="cross-attention", gamma="1"),
)


def test_rows_become_curves_in_the_order_of_gamma() -> None:
    found = curves_of(SWEEP)
    assert [(g, r.system) for g, r in found["cmc-pe"]] == [(1.0, "a"), (1.5, "b")]
    assert [(g, r.system) for g, r in found["cross-attention"]] == [(1.0, "c")]


def test_a_picture_is_drawn_alike_each_time(tmp_path: Path) -> None:
    draw(SWEEP, tmp_path / "one.svg")
    draw(SWEEP, tmp_path / "other.svg")
    one = (tmp_path / "one.svg").read_text()
    assert one == (tmp_path / "other.svg").read_text()
    assert "AV-Align" in one
    assert "FVD" not in one  # no row has it


def test_the_papers_curve_has_a_panel_of_its_own(tmp_path: Path) -> None:
    columns = (Column("av-align-corrected@published", "AV-Align", "higher"), *SWEEP.columns)
    rows = tuple(
        replace(r, scores={**r.scores, columns[0].metric: r.scores["av"]}) for r in SWEEP.rows
    )
    both = replace(SWEEP, columns=columns, rows=rows)
    printed = published("greatesthits")
    assert printed is not None
    assert curves_of_paper(printed, both, columns[0]) == {
        "cross-attention": [(1.0, 0.250)],
        "cmc-pe": [(1.0, 0.256), (1.25, 0.257), (1.5, 0.268), (1.75, 0.268), (2.0, 0.265)],
    }
    assert curves_of_paper(printed, both, columns[1]) == {}  # a column the paper does not have
    draw(both, tmp_path / "with.svg")
    picture = (tmp_path / "with.svg").read_text()
    assert "AV-Align ↑ as printed in the paper's Table 1" in picture
    assert "paper: cmc-pe" in picture
    assert picture.count("AV-Align ↑") == 3  # our two columns, and one of the paper's
    draw(replace(both, dataset="mine"), tmp_path / "without.svg")
    assert "paper" not in (tmp_path / "without.svg").read_text()


def test_a_table_without_gammas_has_no_curve(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a sweep: found no scored row with a gamma"):
        draw(table(row("real", 0.9)), tmp_path / "curve.svg")


@pytest.mark.parametrize(
    ("counts", "against", "drawn"),
    [
        ((8, 8), (None, None), True),  # means over clips, whatever their number
        ((8, 4), (None, None), True),
        ((8, 8), (8, 8), True),
        ((8, 4), (8, 4), False),  # half against half
        ((8, 8), (8, 4), False),
    ],
)
def test_a_ceiling_is_drawn_where_it_may_be_compared(
    counts: tuple[int, int], against: tuple[int | None, int | None], drawn: bool
) -> None:
    model, real = (
        replace(r, scores={"av": replace(r.scores["av"], count=n, reference_count=m)})
        for r, n, m in zip((SWEEP.rows[1], SWEEP.rows[0]), counts, against, strict=True)
    )
    assert levels_of(table(real, model), SWEEP.columns[0]) == ({"real": 0.9} if drawn else {})


def test_every_axis_holds_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[tuple[float, float]] = []
    written = gamma_curve.write

    def look(path: Path, size: tuple[float, float], fill: Any, **more: Any) -> None:
        def filled(figure: Any) -> None:
            fill(figure)
            limits.extend(axis.get_ylim() for axis in figure.axes if axis.axison)

        written(path, size, filled, **more)

    monkeypatch.setattr(gamma_curve, "write", look)
    draw(SWEEP, tmp_path / "curve.svg")
    assert len(limits) == 1
    assert all(low <= 0 <= high for low, high in limits)
