"""What stands in each cell of a printed table, and below it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from svbench.reports.analysis.ranking import EXPLANATION, UNMARKED
from svbench.reports.tables.footnotes import REFERENCES
from svbench.reports.tables.numbers import number
from svbench.reports.tables.sheet import ABSENT, Cell, arrange, counts_of
from svbench.types import ClipSpec, Column, ResultTable, Row, Score
from tests.factories.results import clip_values, make_table

SPEC = ClipSpec(8, 8.0, (32, 48), 16000)
ALIGN = Column("align", "AV-Align", "higher")
FVD = Column("fvd", "FVD", "lower")
ALIGN_NAME = "av-align-corrected@published"


def score(value: float, count: int = 20, **more: object) -> Score:
    return Score("align", value, "higher", count, **more)  # type: ignore[arg-type]


def table(*rows: Row, columns: tuple[Column, ...] = (ALIGN,), notes: tuple[str, ...] = ()):
    return ResultTable("Greatest Hits", "greatesthits", "mini", SPEC, columns, rows, notes)


def row(name: str, asked: int = 20, **more: object) -> Row:
    return Row(name, f"the {name}", asked, **more)  # type: ignore[arg-type]


def test_models_stand_before_reference_rows_and_each_kind_keeps_its_order() -> None:
    sheet = arrange(
        table(
            row("real", made_of_real_clips=True),
            row("b"),
            row("lagged", made_of_real_clips=True),
            row("a"),
        )
    )
    titles = [(line.title, line.reference) for line in sheet.lines]
    assert titles == [
        ("the b", False),
        ("the a", False),
        ("the real", True),
        ("the lagged", True),
    ]


def test_headings_show_the_format_and_which_direction_is_better() -> None:
    sheet = arrange(table(columns=(ALIGN, FVD)))
    assert sheet.title == "Greatest Hits (8 frames at 8 frames/s, 48 x 32 px, 16000 Hz)"
    assert sheet.headings == ("AV-Align ↑", "FVD ↓")
    assert sheet.lines == ()


def test_a_cell_shows_value_interval_and_count() -> None:
    sheet = arrange(table(row("a", scores={"align": score(0.12345, interval=(0.1, 0.15))})))
    assert sheet.lines[0].cells == (Cell("0.123", "[0.100, 0.150]", "n = 20"),)
    assert "brackets: 95 % interval over clips" in sheet.footnotes


def test_a_score_without_interval_shows_none_and_explains_none() -> None:
    sheet = arrange(table(row("a", scores={"align": score(0.5)})))
    assert sheet.lines[0].cells[0].interval == ""
    assert sheet.footnotes == ()


def test_a_count_below_the_requested_one_is_printed_with_it() -> None:
    sheet = arrange(table(row("a", asked=22, scores={"align": score(0.5, 21)})))
    assert sheet.lines[0].cells[0].count == "n = 21 of 22"


def test_a_distance_is_printed_with_its_number_of_real_clips() -> None:
    against = score(0.5, 10, reference_count=11)
    sheet = arrange(table(row("real", 21, made_of_real_clips=True, scores={"align": against})))
    cell = sheet.lines[0].cells[0]
    assert (cell.count, cell.against) == ("n = 10 of 21", "vs 11")
    assert REFERENCES in sheet.footnotes


def test_an_absent_cell_is_a_dash_and_its_reason_a_footnote() -> None:
    sheet = arrange(
        table(
            row("a", scores={"align": score(0.5)}, absent={"fvd": "no weights here"}),
            columns=(ALIGN, FVD),
        )
    )
    assert ABSENT == "–"
    assert sheet.lines[0].cells[1] == Cell("–", "", "")
    assert sheet.footnotes == ("FVD, the a: no weights here",)


@pytest.mark.parametrize(("count", "warned"), [(9, True), (10, False)])
def test_fewer_than_ten_clips_are_called_few(count: int, warned: bool) -> None:
    sheet = arrange(table(row("a", count, scores={"align": score(0.5, count)})))
    assert (
        "fewer than 10 clips: what one clip in ten does may be missing altogether"
        in sheet.footnotes
    ) == warned


def test_notes_of_table_and_scores_are_all_printed_those_of_the_table_first() -> None:
    sheet = arrange(
        table(
            row("a", scores={"align": score(0.5, note="2 of 20 clips are silent")}),
            row("b", scores={"align": score(0.5)}),
            notes=("miniature: not comparable",),
        )
    )
    assert sheet.footnotes == (
        "miniature: not comparable",
        UNMARKED,
        "AV-Align, the a: 2 of 20 clips are silent",
    )


def test_scores_stand_under_their_own_heading_whatever_their_order_in_the_row() -> None:
    scores = {"fvd": replace(score(300.4), metric="fvd"), "align": score(0.5)}
    sheet = arrange(table(row("a", scores=scores), columns=(ALIGN, FVD)))
    assert [cell.value for cell in sheet.lines[0].cells] == ["0.500", "300"]


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (0.0, "0.000"),
        (0.0314, "0.031"),
        (-0.0004, "0.000"),
        (-0.25, "-0.250"),
        (9.9994, "9.999"),
        (10.0, "10.0"),
        (99.94, "99.9"),
        (100.0, "100"),
        (-512.6, "-513"),
    ],
)
def test_numbers_carry_the_figures_an_interval_can_bear(value: float, printed: str) -> None:
    assert number(value) == printed


def test_marked_cells_are_the_ranked_ones_and_the_caption_explains_marks() -> None:
    sheet = arrange(make_table(), clip_values())
    marked = {(line.title, i) for line in sheet.lines for i, c in enumerate(line.cells) if c.place}
    assert marked == {("cmc-pe, gamma 1.5", 0), ("cmc-pe, gamma 1.5", 1)}
    assert EXPLANATION in sheet.footnotes
    assert "at 5 % for all pairs of models of a column together (Holm)" in EXPLANATION
    assert "by intervals that do not overlap, over 10 clips or more" in EXPLANATION


def test_without_scores_of_clips_nothing_is_marked_and_a_note_explains_it() -> None:
    sheet = arrange(make_table())
    assert not any(cell.place for line in sheet.lines for cell in line.cells)
    assert UNMARKED in sheet.footnotes


def test_a_single_model_needs_no_explanation_of_marks() -> None:
    alone = make_table(rows=make_table().rows[:3])
    assert not {UNMARKED, EXPLANATION} & set(arrange(alone, clip_values()).footnotes)


def test_the_protocol_names_scale_seed_clips_and_metrics() -> None:
    assert arrange(make_table()).protocol == (
        "scale: mini; seed: 0; real clips: 16; judged by fvd@stylegan-v-16f+miniature, "
        "av-align-corrected@published"
    )


def test_a_note_to_a_whole_column_is_printed_once() -> None:
    column = replace(ALIGN, settings={"caveat": "compare at equal N"})
    two = (row("a", scores={"align": score(0.5)}), row("b", scores={"align": score(0.25)}))
    other = replace(FVD, settings=column.settings)
    two = tuple(replace(r, scores={**r.scores, "fvd": score(300.0)}) for r in two)
    sheet = arrange(table(*two, columns=(column, other)))
    assert [note for note in sheet.footnotes if "equal N" in note] == [
        "AV-Align and FVD: compare at equal N"
    ]


def test_where_nothing_is_marked_no_mark_is_explained() -> None:
    alike = {key: dict.fromkeys(values, 0.25) for key, values in clip_values().items()}
    rows = tuple(replace(r, scores={ALIGN_NAME: r.scores[ALIGN_NAME]}) for r in make_table().rows)
    sheet = arrange(make_table(rows=rows), alike)
    assert not any(cell.place for line in sheet.lines for cell in line.cells)
    assert not any("bold" in note for note in sheet.footnotes)


def test_counts_that_most_cells_share_stand_once_and_others_in_their_cells() -> None:
    plain, far = Cell("1", count="n = 20"), Cell("2", count="n = 20", against="vs 40")
    half = Cell("3", count="n = 10", against="vs 10")
    assert counts_of([plain, plain]) == ("n = 20", ("", ""))
    assert counts_of([plain, far, far]) == ("n = 20 vs 40", ("", "", ""))
    assert counts_of([plain, plain, half]) == ("n = 20", ("", "", "n = 10 vs 10"))
    other = replace(far, against="vs 30")
    assert counts_of([far, other]) == ("n = 20", ("vs 40", "vs 30"))
    assert counts_of([Cell("–"), Cell("–")]) == ("", ("", ""))


def test_the_format_of_native_clips_is_not_that_of_the_table() -> None:
    native = replace(ALIGN, settings={"view": "native"})
    conformed = replace(FVD, settings={"view": "conformed"})
    assert arrange(table(columns=(native,))).title == (
        "Greatest Hits (every clip at its own size and frame rate)"
    )
    assert "8 frames" in arrange(table(columns=(native, conformed))).title
