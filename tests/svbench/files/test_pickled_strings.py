"""Pickled lists of strings are read in every protocol, and no pickle is executed."""

from __future__ import annotations

import os
import pickle
import random
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from svbench.errors import DataError
from svbench.files.pickled_strings import is_pickle, read_strings

IDS = ["KTQig7CKVHU", "---g-f_I2yQ", "", "é, \n '"]
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
every = pytest.mark.parametrize("protocol", PROTOCOLS)


def pickled(path: Path, value: object, protocol: int = 4) -> Path:
    file = path / "ids.pkl"
    file.write_bytes(pickle.dumps(value, protocol))
    return file


def refused(file: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_strings(file)
    text = str(caught.value)
    assert text.startswith(str(file))
    assert "\n" not in text
    return text.removeprefix(str(file))


@every
@pytest.mark.parametrize("kind", [list, tuple])
def test_lists_keep_their_order(tmp_path: Path, kind: Callable[[Any], Any], protocol: int) -> None:
    assert read_strings(pickled(tmp_path, kind(IDS), protocol)) == IDS


@every
@pytest.mark.parametrize("kind", [set, frozenset])
def test_sets(tmp_path: Path, kind: Callable[[Any], Any], protocol: int) -> None:
    assert sorted(read_strings(pickled(tmp_path, kind(IDS), protocol))) == sorted(IDS)


@every
def test_a_long_list(tmp_path: Path, protocol: int) -> None:
    many = [f"id {number}" for number in range(3000)]
    assert read_strings(pickled(tmp_path, many, protocol)) == many


def test_a_list_of_python_2(tmp_path: Path) -> None:
    file = tmp_path / "ids.pkl"
    file.write_bytes(b"(lp0\nS'KTQig7CKVHU'\np1\naS'---g-f_I2yQ'\np2\na.")
    assert read_strings(file) == IDS[:2]


def test_a_pickle_is_known_by_its_first_byte_or_its_suffix(tmp_path: Path) -> None:
    file = pickled(tmp_path, IDS)
    assert is_pickle(file)
    assert is_pickle(file.rename(tmp_path / "ids.txt"))
    (tmp_path / "plain.txt").write_text("KTQig7CKVHU\n")
    assert not is_pickle(tmp_path / "plain.txt")
    assert not is_pickle(tmp_path / "gone.pkl")
    os.mkfifo(tmp_path / "pipe.pkl")
    assert not is_pickle(tmp_path / "pipe.pkl")  # which would never end


# --- what is refused ---------------------------------------------------------------------------


class Touch:
    """What calls a function when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@every
def test_nothing_is_executed(tmp_path: Path, protocol: int) -> None:
    file = pickled(tmp_path, [Touch(tmp_path / "made")], protocol)
    text = refused(file)
    assert "found GLOBAL posix mkdir" in text or "found STACK_GLOBAL after posix mkdir" in text
    assert not (tmp_path / "made").exists()
    pickle.loads(file.read_bytes())  # as it would have been
    assert (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ([1], "BININT1 1"),
        ([None], "NONE"),
        ([True], "NEWTRUE"),
        ([b"x"], "SHORT_BINBYTES"),
        ({"id": "x"}, "EMPTY_DICT"),
        (np.array(["x"]), "STACK_GLOBAL"),
        (OrderedDict(), "STACK_GLOBAL"),
    ],
)
def test_other_values_are_named(tmp_path: Path, value: object, found: str) -> None:
    assert f"found {found}" in refused(pickled(tmp_path, value))


def test_files_that_are_no_pickles(tmp_path: Path) -> None:
    file = pickled(tmp_path, IDS)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    assert ": found no pickle (" in refused(file)
    file.write_bytes(whole + b"N.")
    assert ": found 2 bytes behind its end" in refused(file)
    file.write_bytes(b"")
    assert ": found no pickle (" in refused(file)
    file.write_bytes(b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.")  # so many bytes follow
    refused(file)
    assert "cannot be read (Is a directory)" in refused(tmp_path)


def test_memo_of_huge_index_takes_no_memory(tmp_path: Path) -> None:
    file = tmp_path / "ids.pkl"
    file.write_bytes(b"\x80\x02]r\xff\xff\xff\xffX\x01\x00\x00\x00aa.")
    assert read_strings(file) == ["a"]


def test_damaged_pickles_are_read_or_refused(tmp_path: Path) -> None:
    draw = random.Random(0)
    wholes = [pickle.dumps(kind(IDS), p) for kind in (list, set) for p in PROTOCOLS]
    file = tmp_path / "ids.pkl"
    for _ in range(1000):
        data = bytearray(draw.choice(wholes))
        for _ in range(draw.randint(1, 4)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        file.write_bytes(data)
        with suppress(DataError):
            assert all(isinstance(text, str) for text in read_strings(file))
