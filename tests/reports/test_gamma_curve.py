"""The gamma curve: which rows become curves, and that a picture is drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.errors import DataError
from svbench.reports.gamma_curve import curves_of, draw
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


def test_a_table_without_gammas_has_no_curve(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a sweep: found no row with a gamma"):
        draw(table(row("real", 0.9)), tmp_path / "curve.svg")
