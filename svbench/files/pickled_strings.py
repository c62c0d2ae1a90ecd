"""Strings of a pickled list, read without executing it.

A pickle is a program that may call any function. Here none runs: its opcodes are decoded by
`pickletools`, and only those are accepted that build lists, tuples, sets and frozensets of strings,
however they are nested. Their strings are the result, in the order of the file. Everything else is
refused by its name: functions and classes, numbers, bytes, dictionaries (of which it would be
unclear whether keys or values are meant). So no class is looked up, nothing is called, and memory
and time grow with the length of the file alone.

References
----------
- Python: `pickletools`, the opcodes of all protocols.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from svbench.errors import DataError
from svbench.files.text import shown

PROTOCOL: Final = 0x80  # the first byte of every pickle of protocol 2 or later
SUFFIXES: Final = (".pkl", ".pickle", ".p")
EXPECTED: Final = "a pickled list, tuple or set of strings"

STRINGS: Final = frozenset(
    {
        *("STRING", "BINSTRING", "SHORT_BINSTRING"),  # of Python 2
        *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    }
)
CONTAINERS: Final = frozenset(
    {
        *("MARK", "STOP", "PROTO", "FRAME"),
        *("EMPTY_LIST", "LIST", "APPEND", "APPENDS"),
        *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
        *("EMPTY_SET", "ADDITEMS", "FROZENSET"),
        *("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET"),
    }
)
# How protocols before 4 write a set: the name of its class, its items, REDUCE.
SETS: Final = frozenset(
    f"{module} {name}" for module in ("__builtin__", "builtins") for name in ("set", "frozenset")
)


def is_pickle(path: Path) -> bool:
    """Return whether a file is a pickle, by its suffix or its first byte, which no text has.

    What is absent, no regular file or unreadable is none: its reader as text says why.
    """
    if not path.is_file():
        return False
    if path.suffix.lower() in SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            return file.read(1) == bytes([PROTOCOL])
    except OSError:
        return False


def read_strings(path: Path) -> list[str]:
    """Return the strings of a pickled list, tuple or set, in the order of the file.

    Raises DataError where the file is no pickle, holds anything else, or cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}), expected {EXPECTED}"
        ) from error
    strings, length = [], 0
    for name, value, position in _opcodes(path, data):
        length = position + 1  # of STOP, in the end
        if name in STRINGS:
            strings.append(value)
        elif name not in CONTAINERS:
            # the name of a class or function is the argument, or stands before the opcode
            of = f"after {' '.join(strings[-2:])}" if name == "STACK_GLOBAL" else value
            found = name if of is None else f"{name} {shown(of)}"
            raise DataError(f"{path}: found {found} in it, expected {EXPECTED}")
    if length != len(data):
        raise DataError(f"{path}: found {len(data) - length} bytes behind its end, expected none")
    return strings


def _opcodes(path: Path, data: bytes) -> Iterator[tuple[str, Any, int]]:
    """Yield name, argument and position of each opcode; the two that make a set are left out."""
    try:
        sets = 0  # classes of sets that are not yet called
        for opcode, value, position in pickletools.genops(data):
            if opcode.name == "GLOBAL" and value in SETS:
                sets += 1
            elif opcode.name == "REDUCE" and sets:
                sets -= 1
            else:
                yield opcode.name, value, position or 0
    except ValueError as error:
        raise DataError(f"{path}: found no pickle ({shown(error)}), expected {EXPECTED}") from error
