"""Lists of ids to leave out: texts and pickles, of videos and of clips."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from svbench.errors import DataError
from svbench.preparation.exclusion import read_exclusion

VIDEOS = ["---g-f_I2yQ", "KTQig7CKVHU"]


def test_texts_and_pickles_are_the_same(tmp_path: Path) -> None:
    text, pickled = tmp_path / "ids.txt", tmp_path / "ids.pkl"
    text.write_bytes(b"\xef\xbb\xbf---g-f_I2yQ\r\n\r\n KTQig7CKVHU ")
    pickled.write_bytes(pickle.dumps(VIDEOS))
    assert read_exclusion(text) == read_exclusion(pickled) == set(VIDEOS)


def test_clips_in_any_spelling(tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("---g-f_I2yQ_30\nKTQig7CKVHU_1000_11000\n")
    assert read_exclusion(tmp_path / "ids") == {"---g-f_I2yQ_000030", "KTQig7CKVHU_000001"}


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"---g-f_I2yQ\nnot an id\n", r", line 2: found 'not an id', expected <ytid>_<start in s>"),
        (pickle.dumps(["---g-f_I2yQ", "x"]), r", entry 2: found 'x', expected <ytid>_<start in s>"),
        (b"\n\n", r": found an empty list, expected ids, one a line"),
        (pickle.dumps([]), r": found an empty list, expected ids, one a line"),
        (pickle.dumps([print]), r": found STACK_GLOBAL after builtins print in it, expected a pi"),
    ],
)
def test_what_is_no_list_of_ids(tmp_path: Path, data: bytes, found: str) -> None:
    file = tmp_path / "ids"
    file.write_bytes(data)
    with pytest.raises(DataError) as caught:
        read_exclusion(file)
    assert str(caught.value).startswith(f"{file}{found}")


def test_no_list_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found nothing there"):
        read_exclusion(tmp_path / "ids.pkl")
    with pytest.raises(DataError, match="found a folder"):
        read_exclusion(tmp_path)
