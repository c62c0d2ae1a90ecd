"""Imported scores: rows and ids, columns in every format, what is refused, what changed since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import svbench as sv
from svbench.errors import ConfigError, DataError
from svbench.files.imported import CHANGED, IMPORTED_FILE, NONE, load_imported
from svbench.files.results import load_table
from tests.factories.commands import Command
from tests.factories.results import (
    ALIGN,
    FVD,
    REQUESTS,
    clip_values,
    make_table,
    write_requests,
    write_run,
)

ONE, OTHER = "cmc-pe-gamma1", "cmc-pe-gamma1.5"
METRIC = "imported-vbench@color"
TITLE = "color (vbench, not computed here)"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", make_table())


def vbench(file: Path, values: Mapping[str, float]) -> Path:
    clips = [{"video_path": name, "video_results": value} for name, value in values.items()]
    file.write_text(json.dumps({"color": [0.0, clips]}), encoding="utf-8")
    return file


def every(tmp_path: Path, name: str = "v.json", offset: float = 0.0) -> Path:
    """Write a score for every clip, by its path."""
    values = {f"out/{r.partition('/')[0]}.mp4": n / 32 + offset for n, r in enumerate(REQUESTS)}
    return vbench(tmp_path / name, values)


def test_imported_scores_are_a_column_of_the_rows_that_have_them(run: Path, tmp_path: Path) -> None:
    before = {f.name: f.read_bytes() for f in run.iterdir()}
    found = sv.import_scores(run, [f"{ONE}={every(tmp_path)}"])
    assert {name: (run / name).read_bytes() for name in before} == before  # of the run itself
    column = found.table.columns[-1]
    assert (column.metric, column.title, column.better) == (METRIC, TITLE, "higher")
    assert column.settings["computed"] == "elsewhere"
    (digest,) = [row.sha256 for row in load_imported(run)[0].rows]
    assert column.settings["files"] == {ONE: {"file": "v.json", "sha256": digest}}
    rows = {row.system: row for row in found.table.rows}
    score = rows[ONE].scores[METRIC]
    assert (score.value, score.count) == (pytest.approx(15 / 64), 16)
    assert score.interval is not None
    assert rows[OTHER].absent[METRIC] == NONE
    assert found.scores is not None
    assert found.scores[ONE, METRIC][REQUESTS[3]] == 3 / 32
    assert found.scores[ONE, ALIGN]  # those of the run are still there
    assert str(sv.load_results(run)) == str(found)


def test_several_rows_share_a_column_and_a_second_import_replaces_the_first(
    run: Path, tmp_path: Path
) -> None:
    sv.import_scores(run, [f"{ONE}={every(tmp_path)}"])
    files = [f"{OTHER}={every(tmp_path, 'w.json', 0.5)}", f"{ONE}={every(tmp_path, 'x.json', 1)}"]
    found = sv.import_scores(run, files)
    assert [column.metric for column in found.table.columns] == [FVD, ALIGN, METRIC]
    values = {r.system: r.scores[METRIC].value for r in found.table.rows if METRIC in r.scores}
    assert values == {ONE: pytest.approx(1 + 15 / 64), OTHER: pytest.approx(0.5 + 15 / 64)}


def test_clips_are_named_by_request_example_or_path(run: Path, tmp_path: Path) -> None:
    names = ["clip-00/0", "clip-01", "/a/clip-02.mp4", "b\\clip-03.mkv"]
    file = vbench(tmp_path / "v.json", dict.fromkeys(names, 0.5))
    found = sv.import_scores(run, [f"{ONE}={file}"])
    assert found.scores is not None
    assert list(found.scores[ONE, METRIC]) == REQUESTS[:4]
    (row,) = [row for row in found.table.rows if row.system == ONE]
    assert row.scores[METRIC].count == 4


def test_clips_without_a_score_are_counted_and_named_below_the_table(
    svbench: Command, run: Path, tmp_path: Path
) -> None:
    """Entries that their program failed at, and clips that are not in its file; all named."""
    entries: list[dict[str, object]] = [
        {"video_path": f"m/clip-{n:02d}.mp4", "status": "ok", "score": n} for n in range(13)
    ]
    entries[3] = {"video_path": "m/clip-03.mp4", "status": "timeout"}
    file = tmp_path / "judge.json"
    file.write_text(json.dumps({"results": entries}))
    found = sv.import_scores(run, [f"{ONE}={file}"])
    metric = found.table.columns[-1].metric
    (score,) = [row.scores[metric] for row in found.table.rows if metric in row.scores]
    named = ", ".join(f"clip-{n}/0 (no entry)" for n in (13, 14, 15))
    assert score.count == 12
    assert score.note == (
        f"4 of 16 clips have no score in judge.json: clip-03/0 (status timeout), {named}"
    )
    for form in ("markdown", "csv"):
        assert score.note in svbench("report", run, "--format", form).out
    assert "n = 12 of 16" in svbench("report", run, "--format", "markdown").out
    whole = sv.import_scores(run, [f"{ONE}={every(tmp_path)}"]).table
    assert [row.scores[METRIC].note for row in whole.rows if METRIC in row.scores] == [""]


def test_a_failed_entry_of_a_clip_that_the_row_has_not_is_refused(
    run: Path, tmp_path: Path
) -> None:
    entries = [{"video_path": "clip-00", "score": 1}, {"video_path": "who", "status": "error"}]
    file = tmp_path / "judge.json"
    file.write_text(json.dumps({"results": entries}))
    with pytest.raises(DataError, match=r"found 1 clips that .* has not \(who\), expected ids"):
        sv.import_scores(run, [f"{ONE}={file}"])


def test_a_clip_that_no_metric_of_the_run_scored_has_imported_scores(tmp_path: Path) -> None:
    """AV-Align, say, leaves out a clip without motion and sound: it is of the row all the same."""
    scored = {key: dict(list(of.items())[1:]) for key, of in clip_values().items()}
    run = write_run(tmp_path / "run", make_table(), scored)
    write_requests(run, {request.partition("/")[0]: {} for request in REQUESTS})
    found = sv.import_scores(run, [f"{ONE}={every(tmp_path)}"])
    assert found.scores is not None
    assert found.scores[ONE, METRIC][REQUESTS[0]] == 0


def test_the_only_model_needs_no_name(tmp_path: Path) -> None:
    table = make_table()
    rows = tuple(row for row in table.rows if row.made_of_real_clips or row.system == ONE)
    run = write_run(tmp_path / "run", replace(table, rows=rows))
    found = sv.import_scores(run, [every(tmp_path)])
    assert [row.system for row in found.table.rows if METRIC in row.scores] == [ONE]


def test_what_does_not_belong_to_the_row_is_refused_and_nothing_is_kept(
    run: Path, tmp_path: Path
) -> None:
    strange = vbench(tmp_path / "s.json", {"clip-00": 1, "who": 2, "clip-1": 3})
    with pytest.raises(DataError, match=r"found 2 clips that .* has not \(who, clip-1\), expected"):
        sv.import_scores(run, [f"{ONE}={strange}"])
    twice = vbench(tmp_path / "t.json", {"clip-00": 1, "x/clip-00.mp4": 2})
    with pytest.raises(DataError, match="found two entries of clip-00/0, expected one"):
        sv.import_scores(run, [f"{ONE}={twice}"])
    with pytest.raises(ConfigError, match="found 3 models, expected SYSTEM=FILE with one of"):
        sv.import_scores(run, [every(tmp_path)])
    with pytest.raises(ConfigError, match="found the row 'who', expected SYSTEM=FILE with one of"):
        sv.import_scores(run, [f"who={every(tmp_path)}"])
    assert not (run / IMPORTED_FILE).exists()


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_columns_that_would_be_called_alike_are_refused(
    run: Path, tmp_path: Path, better: str
) -> None:
    file = tmp_path / "s.json"
    file.write_text(json.dumps({"clip-00": {"a b": 1, "a/b": 2}}))
    with pytest.raises(DataError, match=r"columns a b and a/b, both .* imported-plain@a-b, exp"):
        sv.import_scores(run, [f"{ONE}={file}"], {"a b": "higher", "a/b": better})
    assert not (run / IMPORTED_FILE).exists()


def test_directions_are_checked(run: Path, tmp_path: Path) -> None:
    word = f"{ONE}={every(tmp_path)}"
    with pytest.raises(ConfigError, match="found color='up', expected higher or lower"):
        sv.import_scores(run, [word], {"color": "up"})
    with pytest.raises(ConfigError, match=r"found 'colour', expected a column of .*: color"):
        sv.import_scores(run, [word], {"colour": "higher"})
    sv.import_scores(run, [word])
    with pytest.raises(ConfigError, match="found color as better lower, expected higher as it was"):
        sv.import_scores(run, [f"{OTHER}={every(tmp_path)}"], {"color": "lower"})


def test_a_row_whose_clips_changed_loses_its_scores(run: Path, tmp_path: Path) -> None:
    sv.import_scores(run, [f"{ONE}={every(tmp_path)}"])
    table = load_table(run)
    rows = (replace(r, settings={**r.settings, "set": "new"}) for r in table.rows)
    found = sv.load_results(write_run(run, replace(table, rows=tuple(rows))))
    (row,) = [row for row in found.table.rows if row.system == ONE]
    assert row.absent[METRIC] == CHANGED
    assert found.scores is not None
    assert (ONE, METRIC) not in found.scores


def test_a_damaged_file_is_refused(run: Path) -> None:
    for text, expected in (
        ('{"version": 2, "columns": []}', "found version 2, expected 1"),
        ('{"version": 1, "columns": [{"name": "x"}]}', "form: Field required"),
    ):
        (run / IMPORTED_FILE).write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=expected):
            sv.load_results(run)


def test_runs_with_scores_of_different_files_are_not_compared_in_that_column(
    run: Path, tmp_path: Path
) -> None:
    other = write_run(tmp_path / "other", make_table())
    sv.import_scores(run, [f"{ONE}={every(tmp_path)}"])
    sv.import_scores(other, [f"{ONE}={every(tmp_path, 'w.json', 0.5)}"])
    merged = sv.compare(run, other)
    shown = [row for row in merged.table.rows if METRIC in row.scores]
    assert [row.scores[METRIC].value for row in shown] == [pytest.approx(15 / 64)]
    assert any("files." in reason for row in merged.table.rows for reason in row.absent.values())


@pytest.mark.parametrize("name", ["text", "markdown", "latex", "csv", "json", "clips"])
def test_every_format_shows_the_column_and_where_it_comes_from(
    svbench: Command, run: Path, tmp_path: Path, name: str
) -> None:
    word = f"{ONE}={every(tmp_path)}"
    printed = svbench("report", run, "--format", name, "--import-scores", word)
    assert printed.code == 0, printed.err
    plain = printed.out.replace("\\_", "_").replace("\n", " ")
    assert (METRIC if name == "clips" else "not computed here") in plain
    again = svbench("report", run, "--format", name)
    assert again.out == printed.out


def test_what_is_imported_in_this_call_stands_behind_the_named_columns_or_where_it_is_named(
    svbench: Command, run: Path, tmp_path: Path
) -> None:
    word = f"{ONE}={every(tmp_path)}"

    def columns(*words: object) -> list[str]:
        out = svbench("report", run, "--format", "csv", *words).out.splitlines()
        cells = [line.split(",") for line in out if line.startswith(f"model,{ONE},")]
        return [metric for line in cells for metric in line if "@" in metric]

    assert columns("--metrics", ALIGN, "--import-scores", word) == [ALIGN, METRIC]
    assert columns("--metrics", f"{METRIC},{FVD}", "--import-scores", word) == [METRIC, FVD]
    assert columns("--metrics", ALIGN) == [ALIGN]  # imported before: only where it is named
    assert columns("--import-scores", word) == [FVD, ALIGN, METRIC]


def test_what_cannot_be_imported_is_one_line(svbench: Command, run: Path, tmp_path: Path) -> None:
    word = f"{ONE}={every(tmp_path)}"
    wrong = svbench("report", run, "--import-better", "color=lower")
    assert "expected it only beside --import-scores" in wrong.problem(2)
    wrong = svbench("report", run, "--import-scores", word, "--import-better", "color")
    assert wrong.problem(2) == (
        "--import-better: found 'color', expected COLUMN=higher or COLUMN=lower"
    )
    wrong = svbench("report", run, "--import-scores", f"{ONE}={tmp_path / 'no.json'}")
    assert "found nothing there, expected scores per clip" in wrong.problem(3)
