"""What stands below a table: once for all that it holds of, and what is needed first in front."""

from __future__ import annotations

from dataclasses import replace

from svbench.reports.analysis.following import NOT_MEASURED
from svbench.reports.tables.footnotes import BRACKETS, footnotes
from svbench.types import ClipSpec, Column, Detection, HumanAgreement, ResultTable, Row, Score

SPEC = ClipSpec(8, 8.0, (32, 48), 16000)
COLUMNS = tuple(Column(name, name.upper(), "higher") for name in ("fvd", "fad", "ib"))
REASON = "/data/a.mp4: found no audio stream, expected one"
FETCH = "no weights in /w; get them by: svbench weights fetch"


def row(name: str, note: str = "", *, real: bool = False, **more: object) -> Row:
    scores = {"ib": Score("ib", 0.5, "higher", 20, (0.25, 0.75), note=note)}
    return Row(name, f"the {name}", 20, real, scores=scores, **more)  # type: ignore[arg-type]


def notes(*rows: Row, **more: object) -> list[str]:
    table = ResultTable("t", "d", "paper", SPEC, COLUMNS, rows, **more)  # type: ignore[arg-type]
    return footnotes(table, marked=False, scores={})


def test_a_clip_that_is_left_out_is_noted_once() -> None:
    left = {"left_out": {"a/0": REASON}}
    table_note = f"1 of 20 real clips left out; {REASON}"
    found = notes(
        row("real", real=True, **left), row("late", real=True, **left), notes=(table_note,)
    )
    assert found == [f"the real; the late: 1 of 20 left out; {REASON}", BRACKETS]


def test_real_clips_left_out_of_another_number_keep_their_count() -> None:
    left = {"left_out": {"a/0": REASON, "b/0": "other"}}
    found = notes(row("real", real=True, **left), notes=(f"1 of 20 real clips left out; {REASON}",))
    assert found[:2] == [
        "1 of 20 real clips left out",
        f"the real: 2 of 20 left out; {REASON}",
    ]


def test_real_clips_without_a_row_are_noted_with_their_reason() -> None:
    note = f"1 of 20 real clips left out; {REASON}"
    assert notes(row("a"), notes=(note,))[0] == note


def test_one_command_fetches_all_weights_that_are_missing() -> None:
    absent = {"fvd": f"{FETCH} i3d", "fad": f"{FETCH} vggish"}
    found = notes(row("a", absent=absent), row("b", absent=absent))
    assert found[0] == f"FVD and FAD, every row: {FETCH} i3d vggish"


def test_what_holds_of_the_same_rows_of_two_columns_is_one_note() -> None:
    absent = {"fvd": "too few clips", "fad": "too few clips"}
    found = notes(row("real", real=True), row("a", absent=absent), row("b", absent=absent))
    assert found[0] == "FVD and FAD, every model: too few clips"


def test_notes_that_differ_in_a_count_are_one_note() -> None:
    found = notes(
        row("a", "4 of 20 clips significantly aligned"),
        row("b", "0 of 20 clips significantly aligned"),
        row("c", "4 of 20 clips significantly aligned"),
    )
    assert found[-1] == (
        "IB, by row: 4 (the a; the c), 0 (the b) of 20 clips significantly aligned"
    )


def test_different_notes_stay_separate() -> None:
    found = notes(row("a", "one thing is odd"), row("b", "nothing to see in these clips"))
    assert found[-2:] == [
        "IB, the a: one thing is odd",
        "IB, the b: nothing to see in these clips",
    ]


def test_a_note_may_hold_of_everything() -> None:
    one = COLUMNS[:2]
    absent = {"fvd": "none", "fad": "none"}
    rows = tuple(replace(row(n, absent=absent), scores={}) for n in "ab")
    table = ResultTable("t", "d", "paper", SPEC, one, rows)
    assert footnotes(table, marked=False, scores={}) == ["every column, every row: none"]


def test_native_columns_are_excepted_from_the_note_on_conformed_clips() -> None:
    note = f"every clip brought to {SPEC}, from its start"
    native = replace(COLUMNS[2], settings={"view": "native"})

    def notes_of(*columns: Column) -> list[str]:
        table = ResultTable("t", "d", "paper", SPEC, columns, (row("a"),), (note, "other"))
        return footnotes(table, marked=False, scores={})

    assert notes_of(native) == ["other", BRACKETS]
    assert notes_of(COLUMNS[0], native)[0] == f"{note}; not for IB: clips as they were made"
    assert notes_of(COLUMNS[0])[0] == note


# --- detectors against annotated hits ----------------------------------------------------------

KINDS = (
    Detection("onsets", 3, 4, 3, clips=2, tolerance=0.125),
    Detection("motion peaks", 0, 4, 0, clips=2, tolerance=0.125),
)
SAID = (
    "detectors against 4 annotated hits (2 real clips, within 0.125 s): onsets F 0.86 "
    "(precision 1.00, recall 0.75); motion peaks F 0.00 (precision –, recall 0.00)"
)


def detected(*metrics: str, title: str = "") -> list[str]:
    columns = [
        replace(c, detection=KINDS if c.metric in metrics else (), title=title or c.title)
        for c in COLUMNS
    ]
    judged = row("a", absent={})
    scores = {c.metric: replace(judged.scores["ib"], metric=c.metric) for c in COLUMNS[1:]}
    rows = (replace(judged, scores=scores),)
    table = ResultTable("t", "d", "paper", SPEC, tuple(columns), rows)
    return footnotes(table, marked=False, scores={})


def test_detectors_that_columns_share_are_noted_once() -> None:
    assert detected("fad", "ib") == [BRACKETS, f"FAD and IB: {SAID}"]


def test_an_empty_column_and_one_without_hits_have_no_such_note() -> None:
    assert detected("fvd") == detected() == [BRACKETS]


# --- whether columns follow people -------------------------------------------------------------

FOLLOWING = HumanAgreement(0.62, (0.4, 0.78), 90, 19, "real clips")
UNKNOWN = HumanAgreement(None)


def followed(*known: HumanAgreement | None) -> list[str]:
    """Return the notes of columns with these findings; all but the first have scores."""
    columns = tuple(replace(c, validity=of) for c, of in zip(COLUMNS, known, strict=True))
    judged = row("a")
    scores = {c.metric: replace(judged.scores["ib"], metric=c.metric) for c in COLUMNS[1:]}
    table = ResultTable("t", "d", "paper", SPEC, columns, (replace(judged, scores=scores),))
    return footnotes(table, marked=False, scores={})[1:]


def test_a_column_says_whether_it_follows_people() -> None:
    assert followed(FOLLOWING, FOLLOWING, UNKNOWN) == [
        "FAD: follows people: Spearman 0.62 [0.40, 0.78] over 90 rated conditions of 19 clips "
        "(real clips)",
        "IB: agreement with people is not measured",
    ]


def test_columns_with_the_same_finding_share_a_note() -> None:
    assert followed(UNKNOWN, UNKNOWN, UNKNOWN) == [f"FAD and IB: {NOT_MEASURED}"]


def test_tables_of_older_versions_have_no_such_note() -> None:
    assert followed(None, None, None) == []
