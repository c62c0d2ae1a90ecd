"""Tables in LaTeX: they compile, look alike and print every name as it is."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from svbench.reports.tables.formats import compacted, sheets
from svbench.reports.tables.latex import escape, latex
from svbench.reports.tables.sheet import Cell, Line, Sheet, arrange
from svbench.types import Column, Row
from tests.factories.results import clip_values, make_table

ODD = r"""100 % & 5_a #1 {x} ~ ^ \foo $y$ [2] *3 a--b "q" 'r' `s` <t> u|v Größe γ † – 中 ?` !`"""
DOCUMENT = """\\documentclass{article}
\\usepackage{booktabs,graphicx}
\\begin{document}
%s
\\end{document}
"""


def odd_table():
    """Return a table whose every text is hard to print."""
    table = make_table(title=ODD, notes=(ODD, "[a note"))
    rows = (
        *table.rows,
        Row("odd", ODD, 16, absent={"m": ODD}),
        Row("odder", "[2cm] wide", 16),
        Row("oddest", "*starred", 16, True),
    )
    return make_table(
        title=ODD, notes=table.notes, rows=rows, columns=(*table.columns, Column("m", ODD, "lower"))
    )


TABLES = {"usual": make_table(), "odd": odd_table(), "empty": make_table(rows=(), columns=())}


def bare(text: str) -> str:
    """Take away escaped signs, so that those left are LaTeX's own."""
    return re.sub(r"\\[\\{}%&$#_]", lambda found: r"\\" if found[0] == r"\\" else "", text)


@pytest.mark.parametrize("kind", TABLES)
def test_the_syntax_is_sound(kind: str) -> None:
    text = latex(sheets(TABLES[kind], clip_values()))
    plain = "\n".join(line for line in bare(text).splitlines() if not line.startswith("%"))
    depth = 0
    for sign in plain:
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0
    assert depth == 0
    assert plain.count("$") % 2 == 0
    assert not set("#%^~_") & set(plain)
    begun, ended = (re.findall(rf"\\{word}{{(\w+)}}", plain) for word in ("begin", "end"))
    assert sorted(begun) == sorted(ended)
    for columns, body in re.findall(
        r"\\begin{tabular}{(\w+)}\n\\toprule\n(.*?)\\end", plain, re.DOTALL
    ):
        lines = [line for line in body.splitlines() if line.endswith(r" \\")]
        assert {line.count("&") + 1 for line in lines} == {len(columns)}
        assert not [line for line in lines if line.startswith(("[", "*"))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-0.250", "$-$0.250"),
        ("[-0.250, -.1]", "{[}$-$0.250, $-$.1{]}"),
        ("p below 1e-05 (-3 s)", "p below 1e$-$05 ($-$3 s)"),
        ("1-3, clip-2, 2e-a, c2e-4b --seed -", "1-{}3, clip-{}2, 2e-{}a, c2e-{}4b -{}-{}seed -{}"),
    ],
)
def test_the_sign_of_a_number_is_a_minus(text: str, expected: str) -> None:
    assert escape(text) == expected


def test_negative_scores_have_a_minus() -> None:
    cell = Cell("-0.250", "[-0.500, 0.100]")
    printed = latex([Sheet("t", ("AV ↑",), (Line("a-1", reference=False, cells=(cell,)),), ())])
    assert r"a-{}1 & $-$0.250 \\" in printed
    assert r"{\scriptsize {[}$-$0.500, 0.100{]}}" in printed


