"""Text files: reading of untrusted text, JSON and CSV, and writing of CSV.

Conventions
-----------
encoding    UTF-8; a byte order mark at the start is removed. NUL is an error.
lines       end at LF or CR LF. U+2028, U+0085, form feeds and the like belong to the line.
JSON        RFC 8259. NaN, Infinity, duplicate keys, NUL, lone surrogates (which could not be
            written again), numbers beyond the range of a float, and nesting beyond `DEEPEST` levels
            are errors.
CSV         RFC 4180, comma and double quote; a line break inside quotes belongs to the field.
            Rows are numbered by the line that they begin in; blank lines are skipped.
escapes     Spreadsheets run a cell that begins with one of `RISKY` as a formula. `csv_text` puts
            an apostrophe before such text, and `read_csv(..., escaped=True)` removes it.

All errors are a DataError of one line: file, line, what was found, and what was expected.

References
----------
- T. Bray: The JavaScript Object Notation data interchange format. RFC 8259.
- Y. Shafranovich: Common format and MIME type for comma-separated values files. RFC 4180.
- OWASP: CSV injection.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn

from svbench.errors import DataError

DEEPEST: Final = 100  # levels of JSON; recursive consumers need a bound
LONGEST_INTEGER: Final = 300  # digits; within the range of a float
RISKY: Final = ("=", "+", "-", "@", "\t", "\r", "'")
SHOWN: Final = 60  # characters of untrusted text in a message
REASON: Final = 200  # characters of a library's error in a message
NUMBER: Final = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)


class _RefusedError(ValueError):
    """The content of a file is JSON, but of a kind that is not accepted."""


def shown(text: object, most: int = SHOWN) -> str:
    """Return text for a message: one printable line, truncated after `most` characters."""
    whole = str(text)
    plain = whole if whole.isprintable() else repr(whole)[1:-1]
    return plain if len(plain) <= most else f"{plain[:most]}.."


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 file, 2 files."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def is_plain(text: str) -> bool:
    """Return whether text is one printable line; spaces of any width are allowed."""
    return all(sign.isprintable() or unicodedata.category(sign) == "Zs" for sign in text)


# --- text and lines ----------------------------------------------------------------------------


def read_text(path: Path, expected: str) -> str:
    """Return the text of a file, with its line ends."""
    return "".join(line for _, line in _decoded(path, expected))


def read_lines(path: Path, expected: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of every line, without line ends."""
    for number, line in _decoded(path, expected):
        yield number, line.removesuffix("\n").removesuffix("\r")


