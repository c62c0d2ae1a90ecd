"""Tables by category in every format: counts, marks, odd names, and what has no value per clip."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from svbench.files.results import RequestIdentity
from svbench.reports.tables.by_category import (
    FORMATS,
    ByCategory,
    by_category,
    compacted,
    sheets,
)
from svbench.types import Column, Detection, HumanAgreement
from tests.factories.commands import Command
from tests.factories.results import (
    ALIGN,
    COLUMNS,
    FVD,
    REQUESTS,
    clip_values,
    make_table,
    write_requests,
    write_run,
)

ODD = ["=1+1", "bird, chirping", r"50% of $x_1$ & \y", "<b>glass</b> | [red]", 'a "b"']


def tables(categories: list[str], least: int = 1, kind: str = "class") -> ByCategory:
    names = [request.rpartition("/")[0] for request in REQUESTS]
    known = {
        name: RequestIdentity("", name, {kind: category})
        for name, category in zip(names, categories, strict=True)
    }
    return by_category(make_table(), clip_values(), known, kind, least)


HALVES = ["rain"] * 10 + ["fire"] * 6


def test_categories_stand_below_each_other_and_systems_side_by_side() -> None:
    (sheet,) = sheets(tables(HALVES))
    assert sheet.headings == (
        "cross-attention, gamma 1",
        "cmc-pe, gamma 1",
        "cmc-pe, gamma 1.5",
        "real clips (ceiling)",
        "real pictures, sound of another clip (floor)",
    )
    assert [line.title for line in sheet.lines] == ["rain", "fire", "all clips"]
    assert [cell.value for cell in sheet.lines[0].cells] == [
        *("0.250", "0.250", "0.500", "0.750", "0.125")
    ]
    assert {cell.count for cell in sheet.lines[0].cells} == {"n = 10"}
    assert sheet.title.startswith("AV-Align (corrected, published detectors) ↑ by class: ")


def test_a_cell_is_marked_on_the_evidence_of_its_category() -> None:
    (sheet,) = sheets(tables(["rain"] * 14 + ["fire"] * 2))
    rain, fire, whole = (line.cells[2].place for line in sheet.lines)
    assert (rain, fire, whole) == ("best", None, "best")
    assert any("not corrected for the number of categories" in n for n in sheet.footnotes)


def test_the_notes_say_what_has_no_table_and_what_a_floor_is_made_of() -> None:
    (sheet,) = sheets(tables(HALVES, least=7))
    notes = "\n".join(sheet.footnotes)
    assert "no table of FVD (miniature I3D): compares whole sets of clips" in notes
    assert "real pictures, sound of another clip (floor): the sounds come from clips of" in notes
    assert "other (1 category): fire" in notes
    assert "categories of fewer than 10 clips" in notes
    assert "miniature: drawn clips" in notes
    (sheet,) = sheets(tables(["rain"] * 16))
    assert "fewer than 10" not in "\n".join(sheet.footnotes)


def test_a_metric_without_scores_is_absent_for_its_own_reason() -> None:
    whole = make_table()
    late = (Column("ib-ta", "IB-TA", "higher"), Column("ib-tv", "IB-TV", "higher"))
    why = "no weights in w; get them by: svbench weights fetch imagebind"
    rows = tuple(
        replace(row, absent={**row.absent, **{column.metric: why for column in late}})
        for row in whole.rows
    )
    table = replace(whole, columns=(*whole.columns, *late), rows=rows)
    names = [request.rpartition("/")[0] for request in REQUESTS]
    known = {name: RequestIdentity("", name, {"class": "rain"}) for name in names}
    notes = sheets(by_category(table, clip_values(), known, "class"))[0].footnotes
    assert f"IB-TA and IB-TV, every row: {why}" in notes
    assert [note for note in notes if note.startswith("no table of")] == [
        "no table of FVD (miniature I3D): compares whole sets of clips, and has no value of a "
        "single clip"
    ]


def test_detectors_are_shown_beside_av_align_when_hits_are_known() -> None:
    found = (Detection("onsets", 3, 4, 6, 2, 1 / 15),)
    whole = make_table(columns=tuple(replace(c, detection=found) for c in COLUMNS))
    names = [request.rpartition("/")[0] for request in REQUESTS]
    known = {name: RequestIdentity("", name, {"class": "rain"}) for name in names}
    (sheet,) = sheets(by_category(whole, clip_values(), known, "class"))
    assert sheet.footnotes[-1] == (
        "all clips: detectors against 4 annotated hits (2 real clips, within 0.067 s): "
        "onsets F 0.60 (precision 0.50, recall 0.75)"
    )


def test_columns_of_small_networks_are_not_comparable_with_published_figures() -> None:
    found = replace(tables(["rain"] * 16), whole=make_table(scale="elsewhere"))
    (sheet,) = sheets(found)
    note = "FVD (miniature I3D): small networks that come with svbench"
    assert sheet.footnotes[0].startswith(note)
    assert sheet.brief[0].startswith(note)


def test_a_table_by_category_says_whether_its_column_follows_people() -> None:
    known = HumanAgreement(0.3, (0.1, 0.4), 90, 19, "real clips")
    whole = make_table(columns=tuple(replace(c, validity=known) for c in COLUMNS))
    names = [request.rpartition("/")[0] for request in REQUESTS]
    identities = {name: RequestIdentity("", name, {"class": "rain"}) for name in names}
    (sheet,) = sheets(by_category(whole, clip_values(), identities, "class"))
    assert sheet.footnotes[-1].startswith(f"{COLUMNS[1].title}: follows people weakly: Spearman")


def test_csv_holds_every_cell_and_no_formula() -> None:
    text = FORMATS["csv"](tables([ODD[i % 5] for i in range(16)]))
    lines = list(csv.DictReader(io.StringIO(text)))
    assert len(lines) == (5 + 1) * 5 * 2
    assert {line["category"] for line in lines} == {*ODD[1:], "'=1+1", "all clips"}
    assert {line["group"] for line in lines} == {"category", "all"}
    cells = {(line["category"], line["system"], line["metric"]): line for line in lines}
    cell = cells["bird, chirping", "real", ALIGN]
    assert (cell["by"], cell["value"], cell["count"]) == ("class", "0.75", "3")
    absent = cells["bird, chirping", "real", FVD]
    assert (absent["value"], absent["note"][:20]) == ("", "compares whole sets ")
    assert cells["all clips", "real", FVD]["value"] == "70.0"


def test_json_holds_the_same_cells_and_what_other_is() -> None:
    record = json.loads(FORMATS["json"](tables(HALVES, least=7)))
    assert (record["by"], record["results"]["dataset"]) == ("class", "greatesthits")
    rain, other, whole = record["groups"]
    assert (rain["group"], rain["category"], rain["categories"]) == ("category", "rain", ["rain"])
    assert (other["group"], other["categories"]) == ("other", ["fire"])
    assert (whole["group"], whole["categories"]) == ("all", None)
    cell = next(c for c in rain["cells"] if (c["system"], c["metric"]) == ("real", ALIGN))
    assert (cell["value"], cell["count"], cell["reference_count"]) == (0.75, 10, None)


def test_odd_names_are_text_in_every_format() -> None:
    found = tables([ODD[i % 5] for i in range(16)], kind="my kind_{1}")
    latex, markdown, text = (FORMATS[name](found) for name in ("latex", "markdown", "text"))
    assert r"50\% of \$x\_1\$ \& \textbackslash{}y" in latex
    assert r"\label{tab:svbench-greatesthits-by-my-kind-1-}" in latex
    assert "<b>" not in markdown.replace(r"\<b\>", "")
    assert all(name in text for name in ODD)


@pytest.mark.parametrize("name", FORMATS)
def test_equal_results_give_equal_texts(name: str) -> None:
    assert FORMATS[name](tables(HALVES)) == FORMATS[name](tables(HALVES))


def test_a_compact_table_names_the_range_of_its_counts() -> None:
    text = compacted("latex", tables(HALVES), intervals=False)
    assert "Categories of n = 6 to 10 clips" in text
    assert r"\textbf{0.500}" in text
    assert "scriptsize" not in text


# --- the command -------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = write_run(tmp_path / "run", make_table())
    names = [request.rpartition("/")[0] for request in REQUESTS]
    write_requests(
        folder, {name: {"class": HALVES[i], "place": "="} for i, name in enumerate(names)}
    )
    return folder


def test_report_by_a_kind(run: Path, svbench: Command, tmp_path: Path) -> None:
    done = svbench("report", run, "--by", "class", "--format", "csv")
    assert done.out == FORMATS["csv"](tables(HALVES))
    done = svbench("report", run, "--by", "class", "--min-clips", 7)
    assert "other (1 category)" in done.out
    out = tmp_path / "table.tex"
    done = svbench("report", run, "--by", "class", "--format", "latex", "--compact", "--out", out)
    assert (done.code, done.out) == (0, "")
    assert out.read_text() == compacted("latex", tables(HALVES))


def test_options_without_effect_are_refused(run: Path, svbench: Command) -> None:
    for words, found in (
        (("--min-clips", 2), "--min-clips: found it where it has no effect"),
        (("--by", "class", "--format", "html"), "--by: found it where it has no effect"),
        (("--by", "class", "--format", "clips"), "--by: found it where it has no effect"),
        (("--by", "color"), "--by: found 'color', expected one of class, place"),
        (("--by", "class", "--svg", "a.svg"), "--svg: found it where it has no effect"),
    ):
        assert svbench("report", run, *words).problem(2).startswith(found)


def test_a_run_without_scores_of_clips_is_one_line(run: Path, svbench: Command) -> None:
    (run / "scores.csv").unlink()
    assert "scores.csv" in svbench("report", run, "--by", "class").problem(3)


def test_clips_carry_caption_and_categories(run: Path, svbench: Command) -> None:
    done = svbench("report", run, "--format", "clips")
    first = next(csv.DictReader(io.StringIO(done.out)))
    assert (first["caption"], first["class"], first["place"]) == (
        "caption of clip-00",
        "rain",
        "'=",
    )
