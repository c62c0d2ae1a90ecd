"""Sentences as token ids: byte pairs worked out by hand, words, what does not fit."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from svbench.compute import digest_file
from svbench.errors import DataError
from svbench.files.weights.loading import WeightFile
from svbench.metrics.networks.imagebind_text import ClipTokenizer, WordTokenizer

# Ids: 0 to 255 single bytes ("!" is 0, so "a" is 64), 256 to 511 those that end a word, then
# the pairs in their order, then begin and end.
PAIRS = "#version: 0.2\nl o\nlo w</w>\ne r</w>\n"
LO, LOW, ER, BEGIN, END = 512, 513, 514, 515, 516


def byte(letter: str, *, last: bool = False) -> int:
    return ord(letter) - ord("!") + (256 if last else 0)


def tokenizer(folder: Path, *, zipped: bool = False) -> ClipTokenizer:
    path = folder / "merges.txt"
    path.write_bytes(gzip.compress(PAIRS.encode()) if zipped else PAIRS.encode())
    return ClipTokenizer(WeightFile("bpe", path, digest_file(path)), context=8)


@pytest.mark.parametrize("zipped", [False, True])
def test_pairs_are_joined_the_most_frequent_first(zipped: bool, tmp_path: Path) -> None:
    read = tokenizer(tmp_path, zipped=zipped)
    # "low" -> lo w</w> -> low</w>; "lower" -> lo w e r</w> -> lo w er</w>
    assert read(["low"])[0].tolist() == [BEGIN, LOW, END, 0, 0, 0, 0, 0]
    assert read(["lower"])[0].tolist() == [BEGIN, LO, byte("w"), ER, END, 0, 0, 0]


def test_digits_signs_and_contractions_are_words(tmp_path: Path) -> None:
    read = tokenizer(tmp_path)
    ends = [byte(sign, last=True) for sign in "42!"]
    assert read(["42!"])[0].tolist() == [BEGIN, *ends, END, 0, 0, 0]
    expected = [BEGIN, byte("a", last=True), byte("'"), byte("s", last=True), END, 0, 0, 0]
    assert read(["a's"])[0].tolist() == expected


def test_sentences_are_tidied(tmp_path: Path) -> None:
    read = tokenizer(tmp_path)
    same = ["low lo", "  LOW \n lo ", "low&#32;lo", "&lt;" + "low lo"]
    rows = read(same)
    assert rows[0].tolist() == rows[1].tolist() == rows[2].tolist()
    assert rows[3][1] == byte("<", last=True)


@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_marks_that_a_sentence_spells_are_the_marks(case: object, tmp_path: Path) -> None:
    read = tokenizer(tmp_path)
    spelt = case("low<|startoftext|>low <|endoftext|> low")  # type: ignore[operator]
    assert read([spelt])[0].tolist() == [BEGIN, LOW, BEGIN, LOW, END, LOW, END, 0]
    # not quite a mark: its signs are those of any sentence
    assert read(["<|startoftext>"])[0].tolist()[-1] == END
    assert read(["<|startoftext>"])[0, 1] == byte("<")


def test_what_does_not_fit_is_cut_before_the_end(tmp_path: Path) -> None:
    read = tokenizer(tmp_path)
    assert read(["low " * 20])[0].tolist() == [BEGIN, *[LOW] * 6, END]
    assert read([""])[0].tolist() == [BEGIN, END, 0, 0, 0, 0, 0, 0]
    assert read([]).shape == (0, 8)


def test_a_vocabulary_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "merges.txt"
    path.write_text("heading\na b\nc\n")
    with pytest.raises(DataError, match="no pair in line 3"):
        ClipTokenizer(WeightFile("bpe", path, "0"))(["a"])
    gone = tmp_path / "gone.txt"
    with pytest.raises(DataError, match="no readable vocabulary"):
        ClipTokenizer(WeightFile("bpe", gone, "0"))(["a"])


def test_whole_words() -> None:
    read = WordTokenizer(("a", "dog"), context=6)
    assert read.vocabulary == 6
    # filling 0, unknown 1, a 2, dog 3, begin 4, end 5
    assert read(["A dog, barking"]).tolist() == [[4, 2, 3, 1, 5, 0]]
    assert read(["a a a a a a"]).tolist() == [[4, 2, 2, 2, 2, 5]]


def test_a_key_names_the_vocabulary(tmp_path: Path) -> None:
    assert tokenizer(tmp_path).key.startswith("clip-bpe-8-")
    words = WordTokenizer(("a", "dog"), 6)
    assert words.key != WordTokenizer(("a", "cat"), 6).key != WordTokenizer(("a", "cat"), 7).key
