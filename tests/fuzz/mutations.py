"""Seeded mutations of files, as left by faulty disks, editors or programs.

`mutants` yields versions of the bytes of a specimen, each changed in one to three places. With
`words`, some mutations treat the bytes as text: they insert values that readers of text often
mishandle, repeat or drop lines, and change line ends.

    SVBENCH_FUZZ        variants of each specimen; the long run uses 2000
    SVBENCH_FUZZ_SEED   the seed (Default value = 0)
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from typing import Final

SEED: Final = int(os.environ.get("SVBENCH_FUZZ_SEED", "0"))
MOST_CHANGES: Final = 3
BLOCK: Final = 64  # bytes at most that are moved, cut or put in

Change = Callable[[bytes, random.Random], bytes]


def count(usual: int) -> int:
    """Return the number of variants of each specimen: SVBENCH_FUZZ, or else the usual one."""
    return int(os.environ.get("SVBENCH_FUZZ", usual))


def mutants(
    specimen: bytes, number: int, name: str, *, words: bool = False, seed: int = SEED
) -> Iterator[bytes]:
    """Yield variants of a specimen; its name is part of the seed."""
    changes = (*BYTES, *(WORDS if words else ()))
    for variant in range(number):
        rng = random.Random(f"{seed} {name} {variant}")
        changed = specimen
        for _ in range(rng.randint(1, MOST_CHANGES)):
            changed = rng.choice(changes)(changed, rng)
        yield changed


# --- of any bytes ------------------------------------------------------------------------------


def _span(data: bytes, rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.randint(1, BLOCK))


def _flip(data: bytes, rng: random.Random) -> bytes:
    if not data:
        return data
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


def _cut_out(data: bytes, rng: random.Random) -> bytes:
    start, end = _span(data, rng)
    return data[:start] + data[end:]


def _cut_off(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _put_in(data: bytes, rng: random.Random) -> bytes:
    start, _ = _span(data, rng)
    return data[:start] + rng.randbytes(rng.randint(1, 8)) + data[start:]


def _overwrite(data: bytes, rng: random.Random) -> bytes:
    start, end = _span(data, rng)
    filling = rng.choice([b"\0", b"\xff", b" "])
    return data[:start] + filling * (end - start) + data[end:]


def _duplicate(data: bytes, rng: random.Random) -> bytes:
    start, end = _span(data, rng)
    return data[:end] + data[start:end] * rng.randint(1, 3) + data[end:]


def _swap(data: bytes, rng: random.Random) -> bytes:
    a, b, c, d = sorted(rng.randrange(len(data) + 1) for _ in range(4))
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


BYTES: Final[tuple[Change, ...]] = (
    *(_flip, _cut_out, _cut_off, _put_in, _overwrite, _duplicate, _swap),
)


# --- of text -----------------------------------------------------------------------------------

VALUES: Final = (  # in place of a number, a text or a word
    *("NaN", "-Infinity", "1e999", "-1", "0", "1e308", "9" * 400, "9" * 5000, "0.1"),
    *("null", "true", "{}", "[]", '""', '"a"', '{"a":1,"a":2}', "[" * 300, "[" * 200_000),
    *('"\\ud800"', '"\\u0000"', '"\\u2028"', '"a\\nb"', '"../../x"', '"/"', '"."', '"=1+1"'),
)
SIGNS: Final = (
    *("\u2028", "\u0085", "\x0b", "\x0c", "\ufeff", "\0", "\r", "\n", "\r\n", "\t", "\x1b"),
    *('"', "'", '""', ",", ",,", ";", ":", "{", "}", "[", "]", "\\", "../", "/", "é", "\U0001f600"),
)
PLAIN: Final = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-")


def _words(data: bytes) -> list[tuple[int, int]]:
    """Return the spans of letters and digits."""
    found, start = [], None
    for place, byte in enumerate(data):
        if byte in PLAIN:
            start = place if start is None else start
        elif start is not None:
            found.append((start, place))
            start = None
    return found if start is None else [*found, (start, len(data))]


def _replace_word(data: bytes, rng: random.Random) -> bytes:
    words = _words(data)
    if not words:
        return data
    start, end = rng.choice(words)
    quoted = data[start - 1 : start] == data[end : end + 1] == b'"'  # a text of JSON, as a whole
    if quoted and rng.random() < 0.7:
        start, end = start - 1, end + 1
    return data[:start] + rng.choice(VALUES).encode() + data[end:]


def _copy_word(data: bytes, rng: random.Random) -> bytes:
    words = _words(data)
    if not words:
        return data
    (a, b), (start, end) = rng.choice(words), rng.choice(words)
    return data[:start] + data[a:b] + data[end:]


def _put_sign(data: bytes, rng: random.Random) -> bytes:
    start, _ = _span(data, rng)
    return data[:start] + rng.choice(SIGNS).encode() + data[start:]


def _lines(data: bytes, rng: random.Random) -> bytes:
    """Return the data with a line dropped, repeated or moved."""
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    line = lines.pop(rng.randrange(len(lines)))
    for _ in range(rng.randrange(3)):
        lines.insert(rng.randrange(len(lines) + 1), line)
    return b"".join(lines)


def _line_ends(data: bytes, rng: random.Random) -> bytes:
    return data.replace(b"\n", rng.choice([b"\r\n", b"\r", b"", b"\n\n", "\u2028".encode()]))


def _encoding(data: bytes, rng: random.Random) -> bytes:
    return data.decode("utf-8", "replace").encode(
        rng.choice(["utf-16", "latin-1", "utf-8-sig"]), "replace"
    )


def _lengthen(data: bytes, rng: random.Random) -> bytes:
    start, _ = _span(data, rng)
    return data[:start] + b"x" * rng.choice([300, 1001, 140_000]) + data[start:]


WORDS: Final[tuple[Change, ...]] = (
    *(_replace_word, _replace_word, _replace_word, _copy_word, _put_sign, _put_sign),
    *(_lines, _line_ends, _encoding, _lengthen),
)
