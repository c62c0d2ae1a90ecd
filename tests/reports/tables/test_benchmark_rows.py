"""Published figures of benchmarks: with a source each, beside tables of their protocol."""

from __future__ import annotations

from svbench.catalog.protocols import PROTOCOLS
from svbench.reports.published.benchmarks import MARKS, figures_of
from svbench.reports.tables.benchmark_rows import OTHER_CLIPS, benchmark_sheet
from svbench.reports.tables.formats import FORMATS, sheets
from svbench.types import Column, ResultTable
from tests.factories.results import make_table


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
        assert figure.source.count("/") == 1
        assert ("#" in figure.source) != ("@" in figure.source)
        float(figure.value)
        columns = [column.metric for column in PROTOCOLS[figure.protocol].columns]
        assert not figure.metric or any(name.startswith(figure.metric) for name in columns)


def test_directions_are_those_of_the_protocol() -> None:
    for figure in figures_of():
        for column in PROTOCOLS[figure.protocol].columns:
            if figure.metric and column.metric.startswith(figure.metric):
                assert column.better == figure.better


def test_figures_stand_below_a_table_of_their_protocol_alone() -> None:
    assert benchmark_sheet(make_table()) is None
    assert benchmark_sheet(following("paper")) is None
    table = following(
        "javisbench", "--frames 32", columns=(Column("desync@javisbench", "D", "lower"),)
    )
    sheet = benchmark_sheet(table)
    assert sheet is not None
    assert sheets(table, None)[-1] == sheet
    assert sheet.headings == ("FVD ↓", "IB-AV ↑", "DeSync ↓")
    values = [[cell.value for cell in line.cells] for line in sheet.lines]
    assert values == [["125.4", "0.318", "0.384"], ["520.7", "0.170", "0.647"]]
    first, excepted, source, here = sheet.footnotes
    assert first == OTHER_CLIPS
    assert excepted == "rows of this run are judged otherwise: --frames 32"
    assert source.endswith("OmniForcing/OmniForcing#26, read in an excerpt of the thread")
    assert "DeSync is desync@javisbench" in here
    assert "125.4" in FORMATS["markdown"](table, None)


def test_what_svbench_does_not_compute_is_said() -> None:
    sheet = benchmark_sheet(following("mova"))
    assert sheet is not None
    assert sheet.headings == ("LSE-C ↑, not computed here",)
