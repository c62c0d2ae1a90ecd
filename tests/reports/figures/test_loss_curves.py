"""Figure 2 is drawn from numbers alone, and the same numbers give the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.errors import ConfigError
from svbench.reports.figures.loss_curves import LossCurves, draw

TIMES, FALLING, STEEP = [0, 500, 999], [1.0, 0.6, 0.3], [1.0, 0.2, 0.05]


def test_two_panels_with_both_modalities(tmp_path: Path) -> None:
    panels = [LossCurves(title, TIMES, FALLING, STEEP) for title in ("without", "with")]
    for name in ("a", "b"):
        draw(panels, tmp_path / f"{name}.svg")
    picture = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert picture == (tmp_path / "b.svg").read_text(encoding="utf-8")
    assert picture.count('id="axes_') == 2
    assert "global time step" in picture  # matplotlib leaves the text in a comment


def test_curves_of_different_lengths_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"found \(3, 2, 3\) values"):
        LossCurves("without", TIMES, FALLING[:2], STEEP)