@pytest.mark.parametrize("kind", TABLES)
def test_pdflatex_takes_it(kind: str, tmp_path: Path) -> None:
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("pdflatex is not installed; the syntax is looked at by the test above")
    tables = (
        latex(sheets(TABLES[kind], clip_values())),
        compacted("latex", TABLES[kind], clip_values()),
    )
    text = DOCUMENT % "\n".join(tables)
    (tmp_path / "table.tex").write_text(text, encoding="utf-8")
    command = [program, "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    log = done.stdout.decode(errors="replace")
    assert done.returncode == 0, log[-2000:]
    assert "Overfull" not in log or kind == "odd"


def test_a_compact_table_has_no_counts_and_a_short_caption() -> None:
    text = compacted("latex", make_table(dataset="mine"), clip_values())
    caption = re.search(r"\\caption{(.*)}\n", text)
    assert caption is not None
    assert caption[1] == (
        "Greatest Hits, miniature. Miniature data, models and networks: not comparable with "
        "published figures. N = 8 to 16. Distances between sets fall with n: compare at equal n "
        r"only. Brackets: 95 \% intervals. Bold: better than every other model, underlined: worse "
        r"than one, better than all others (5 \% for all pairs of models of a column, Holm). --: "
        r"not computed."
    )
    assert "n = " not in text.replace(caption[0], "")  # which stands below names else
    assert text.count(r"{\scriptsize {[}280, 320{]}}") == 1
    assert all(rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule"))


def test_a_compact_table_without_intervals_has_a_line_for_each_row() -> None:
    text = compacted("latex", make_table(dataset="mine"), clip_values(), intervals=False)
    body = text.partition(r"\toprule")[2].partition(r"\bottomrule")[0]
    names = [line.partition(" & ")[0] for line in body.splitlines() if line.endswith(r" \\")][1:]
    assert [name for name in names if "gamma" in name] == names[:3]
    assert "scriptsize" not in text
    assert "intervals." not in text  # no brackets, nothing to explain


def test_marks_arrows_and_sections() -> None:
    text = latex([arrange(make_table(), clip_values())], "hits")
    assert r"\label{tab:hits}" in text
    assert r"\shortstack[r]{FVD (miniature\\I3D) $\downarrow$}" in text
    assert r"cmc-{}pe, gamma 1.5 & \textbf{300} & \textbf{0.500} \\" in text
    assert r" & {\scriptsize {[}280, 320{]}} & {\scriptsize {[}0.450, 0.550{]}} \\" in text
    body = text.split(r"\midrule")
    assert len(body) == 3  # heading, models, reference rows
    assert "real clips" in body[2]
    assert "real clips (" not in body[1]


def test_the_second_is_underlined() -> None:
    sheet = Sheet("t", ("a",), (Line("mine", False, (Cell("0.5", place="second"),)),), ())
    assert r"mine & \underline{0.5} \\" in latex([sheet])


def test_title_protocol_and_notes_are_the_caption_in_sentences() -> None:
    text = latex([arrange(make_table(), clip_values())])
    caption = re.search(r"\\caption{(.*)}\n", text)
    assert caption is not None
    for sentence in (
        "Greatest Hits, miniature (32 frames at 8 frames/s, 64 x 64 px, 16000 Hz). Scale: mini;",
        "Miniature: drawn clips, not comparable with published figures.",
        "at 5 \\% for all pairs of models of a column together (Holm), not for all columns ",
    ):
        assert sentence in caption[1]


def test_each_table_has_a_label_of_its_own() -> None:
    text = latex(sheets(make_table(), clip_values()), "a")
    assert re.findall(r"\\label{(.*)}", text) == ["tab:a", "tab:a-2"]


def test_counts_that_all_cells_share_stand_once_below_the_name() -> None:
    line = Line("mine", False, (Cell("1", count="n = 4"), Cell("2", count="n = 4")))
    text = latex([Sheet("t", ("a", "b"), (line,), ())])
    assert text.count("n = 4") == 1
    assert "{\\scriptsize n = 4} &  &  \\\\" in text


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("50 %", r"50 \%"),
        ("a_b", r"a\_b"),
        ("--limit", r"-{}-{}limit"),
        ("γ ≥ 1", r"$\gamma$ $\geq$ 1"),
        ("中", "{[}U+4E2D{]}"),
        ("a\x07b", "a{[}U+0007{]}b"),
        ("two\nlines", "two lines"),
    ],
)
def test_texts_are_printed_as_they_are(text: str, printed: str) -> None:
    assert escape(text) == printed
