"""The paper's tables are what the paper prints, gaps and signs included."""

from __future__ import annotations

from dataclasses import replace

import pytest

from svbench.reports.published import published
from svbench.reports.tables.published_rows import MINIATURE, published_sheet
from svbench.types import Column
from tests.factories.results import ALIGN, FVD, make_table

GAP = None
PRINTED = {  # method's first word, or gamma -> cells in the order of the paper's columns
    "greatesthits": [
        ("379", "2.35", "0.250"),
        ("393", "1.29", "0.256"),
        ("387", "1.32", "0.257"),
        ("381", "0.60", "0.268"),
        ("374", "0.61", "0.268"),
        ("383", "1.32", "0.265"),
    ],
    "landscape": [
        ("> 3000", "0.220", GAP, GAP, "0.146"),
        ("1689", GAP, "16.4", GAP, "0.191"),
        ("1122", "0.238", "6.63", "0.146", "0.192"),
    ],
    "vggsound": [
        ("2473", "0.155", GAP, GAP, "0.168"),
        (GAP, GAP, "5.08", "0.059", "0.100"),
        (GAP, GAP, "5.72", "0.074", "0.159"),
        ("333", "0.277", "1.46", "0.129", "0.155"),
    ],
}
COLUMNS = {1: ("FVD", "FAD", "AV-Align"), 2: ("FVD", "IB-TV", "FAD", "IB-TA", "IB-AV")}


@pytest.mark.parametrize(("dataset", "number"), [("greatesthits", 1), ("landscape", 2)])
def test_tables_carry_their_number_and_source(dataset: str, number: int) -> None:
    table = published(dataset)
    assert table is not None
    assert table.source == f"Table {number} of Ishii et al., arXiv:2409.17550"
    assert table.columns == COLUMNS[number]


@pytest.mark.parametrize("dataset", PRINTED)
def test_every_cell_is_as_printed(dataset: str) -> None:
    table = published(dataset)
    assert table is not None
    cells = [tuple(row.cells.get(name) for name in table.columns) for row in table.rows]
    assert cells == PRINTED[dataset]


def test_the_dagger_and_what_it_means_are_kept() -> None:
    table = published("vggsound")
    assert table is not None
    assert [row.method for row in table.rows if "†" in row.method] == [
        "DiffFoley† (Luo et al., 2023)"
    ]
    assert "† DiffFoley uses a larger dataset" in table.caption


def test_other_data_sets_have_no_published_table() -> None:
    assert published("my-clips") is None
    assert published_sheet(make_table(dataset="my-clips")) is None


def test_rows_are_matched_by_mixer_and_gamma_alone() -> None:
    table = published("greatesthits")
    assert table is not None
    rows = make_table().rows
    found = {r.method: [row.system for row in rows if r.describes(row)] for r in table.rows}
    assert list(found.values()) == [
        ["cross-attention-gamma1"],
        ["cmc-pe-gamma1"],
        [],
        ["cmc-pe-gamma1.5"],
        [],
        [],
    ]
    unadjusted = replace(rows[2], settings={"mixer": "cross-attention", "gamma": "1.5"})
    assert not table.rows[0].describes(unadjusted)


@pytest.mark.parametrize("dataset", ["landscape", "vggsound"])
def test_tables_without_gamma_match_no_row(dataset: str) -> None:
    table = published(dataset)
    assert table is not None
    assert not [row for row in make_table().rows for line in table.rows if line.describes(row)]


def test_published_figures_stand_in_a_table_of_their_own_beside_ours() -> None:
    sheet = published_sheet(make_table())
    assert sheet is not None
    assert sheet.headings == (
        "FVD ↓, paper",
        "FVD ↓, here",
        "AV-Align ↑, paper",
        "AV-Align ↑, here",
    )
    cells = {line.title: [cell.value for cell in line.cells] for line in sheet.lines}
    assert cells["paper: Our method (γ = 1.50); here: cmc-pe, gamma 1.5"] == [
        "381",
        "300",
        "0.268",
        "0.500",
    ]
    assert cells["paper: Our method (γ = 2.00)"] == ["383", "–", "0.265", "–"]
    assert all(line.title.startswith("paper: ") for line in sheet.lines)
    assert not any(cell.count or cell.place for line in sheet.lines for cell in line.cells)
    assert sheet.footnotes[0] == MINIATURE
    assert f"AV-Align is {ALIGN}" in sheet.footnotes[-1]
    assert f"FVD is {FVD}" in sheet.footnotes[-1]


def test_distances_of_half_of_the_clips_are_not_the_printed_ones() -> None:
    table = make_table()
    halves = tuple(replace(column, metric=f"{column.metric}+halves") for column in table.columns)
    known = published("greatesthits")
    assert known is not None
    both = replace(table, columns=(*halves, *table.columns))
    assert known.column_of("FVD", both) == known.column_of("FVD", table)
    assert known.column_of("FVD", replace(table, columns=halves)) is None


def test_without_a_row_of_ours_only_the_paper_speaks() -> None:
    rows = tuple(row for row in make_table().rows if row.made_of_real_clips)
    sheet = published_sheet(make_table(rows=rows, scale="paper"))
    assert sheet is not None
    assert sheet.headings == ("FVD ↓, paper", "AV-Align ↑, paper")
    small, first, *_ = sheet.footnotes
    assert small.startswith("FVD, here: small networks that come with svbench")
    assert small in sheet.brief
    assert "compare at equal counts" in first


def test_columns_that_the_paper_lacks_give_no_table() -> None:
    assert (
        published_sheet(make_table(columns=(Column("av-align-adjusted", "adjusted", "higher"),)))
        is None
    )


def test_what_a_reader_must_know_of_printed_columns_stands_below_them() -> None:
    sheet = published_sheet(make_table())
    assert sheet is not None
    notes = "; ".join(sheet.footnotes)
    assert "AV-Align: the paper says that it tuned its detectors" in notes
    assert "FVD: the paper's comes from StyleGAN-V's script" in notes
    fvd_alone = published_sheet(replace(make_table(), columns=make_table().columns[:1]))
    assert fvd_alone is not None
    named = [
        name
        for name in ("AV-Align:", "FVD:")
        if any(n.startswith(name) for n in fvd_alone.footnotes)
    ]
    assert len(named) == 1