def _decoded(path: Path, expected: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of every line, with line ends."""
    try:
        with _opened(path, expected) as file:
            for number, raw in enumerate(file, 1):
                yield number, _line(raw, number, path, expected)
    except FileNotFoundError as error:
        raise DataError(f"{path}: found nothing there, expected {expected}") from error
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{path}: cannot be read ({reason}), expected {expected}") from error
    except UnicodeEncodeError as error:  # of the path: a lone surrogate cannot be encoded
        raise DataError(f"{str(path)!r}: found no name of a file, expected {expected}") from error


def _opened(path: Path, expected: str) -> BinaryIO:
    """Open a regular file; opening a pipe in the usual way would block."""
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    kind = os.fstat(number).st_mode
    if stat.S_ISREG(kind):
        return os.fdopen(number, "rb")
    os.close(number)
    what = "a folder" if stat.S_ISDIR(kind) else "a device or pipe"
    raise DataError(f"{path}: found {what}, expected {expected}")


def _line(raw: bytes, number: int, path: Path, expected: str) -> str:
    if number == 1 and raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path}: found UTF-16, expected {expected} in UTF-8")
    try:
        line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}, line {number}: found the byte {error.object[error.start]:#04x} where no "
            f"UTF-8 has it, expected {expected} in UTF-8"
        ) from error
    if "\0" in line:
        raise DataError(f"{path}, line {number}: found a NUL, expected {expected}")
    return line


# --- JSON --------------------------------------------------------------------------------------


def read_json(path: Path, expected: str) -> Any:
    """Return the value of a JSON file; `expected` names the content, for messages."""
    return _parsed(read_text(path, expected), str(path), expected, lines=True)


def read_object(path: Path, expected: str) -> dict[str, Any]:
    """Return the object of a JSON file; raise DataError if it holds another value."""
    return _object(read_json(path, expected), str(path), expected)


def read_jsonl(path: Path, expected: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line number and object of each line that is not blank."""
    for number, line in read_lines(path, expected):
        if line.strip():
            where = f"{path}, line {number}"
            yield number, _object(_parsed(line, where, expected), where, expected)


def _object(value: Any, where: str, expected: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(
            f"{where}: found {type(value).__name__}, expected a JSON object: {expected}"
        )
    return value


def _parsed(text: str, where: str, expected: str, *, lines: bool = False) -> Any:
    try:
        value = json.loads(
            text,
            object_pairs_hook=_each_key_once,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_integer,
        )
        _check_values(value)
    except json.JSONDecodeError as error:
        place = f", line {error.lineno}" if lines else ""
        raise DataError(
            f"{where}{place}: found no JSON ({error.msg} at column {error.colno}), "
            f"expected {expected}"
        ) from error
    except _RefusedError as error:
        raise DataError(f"{where}: found {error}, expected {expected}") from error
    except RecursionError as error:
        raise DataError(
            f"{where}: found JSON of more than {DEEPEST} levels, expected {expected}"
        ) from error
    return value


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise _RefusedError(f"the key {shown(twice)!r} twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise _RefusedError(f"{name}, which is no number")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _RefusedError(f"the number {shown(digits)}, which is too large")
    return value


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_INTEGER:
        raise _RefusedError(f"a whole number of {len(digits)} digits")
    return int(digits)


def _check_values(value: Any) -> None:
    """Raise on nesting that is too deep, and on strings that cannot be encoded or printed."""
    level, depth = [value], 0
    while level:
        if depth > DEEPEST:
            raise RecursionError
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                _check_string(item)
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, dict):
                below.extend(item)
                below.extend(item.values())
        level, depth = below, depth + 1


def _check_string(text: str) -> None:
    if "\0" in text:
        raise _RefusedError(f"a NUL in {shown(text)!r}")
    if not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text):
        raise _RefusedError(f"half a surrogate pair in '{shown(text)}'")


# --- CSV ---------------------------------------------------------------------------------------


def read_csv(
    path: Path, expected: str, *, escaped: bool = False, delimiter: str = ","
) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and fields of each row that is not blank.

    Parameters
    ----------
    path : Path
        the file
    expected : str
        the expected content, for messages
    escaped : bool
        remove the apostrophes that `csv_text` puts before texts (Default value = False)
    delimiter : str
        what stands between fields (Default value = a comma)
    """
    reader = csv.reader(_physical(path, expected), strict=True, delimiter=delimiter)
    while True:
        number = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise DataError(
                f"{path}, line {number}: found no CSV ({_reason(error)}), expected {expected}"
            ) from error
        if row is None:
            return
        if escaped and "'" in "".join(row):
            row = [_plain(field) for field in row]
        if row:
            yield number, row


def _physical(path: Path, expected: str) -> Iterator[str]:
    """Yield lines as a file opened with newline="" does: a lone CR ends a line, too."""
    for _, line in _decoded(path, expected):
        if "\r" in line:
            yield from io.StringIO(line, newline="")
        else:
            yield line


def _reason(error: csv.Error) -> str:
    message = str(error)
    if message.startswith("unexpected end"):
        return "a quote that is opened there is never closed"
    if "field limit" in message:
        return f"a field of more than {csv.field_size_limit():,} characters"
    return message


def read_table(
    path: Path, expected: str, columns: Collection[str], *, escaped: bool = False
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and fields by column of each row below a heading.

    `columns` are required; others may be present. Each row has as many fields as the heading.
    """
    rows = read_csv(path, expected, escaped=escaped)
    _, heading = next(rows, (0, []))
    missing = sorted(set(columns).difference(heading))
    if missing:
        raise DataError(f"{path}: found no column {missing[0]!r}, expected {expected}")
    if len(set(heading)) != len(heading):
        raise DataError(f"{path}: found a column twice in its heading, expected {expected}")
    for number, row in rows:
        if len(row) != len(heading):
            raise DataError(
                f"{path}, line {number}: found {len(row)} fields, expected {len(heading)} as in "
                "its heading"
            )
        yield number, dict(zip(heading, row, strict=True))


def csv_text(rows: Iterable[Sequence[object]], *, verbatim: bool = False) -> str:
    r"""Return rows as CSV, lines ending in \n.

    Numbers are written at full precision, None as an empty field, and text that a spreadsheet would
    run as a formula after an apostrophe, unless it is for programs that know of none (`verbatim`).
    Text that is a plain number is not escaped.
    """
    return "".join(_row(row, verbatim) for row in rows)


def _row(fields: Sequence[object], verbatim: bool) -> str:
    line = ",".join(_field(field, verbatim) for field in fields)
    return f"{line}\n" if line else '""\n'  # readers skip an empty line


def _field(value: object, verbatim: bool) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return repr(value)
    risky = not verbatim and value.startswith(RISKY) and not NUMBER.fullmatch(value)
    text = f"'{value}" if risky else value
    # csv.writer before Python 3.13 does not quote a lone CR, which ends a row
    if any(sign in text for sign in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _plain(field: str) -> str:
    """Return a field without the apostrophe that `csv_text` puts before it."""
    return field[1:] if field[:1] == "'" and field[1:].startswith(RISKY) else field
