"""What other programs read: full numbers, reasons for absent ones, reference rows apart."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
import yaml
from huggingface_hub.repocard_data import model_index_to_eval_results

from svbench.errors import ConfigError, DataError
from svbench.files.results import dump_table
from svbench.reports.analysis.following import NOT_MEASURED
from svbench.reports.tables.exports import clips_csv, model_index, table_csv, table_json
from svbench.reports.tables.formats import CLIP_FORMATS, FORMATS, select_columns
from svbench.types import Column, Detection, HumanAgreement
from tests.factories.results import ALIGN, FVD, REQUESTS, clip_values, make_table, with_score

TABLE = with_score(make_table(), "cmc-pe-gamma1.5", ALIGN, value=0.1 + 0.2)


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_a_line_for_each_cell_of_ours_in_full() -> None:
    found = {(line["system"], line["metric"]): line for line in lines(table_csv(TABLE))}
    assert {line["kind"] for line in found.values()} == {"model", "control", "published"}
    cell = found["cmc-pe-gamma1.5", ALIGN]
    assert float(cell["value"]) == 0.1 + 0.2
    assert (cell["printed"], cell["low"], cell["high"]) == ("0.300", "0.45", "0.55")
    assert (cell["count"], cell["asked"], cell["reference_count"]) == ("16", "16", "")
    assert found["real", FVD]["reference_count"] == "8"


def test_csv_holds_how_well_detectors_find_annotated_hits() -> None:
    kind = Detection("onsets", 3, 4, 3, clips=2, tolerance=0.125)
    columns = [replace(c, detection=(kind,) * (c.metric == ALIGN)) for c in TABLE.columns]
    text = table_csv(replace(TABLE, columns=tuple(columns)))
    found = [line for line in lines(text) if line["kind"] == "detection"]
    assert [line["title"] for line in found] == ["onsets, F", "onsets, precision", "onsets, recall"]
    assert [float(line["value"]) for line in found] == [6 / 7, 1, 0.75]
    assert {(line["metric"], line["count"], line["note"]) for line in found} == {
        (ALIGN, "2", "4 hits, within 0.125 s")
    }
    assert not [line for line in lines(table_csv(TABLE)) if line["kind"] == "detection"]


def test_exports_hold_whether_a_column_follows_people() -> None:
    known = {
        ALIGN: HumanAgreement(-0.22, (-0.6, 0.5), 90, 19, "real clips"),
        FVD: HumanAgreement(None),
    }
    table = replace(
        TABLE, columns=tuple(replace(c, validity=known[c.metric]) for c in TABLE.columns)
    )
    found = {line["metric"]: line for line in lines(table_csv(table)) if line["kind"] == "validity"}
    line = found[ALIGN]
    assert (line["printed"], line["value"], line["low"], line["high"], line["count"]) == (
        *("-0.220", "-0.22", "-0.6", "0.5", "19"),
    )
    assert line["note"].startswith("does not follow people: Spearman -0.22")
    assert (found[FVD]["value"], found[FVD]["note"]) == ("", NOT_MEASURED)
    assert "validity" not in table_csv(TABLE)
    for name in ("text", "markdown", "latex", "model-index"):
        words = " ".join(FORMATS[name](table, clip_values()).split())
        assert "oes not follow people: Spearman" in words, name


def test_csv_holds_why_a_cell_is_empty() -> None:
    found = {(line["system"], line["metric"]): line for line in lines(table_csv(TABLE))}
    empty = found["shuffled", FVD]
    assert (empty["value"], empty["printed"], empty["count"]) == ("", "", "")
    assert empty["note"] == "a distance needs more clips"


def test_csv_marks_places_where_scores_of_clips_are_known() -> None:
    marked = [
        line["system"] for line in lines(table_csv(make_table(), clip_values())) if line["place"]
    ]
    assert marked == ["cmc-pe-gamma1.5"] * 2
    assert not any(line["place"] for line in lines(table_csv(make_table())))


def test_csv_keeps_published_cells_as_printed_and_never_as_values() -> None:
    found = lines(table_csv(make_table(dataset="landscape")))
    paper = [line for line in found if line["kind"] == "published"]
    assert len(paper) == 3 * 5
    assert paper[0]["printed"] == "> 3000"
    assert paper[0]["metric"] == FVD
    assert all(line["value"] == "" for line in paper)
    assert {line["note"] for line in paper} == {"Table 2 of Ishii et al., arXiv:2409.17550"}


def test_json_holds_the_results_the_places_and_the_paper() -> None:
    record = json.loads(table_json(TABLE, clip_values()))
    assert record["results"] == json.loads(dump_table(TABLE))
    best = next(c for c in record["places"] if (c["metric"], c["place"]) == (ALIGN, "best"))
    assert best["evidence"]["count"] == 16
    assert record["published"]["source"].startswith("Table 1 of")
    without = json.loads(table_json(make_table(dataset="mine")))
    assert (without["places"], without["published"]) == (None, None)


def test_clips_have_a_line_for_each_row_and_request() -> None:
    table = make_table(columns=(*TABLE.columns, Column("more", "more", "higher")))
    values = {**clip_values(), ("real", "more"): {REQUESTS[0]: 1.5}}
    found = lines(clips_csv(table, values, {}))
    assert len(found) == 5 * len(REQUESTS)
    assert found[0] == {
        "system": "real",
        "title": "real clips (ceiling)",
        "request": "clip-00/0",
        "caption": "",
        ALIGN: "0.75",
        "more": "1.5",
    }
    assert found[1]["more"] == ""
    assert "more" not in lines(clips_csv(TABLE, values, {}))[0]


def test_clips_without_scores_are_refused_in_one_line() -> None:
    with pytest.raises(DataError, match=r"--format clips: .* found no scores\.csv"):
        CLIP_FORMATS["clips"](TABLE, None, {})


def test_a_model_card_gets_an_entry_for_each_model_that_the_hub_reads() -> None:
    record = yaml.safe_load(model_index(TABLE))["model-index"]
    assert [entry["name"] for entry in record] == [
        "cross-attention, gamma 1",
        "cmc-pe, gamma 1",
        "cmc-pe, gamma 1.5",
    ]
    name, results = model_index_to_eval_results(record[2:])
    assert name == "cmc-pe, gamma 1.5"
    by_metric = {result.metric_type: result for result in results}
    aligned = by_metric[ALIGN]
    assert aligned.metric_value == 0.1 + 0.2
    assert aligned.metric_name == "AV-Align (corrected, published detectors)"
    assert aligned.metric_args == {
        "better": "higher",
        "count": 16,
        "interval, 95 %": [0.45, 0.55],
        "extractor": "events-1",
    }
    assert (aligned.dataset_type, aligned.task_type) == ("greatesthits", "text-to-video")
    assert aligned.dataset_args is not None
    assert aligned.dataset_args["scale"] == "mini"
    assert aligned.dataset_args["made by"]["gamma"] == "1.5"
    assert "not comparable" in aligned.dataset_args["notes"][0]
    elsewhere = yaml.safe_load(model_index(make_table(scale="elsewhere", notes=())))
    (first, *_) = elsewhere["model-index"][0]["results"]
    (note,) = first["dataset"]["args"]["notes"]
    assert note.startswith("FVD (miniature I3D): small networks")


def test_reference_rows_belong_on_no_model_card() -> None:
    with pytest.raises(DataError, match="found no model with a score, expected one"):
        model_index(make_table(rows=TABLE.rows[:2]))


def test_columns_are_chosen_by_name_in_the_order_asked_for() -> None:
    assert [c.metric for c in select_columns(TABLE, (ALIGN, FVD)).columns] == [ALIGN, FVD]
    assert select_columns(TABLE, ()) == TABLE
    kept = select_columns(TABLE, (ALIGN,))
    assert all(set(row.scores) == {ALIGN} and not row.absent for row in kept.rows)
    with pytest.raises(ConfigError, match="--metrics: found 'fad', expected some of fvd@"):
        select_columns(TABLE, ("fad",))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_the_same_text_for_the_same_run(name: str) -> None:
    first, second = (FORMATS[name](make_table(), clip_values()) for _ in range(2))
    assert first == second
    assert first.endswith("\n")
