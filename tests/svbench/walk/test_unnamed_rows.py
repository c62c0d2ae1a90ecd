"""Rows of other people's systems: unconditional ones, those that nobody named, absent ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from svbench.api import load_results
from svbench.engines.local import Local
from svbench.errors import DataError
from svbench.reports.tables.sheet import ABSENT as DASH
from svbench.reports.tables.sheet import arrange
from svbench.types import NotMade, ResultTable
from svbench.walk.judging import UNCONDITIONAL
from svbench.walk.plan import AbsentRow, Data, Plan
from svbench.walk.run import walk
from tests.factories.clips import SPEC
from tests.factories.plugins import Black, Brightness
from tests.svbench.walk.test_extract_sets import examples_of, plan, write_finer

ABSENT = AbsentRow("elsewhere", "Elsewhere (2023)", "see svbench systems check elsewhere")
METRICS = (Brightness(name="grey", title="Grey"), Brightness(name="told", title="Told"))


@dataclass
class Unconditional(Black):
    unconditional: bool = True


@dataclass
class Broken(Black):
    """Makes no clips but for so many."""

    clips: int = 0

    def generate(self, requests: Sequence[Any], spec: Any) -> Iterator[Any]:
        for request in requests:
            if int(request.id[1]) < self.clips:
                yield from super().generate([request], spec)
            else:
                yield NotMade(request.id, "its driver ended with exit code 1")


def planned(folder: Path, *systems: Any, **changes: Any) -> Plan:
    write_finer(folder / "real", 3)
    data = Data("Toys", SPEC, examples_of(folder / "real"))
    return replace(plan(data, METRICS, *systems), **changes)


def table_of(plan: Plan, folder: Path) -> ResultTable:
    return walk(plan, folder / "run", Local(1))


def test_captions_do_not_judge_what_has_none(tmp_path: Path) -> None:
    systems = (Unconditional("a"), Unconditional("b", unconditional=False), Black("c"))
    table = table_of(planned(tmp_path, *systems, captioned=frozenset({"told"})), tmp_path)
    first, *others = table.rows
    assert (list(first.scores), first.absent) == (["grey"], {"told": UNCONDITIONAL})
    assert all(list(row.scores) == ["grey", "told"] for row in others)


@pytest.mark.parametrize("clips", [0, 2])
def test_what_nobody_named_stops_nothing(clips: int, tmp_path: Path) -> None:
    whole = planned(tmp_path, Black("a"), Broken("b", clips=clips))
    with pytest.raises(DataError, match=f"b: {3 - clips} clips? not made"):
        table_of(whole, tmp_path)
    table = table_of(replace(whole, unnamed=frozenset(whole.systems[1:])), tmp_path)
    first, second = table.rows
    assert first.scores["grey"].count == 3
    assert (second.asked, len(second.left_out)) == (3, 3 - clips)
    assert [score.count for score in second.scores.values()] == ([clips] * 2 if clips else [])
    assert len(second.absent) == (0 if clips else 2)


def test_a_row_that_is_absent_is_a_line_of_dashes(tmp_path: Path) -> None:
    table = table_of(planned(tmp_path, Black("a"), Black("b"), absent=(ABSENT,)), tmp_path)
    *_, absent = table.rows
    assert [row.competes for row in table.rows] == [True, True, False]
    assert (absent.asked, absent.scores) == (0, {})
    sheet = arrange(table)
    assert (sheet.lines[-1].title, sheet.lines[-1].reference) == (ABSENT.title, False)
    assert {cell.value for cell in sheet.lines[-1].cells} == {DASH}
    assert f"every column, {ABSENT.title}: {ABSENT.reason}" in sheet.footnotes
    assert load_results(tmp_path / "run").table == table
