"""Tables in GitHub's Markdown: marks, sections, and names that hold its signs."""

from __future__ import annotations

import re

import pytest

from svbench.reports.tables.formats import sheets
from svbench.reports.tables.markdown import MODELS_END, escape, grid, markdown
from svbench.reports.tables.sheet import Cell, Line, Sheet, arrange
from tests.factories.results import clip_values, make_table

TEXT = markdown([arrange(make_table(), clip_values())])


def rows(text: str) -> list[list[str]]:
    """Return the cells of every line of the tables; `\\|` is no border."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_headings_carry_arrows_and_every_line_has_as_many_cells() -> None:
    table = rows(TEXT)
    assert table[0] == ["", "FVD (miniature I3D) ↓", "AV-Align (corrected, published detectors) ↑"]
    assert table[1] == [":--", "--:", "--:"]
    assert {len(row) for row in table} == {3}


def test_the_best_is_bold_with_interval_and_count_below() -> None:
    row = next(row for row in rows(TEXT) if "gamma 1.5" in row[0])
    assert row[0].endswith("<br>n = 16 vs 16")  # once for both columns
    assert row[1] == r"**300**<br>\[280, 320\]"
    assert row[2] == r"**0.500**<br>\[0.450, 0.550\]"


def test_the_second_is_underlined() -> None:
    sheet = Sheet("t", ("a",), (Line("mine", False, (Cell("0.5", place="second"),)),), ())
    assert rows(markdown([sheet]))[-1] == ["mine", "<u>0.5</u>"]


def test_reference_rows_are_set_apart_below_the_models() -> None:
    names = [row[0] for row in rows(TEXT)]
    assert names[5] == MODELS_END
    assert all("gamma" in name for name in names[2:5])
    assert names[6].startswith("real clips (ceiling)")


def test_a_table_of_reference_rows_alone_needs_no_line_between() -> None:
    alone = make_table(rows=make_table().rows[:2])
    assert MODELS_END not in markdown([arrange(alone)])


def test_the_caption_follows_as_a_list() -> None:
    notes = [line for line in TEXT.splitlines() if line.startswith("- ")]
    assert notes[0].startswith("- scale: mini; seed: 0; real clips: 16; judged by fvd@stylegan")
    assert "- miniature: drawn clips, not comparable with published figures" in notes


def test_published_figures_follow_in_a_table_of_their_own() -> None:
    text = markdown(sheets(make_table(), clip_values()))
    ours, paper = text.split("**Table 1 of Ishii")
    assert "paper:" not in ours
    assert "paper: Our method (γ = 1.50); here: cmc-pe, gamma 1.5" in paper


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"),
        ("**x** _y_ `z`", r"\*\*x\*\* \_y\_ \`z\`"),
        ("<b> & [c](d)", r"\<b\> &amp; \[c\](d)"),
        ("two\nlines", "two lines"),
        ("back\\slash", "back\\\\slash"),
        ("γ ↑ Größe", "γ ↑ Größe"),
    ],
)
def test_texts_are_shown_as_they_are(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_a_bar_in_a_name_is_no_border() -> None:
    sheet = Sheet("t", ("a|b",), (Line("x|y", False, (Cell("1"),)),), ())
    assert rows(markdown([sheet])) == [["", r"a\|b"], [":--", "--:"], [r"x\|y", "1"]]


def test_a_grid_is_a_table_of_ready_cells() -> None:
    assert grid(["a", "b"], [["1", "2"]], {"b"}) == "| a | b |\n| :-- | --: |\n| 1 | 2 |\n"
