"""The ranks of a table's models, as a table of their own and in other formats."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from svbench.errors import DataError
from svbench.reports.analysis.detectable import Detectable
from svbench.reports.tables import detectable_notes
from svbench.reports.tables.exports import table_csv, table_json
from svbench.reports.tables.formats import RANKED, ranked
from svbench.reports.tables.numbers import rank_range
from svbench.reports.tables.rank_sheet import RANKS, rank_sheet
from svbench.reports.tables.sheet import arrange
from tests.factories.results import ALIGN, FVD, clip_values, make_table

BEST, ONE, CROSS = "cmc-pe-gamma1.5", "cmc-pe-gamma1", "cross-attention-gamma1"


def test_every_model_has_the_ranks_that_the_comparisons_leave_open() -> None:
    sheet = rank_sheet(make_table(), clip_values())
    found = {line.title: [cell.value for cell in line.cells] for line in sheet.lines}
    # FVD 300 [280, 320] is apart from 379 [350, 400] and 393 [360, 420], which overlap
    assert found == {
        "cmc-pe, gamma 1.5": ["1", "1"],
        "cmc-pe, gamma 1": ["2-3", "2-3"],
        "cross-attention, gamma 1": ["2-3", "2-3"],
    }
    assert sheet.footnotes == (RANKS,)


@pytest.mark.parametrize("name", RANKED)
def test_ranks_stand_below_the_table(name: str) -> None:
    text = ranked(name, make_table(dataset="mine"), clip_values())
    assert text.index("300") < text.index("Ranks: Greatest Hits, miniature")
    assert text.count("2-{}3" if name == "latex" else "2-3") == 4


def test_without_scores_of_clips_or_a_second_model_there_are_no_ranks() -> None:
    table = make_table()
    with pytest.raises(DataError, match=r"^--ranks: .*found no scores\.csv beside the results$"):
        rank_sheet(table, None)
    alone = replace(table, rows=table.rows[:3])
    with pytest.raises(DataError, match=r"^--ranks: .*found no column with two models"):
        rank_sheet(alone, clip_values())


def test_a_column_without_two_models_is_left_out() -> None:
    table = make_table()
    rows = tuple(
        replace(row, scores={ALIGN: row.scores[ALIGN]}) if row.competes else row
        for row in table.rows
    )
    sheet = rank_sheet(replace(table, rows=rows), clip_values())
    assert [heading[:8] for heading in sheet.headings] == ["AV-Align"]


def test_csv_and_json_hold_ranks_and_what_a_column_can_tell() -> None:
    lines = list(csv.DictReader(io.StringIO(table_csv(make_table(), clip_values()))))
    ranks = {(x["system"], x["metric"]): (x["rank_low"], x["rank_high"]) for x in lines}
    assert ranks[BEST, FVD] == ("1", "1")
    assert ranks[CROSS, ALIGN] == ("2", "3")
    assert ranks["real", ALIGN] == ("", "")
    assert {len(line) for line in csv.reader(io.StringIO(table_csv(make_table())))} == {17}
    record = json.loads(table_json(make_table(), clip_values()))
    assert {"system": ONE, "metric": FVD, "low": 2, "high": 3} in record["ranks"]
    first, second = record["detectable"]
    assert (first["metric"], first["count"], first["comparisons"]) == (FVD, 16, 3)
    assert 0 < second["pair"] < second["lead"]
    assert json.loads(table_json(make_table()))["ranks"] is None


def test_a_footnote_states_what_each_column_mostly_misses() -> None:
    (note,) = (n for n in arrange(make_table(), clip_values()).footnotes if "mostly missed" in n)
    assert note.startswith("at n = 16, differences of two models below these are mostly missed (")
    assert "power 0.8, 5 % for 3 pairs of models; in brackets: the lead that marks the " in note
    assert "): FVD (miniature I3D) 78.2 (87.7); AV-Align (corrected, " in note
    two = make_table(rows=tuple(r for r in make_table().rows if r.system != ONE))
    (note,) = (n for n in arrange(two, clip_values()).footnotes if "mostly missed" in n)
    assert "5 % for 1 pair of models): FVD (miniature I3D) " in note
    assert not [n for n in arrange(make_table()).footnotes if "mostly missed" in n]


def test_a_column_in_which_no_lead_can_be_marked_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    table = make_table()
    column = table.columns[0]
    for pair, shown in ((1.655, "1.655 (none)"), (None, "any")):
        found = Detectable(column, 12, 3, pair, None)
        monkeypatch.setattr(detectable_notes, "detectable", lambda *_, found=found: found)
        (note, *_) = detectable_notes.detectable_notes(table, {})
        assert f"{column.title} {shown}" in note


def test_a_rank_is_a_number_or_a_range() -> None:
    assert (rank_range((2, 2)), rank_range((1, 3))) == ("2", "1-3")
