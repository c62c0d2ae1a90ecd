"""The table on a terminal, wide or narrow, coloured or not."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from svbench.errors import ConfigError
from svbench.reports.tables.sheet import Cell, Line, Sheet, arrange
from svbench.reports.tables.text import save_svg, show, text
from svbench.types import ClipSpec, Column, ResultTable, Row, Score

SPEC = ClipSpec(8, 8.0, (32, 32), 16000)
COLUMNS = (
    Column("align", "AV-Align (corrected, published detectors)", "higher"),
    Column("old", "AV-Align (tempotokens-2023, published detectors)", "higher"),
    Column("fvd", "FVD", "lower"),
)


def score(metric: str, value: float, low: float, high: float) -> Score:
    return Score(metric, value, "higher", 19, (low, high))


TABLE = ResultTable(
    "Greatest Hits",
    "greatesthits",
    "mini",
    SPEC,
    COLUMNS,
    (
        Row("real", "real clips", 20, True, {}, {"align": score("align", 0.875, 0.812, 0.931)}),
        Row(
            "mine",
            "my model",
            20,
            scores={
                "align": score("align", 0.123, 0.101, 0.145),
                "old": score("old", 1.234, 1.011, 1.456),
                "fvd": score("fvd", 321.4, 298.7, 345.6),
            },
        ),
    ),
    notes=("miniature: not comparable with published figures",),
)


def printed(width: int, table: ResultTable = TABLE, **more: object) -> str:
    file = io.StringIO()
    show([arrange(table)], Console(file=file, width=width, **more))  # type: ignore[arg-type]
    return file.getvalue()


def test_a_wide_terminal_shows_everything() -> None:
    text = printed(200)
    lines = text.splitlines()
    assert lines[0].startswith("Greatest Hits (8 frames at 8 frames/s, 32 x 32 px, 16000 Hz)")
    heading = next(line for line in lines if "AV-Align" in line)
    assert heading.index("(corrected") < heading.index("(tempotokens-2023") < heading.index("FVD ↓")
    mine = next(line for line in lines if "my model" in line)
    assert [n for n in mine.replace("│", " ").split() if n[0].isdigit()] == [
        "0.123",
        "1.234",
        "321",
    ]
    assert text.index("my model") < text.index("real clips")
    assert text.count("n = 19 of 20") == 2
    assert "· miniature: not comparable with published figures" in text


def test_a_rule_parts_models_from_reference_rows() -> None:
    lines = printed(200).splitlines()
    mine = next(i for i, line in enumerate(lines) if "my model" in line)
    real = next(i for i, line in enumerate(lines) if "real clips" in line)
    assert any(set(line.strip()) == {"─"} for line in lines[mine:real])
    assert not any(set(line.strip()) == {"─"} for line in lines[real:-4])


def test_a_count_stands_once_where_all_cells_share_it_and_else_in_each() -> None:
    cells = {"align": score("align", 0.1, 0.0, 0.2), "fvd": Score("fvd", 300.0, "lower", 7)}
    mixed = ResultTable("t", "d", "mini", SPEC, COLUMNS, (Row("r", "mine", 19, scores=cells),))
    text = printed(200, mixed)
    assert (text.count("n = 19"), text.count("n = 7 of 19")) == (1, 1)
    assert printed(200).count("n = 19 of 20") == 2  # two rows


@pytest.mark.parametrize("width", [80, 60])
def test_a_narrow_terminal_loses_no_number(width: int) -> None:
    text = printed(width)
    assert max(map(len, text.splitlines())) <= width
    for figure in ("0.123", "[0.101,", "0.145]", "1.234", "321", "[299,", "346]", "0.875"):
        assert figure in text
    assert "…" not in text


def test_colour_and_boxes_are_for_terminals_only() -> None:
    assert "\x1b[" not in printed(100)
    assert "\x1b[" in printed(100, force_terminal=True, color_system="standard", no_color=False)


def test_a_table_without_rows_prints_its_headings() -> None:
    empty = ResultTable("Nothing yet", "d", "mini", SPEC, COLUMNS, ())
    assert "FVD ↓" in printed(200, empty)


def test_square_brackets_in_names_are_not_taken_for_markup() -> None:
    odd = ResultTable(
        "[red]odd[/red]",
        "d",
        "mini",
        SPEC,
        (Column("m", "[b]m[/b]", "higher"),),
        (Row("r", "[i]r[/i]", 1, absent={"m": "[dim]because[/dim]"}),),
        notes=("[bold]note",),
    )
    text = printed(200, odd)
    for name in ("[red]odd[/red]", "[b]m[/b]", "[i]r[/i]", "[dim]because[/dim]", "[bold]note"):
        assert name in text


def test_a_long_word_in_a_name_or_a_note_is_broken_and_not_cut_off() -> None:
    path = "/data/" + "0123456789" * 9 + ".mp4"
    long = ResultTable(
        "t",
        "d",
        "mini",
        SPEC,
        COLUMNS[2:],
        (Row("r", path, 1, absent={"fvd": path}),),
        notes=(f"left out: {path}",),
    )
    text = printed(60, long)
    assert "…" not in text
    joined = "".join(text.replace("│", "").replace("–", "").split())
    assert joined.count(path) == 4  # the row, the note, and the footnote of its absent cell


def test_a_table_can_be_saved_as_a_picture(tmp_path: Path) -> None:
    save_svg([arrange(TABLE)], tmp_path / "table.svg")
    picture = (tmp_path / "table.svg").read_text()
    assert picture.startswith("<svg")
    with pytest.raises(ConfigError, match=r"--svg .*table\.svg: cannot be written"):
        save_svg([arrange(TABLE)], tmp_path / "nowhere" / "table.svg")


def mini_table(rows: int = 3) -> ResultTable:
    """Return a table of the columns of a miniature, filled with numbers that all differ."""
    titles = (
        "FVD (miniature I3D)",
        "FAD (miniature VGGish)",
        "IB-AV (miniature ImageBind)",
        "IB-TA (miniature ImageBind)",
        "IB-TV (miniature ImageBind)",
        "AV-Align (corrected, miniature detectors)",
        "AV-Align (corrected, published detectors)",
        "AV-Align (adjusted, corrected, miniature detectors)",
    )
    columns = tuple(Column(f"metric-{i}", title, "higher") for i, title in enumerate(titles))
    names = ("cross-attention over time, gamma 1", "my/very_long-model_name-of_step-100000", "b")

    def scores(row: int) -> dict[str, Score]:
        at = {c.metric: 0.1 + (row * len(columns) + i) / 1000 for i, c in enumerate(columns)}
        return {
            name: replace(score(name, value, value - 0.09, value + 0.5), reference_count=12)
            for name, value in at.items()
        }

    made = [Row(f"r{i}", names[i % 3], 19, i == 2, {}, scores(i)) for i in range(rows)]
    return ResultTable("t", "d", "mini", SPEC, columns, tuple(made))


@pytest.mark.parametrize("width", [20, 40, 60, 79, 80, 100, 120, 160, 300])
def test_every_number_stands_once_in_its_row_whatever_the_width(width: int) -> None:
    table = mini_table()
    lines = printed(width, table).splitlines()
    assert max(map(len, lines)) <= width
    body = lines[: next(i for i, line in enumerate(lines) if line.startswith("·"))]
    words = " ".join(body).replace("[", " ").replace("]", " ").replace(",", " ").split()
    for line in arrange(table).lines:
        for cell in line.cells:
            assert words.count(cell.value) == 1
    joined = "".join("".join(body).split())
    assert "…" not in joined
    first = [line[: min(map(len, body))] for line in body]  # the names stand in front
    assert all(word in " ".join(first) for word in ("cross-", "very_"))


@pytest.mark.parametrize(("count", "width"), [(8, 80), (6, 80), (8, 120), (5, 60)])
def test_the_usual_columns_fit_into_one_table(count: int, width: int) -> None:
    table = mini_table()
    kept = replace(table, columns=table.columns[-count:])
    text = printed(width, kept)
    assert text.count("100000") == 1
    assert text.count("cross-") == 1


def test_columns_that_do_not_fit_go_into_further_tables_without_a_number_lost() -> None:
    text = printed(45, mini_table())
    assert text.count("cross-") == 2
    assert text.count("· FVD: FVD (miniature I3D)") == 1  # the legend, once for all of them


def test_short_titles_have_a_legend_and_notes_call_columns_as_the_table_does() -> None:
    column = Column("m", "AV-Align (adjusted, published detectors)", "higher", {"caveat": "odd"})
    table = mini_table()
    scores = {**table.rows[0].scores, "m": score("m", 0.5, 0.25, 0.75)}
    rows = (replace(table.rows[0], scores=scores),)
    text = printed(80, replace(table, columns=(*table.columns[:6], column), rows=rows))
    lines = text.splitlines()
    assert "· Align adj publ: AV-Align (adjusted, published detectors)" in map(str.rstrip, lines)
    assert "· Align adj publ: odd" in map(str.rstrip, lines)
    assert "AV-Align (adjusted, published" not in text.replace("publ: AV-Align (adjusted", "")
    assert "· FVD" not in printed(400, table)  # whole titles need no legend


def test_counts_that_differ_from_the_rows_stand_once_for_their_columns() -> None:
    table = mini_table(1)
    scores = dict(table.rows[0].scores)
    for name in ("metric-0", "metric-1"):
        scores[name] = replace(scores[name], count=7)
    text = printed(80, replace(table, rows=(replace(table.rows[0], scores=scores),)))
    heading = next(line for line in text.splitlines() if "FVD ↑" in line)
    room = heading.index("FVD ↑") - 2  # the column is as wide as [0.010,
    words = " ".join(line[:room].strip() for line in text.splitlines())
    assert "n = 19" in words
    assert "FVD, FAD: n = 7 of 19 vs 12" in words


def test_a_table_of_columns_that_compare_with_no_real_clips_counts_none() -> None:
    table = mini_table(1)
    row = table.rows[0]
    scores = {
        name: score if name in ("metric-0", "metric-1") else replace(score, reference_count=None)
        for name, score in row.scores.items()
    }
    text = printed(45, replace(table, rows=(replace(row, scores=scores),)))
    _, *pieces = text.split("cross-")
    assert len(pieces) > 1
    assert ["vs" in " ".join(piece.split("·")[0].split()) for piece in pieces] == [
        True,
        *(False for _ in pieces[1:]),
    ]
    assert all("n = 19" in " ".join(piece.split()) for piece in pieces)


def test_the_best_is_bold_and_the_second_underlined_on_a_terminal() -> None:
    cells = tuple(Cell(value, place=place) for value, place in (("1", "best"), ("2", "second")))
    sheet = Sheet("t", ("a", "b"), (Line("mine", False, cells),), ())
    file = io.StringIO()
    show([sheet], Console(file=file, width=80, force_terminal=True, color_system="standard"))
    assert "\x1b[1m1\x1b[0m" in file.getvalue()
    assert "\x1b[4m2\x1b[0m" in file.getvalue()


def test_tables_stand_one_below_the_other_and_a_file_has_no_colours() -> None:
    sheets = [arrange(TABLE), Sheet("another", (), (), ())]
    plain = text(sheets)
    assert plain.index("Greatest Hits") < plain.index("another")
    assert "\x1b[" not in plain
    assert max(map(len, plain.splitlines())) <= 100
