"""The commands that read result files, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from svbench._version import __version__
from svbench.files.destinations import OWN_FILES, OWN_FOLDERS
from svbench.walk.run import WRITTEN
from tests.factories.commands import Command
from tests.factories.results import ALIGN, FVD, make_table, with_score, write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", make_table())


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("text", "Greatest Hits, miniature (32 frames"),
        ("markdown", "**Greatest Hits, miniature (32 frames"),
        ("latex", "% \\usepackage{booktabs,graphicx}"),
        ("csv", "kind,system,title,metric"),
        ("json", '{\n  "results": {'),
        ("clips", f"system,title,request,caption,{ALIGN}"),
        ("model-index", "model-index:\n- name: cross-attention, gamma 1"),
    ],
)
def test_report_prints_or_writes_each_format(
    svbench: Command, run: Path, tmp_path: Path, name: str, begins: str
) -> None:
    printed = svbench("report", run, "--format", name)
    assert printed.code == 0, printed.err
    assert printed.out.startswith(begins)
    file = tmp_path / "new" / "table"
    written = svbench("report", run / "results.json", "--format", name, "--out", file)
    assert (written.code, written.out) == (0, "")
    assert written.err == f"written: {file}\n"
    assert file.read_text(encoding="utf-8").startswith(begins)


def test_report_shows_published_figures_apart(svbench: Command, run: Path) -> None:
    out = svbench("report", run).out
    assert out.index("real clips (ceiling)") < out.index("Table 1 of Ishii et al.")


def test_report_keeps_the_columns_asked_for(svbench: Command, run: Path) -> None:
    out = svbench("report", run, "--metrics", ALIGN, "--format", "csv").out
    assert FVD not in out
    wrong = svbench("report", run, "--metrics", "fad")
    assert wrong.problem(2) == f"--metrics: found 'fad', expected some of {FVD}, {ALIGN}"


def test_report_saves_a_picture(svbench: Command, run: Path, tmp_path: Path) -> None:
    assert svbench("report", run, "--svg", tmp_path / "table.svg").code == 0
    picture = (tmp_path / "table.svg").read_text()
    assert "<svg" in picture
    assert "paper:" not in picture


def test_report_without_scores_of_clips_marks_nothing_and_says_so(
    svbench: Command, run: Path
) -> None:
    (run / "scores.csv").unlink()
    done = svbench("report", run)
    assert done.code == 0
    assert "nothing is marked best: no scores of single clips" in done.out
    assert svbench("report", run, "--format", "clips").problem(3).startswith("--format clips: ")


def test_what_report_cannot_do_is_one_line(svbench: Command, run: Path, tmp_path: Path) -> None:
    known = "text, markdown, latex, csv, json, model-index, clips, html"
    unknown = svbench("report", run, "--format", "word").problem(2)
    assert unknown.startswith(f"--format: found 'word', expected one of {known}")
    absent = svbench("report", tmp_path / "nowhere").problem(3)
    assert absent == f"{tmp_path / 'nowhere'}: found nothing there, expected a result file"
    blocked = svbench("report", run, "--format", "csv", "--out", run)
    assert blocked.problem(2).startswith(f"--out {run}: found a folder, expected a file")
    (run / "scores.csv").write_text("a,b\n")
    assert "found no column" in svbench("report", run).problem(3)


def test_a_compact_table_is_for_papers_and_readme_files(svbench: Command, run: Path) -> None:
    short = svbench("report", run, "--format", "latex", "--compact").out
    assert r"{\scriptsize {[}280, 320{]}}" in short
    assert "n = 16" not in short
    bare = svbench("report", run, "--format", "markdown", "--compact", "--no-intervals").out
    assert "280" not in bare
    assert "not comparable with published figures" in bare
    text = svbench("report", run, "--compact").problem(2)
    assert text == (
        "--compact: found it where it has no effect, expected it only beside --format markdown or "
        "latex"
    )
    page = svbench("report", run, "--format", "html", "--compact").problem(2)
    assert page == text
    alone = svbench("report", run, "--format", "latex", "--no-intervals").problem(2)
    assert alone.endswith("expected it only beside --compact")


@pytest.mark.parametrize("command", ["report", "check", "compare"])
def test_every_command_has_help_with_an_example(svbench: Command, command: str) -> None:
    assert f"Example: svbench {command}" in svbench(command, "--help").out


@pytest.fixture
def golden(svbench: Command, run: Path, tmp_path: Path) -> Path:
    file = tmp_path / "golden.json"
    made = svbench("check", run, "--golden", file, "--update", "--reason", "the first")
    assert (made.code, made.out) == (0, "a first golden table\n")
    return file


def test_check_passes_the_run_the_golden_was_made_of(
    svbench: Command, run: Path, golden: Path
) -> None:
    done = svbench("check", run, "--golden", golden)
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1].strip() == "within tolerance: 9 the same"


def test_check_leaves_with_5_where_a_value_moved_and_writes_what_ci_reads(
    svbench: Command, golden: Path, tmp_path: Path
) -> None:
    moved = with_score(make_table(), "cmc-pe-gamma1.5", ALIGN, value=0.25)
    other = write_run(tmp_path / "other", moved)
    summary, junit = tmp_path / "summary.md", tmp_path / "junit.xml"
    done = svbench("check", other, "--golden", golden, "--markdown", summary, "--junit", junit)
    assert done.problem(5) == (
        f"{golden}: out of tolerance: 8 the same, 1 beyond tolerance (cmc-pe-gamma1.5, {ALIGN}); "
        "look for what moved the values; if it is meant, run again with --update --reason '...'"
    )
    assert "beyond tolerance: worse" in done.out
    assert summary.read_text(encoding="utf-8").startswith("### ❌ Greatest Hits, miniature")
    assert 'failures="1"' in junit.read_text(encoding="utf-8")


def test_an_update_keeps_a_history_of_what_moved_and_why(
    svbench: Command, golden: Path, tmp_path: Path
) -> None:
    moved = with_score(make_table(), "cmc-pe-gamma1.5", ALIGN, value=0.25)
    other = write_run(tmp_path / "other", moved)
    words = ("--update", "--reason", "another model", "--tolerance", f"{FVD}=interval")
    done = svbench("check", other, "--golden", golden, *words)
    assert done.code == 0, done.err
    assert done.out == f"cmc-pe-gamma1.5, {ALIGN}: beyond tolerance: 0.5 -> 0.25\n"
    record = json.loads(golden.read_text(encoding="utf-8"))
    assert [entry["reason"] for entry in record["history"]] == ["the first", "another model"]
    assert record["history"][1]["changes"] == done.out.splitlines()
    assert record["history"][1]["svbench"] == __version__
    assert record["tolerances"][FVD] == {"interval": True}
    assert svbench("check", other, "--golden", golden).code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--update",), "--update: found no --reason, expected one for the history of the file"),
        (("--update", "--reason", " "), "--update: found no --reason, expected one"),
        (("--reason", "x"), "--reason and --tolerance: found no --update, expected it"),
        (("--tolerance", f"{FVD}=interval"), "--reason and --tolerance: found no --update"),
        (("--update", "--reason", "x", "--tolerance", "x"), "--tolerance: found 'x', expected"),
    ],
)
def test_a_golden_file_is_not_changed_without_a_reason(
    svbench: Command, run: Path, golden: Path, words: tuple[str, ...], said: str
) -> None:
    before = golden.read_bytes()
    assert svbench("check", run, "--golden", golden, *words).problem(2).startswith(said)
    assert golden.read_bytes() == before


def test_check_without_a_golden_file_says_how_to_make_one(
    svbench: Command, run: Path, tmp_path: Path
) -> None:
    problem = svbench("check", run, "--golden", tmp_path / "none.json").problem(3)
    assert problem.endswith("expected a golden file; make one by --update --reason '...'")


def test_compare_merges_runs_and_pairs_their_rows(
    svbench: Command, run: Path, tmp_path: Path
) -> None:
    moved = with_score(make_table(), "cmc-pe-gamma1.5", ALIGN, value=0.625)
    other = write_run(tmp_path / "other", moved)
    done = svbench("compare", run, other, "--against", "cmc-pe-gamma1")
    assert done.code == 0, done.err
    assert "Greatest Hits, miniature: run, other" in done.out
    assert "cmc-pe, gamma 1.5 (other)" in done.out
    assert "Paired differences from cmc-pe, gamma 1" in done.out
    file = tmp_path / "both.md"
    written = svbench("compare", run, other, "--format", "markdown", "--out", file)
    assert (written.code, written.out) == (0, "")
    assert file.read_text(encoding="utf-8").count("| :-- |") == 2


def test_runs_of_the_same_folder_name_are_told_apart(
    svbench: Command, run: Path, tmp_path: Path
) -> None:
    moved = with_score(make_table(), "cmc-pe-gamma1.5", ALIGN, value=0.625)
    other = write_run(tmp_path / "there" / "run", moved)
    assert f"cmc-pe-gamma1.5 ({other})" in svbench("compare", run, other, "--format", "csv").out


def test_what_compare_cannot_do_is_one_line(svbench: Command, run: Path, tmp_path: Path) -> None:
    alone = svbench("compare", run).problem(2)
    assert alone == f"{run}: found one run folder, expected two or more"
    other = write_run(tmp_path / "other", make_table(scale="paper", record={"real set": "decade"}))
    assert svbench("compare", run, other).problem(3) == (
        "other left out: scale: mini in run and paper in other"
    )
    unknown = svbench("compare", run, run, "--against", "x").problem(2)
    assert unknown.startswith("--against: found 'x', expected one of real, shuffled")
    assert svbench("compare", run, run, "--format", "clips").problem(2) == (
        "--format: found 'clips', expected one of text, markdown, latex, csv, json"
    )


OWN = ("results.json", "scores.csv", "run.json", ".lock", "samples/a/new.txt", "data/new.txt")


def writers(run: Path, golden: Path, target: Path) -> list[tuple[object, ...]]:
    """Return every command that reads results and writes a file."""
    check, update = ("check", run, "--golden"), ("--update", "--reason", "x")
    return [
        ("report", run, "--format", "csv", "--out", target),
        ("report", run / "results.json", "--svg", target),
        ("compare", run, run, "--format", "csv", "--out", target),
        (*check, golden, "--markdown", target),
        (*check, golden, "--junit", target),
        (*check, target, *update),
    ]


@pytest.mark.parametrize("name", OWN)
def test_what_a_run_keeps_is_never_written_over(
    name: str, svbench: Command, run: Path, golden: Path
) -> None:
    (run / "run.json").write_text('{"command": "run", "config": {}}', encoding="utf-8")
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    for words in writers(run, golden, run / name):
        problem = svbench(*words).problem(2)
        kept = f"found {name.partition('/')[0]} of the run in {run}, expected a place apart from it"
        assert problem.endswith(f"{run / name}: {kept}")
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_nor_what_another_run_keeps_nor_through_a_link_nor_the_table_that_is_read(
    svbench: Command, run: Path, tmp_path: Path
) -> None:
    bare = write_run(tmp_path / "bare", make_table())  # without run.json: only its table is known
    (tmp_path / "link").symlink_to(bare)
    table = bare / "results.json"
    (bare / "copy.json").write_bytes(table.read_bytes())
    (run / "run.json").write_text('{"command": "score", "config": {}}', encoding="utf-8")
    for words in (
        ("report", bare, "--out", table),
        ("report", bare, "--out", tmp_path / "link" / "results.json"),
        ("report", bare / "copy.json", "--out", bare / "copy.json"),
        ("report", bare, "--out", run / "scores.csv"),
    ):
        assert "expected a place apart from it" in svbench(*words, "--format", "json").problem(2)


def test_other_places_in_a_run_folder_or_with_such_names_may_be_written(
    svbench: Command, run: Path, tmp_path: Path
) -> None:
    (run / "run.json").write_text('{"command": "run", "config": {}}', encoding="utf-8")
    (tmp_path / "run.json").write_text("of another program")
    for place in ("run/report/table.csv", "run/table.csv", "data/results.json", "scores.csv"):
        assert svbench("report", run, "--format", "csv", "--out", tmp_path / place).code == 0


def test_all_that_a_run_writes_is_kept_apart() -> None:
    added = {".lock", "people.json", "imported.json"}  # by use, study and import
    assert {*OWN_FILES, *OWN_FOLDERS} == {*WRITTEN, *added} - {"report"}


def test_report_prints_ranks_below_the_table(svbench: Command, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "ranks.md"
    assert "Ranks: " in svbench("report", run, "--ranks").out
    assert svbench("report", run, "--ranks", "--format", "markdown", "--out", out).code == 0
    assert "**Ranks: " in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "beside", [("--format", "csv"), ("--format", "html"), ("--by", "class"), ("--svg", "t.svg")]
)
def test_report_refuses_ranks_where_they_have_no_table(
    svbench: Command, run: Path, beside: tuple[str, ...]
) -> None:
    problem = svbench("report", run, "--ranks", *beside).problem(2)
    assert problem.startswith("--ranks: found it where it has no effect")
