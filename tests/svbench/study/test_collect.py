"""Collecting: what files are refused, who counts, and the column that a table gets."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from svbench.api.results import load_results
from svbench.errors import DataError
from svbench.files.people import CHANGED, NOT_COMPARED, load_people
from svbench.files.results import load_table
from svbench.reports.tables.formats import FORMATS, sheets
from svbench.reports.tables.text import text
from svbench.study.collect import collect
from svbench.study.key import Key, load_key
from tests.factories.commands import Command
from tests.factories.pages import MODEL, OTHER, REAL, write_page_run
from tests.factories.raters import prefers, result_of, write_result
from tests.factories.studies import make_study

ORDER = (REAL, MODEL, OTHER)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of a run and a study of it."""
    folder = tmp_path_factory.mktemp("made")
    make_study(write_page_run(folder / "run"), folder / "study")
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path) -> Path:
    """Return a copy of the run and the study, with the answers of three raters of one mind."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    key = key_of(tmp_path)
    for sheet in (1, 2, 3):
        write_result(tmp_path / f"answers/{sheet}.json", result_of(key, sheet, prefers(key, ORDER)))
    return tmp_path


def key_of(folder: Path) -> Key:
    return load_key(folder / "study")[0]


def collected(folder: Path) -> Any:
    return collect([folder / "answers"], folder / "study", folder / "run")


def test_the_planted_order_is_found(here: Path) -> None:
    people = collected(here).people
    shares = {one.system: one.share for one in people.systems}
    assert sorted(shares, key=lambda name: -shares[name]) == list(ORDER)
    assert sum(shares.values()) == pytest.approx(1.5)
    assert (people.raters, people.answers, people.excluded) == (3, 18, ())
    assert people.separated  # all of one mind
    assert people.alpha == 1
    assert f"agreement of raters on {people.shared} pairs of clips" in people.caveat
    assert (people.circular, people.triples) == (0, 1)
    assert [(one.wins, one.losses) for one in people.systems if one.system == REAL] == [(12, 0)]


def test_a_rater_who_fails_attention_checks_does_not_count_and_is_named(here: Path) -> None:
    key = key_of(here)
    careless = prefers(key, ORDER[::-1], careless=True)
    write_result(here / "answers/9.json", result_of(key, 1, careless, rater=9))
    before = collect([here / f"answers/{n}.json" for n in (1, 2, 3)], here / "study", here / "run")
    found = collected(here)
    assert found.people.systems == before.people.systems
    assert found.people.excluded == ("000000000009",)
    (line,) = found.excluded
    assert "9.json: rater 000000000009 excluded: 2 of 2 attention checks missed" in line


def test_without_a_rater_who_counts_there_is_no_result(here: Path) -> None:
    key = key_of(here)
    for sheet in (1, 2, 3):
        careless = prefers(key, ORDER, careless=True)
        write_result(here / f"answers/{sheet}.json", result_of(key, sheet, careless))
    with pytest.raises(DataError, match="found no rater who counts: all 3 excluded"):
        collected(here)
    assert not (here / "run/people.json").exists()


def _edit(record: dict[str, Any]) -> None:
    record["answers"][0]["choice"] = "tie"


def _foreign(record: dict[str, Any]) -> None:
    record["study"] = "0123456789ab"


def _shorten(record: dict[str, Any]) -> None:
    record["answers"].pop()


def _mix(record: dict[str, Any]) -> None:
    record["answers"].reverse()


def _unheard(record: dict[str, Any]) -> None:
    record["answers"][0]["plays"] = [1, 0]


def _unknown(record: dict[str, Any]) -> None:
    record["answers"][0]["choice"] = "both"


def _sheet(record: dict[str, Any]) -> None:
    record["sheet"] = 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_foreign, r"found the study 0123456789ab, expected \w{12}: another study"),
        (_shorten, "found 7 of 8 answers, expected all"),
        (_mix, "found answers to other trials"),
        (_unheard, r"answers\.0\.plays\.1: Input should be greater than or equal to 1"),
        (_unknown, r"answers\.0\.choice: Input should be 'left', 'tie' or 'right'"),
        (_sheet, "found sheet 4, expected one of 1 to 3"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    here: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    key = key_of(here)
    record = result_of(key, 2, prefers(key, ORDER))
    change(record)
    write_result(here / "answers/2.json", record)
    with pytest.raises(DataError, match=f"2.json: {message}"):
        collected(here)


def test_an_edited_file_is_refused(here: Path) -> None:
    file = here / "answers/2.json"
    record = json.loads(file.read_text(encoding="utf-8"))
    _edit(record)
    file.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(DataError, match=r"2\.json: found edited or damaged content"):
        collected(here)


def test_all_files_that_do_not_fit_are_named_at_once(here: Path) -> None:
    shutil.copy(here / "answers/1.json", here / "answers/1-copy.json")
    (here / "answers/2.json").write_text("{}", encoding="utf-8")
    (here / "answers/3.json").write_text("no JSON", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        collected(here)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert "found no result of a study" in lines[0]
    assert "found no JSON" in lines[1]
    assert "found rater 000000000001 of" in lines[2]
    assert "again, expected each once" in lines[2]


def test_files_may_be_written_again_with_other_spaces(here: Path) -> None:
    file = here / "answers/2.json"
    record = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(record, indent=4, ensure_ascii=True), encoding="utf-8-sig")
    assert collected(here).people.raters == 3


def test_results_are_found_under_any_name_and_the_rest_is_passed_over(here: Path) -> None:
    answers = here / "answers"
    (answers / "1.json").rename(answers / "one.txt")  # a copy of the page's text
    (answers / "2.json").rename(answers / "two")
    (answers / "3.json").rename(answers / "three.JSON")
    (answers / "._one.json").write_bytes(b"\0\5\26\7")  # what macOS puts into archives
    (answers / "notes.md").write_text("two raters were late", encoding="utf-8")
    (answers / "late").mkdir()
    found = collected(here)
    assert found.people.raters == 3
    assert [file.name for file in found.passed_over] == ["._one.json", "late", "notes.md"]


@pytest.mark.parametrize(
    ("encoding", "length", "message"),
    [("utf-8", 300, "found no JSON"), ("utf-16", None, "found UTF-16")],
)
def test_a_damaged_copy_of_the_text_is_refused_not_passed_over(
    here: Path, encoding: str, length: int | None, message: str
) -> None:
    text = (here / "answers/2.json").read_text(encoding="utf-8")[:length]
    (here / "answers/2.json").unlink()
    (here / "answers/2.txt").write_text(text, encoding=encoding)
    with pytest.raises(DataError, match=rf"2\.txt.*: {message}"):
        collected(here)


def test_a_folder_without_results_says_how_much_it_holds(here: Path) -> None:
    (here / "empty").mkdir()
    (here / "empty/notes.md").write_text("none came", encoding="utf-8")
    with pytest.raises(DataError, match="empty: found no results among 1 file, expected"):
        collect([here / "empty"], here / "study", here / "run")


def test_the_note_says_why_there_is_no_interval_and_no_agreement(here: Path) -> None:
    one = collect([here / "answers/1.json"], here / "study", here / "run").people
    assert "no intervals: they need more than one rater" in one.caveat
    assert "not known: it needs more than one rater" in one.caveat
    assert "intervals over raters and requests" not in one.caveat


def test_raters_who_share_no_pair_are_told_how_to_see_agreement(here: Path) -> None:
    pair = (MODEL, OTHER)
    make_study(here / "run", here / "apart", systems=pair, trials=2, raters=2, overlap=1)
    key = load_key(here / "apart")[0]
    for sheet in (1, 2):
        record = result_of(key, sheet, prefers(key, pair))
        write_result(here / f"apart/answers/{sheet}.json", record)
    people = collect([here / "apart/answers"], here / "apart", here / "run").people
    assert (people.raters, people.shared, people.alpha) == (2, 0, None)
    assert "no two raters answered the same pair of clips" in people.caveat
    assert "--overlap" in people.caveat


def test_ties_alone_are_named_as_why_agreement_is_not_known(here: Path) -> None:
    key = key_of(here)
    right = prefers(key, ORDER)
    for sheet in (1, 2, 3):
        record = result_of(key, sheet, lambda t: right(t) if key.is_check(t) else "tie")
        write_result(here / f"answers/{sheet}.json", record)
    people = collected(here).people
    assert people.alpha is None
    assert people.shared > 0
    assert "all answers to the same pair of clips are ties" in people.caveat


def test_neither_order_nor_names_of_files_change_what_is_written(here: Path) -> None:
    collected(here)
    before = (here / "run/people.json").read_bytes()
    files = [here / f"answers/{n}.json" for n in (3, 1, 2)]
    collect(files, here / "study", here / "run")
    assert (here / "run/people.json").read_bytes() == before


def test_results_stay_what_the_run_computed(here: Path) -> None:
    before = (here / "run/results.json").read_bytes()
    collected(here)
    assert (here / "run/results.json").read_bytes() == before
    assert "people@sync" not in [column.metric for column in load_table(here / "run").columns]


def test_every_format_shows_people(here: Path) -> None:
    share = max(one.share for one in collected(here).people.systems)
    results = load_results(here / "run")
    for name in ("text", "markdown", "latex", "csv", "json"):
        shown = FORMATS[name](results.table, results.scores)
        assert "People" in shown, name
        assert (repr(share) if name == "json" else f"{share:.3f}") in shown, name
    assert "People (sync, Bradley-Terry, 3 raters)" in text(sheets(results.table, results.scores))
    frame = results.to_pandas()
    assert set(frame[frame.metric == "people@sync"].system) == set(ORDER)


def test_rows_that_people_did_not_compare_say_so(here: Path) -> None:
    make_study(here / "run", here / "other", systems=(MODEL, OTHER), trials=4, question="quality")
    key = load_key(here / "other")[0]
    write_result(here / "2/1.json", result_of(key, 1, prefers(key, ORDER)))
    collected(here)
    collect([here / "2"], here / "other", here / "run")
    assert [one.question for one in load_people(here / "run")] == ["quality", "sync"]
    rows = {row.system: row for row in load_results(here / "run").table.rows}
    assert rows[REAL].absent["people@quality"] == NOT_COMPARED
    assert rows[MODEL].scores["people@quality"].interval is None  # of one rater


def test_a_row_whose_clips_changed_has_no_score(here: Path) -> None:
    collected(here)
    file = here / "run/people.json"
    record = json.loads(file.read_text(encoding="utf-8"))
    record["studies"][0]["systems"][0]["set"] = "other"
    file.write_text(json.dumps(record), encoding="utf-8")
    rows = {row.system: row for row in load_results(here / "run").table.rows}
    changed = record["studies"][0]["systems"][0]["system"]
    assert rows[changed].absent["people@sync"] == CHANGED


def test_a_run_with_other_clips_is_refused(here: Path) -> None:
    table = json.loads((here / "run/results.json").read_text(encoding="utf-8"))
    table["rows"][1]["settings"]["set"] = "other"
    (here / "run/results.json").write_text(json.dumps(table), encoding="utf-8")
    with pytest.raises(
        DataError, match=f"found other clips of {MODEL}, expected those of the study"
    ):
        collected(here)


def test_a_run_that_was_moved_is_to_be_named(here: Path) -> None:
    make_study(here / "run", here / "new")
    (here / "run").rename(here / "moved")
    with pytest.raises(DataError, match=r"run: found nothing there, expected the run .* --run"):
        collect([here / "answers"], here / "new")


@pytest.mark.parametrize("content", ["{}", '{"version": 1, "studies": [{"question": 3}]}', "[]"])
def test_another_people_json_is_refused_in_one_line(here: Path, content: str) -> None:
    (here / "run/people.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"people\.json: .*expected") as caught:
        load_results(here / "run")
    assert "\n" not in str(caught.value)


# --- the command -------------------------------------------------------------------------------


def test_the_command_writes_a_study_and_collects_answers(svbench: Command, here: Path) -> None:
    systems = f"{MODEL},{OTHER}"
    out = here / "new"
    written = svbench("study", here / "run", "--out", out, "--systems", systems, "--raters", 2)
    assert written.code == 0
    assert "2 systems on 4 requests; 2 raters, 4 pairs and 4 attention checks each" in written.out
    key = load_key(out)[0]
    for sheet in (1, 2):
        write_result(out / f"answers/{sheet}.json", result_of(key, sheet, prefers(key, ORDER)))
    (out / "answers/notes.md").write_text("two came", encoding="utf-8")
    found = svbench("study", "--collect", out / "answers")
    assert found.code == 0, found.err
    assert "passed over, no results of a study: notes.md" in found.err
    assert f"{MODEL}         0.944" in found.out
    report = svbench("report", here / "run", "--metrics", "people@sync")
    assert "People (sync, Bradley-Terry, 2 raters)" in " ".join(report.out.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["RUN"], "--out: found none, expected a folder for the study"),
        (["RUN", "RUN", "--out", "x"], "RUN: found 2 folders, expected one"),
        (["RUN", "--out", "x", "--study", "y"], "--study: found it where it has no effect"),
        (["--collect", "RUN", "--trials", "3"], "--trials: found it where it has no effect"),
        (["--collect", "RUN", "--embed"], "--embed: found it where it has no effect"),
        (["--collect", "nowhere.json"], "--study: found no key.json above nowhere.json"),
        (["RUN", "--out", "x", "--raters", "0"], "--raters: found '0', expected a whole number"),
    ],
)
def test_wrong_words_are_one_line(
    svbench: Command, here: Path, words: list[str], message: str
) -> None:
    given = [str(here / "run") if word == "RUN" else word for word in words]
    assert message in svbench("study", *given).problem(2)
