"""Kinds of bad text, one table: lists, captions, folders, run folders, golden files, settings.

Each goes through the command line. It ends with the exit code of malformed data (or of a wrong
setting) and one line that names the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.factories.commands import Command
from tests.factories.results import ALIGN, make_table, write_run

CLIP = '{"file": "made/c0.mp4"'


@dataclass(frozen=True)
class Kind:
    """A file of bad content, and the message after its name."""

    content: str | bytes
    message: str
    file: str = "clips.jsonl"


LISTS = {
    "no JSON": Kind("c0.mp4\n", ", line 1: found no JSON (Expecting value at column 1)"),
    "a list that is CSV": Kind("file,id\nmade/c0.mp4,a\n", ", line 1: found no JSON"),
    "one array of all": Kind(f"[{CLIP}}}]", ", line 1: found list, expected a JSON object"),
    "an object over many lines": Kind(f"{CLIP}\n}}", ", line 1: found no JSON"),
    "half a line": Kind(f"{CLIP}}}\n{CLIP}", ", line 2: found no JSON"),
    "UTF-16": Kind(f"{CLIP}}}".encode("utf-16"), ": found UTF-16"),
    "Latin-1": Kind(f'{CLIP}, "id": "é"}}'.encode("latin-1"), ", line 1: found the byte 0xe9"),
    "a NUL": Kind(f'{CLIP}, "id": "\0"}}', ", line 1: found a NUL"),
    "an escaped NUL": Kind(f'{CLIP}, "id": "\\u0000"}}', ", line 1: found a NUL in"),
    "a key twice": Kind(f'{CLIP}, "file": "b"}}', ", line 1: found the key 'file' twice"),
    "half a surrogate pair": Kind(f'{CLIP}, "id": "\\ud83d"}}', ", line 1: found half a surrogate"),
    "NaN": Kind(f'{CLIP}, "start": NaN}}', ", line 1: found NaN, which is no number"),
    "infinity": Kind(f'{CLIP}, "start": 1e999}}', ", line 1: found the number 1e999"),
    "a long number": Kind(f'{CLIP}, "id": {"1" * 5000}}}', ", line 1: found a whole number"),
    "a deep nest": Kind("[" * 100_000, ", line 1: found JSON of more than 100 levels"),
    "no file name": Kind('{"file": ""}', ", line 1: found no file name"),
    "a folder for a file": Kind('{"file": ".."}', ": found the id '..', expected a name"),
    "a file of two lines": Kind('{"file": "a\\nb.mp4", "id": "a"}', ", line 1: found file 'a\\nb"),
    "a sound of two lines": Kind(f'{CLIP}, "audio": "a\\nb"}}', ", line 1: found audio 'a\\nb'"),
    "a long id": Kind(f'{CLIP}, "id": "{"x" * 1001}"}}', ": found the id 'xxx"),
    "an id of line ends": Kind(f'{CLIP}, "id": "a\u2028b"}}', ": found the id 'a\\u2028b'"),
    "a system that leads out": Kind(
        f'{CLIP}, "system": "../x"}}', ", line 1: found the system '../x', expected a name that"
    ),
    "an empty system": Kind(f'{CLIP}, "system": ""}}', ", line 1: found the system ''"),
    "a name that is too long": Kind(f'{{"file": "{"d" * 300}/a.mp4"}}', ": cannot be reached"),
}
CAPTIONS = {
    "an open quote": Kind('c0,"a\nc1,b\n', ", line 1: found no CSV (a quote", "c.csv"),
    "text behind a quote": Kind('c0,"a"b\n', ", line 1: found no CSV (',' expected", "c.csv"),
    "a huge caption": Kind(f"c0,{'a' * 140_000}\n", ", line 1: found no CSV (a field of", "c.csv"),
    "semicolons": Kind("c0;a dog\n", ", line 1: found 'c0;a dog', expected one JSON", "c.csv"),
    "Latin-1 captions": Kind("c0,é\n".encode("latin-1"), ", line 1: found the byte 0xe9", "c.csv"),
    "nothing": Kind("", ": found no line in it, expected one JSON object", "c.csv"),
    "a heading alone": Kind("file,caption\n", ": found no caption of 6 clips", "c.csv"),
    "a heading of other words": Kind(
        "clip,words\n", ": found no caption of 6 clips (first: 'c0'), expected all", "c.csv"
    ),
    "a caption of a number": Kind(
        '{"id": "c0", "caption": 1.5}', ", line 1: found caption 1.5, expected text", "c.jsonl"
    ),
    "captions of one object": Kind('{"c0": "a dog"}', ", line 1: found no id or file", "c.jsonl"),
}


def one_line(message: str, path: Path | str) -> str:
    assert message.isprintable()
    assert message.startswith(str(path)), message
    return message.removeprefix(str(path))


@pytest.mark.parametrize("kind", LISTS)
def test_bad_lists(kind: str, made: Path, score: Command) -> None:
    path = made.parent / LISTS[kind].file
    content = LISTS[kind].content
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    message = one_line(score(path).problem(3), path)
    assert message.removeprefix(f" ({path.parent.name})").startswith(LISTS[kind].message), message


@pytest.mark.parametrize("kind", CAPTIONS)
def test_bad_captions(kind: str, made: Path, score: Command) -> None:
    path = made.parent / CAPTIONS[kind].file
    content = CAPTIONS[kind].content
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    message = one_line(score(made, "--captions", path).problem(3), path)
    assert message.startswith(CAPTIONS[kind].message), message


# --- folders -----------------------------------------------------------------------------------


def not_utf8(made: Path) -> Path:
    (made / "c0.mp4").rename(os.fsdecode(bytes(made) + b"/c0\xff.mp4"))
    return made


def name_of_two_lines(made: Path) -> Path:
    (made / "c0.mp4").rename(made / "c\n0.mp4")
    return made


def two_sounds(made: Path) -> Path:
    for ending in (".wav", ".MP3"):
        (made / f"c0{ending}").touch()
    return made


def two_videos(made: Path) -> Path:
    (made / "c0.TS").touch()
    return made


def sounds_alone(made: Path) -> Path:
    for path in made.iterdir():
        path.rename(path.with_suffix(".wav"))
    return made


def only_itself(made: Path) -> Path:
    for path in made.iterdir():
        path.unlink()
    (made / "self").symlink_to(".")
    return made


def in_circles(made: Path) -> Path:
    (made.parent / "round").symlink_to("round")
    return made.parent / "round"


def too_long(made: Path) -> Path:
    return made / ("x" * 300)


FOLDERS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a file name that is not UTF-8": (not_utf8, "found the file name 'c0\\udcff.mp4', expected"),
    "a file name of two lines": (name_of_two_lines, "found the file name 'c\\n0.mp4', expected"),
    "two sounds of one video": (two_sounds, "found c0.MP3 and c0.wav beside it, expected one"),
    "two videos of one name": (two_videos, "found c0.TS and c0.mp4, which share the id 'c0'"),
    "sounds alone": (sounds_alone, "found no video in it, expected files ending in .mp4"),
    "a link to itself alone": (only_itself, "found no video in it, expected files ending in .mp4"),
    "a link in a circle": (in_circles, "found no such thing, expected a folder of clips"),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_bad_folders(kind: str, made: Path, score: Command) -> None:
    spoil, message = FOLDERS[kind]
    asked = spoil(made)
    problem = score(asked).problem(3)
    assert problem.isprintable()
    assert message in problem
    assert made.name in problem or asked.name in problem


def test_a_name_that_no_disk_takes_is_no_setting(made: Path, score: Command) -> None:
    problem = score(too_long(made)).problem(2)
    assert problem.endswith("expected names of at most 255 bytes (see svbench score --help)")


def test_a_folder_that_is_not_utf_8_is_no_setting(made: Path, score: Command) -> None:
    other = made.rename(os.fsdecode(bytes(made) + b"\xff"))
    for words in ((other,), (made, "--captions", other), (made, "--reference", other)):
        problem = score(*words).problem(2)
        assert problem.endswith("made\\udcff', expected a name in UTF-8")


def test_what_is_passed_over_stands_below_the_table(made: Path, score: Command) -> None:
    for name in ("notes.txt", "c9.wav"):
        (made / name).touch()
    (made / "self").symlink_to(".")
    outcome = score(made, "--out", made.parent / "run")
    assert outcome.code == 0, outcome.err
    notes = json.loads((made.parent / "run" / "results.json").read_text())["notes"]
    assert notes[1:2] == [
        "made: passed over 1 of other endings (notes.txt), 1 sounds without a video (c9.wav), "
        "1 links to folders above or walked before (self)"
    ]
    assert "passed over 1 of other endings" in outcome.out


# --- run folders and golden files --------------------------------------------------------------

RESULTS = {
    "cut off": '{"schema": 1, "title": "',
    "a key twice": '{"schema": 1, "schema": 1}',
    "NaN": '{"schema": 1, "title": NaN}',
    "an array": "[]",
    "a schema that is a text": '{"schema": "\\n1"}',
    "a deep nest": '{"a":' * 1000,
}


@pytest.mark.parametrize("kind", RESULTS)
def test_bad_results_and_golden_files(kind: str, svbench: Command, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", make_table())
    (tmp_path / "golden.json").write_text(RESULTS[kind])
    problem = svbench("check", run, "--golden", tmp_path / "golden.json").problem(3)
    assert problem.isprintable()
    assert "golden.json" in problem
    (run / "results.json").write_text(RESULTS[kind])
    one_line(svbench("report", run).problem(3), run / "results.json")


SCORES = {
    "nothing": ("", ": found no column"),
    "a line that is short": ("system,request,metric,value\na,b\n", ", line 2: found 2 fields"),
    "a value that is no number": (
        "system,request,metric,value\na,b,c,high\n",
        ", line 2: found request 'b' with value 'high'",
    ),
    "an open quote": ('system,request,metric,value\n"a,b\n', ", line 2: found no CSV"),
}


@pytest.mark.parametrize("kind", SCORES)
@pytest.mark.parametrize("format", ["clips", "csv"])
def test_bad_scores(kind: str, format: str, svbench: Command, tmp_path: Path) -> None:  # noqa: A002
    run = write_run(tmp_path / "run", make_table())
    text, message = SCORES[kind]
    (run / "scores.csv").write_text(text)
    problem = svbench("report", run, "--format", format).problem(3)
    assert one_line(problem, run / "scores.csv").startswith(message)


def test_a_message_that_names_bytes_can_be_printed(svbench: Command, tmp_path: Path) -> None:
    gone = os.fsdecode(bytes(tmp_path) + b"/\xff\x1b")
    problem = svbench("report", gone).problem(3)
    assert problem.endswith("\\udcff\\x1b: found nothing there, expected a result file")


# --- what is written ---------------------------------------------------------------------------


def test_tables_for_spreadsheets_run_no_formula(svbench: Command, tmp_path: Path) -> None:
    table = make_table()
    first = table.rows[2]
    evil = "=HYPERLINK(1)"
    rows = (*table.rows[:2], type(first)(evil, evil, first.asked, scores=first.scores))
    run = write_run(tmp_path / "run", make_table(rows=rows), {(evil, ALIGN): {"@a/0": -0.5}})
    for kind in ("csv", "clips"):
        out = svbench("report", run, "--format", kind).out
        assert "'=HYPERLINK(1)" in out
        assert not [cell for cell in out.replace("\n", ",").split(",") if cell.startswith("=")]
    assert (run / "scores.csv").read_text().splitlines()[1] == f"'=HYPERLINK(1),'@a/0,{ALIGN},-0.5"
