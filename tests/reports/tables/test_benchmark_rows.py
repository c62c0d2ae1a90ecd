"""Published figures of benchmarks: with a source each, beside tables of their protocol."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from svbench.catalog.protocols import PROTOCOLS
from svbench.reports.published.benchmarks import MARKS, PublishedFigure, figures_of
from svbench.reports.tables.benchmark_rows import OTHER_CLIPS, benchmark_sheet
from svbench.reports.tables.compact import compact
from svbench.reports.tables.formats import FORMATS, sheets
from svbench.reports.tables.sheet import arrange
from svbench.reports.tables.small_networks import SMALL
from svbench.reports.tables.text import text
from svbench.types import Column, ResultTable
from tests.factories.results import make_table

SOURCES = {"R": r"[\w.-]+/[\w.-]+@\w{7}", "P": r"arXiv:\d{4}\.\d{5}", "E": r"[\w.-]+/[\w.-]+#\d+"}


def following(name: str, *exceptions: str, columns: tuple[Column, ...] = ()) -> ResultTable:
    table = make_table()
    followed = {"name": name, "source": "x", "settings": {}, "except": list(exceptions)}
    record = {**table.record, "protocol": followed}
    return make_table(record=record, columns=(*table.columns, *columns), dataset="my-clips")


def test_every_figure_is_a_number_with_a_source() -> None:
    figures = figures_of()
    assert figures
    for figure in figures:
        assert figure.protocol in PROTOCOLS
        assert figure.better in ("higher", "lower")
        assert figure.mark in MARKS
        assert re.fullmatch(SOURCES[figure.mark], figure.source)
        float(figure.value)


@pytest.mark.parametrize("figure", figures_of(), ids=str)
def test_a_figure_is_of_a_column_of_its_protocol_or_said_not_to_be_computed(
    figure: PublishedFigure,
) -> None:
    protocol = PROTOCOLS[figure.protocol]
    if figure.metric:
        (own,) = [c for c in protocol.columns if c.metric.startswith(figure.metric)]
        assert figure.column.removeprefix("100 ") == own.printed
        assert figure.better == own.better
    else:
        others = re.split(r", |: ", ", ".join(protocol.not_computed))
        assert any(re.match(rf"{re.escape(figure.column)}( \(|$)", other) for other in others)


def test_no_figure_stands_twice() -> None:
    keys = [(one.protocol, one.system, one.column) for one in figures_of()]
    assert len(set(keys)) == len(keys)


def test_figures_stand_below_a_table_of_their_protocol_alone() -> None:
    assert benchmark_sheet(make_table()) is None
    assert benchmark_sheet(following("paper")) is None
    own = Column("desync@javisbench-4s", "D", "lower")
    table = following("javisbench", "--frames 32", columns=(own,))
    table = replace(table, columns=table.columns[1:])  # without FVD by a small network
    sheet = benchmark_sheet(table)
    assert sheet is not None
    assert sheets(table, None)[-1] == sheet
    assert sheet.headings[:4] == ("FVD ↓", "IB-AV ↑", "DeSync ↓", "CAVP ↑, not computed here")
    values = [[cell.value for cell in line.cells[:3]] for line in sheet.lines]
    assert values[:2] == [["125.4", "0.318", "0.384"], ["520.7", "0.170", "0.647"]]
    first, excepted, source, *_, here = sheet.footnotes
    assert first == OTHER_CLIPS
    assert excepted == "rows of this run are judged otherwise: --frames 32"
    assert source.endswith("OmniForcing/OmniForcing#26, read in an excerpt of the thread")
    assert "DeSync is desync@javisbench-4s" in here
    assert "125.4" in FORMATS["markdown"](table, None)
    assert not any(SMALL in note for note in (*sheet.footnotes, *sheet.brief))


@pytest.mark.parametrize("scale", ["elsewhere", "paper", "mini"])
def test_columns_of_small_networks_are_not_comparable_with_published_ones(scale: str) -> None:
    own = Column("desync@javisbench-4s+miniature", "D", "lower")
    table = replace(following("javisbench", columns=(own,)), scale=scale)
    sheet = benchmark_sheet(table)
    assert sheet is not None
    note = f"FVD and DeSync, here: {SMALL}; not comparable with the figures of this table"
    assert note in sheet.footnotes
    assert note in compact(sheet).footnotes
    ours = arrange(table)
    note = f"FVD (miniature I3D) and D: {SMALL}; not comparable with published figures"
    for notes in (ours.footnotes, compact(ours).footnotes):
        assert (note in notes) == (scale != "mini")  # which says it of the whole table
        assert any("not comparable with published figures" in one for one in notes)
    large = Column("desync@javisbench-4s", "D", "lower")
    alone = arrange(replace(table, columns=(large,)))
    assert not any(SMALL in one for one in (*alone.footnotes, *alone.brief))


def test_a_narrow_terminal_keeps_the_names_that_others_print() -> None:
    """Ours are shortened, and none to AV-A, by which Verse-Bench calls an offset."""
    table = following("verse-bench")
    sheet = benchmark_sheet(table)
    assert sheet is not None
    printed = text([sheet], width=40)
    for name in {figure.column for figure in figures_of("verse-bench")}:
        assert name in printed
    ours = text([arrange(table)], width=30)
    assert "· Align: AV-Align" in ours
    assert "AV-A:" not in ours


def test_what_svbench_does_not_compute_is_said() -> None:
    sheet = benchmark_sheet(following("mova"))
    assert sheet is not None
    assert "LSE-C ↑, not computed here" in sheet.headings
    assert "DeSync ↓" in sheet.headings
