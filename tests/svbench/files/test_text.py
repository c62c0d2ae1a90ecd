"""Untrusted text: what it may hold, what is refused in one line, and round trips."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svbench.errors import DataError
from svbench.files.text import (
    DEEPEST,
    NUMBER,
    RISKY,
    csv_text,
    read_csv,
    read_json,
    read_jsonl,
    read_lines,
    read_object,
    read_table,
    read_text,
    shown,
)

NOT_LINE_ENDS = "\u2028\u2029\u0085\x0b\x0c\x1c\x1d\x1e"  # where str.splitlines cuts, too
Reader = Callable[[Path, str], Any]
READERS: dict[str, Reader] = {
    "text": read_text,
    "lines": lambda path, expected: list(read_lines(path, expected)),
    "json": read_json,
    "object": read_object,
    "jsonl": lambda path, expected: list(read_jsonl(path, expected)),
    "csv": lambda path, expected: list(read_csv(path, expected)),
    "table": lambda path, expected: list(read_table(path, expected, ["a"])),
}


def refused(read: Reader, path: Path) -> str:
    """Return the one line in which a reader refuses a file."""
    with pytest.raises(DataError) as caught:
        read(path, "a thing")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    assert "a thing" in message
    message.encode()
    return message.removeprefix(str(path))


@pytest.mark.parametrize("kind", READERS)
def test_what_is_no_file_of_text(kind: str, tmp_path: Path) -> None:
    read = READERS[kind]
    assert refused(read, tmp_path / "gone") == ": found nothing there, expected a thing"
    assert refused(read, tmp_path) == ": found a folder, expected a thing"
    assert "(File name too long)" in refused(read, tmp_path / ("a" * 300))
    (tmp_path / "loop").symlink_to("loop")
    assert "cannot be read (" in refused(read, tmp_path / "loop")


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]\n".encode("utf-16"), ": found UTF-16, expected a thing in UTF-8"),
        (b'\n"caf\xe9"\n', ", line 2: found the byte 0xe9 where no UTF-8 has it, expected"),
        (b"\xed\xa0\x80\n", ", line 1: found the byte 0xed where"),  # half a surrogate pair
        (b"\xef\xbb\xbf\xff", ", line 1: found the byte 0xff where"),
    ],
)
def test_what_is_no_utf_8(kind: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    assert refused(READERS[kind], tmp_path / "file").startswith(message)


@pytest.mark.parametrize("kind", READERS)
def test_a_nul_is_no_text(kind: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"[\0]")
    assert refused(READERS[kind], tmp_path / "file") == ", line 1: found a NUL, expected a thing"


def test_a_byte_order_mark_is_taken_off_at_the_start_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b'\xef\xbb\xbf{"a": "\xef\xbb\xbf"}\n')
    assert read_object(path, "x") == {"a": "\ufeff"}
    assert list(read_jsonl(path, "x")) == [(1, {"a": "\ufeff"})]
    path.write_bytes(b"\xef\xbb\xbfa,b\n")
    assert list(read_csv(path, "x")) == [(1, ["a", "b"])]


def test_lines_end_at_lf_and_crlf_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(f"a{NOT_LINE_ENDS}b\r\nc\rd\n\nlast".encode())
    lines = [(1, f"a{NOT_LINE_ENDS}b"), (2, "c\rd"), (3, ""), (4, "last")]
    assert list(read_lines(path, "x")) == lines


# --- JSON --------------------------------------------------------------------------------------

BAD_JSON = {
    "nothing": ("", "no JSON (Expecting value at column 1)"),
    "half of it": ('{"a": ', "no JSON (Expecting value at column"),
    "more behind it": ("{} {}", "no JSON (Extra data at column 4)"),
    "a trailing comma": ('{"a": 1,}', "no JSON ("),
    "single quotes": ("{'a': 1}", "no JSON ("),
    "a line end in a string": ('{"a": "b\tc"}', "no JSON (Invalid control character"),
    "NaN": ('{"a": NaN}', "NaN, which is no number"),
    "minus infinity": ('{"a": [-Infinity]}', "-Infinity, which is no number"),
    "a float beyond floats": ('{"a": 1e999}', "the number 1e999, which is too large"),
    "a long integer": (f'{{"a": {"9" * 5000}}}', "a whole number of 5000 digits"),
    "a key twice": ('{"a": 1, "b": 2, "a": 3}', "the key 'a' twice in one object"),
    "a key twice inside": ('{"a": [{"b": 1, "b": 1}]}', "the key 'b' twice in one object"),
    "half a surrogate pair": ('{"a": "\\ud800"}', "half a surrogate pair in '\\ud800'"),
    "the other half, in a key": ('{"\\udfffx": 1}', "half a surrogate pair in '\\udfffx'"),
    "a NUL that is escaped": ('{"a": "b\\u0000"}', "a NUL in 'b\\\\x00'"),
    "a deep list": ("[" * 100_000, f"JSON of more than {DEEPEST} levels"),
    "a deep object": ('{"a":' * 500 + "1" + "}" * 500, f"JSON of more than {DEEPEST} levels"),
}


@pytest.mark.parametrize("kind", BAD_JSON)
def test_bad_json(kind: str, tmp_path: Path) -> None:
    text, message = BAD_JSON[kind]
    (tmp_path / "file").write_text(text, encoding="utf-8")
    place = ", line 1" if "no JSON" in message else ""
    assert refused(read_json, tmp_path / "file").startswith(f"{place}: found {message}")
    if text:
        (tmp_path / "list").write_text("{}\n\n" + text, encoding="utf-8")
        listed: Reader = READERS["jsonl"]
        assert refused(listed, tmp_path / "list").startswith(f", line 3: found {message}")


def test_json_errors_name_the_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text('{\n"a": 1,\n"b": x\n}')
    assert refused(read_json, tmp_path / "file").startswith(
        ", line 3: found no JSON (Expecting value at column 6), expected"
    )


def test_the_deepest_json_that_is_accepted(tmp_path: Path) -> None:
    def deep(levels: int) -> Path:
        (tmp_path / "file").write_text("[" * levels + "]" * levels)
        return tmp_path / "file"

    read_json(deep(DEEPEST + 1), "x")
    assert refused(read_json, deep(DEEPEST + 2)).startswith(": found JSON of more than")


@pytest.mark.parametrize("text", ["[]", "3", "null", '"a"', "true"])
def test_an_object_is_an_object(text: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(text)
    message = refused(read_object, tmp_path / "file")
    assert message.endswith("expected a JSON object: a thing")


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inside: st.lists(inside) | st.dictionaries(st.text("abc\u2028"), inside),
    max_leaves=20,
)


@given(value=anything, ascii=st.booleans())
def test_json_that_can_be_written_comes_back(
    value: object,
    ascii: bool,  # noqa: A002
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.json"
    path.write_text(json.dumps(value, ensure_ascii=ascii), encoding="utf-8")
    assert read_json(path, "x") == value


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(captions=st.lists(words, min_size=1))
def test_a_list_of_captions_comes_back(
    captions: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("captions") / "c.jsonl"
    lines = [json.dumps({"caption": caption}, ensure_ascii=False) for caption in captions]
    path.write_bytes("\r\n".join(lines).encode())
    assert [entry["caption"] for _, entry in read_jsonl(path, "x")] == captions


# --- CSV ---------------------------------------------------------------------------------------

BAD_CSV = {
    # text -> the message after the name of the file
    "a quote that stays open": (
        'a,b\nc,"d\ne,f\n',
        ", line 2: found no CSV (a quote that is opened there is never closed)",
    ),
    "more behind a quote": ('a,b\n"c"d,e\n', ", line 2: found no CSV (',' expected after '\"')"),
    "a huge field": (
        f"a,b\nc,{'d' * 140_000}\n",
        ", line 2: found no CSV (a field of more than 131,072 characters)",
    ),
}


@pytest.mark.parametrize("kind", BAD_CSV)
def test_bad_csv(kind: str, tmp_path: Path) -> None:
    text, message = BAD_CSV[kind]
    (tmp_path / "file").write_text(text)
    assert refused(READERS["csv"], tmp_path / "file").startswith(message)


def test_rows_are_numbered_by_their_first_line_and_blank_ones_passed_over(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b'a,"b\n\nc"\r\n\n"d\re",f\n""\n')
    rows = [(1, ["a", "b\n\nc"]), (5, ["d\re", "f"]), (7, [""])]
    assert list(read_csv(tmp_path / "file", "x")) == rows


def test_line_ends_of_all_systems_end_a_row(tmp_path: Path) -> None:
    for end in (b"\n", b"\r\n", b"\r"):
        (tmp_path / "file").write_bytes(end.join([b"a,b", b"c,d", b""]))
        assert [row for _, row in read_csv(tmp_path / "file", "x")] == [["a", "b"], ["c", "d"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": found no column 'a', expected a thing"),
        ("b,c\n", ": found no column 'a', expected a thing"),
        ("a,b,a\n", ": found a column twice in its heading, expected a thing"),
        ("a,b\n1\n", ", line 2: found 1 fields, expected 2 as in its heading"),
        ("a,b\n1,2\n1,2,3\n", ", line 3: found 3 fields, expected 2 as in its heading"),
    ],
)
def test_bad_tables(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(text)
    with pytest.raises(DataError) as caught:
        READERS["table"](tmp_path / "file", "a thing")
    assert str(caught.value) == f"{tmp_path / 'file'}{message}"


def test_a_table_gives_lines_by_column(tmp_path: Path) -> None:
    (tmp_path / "file").write_text('a,b\n1,"2\n3"\n4,5\n')
    rows = [(2, {"a": "1", "b": "2\n3"}), (4, {"a": "4", "b": "5"})]
    assert list(read_table(tmp_path / "file", "x", ["a"])) == rows


ESCAPED = {
    # text -> the cell in a file
    "=1+1": "'=1+1",
    "+a": "'+a",
    "-rf": "'-rf",
    "@SUM(A1)": "'@SUM(A1)",
    "\tx": "'\tx",
    "\rx": '"\'\rx"',
    "'tis": "''tis",
    "'": "''",
    '=HYPERLINK("a")': '"\'=HYPERLINK(""a"")"',
    "a=1": "a=1",
    "": "",
    "-0.300": "-0.300",
    "+1e-6": "+1e-6",
    "-1 2": "'-1 2",
}


@pytest.mark.parametrize("text", ESCAPED)
def test_a_cell_that_a_spreadsheet_would_run_stands_behind_an_apostrophe(text: str) -> None:
    assert csv_text([["x", text]]) == f"x,{ESCAPED[text]}\n"


def test_text_for_other_programs_is_written_as_it_is() -> None:
    assert csv_text([["-a.mp4", "=1, two"]], escaped=False) == '-a.mp4,"=1, two"\n'


def test_numbers_are_written_in_full_and_stay_numbers() -> None:
    assert csv_text([[-0.1, 0.1 + 0.2, -3, None, "a"]]) == "-0.1,0.30000000000000004,-3,,a\n"


cells = words | st.builds(str.__add__, st.sampled_from(RISKY), words) | st.floats().map(repr)
tables = st.lists(st.lists(cells, min_size=1), min_size=1)


@given(rows=tables)
def test_every_text_comes_back_from_csv(
    rows: list[list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("csv") / "file.csv"
    path.write_bytes(csv_text([["heading"], *rows]).encode())
    assert [row for _, row in read_csv(path, "x", escaped=True)] == [["heading"], *rows]


@given(rows=tables)
def test_no_cell_of_text_begins_as_a_formula_does(
    rows: list[list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("csv") / "file.csv"
    path.write_bytes(csv_text(rows).encode())
    with path.open(encoding="utf-8", newline="") as file:
        for cell in (cell for row in csv.reader(file) for cell in row):
            assert not cell.startswith(RISKY[:-1]) or NUMBER.fullmatch(cell)


@given(text=st.text())
def test_what_is_shown_is_short_and_can_be_printed(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown(text)) <= 62


@pytest.mark.parametrize("kind", READERS)
def test_a_pipe_or_device_is_not_waited_for(kind: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name in ("pipe", "link"):
        message = refused(READERS[kind], tmp_path / name)
        assert message == ": found a device or pipe, expected a thing"
