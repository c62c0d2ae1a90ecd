"""Folders, lists and captions that are absent, empty or contradict themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories.commands import Command, hint


def test_a_missing_folder(score: Command, tmp_path: Path, made: Path) -> None:
    gone = tmp_path / "gone"
    expected = f"{gone}: found no such thing, expected a folder of clips, a list of them"
    assert score(gone).problem(3).startswith(expected)
    assert score(made, "--reference", gone).problem(3).startswith(expected)
    assert (
        score(tmp_path / "gone.jsonl")
        .problem(3)
        .startswith(f"{tmp_path / 'gone.jsonl'}: found nothing there, expected a list of clips")
    )


def test_an_empty_folder(score: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    problem = score(tmp_path / "empty").problem(3)
    assert problem.startswith(f"{tmp_path / 'empty'}: found no video in it, expected")
    assert ".mp4" in problem


def test_a_file_that_is_no_clip(score: Command, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    problem = score(tmp_path / "notes.txt").problem(3)
    assert problem.startswith(f"{tmp_path / 'notes.txt'}, line 1: found 'hello', expected one JSON")


BAD_LISTS = {
    # lines of the list -> the message after its name
    "empty": ([], ": found no clip in it, expected a line for each"),
    "no JSON": (["{"], ", line 1: found no JSON ("),
    "no object": (["[1]"], ", line 1: found list, expected a JSON object"),
    "no file": (['{"id": "a"}'], ", line 1: found no file name, expected a field file or"),
    "a start before the file": (
        ['{"file": "made/c0.mp4", "start": -1}'],
        ", line 1: found start -1, expected seconds, 0 or more",
    ),
    "an id twice": (
        ['{"file": "made/c0.mp4", "id": "a"}', '{"file": "made/c1.mp4", "id": "a"}'],
        " (made by me): found the id 'a' 2 times, expected once",
    ),
    "an id that leads out": (
        ['{"file": "made/c0.mp4", "id": "../../etc/passwd"}'],
        " (made by me): found the id '../../etc/passwd', expected a name that stays inside",
    ),
    "an absolute id": (
        ['{"file": "made/c0.mp4", "id": "/tmp/a"}'],
        " (made by me): found the id '/tmp/a', expected a name that stays inside",
    ),
    "an id that is empty": (
        ['{"file": "made/c0.mp4", "id": ""}'],
        " (made by me): found the id '', expected a name that stays inside",
    ),
    "an id of two lines": (
        ['{"file": "made/c0.mp4", "id": "a\\nb"}'],
        " (made by me): found the id 'a\\nb', expected a name that stays inside",
    ),
    "an id that is no text": (
        ['{"file": "made/c0.mp4", "id": ["a"]}'],
        ", line 1: found id ['a'], expected text",
    ),
}


@pytest.mark.parametrize("kind", BAD_LISTS)
def test_a_bad_list(kind: str, made: Path, score: Command) -> None:
    lines, message = BAD_LISTS[kind]
    path = made.parent / "clips.jsonl"
    whole = [line.replace("{", '{"system": "made by me", ', 1) for line in lines]
    path.write_text("\n".join(whole if kind != "no JSON" else lines))
    assert score(path).problem(3).startswith(f"{path}{message}")


def test_a_list_that_names_an_absent_clip(made: Path, score: Command) -> None:
    path = made.parent / "clips.jsonl"
    path.write_text('{"file": "made/c0.mp4"}\n{"file": "made/c9.mp4"}\n')
    outcome = score(path)
    assert outcome.code == 3
    gone = made / "c9.mp4"
    assert outcome.problems[0] == f"{gone}: found nothing there, expected a clip"
    assert outcome.problems[1:] == [hint(1, 2)]


BAD_CAPTIONS = {
    "too few": ("c0.mp4,text\n", ": found no caption of 5 clips (first: 'c1'), expected all"),
    "an id twice": ("c0,a\nc0,b\n", ": found the id 'c0' 2 times, expected once"),
    "three fields": (
        "c0,a,b\n",
        ", line 1: found 'c0,a,b', expected one JSON object a line, or CSV",
    ),
    "an id that leads out": ("../c0,a\n", ": found the id '../c0', expected a name that stays"),
}


@pytest.mark.parametrize("kind", BAD_CAPTIONS)
def test_bad_captions(kind: str, made: Path, score: Command, tmp_path: Path) -> None:
    text, message = BAD_CAPTIONS[kind]
    path = tmp_path / "captions.csv"
    path.write_text(text)
    assert score(made, "--captions", path).problem(3).startswith(f"{path}{message}")


def test_captions_that_are_not_there(made: Path, score: Command, tmp_path: Path) -> None:
    path = tmp_path / "captions.csv"
    assert score(made, "--captions", path).problem(3).startswith(f"{path}: found nothing")


def test_captions_that_are_no_text(made: Path, score: Command, tmp_path: Path) -> None:
    path = tmp_path / "captions.csv"
    path.write_bytes(b"\xff\xfe\x00")
    assert score(made, "--captions", path).problem(3).startswith(f"{path}: found UTF-16")


def test_a_link_that_leads_to_itself(made: Path, score: Command) -> None:
    """Pathlib raises a special error for these; other dangling links are just absent."""
    for name in ("loop", "loop.mp4", "loop.txt"):
        (made / name).symlink_to(name)
    outcome = score(made, "--allow-missing")
    assert outcome.code == 0, outcome.err
    assert "n = 6 of 7" in outcome.out
    assert "passed over 2 of other endings (loop, loop.txt)" in outcome.out
    for words in ((made / "loop",), (made, "--reference", made / "loop")):
        assert str(made / "loop") in score(*words).problem(3)
