"""What is written into results.json comes back; scores.csv holds every clip."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from svbench.errors import DataError
from svbench.files.results import SCHEMA, dump_scores, dump_table, load_scores, load_table
from svbench.types import (
    ClipScore,
    ClipSpec,
    Column,
    Detection,
    HumanAgreement,
    ResultTable,
    Row,
    Score,
)

TABLE = ResultTable(
    title="Greatest Hits, miniature",
    dataset="greatesthits",
    scale="mini",
    spec=ClipSpec(32, 8.0, (64, 48), 16000),
    columns=(Column("align", "AV-Align ↑", "higher", {"window": 3, "detectors": {"hop": 512}}),),
    rows=(
        Row(
            "mine",
            "my model",
            asked=22,
            settings={"steps": "25"},
            scores={
                "align": Score(
                    "align", 0.1 + 0.2, "higher", 21, (0.25, 0.35), "events-1", 20, "one is silent"
                )
            },
        ),
        Row("real", "real clips", 22, True, absent={"align": "none could be described"}),
    ),
    notes=("miniature: Größe 64",),
    record={"seed": 0, "real set": "abc"},
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "results.json").write_text(dump_table(TABLE), encoding="utf-8")
    return tmp_path / "results.json"


def test_a_table_comes_back_as_it_was_to_the_last_bit(path: Path) -> None:
    table = load_table(path)
    assert table == TABLE
    assert table.rows[0].scores["align"].value == 0.30000000000000004


def test_detections_come_back_and_are_absent_where_there_are_none(path: Path) -> None:
    """Results of runs without annotated hits have the bytes that they always had."""
    assert "detection" not in path.read_text(encoding="utf-8")
    kind = Detection("onsets", 3, 4, 5, clips=2, tolerance=1 / 15)
    table = replace(TABLE, columns=(replace(TABLE.columns[0], detection=(kind,)),))
    path.write_text(dump_table(table), encoding="utf-8")
    assert load_table(path) == table


def test_what_is_known_of_validity_comes_back_and_old_tables_have_none(path: Path) -> None:
    assert "validity" not in path.read_text(encoding="utf-8")
    assert load_table(path).columns[0].validity is None
    for known in (HumanAgreement(0.5, (0.25, 0.75), 90, 19, "real", "1.0"), HumanAgreement(None)):
        table = replace(TABLE, columns=(replace(TABLE.columns[0], validity=known),))
        path.write_text(dump_table(table), encoding="utf-8")
        assert load_table(path) == table


def test_a_run_folder_stands_for_its_results(path: Path) -> None:
    assert load_table(path.parent) == TABLE


def test_the_same_table_gives_the_same_bytes(path: Path) -> None:
    assert dump_table(TABLE) == dump_table(load_table(path)) == path.read_text(encoding="utf-8")


def test_the_text_is_for_people_too() -> None:
    text = dump_table(TABLE)
    assert text.startswith('{\n  "schema": 1,\n  "title": "Greatest Hits, miniature",\n')
    assert text.endswith("}\n")
    assert "miniature: Größe 64" in text
    assert json.loads(text)["rows"][0]["scores"]["align"]["interval"] == [0.25, 0.35]


def change(*way: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    """Return a function that changes one place of a record."""

    def apply(record: dict[str, Any]) -> None:
        place: Any = record
        for step in way[:-1]:
            place = place[step]
        place[way[-1]] = to

    return apply


MALFORMED = {
    # change of the record -> the message
    "another schema": (change("schema", to=SCHEMA + 1), "found schema 2, expected 1"),
    "no schema": (lambda record: record.pop("schema"), "found schema None, expected 1"),
    "no rows": (lambda record: record.pop("rows"), "rows: Field required"),
    "rows of another kind": (change("rows", to=3), "rows: Input should be .*found 3"),
    "an unknown direction": (
        change("columns", 0, "better", to="sideways"),
        "columns.0.better: Input should be 'lower' or 'higher', found 'sideways'",
    ),
    "a value that is no number": (
        change("rows", 0, "scores", "align", "value", to="high"),
        "rows.0.scores.align.value: Input should be a valid number.*found 'high'",
    ),
    "a score that is not finite": (
        change("rows", 0, "scores", "align", "value", to=float("nan")),
        "found NaN, which is no number, expected a result file",
    ),
    "a score that rests on nothing": (
        change("rows", 0, "scores", "align", "count", to=0),
        "rows.0.scores.align: .*align rests on 0 clips, expected at least one",
    ),
    "a format of no frames": (change("spec", "frames", to=0), "a clip format needs positive"),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_file_is_one_line(kind: str, path: Path) -> None:
    spoil, message = MALFORMED[kind]
    record = json.loads(path.read_text(encoding="utf-8"))
    spoil(record)
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(DataError, match=message) as caught:
        load_table(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_what_is_no_json_is_one_line(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(
        DataError, match=r"found (no JSON|UTF-16).*, expected a result file"
    ) as caught:
        load_table(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["[]", "3", "null", '"results"'])
def test_json_of_another_kind_has_no_schema(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(DataError, match="found schema None, expected 1"):
        load_table(path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.json: found nothing there, expected a"):
        load_table(tmp_path / "absent.json")


def test_scores_stand_in_one_line_per_system_metric_and_clip() -> None:
    text = dump_scores(
        [
            ("mine", "align", ClipScore("a/0", 0.1 + 0.2, {"onsets": (0.5, 1 / 3), "p": 1.0})),
            ("mine", "align", ClipScore('b "2"/0', 0.0, {"onsets": (), "p": 0.0})),
            ("real", "other", ClipScore("a/0", 1.0, {"more": 2.5})),
        ]
    )
    assert text == (
        "system,request,metric,value,onsets,p,more\n"
        "mine,a/0,align,0.30000000000000004,0.5 0.333333,1.0,\n"
        'mine,"b ""2""/0",align,0.0,,0.0,\n'
        "real,a/0,other,1.0,,,2.5\n"
    )
    rows = list(csv.DictReader(io.StringIO(text)))
    assert float(rows[0]["value"]) == 0.1 + 0.2


def test_no_scores_give_the_heading_alone() -> None:
    assert dump_scores([]) == "system,request,metric,value\n"


def test_scores_come_back_by_system_and_metric(tmp_path: Path) -> None:
    lines = [
        ("mine", "align", ClipScore("a/0", 0.1 + 0.2, {"onsets": (0.5, 1 / 3)})),
        ("mine", "align", ClipScore('b "2"/0', 0.0)),
        ("real", "other", ClipScore("a/0", 1.0)),
    ]
    (tmp_path / "scores.csv").write_text(dump_scores(lines), encoding="utf-8")
    assert load_scores(tmp_path) == {
        ("mine", "align"): {"a/0": 0.30000000000000004, 'b "2"/0': 0.0},
        ("real", "other"): {"a/0": 1.0},
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "found no column 'metric', expected scores per clip"),
        ("system,request,value\n", "found no column 'metric'"),
        ("system,request,metric,value\na,x/0,m,nan\n", "line 2: found request 'x/0' .* 'nan'"),
        (
            "system,request,metric,value\na,x/0,m\n",
            "line 2: found 3 fields, expected 4 as in its heading",
        ),
        ("system,request,metric,value\na,,m,1\n", "line 2: found request '' with value '1'"),
        ("system,request,metric,value\na,x/0,m,1\na,x/0,m,2\n", "line 3: .* each request once"),
        (
            'system,request,metric,value\n"a,x/0,m,1\n',
            r"line 2: found no CSV \(a quote that is opened there is never closed\)",
        ),
    ],
)
def test_malformed_scores_are_one_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "scores.csv").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message) as caught:
        load_scores(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_run_without_scores_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"scores\.csv: found nothing there, expected scores per"):
        load_scores(tmp_path)


def test_scores_are_those_that_were_written_with_the_table(tmp_path: Path) -> None:
    text = dump_scores([("real", "grey", ClipScore("c0/0", 0.5))])
    digest = hashlib.sha256(text.encode()).hexdigest()
    (tmp_path / "scores.csv").write_text(text, encoding="utf-8")
    for record in ({}, {"scores": digest}):  # an older table has no such entry
        table = ResultTable("T", "t", "mini", ClipSpec(2, 1.0, (4, 4), 8), (), (), record=record)
        (tmp_path / "results.json").write_text(dump_table(table), encoding="utf-8")
        assert load_scores(tmp_path) == {("real", "grey"): {"c0/0": 0.5}}
    for other in (text.replace("0.5", "0.6"), text.splitlines(keepends=True)[0]):
        (tmp_path / "scores.csv").write_text(other, encoding="utf-8")
        for path in (tmp_path, tmp_path / "scores.csv"):
            with pytest.raises(DataError, match=r"scores\.csv: found other scores than were"):
                load_scores(path)
