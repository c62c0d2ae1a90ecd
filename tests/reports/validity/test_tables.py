"""Tables of a validation: every number in its place, and each absent one with its reason."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from svbench.files.validity import Response, Validity
from svbench.reports.analysis.following import FOLLOWS, NOT
from svbench.reports.tables.footnotes import SPARSE
from svbench.reports.tables.sheet import Sheet
from svbench.reports.tables.small_networks import SMALL
from svbench.reports.validity.notes import UNAFFECTED, UNBIASED, UNRATED, absences
from svbench.reports.validity.tables import FORMATS, NOTHING, levels_noticed, overview, sheets
from svbench.reports.validity.tables import UNRATED as NOT_RATED
from tests.factories.validity import ALIGN, FVD, WEAK, make_validity, many_metrics

FOUND = make_validity()


def cells(sheet: Sheet) -> list[list[str]]:
    return [[cell.value for cell in line.cells] for line in sheet.lines]


def lines(found: Validity) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(FORMATS["csv"](found))))


def test_the_overview_has_a_line_per_metric() -> None:
    sheet = overview(FOUND)
    assert cells(sheet) == [
        ["0.400 ↑", "0.90", FOLLOWS, "3 of 3"],
        ["0.400 ↑", "-0.20", NOT, "2 of 3"],
        ["–", "–", "–", "–"],
    ]
    assert [cell.interval for cell in sheet.lines[0].cells] == [
        *("[0.300, 0.500]", "[0.70, 0.95]", "", ""),
    ]
    assert "FVD: no weights of i3d" in sheet.footnotes


def test_correlations_have_a_column_per_rated_distortion() -> None:
    _, correlations, *_ = sheets(FOUND)
    assert correlations.headings == ("audio shift",)  # nobody rated blur
    assert cells(correlations) == [["0.90"], ["-0.20"], ["–"]]


def test_tables_of_correlations_say_that_intervals_are_corrected() -> None:
    for sheet in sheets(FOUND)[:2]:
        assert any("corrected for the noise" in note for note in sheet.footnotes)


def test_what_a_metric_notices_stands_beside_what_people_do() -> None:
    shift, blur = levels_noticed(FOUND)
    assert shift.title == "Mildest audio shift noticed (s)"
    assert shift.headings == (
        *("by the metric, late", "by people, late", "monotone, late"),
        *("by the metric, early", "by people, early", "monotone, early"),
    )
    assert cells(shift) == [
        ["-0.5", "-0.5", "yes", "0.5", "0.5", "yes"],
        ["-0.5", "-0.5", "no", "0.5", "0.5", "yes"],
        ["–", "-0.5", "–", "–", "0.5", "–"],  # people, whatever the metric
    ]
    assert cells(blur) == [
        *([NOTHING, NOT_RATED, "yes"], [NOTHING, NOT_RATED, "yes"], ["–", NOT_RATED, "–"]),
    ]


def test_rated_distortions_come_first() -> None:
    found = replace(FOUND, responses=tuple(reversed(FOUND.responses)))
    assert [sheet.title for sheet in sheets(found)] == [sheet.title for sheet in sheets(FOUND)]


def test_notes_name_small_networks_and_people_who_rated_other_clips() -> None:
    small = replace(FOUND.metrics[0], metric="ib-av@published+miniature", title="IB-AV")
    notes = overview(replace(FOUND, metrics=(small,))).footnotes
    assert f"IB-AV: {SMALL}" in notes
    assert not [note for note in overview(FOUND).footnotes if SMALL in note]
    (people,) = [note for note in notes if note.startswith("people")]
    assert people == (
        "people rated the same distortions of other clips "
        "(source: PEAVS; ratings: 107,000; split-half: 0.997)"
    )


def test_few_clips_are_said_to_be_few() -> None:
    assert SPARSE in overview(replace(FOUND, count=9)).footnotes
    assert SPARSE not in overview(FOUND).footnotes


def test_why_a_level_has_no_score_is_a_note_of_its_distortion() -> None:
    def changed(one: Response) -> Response:
        if one.metric == WEAK and one.distortion == "blur":
            return replace(one, absent={"1.0": "no clip moves", "2": "no clip moves"})
        return one

    found = replace(FOUND, responses=tuple(map(changed, FOUND.responses)))
    assert sheets(found)[-1].footnotes[2:] == (
        f"title of {WEAK}, blur of 1 px, 2 px: no clip moves",
    )
    (line,) = [of for of in lines(found) if of["metric"] == WEAK and of["level"] == "1.0"][1:]
    assert (line["value"], line["note"]) == ("", "no clip moves")


def test_one_reason_stands_once_for_all_metrics_that_it_applies_to() -> None:
    absent = FOUND.metrics[2]
    found = replace(FOUND, metrics=(absent, replace(absent, title="KVD")))
    assert list(absences(found)) == ["FVD; KVD: no weights of i3d"]


def test_csv_holds_every_number_in_full() -> None:
    found = lines(FOUND)
    kinds = [line["kind"] for line in found]
    assert [kinds.count(kind) for kind in ("undistorted", "agreement", "correlation")] == [3, 2, 2]
    assert kinds.count("response") == 2 * (6 + 3)
    assert kinds.count("series") == 2 * (2 + 1)
    response = next(line for line in found if line["kind"] == "response")
    keys = ("metric", "distortion", "unit", "level", "value", "people")
    assert [response[key] for key in keys] == [ALIGN, "audio_shift", "s", "1.0", "0.1", "1.7"]
    late = next(line for line in found if line["kind"] == "series" and line["metric"] == WEAK)
    assert [late[key] for key in ("series", "level", "value", "people")] == [
        *("late", "-0.5", "0", "-0.5"),
    ]
    agreement = next(line for line in found if line["kind"] == "agreement")
    assert [agreement[key] for key in ("value", "low", "high", "conditions", "count", "note")] == [
        *("0.9", "0.7", "0.95", "6", "19", FOLLOWS),
    ]


def test_json_is_what_was_found() -> None:
    assert json.loads(FORMATS["json"](FOUND))["metrics"][2]["absent"] == "no weights of i3d"


ODD = {
    "nothing": make_validity(metrics=(), responses=(), people={}, record={}),
    "no responses": make_validity(responses=()),
    "one metric": make_validity(metrics=FOUND.metrics[:1], responses=FOUND.responses[:1]),
    "absent alone": make_validity(metrics=FOUND.metrics[2:], responses=()),
    "without people": make_validity(
        metrics=tuple(replace(one, agreement=None) for one in FOUND.metrics),
        responses=tuple(
            replace(one, people=None, correlation=None) for one in FOUND.responses
        ),
        people={},
    ),
    "no score anywhere": make_validity(
        responses=tuple(
            replace(
                one,
                values=(None,) * len(one.levels),
                intervals=(None,) * len(one.levels),
                correlation=None,
            )
            for one in FOUND.responses
        )
    ),
    "no series": make_validity(responses=tuple(replace(r, arms=()) for r in FOUND.responses)),
    "forty metrics": many_metrics(40),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_writes_whatever_was_found(name: str, form: str) -> None:
    found = ODD[name]
    text = FORMATS[form](found)
    for one in found.metrics:
        if form in ("csv", "json"):
            assert one.metric in text


def test_without_ratings_the_notes_say_so() -> None:
    assert UNRATED in overview(ODD["without people"]).footnotes
    assert len(sheets(ODD["without people"])) == 3  # no table of correlations
    assert FVD not in FORMATS["text"](ODD["nothing"])


def test_what_too_few_clips_say_is_no_finding() -> None:
    one = FOUND.responses[1]
    few = replace(one, arms=tuple(replace(arm, comparable=False) for arm in one.arms))
    (blur,) = levels_noticed(replace(FOUND, responses=(few,)))
    assert cells(blur)[0] == ["–", NOT_RATED, "yes"]
    assert any("fewer than two clips" in note for note in blur.footnotes)


def test_agreement_by_construction_is_marked() -> None:
    first, *others = FOUND.metrics
    made = replace(first, fitted_on=("audio_shift",))
    over, correlations, *_ = sheets(replace(FOUND, metrics=(made, *others)))
    assert cells(correlations) == [["0.90†"], ["-0.20"], ["–"]]
    for sheet in (over, correlations):
        assert any("made of people's ratings of audio shift" in note for note in sheet.footnotes)


def test_a_distance_that_may_be_negative_says_so() -> None:
    first, *others = FOUND.metrics
    distance = replace(first, title="KVD", settings={"caveat": "unbiased, so it scatters"})
    assert f"KVD: {UNBIASED}" in overview(replace(FOUND, metrics=(distance, *others))).footnotes
    assert not [note for note in overview(FOUND).footnotes if UNBIASED in note]


def with_arms(one: Response, **changed: Any) -> Response:
    return replace(one, arms=tuple(replace(arm, **changed) for arm in one.arms))


def test_what_is_noticed_has_the_range_that_few_clips_allow() -> None:
    late, early = FOUND.responses[0].arms
    arms = (replace(late, earliest=-0.125, latest=-1.0), replace(early, earliest=0.5, latest=0.5))
    ranged = replace(FOUND.responses[0], arms=arms)
    found = replace(FOUND, responses=(ranged, with_arms(FOUND.responses[1], earliest=1.0)))
    shift, blur = levels_noticed(found)
    assert [cell.interval for cell in shift.lines[0].cells] == ["[-0.125, -1]", *[""] * 5]
    assert (blur.lines[0].cells[0].value, blur.lines[0].cells[0].interval) == (
        *(NOTHING, "[1, none]"),
    )
    assert any("brackets: the level, were effects as large" in note for note in shift.footnotes)
    series = [line for line in lines(found) if line["kind"] == "series"]
    assert [(line["low"], line["high"]) for line in series] == [
        *(("-0.125", "-1.0"), ("0.5", "0.5"), ("1.0", "")),
    ]


def test_a_metric_that_a_distortion_leaves_as_it_is_is_no_finding() -> None:
    blind = with_arms(FOUND.responses[1], unaffected=True)
    found = replace(FOUND, responses=(FOUND.responses[0], blind))
    (blur,) = levels_noticed(found)[1:]
    assert cells(blur)[0] == ["–", NOT_RATED, "–"]
    title = FOUND.metrics[0].title
    assert f"{title}: {UNAFFECTED}" in blur.footnotes
    assert cells(overview(found))[0][-1] == "2 of 2"  # of blur there is no series
    series = [line for line in lines(found) if line["kind"] == "series"][-1]
    assert (series["value"], series["note"]) == ("", "unaffected")


def test_a_score_of_fewer_clips_is_named() -> None:
    few = replace(FOUND.responses[1], counts=(19, 17, 17))
    found = replace(FOUND, responses=(few,))
    (blur,) = levels_noticed(found)
    title = FOUND.metrics[0].title
    assert f"{title}, blur of 1 px, 2 px: 17 of 19 clips have a score" in blur.footnotes
    counts = [line["count"] for line in lines(found) if line["kind"] == "response"]
    assert counts == ["19", "17", "17"]


def test_the_overview_says_over_how_many_conditions() -> None:
    assert "correlated over 6 rated conditions" in overview(FOUND).footnotes
    first, second, *others = FOUND.metrics
    assert second.agreement is not None
    fewer = replace(second, agreement=replace(second.agreement, conditions=4))
    notes = overview(replace(FOUND, metrics=(first, fewer, *others))).footnotes
    assert f"{fewer.title}: correlated over 4 rated conditions" in notes
