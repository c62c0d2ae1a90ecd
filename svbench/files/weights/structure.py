"""Checks of a weight file against the published one: its size, its form, its tensors.

What is expected of each published file lies in `structures/NAME.json`, taken once from
the published checkpoints' own lists of parameters (a test compares them with our networks):

- `bytes`: least and most; a file of tensors from half to double precision, and a tenth more
- `form`: "tensors", "arrays" (torchvggish's PCA), "kernels" (TorchScript of which no list of names
  is known: its blocks of numbers must be those of the network's convolutions), "merges" (CLIP's) or
  "tokenizer" (RoBERTa's, as JSON)
- `namings`: by whose names, what is called how and has which shape. `{a,b}` and `{0-31}` in a name
  stand for several names.
- `may_lack`: patterns of names that may be absent; `counters`: of integers that nobody reads

Any floating type is accepted, as the networks convert it. Nothing beyond the list is.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Final

from svbench.errors import DataError
from svbench.files.weights.byte_pairs import ROBERTA_FIRST, ROBERTA_LAST
from svbench.files.weights.forms import (
    Entry,
    kind,
    read_arrays,
    read_entries,
    read_text,
    record_sizes,
    short,
)

FOLDER: Final = Path(__file__).parent / "structures"
VERSION: Final = 1  # of these checks; a file on record under another is checked anew

Shapes = Mapping[str, tuple[int, ...]]
_TEXTS: Final = {"merges": "a text", "tokenizer": "a JSON text"}  # forms that are texts
_PAGES: Final = ("an empty file", "an HTML page", "an XML text", "a JSON text", "a Git LFS pointer")


@dataclass(frozen=True, slots=True)
class Structure:
    """What is expected of one published file."""

    form: str
    least: int  # bytes
    most: int  # bytes
    namings: Mapping[str, Shapes]
    may_lack: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)  # of forms that know no names


@cache
def structure(name: str) -> Structure:
    """Read what is expected of a published file."""
    values = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    least, most = values["bytes"]
    namings = {
        whose: {full: tuple(shape) for row, shape in rows.items() for full in expanded(row)}
        for whose, rows in values.get("namings", {}).items()
    }
    return Structure(
        form=values["form"],
        least=least,
        most=most,
        namings=namings,
        may_lack=tuple(values.get("may_lack", ())),
        counters=tuple(values.get("counters", ())),
        numbers=values.get("numbers", {}),
    )


def expanded(row: str) -> Iterator[str]:
    """Yield the names that a row with `{a,b}` or `{0-31}` stands for."""
    found = re.search(r"\{([^{}]*)\}", row)
    if found is None:
        yield row
        return
    numbers = re.fullmatch(r"(\d+)-(\d+)", found[1])
    parts = (
        [str(n) for n in range(int(numbers[1]), int(numbers[2]) + 1)]
        if numbers
        else found[1].split(",")
    )
    for part in parts:
        yield from expanded(row[: found.start()] + part + row[found.end() :])


def check_size(name: str, size: int, shown: str, usual: int) -> None:
    """Raise DataError if a file of `size` bytes cannot be the published one."""
    wanted = structure(name)
    if not wanted.least <= size <= wanted.most:
        raise DataError(
            f"{shown}: found {size:,} bytes, expected about {usual:,} ({name}; "
            f"{wanted.least:,} to {wanted.most:,} in any precision)"
        )


def check_kind(name: str, path: Path, shown: str, usual: int) -> None:
    """Raise DataError if the size or the first bytes show that a file is something else."""
    try:
        found, size = kind(path), path.stat().st_size
    except OSError as error:
        raise DataError(f"{shown}: cannot be read ({error.strerror}), expected {name}") from error
    if found in (*_PAGES, "a text") and found != _TEXTS.get(structure(name).form):
        raise DataError(
            f"{shown}: found {found} of {size:,} bytes, expected {name} ({usual:,} bytes)"
        )
    check_size(name, size, shown, usual)


def check_structure(name: str, path: Path, shown: str) -> None:
    """Raise DataError if what a file holds is not what the published one holds."""
    wanted = structure(name)
    checks = {
        "tensors": lambda: _check_names(wanted, read_entries(path, shown), shown),
        "arrays": lambda: _check_arrays(wanted, read_arrays(path, shown), shown),
        "kernels": lambda: _check_kernels(wanted, path, shown),
        "merges": lambda: _check_merges(wanted, path, shown),
        "tokenizer": lambda: _check_tokenizer(wanted, path, shown),
    }
    try:
        checks[wanted.form]()
    except OSError as error:
        raise DataError(f"{shown}: cannot be read ({error.strerror}), expected {name}") from error


def _check_names(wanted: Structure, found: Mapping[str, Entry], shown: str) -> None:
    """Compare names, shapes and types with those of the naming that has most in common."""
    names = max(wanted.namings.values(), key=lambda shapes: len(shapes.keys() & found.keys()))
    unexpected = [name for name in found if name not in names]
    missing = [n for n in names if n not in found and not _matches(n, wanted.may_lack)]
    if unexpected or missing:
        what = f"unknown {short(repr(unexpected[0]))}" if unexpected else f"no {missing[0]!r}"
        raise DataError(
            f"{shown}: found {len(found)} tensors, {what}, expected the {len(names)} that begin "
            f"with {next(iter(names))!r}; is it the checkpoint of another network?"
        )
    for name, entry in found.items():
        _check_entry(name, entry, names[name], shown, whole=_matches(name, wanted.counters))


def _check_entry(
    name: str, found: Entry, shape: tuple[int, ...], shown: str, *, whole: bool = False
) -> None:
    """Compare one tensor; a counter may be of any type."""
    if found.shape != shape:
        raise DataError(f"{shown}: found {name!r} of shape {found.shape}, expected {shape}")
    if not found.floating and not whole:
        raise DataError(f"{shown}: found {name!r} of type {found.dtype}, expected floating numbers")


def _check_arrays(wanted: Structure, found: Mapping[str, Entry], shown: str) -> None:
    """Compare arrays; each may have one of several shapes, and others may lie beside them."""
    first, *others = wanted.namings.values()
    for name in first:
        if name not in found:
            there = ", ".join(short(n) for n in sorted(found)[:3]) or "none"
            raise DataError(f"{shown}: found arrays {there}, expected {' and '.join(first)}")
        shapes = [shapes[name] for shapes in (first, *others)]
        shape = found[name].shape if found[name].shape in shapes else shapes[0]
        _check_entry(name, found[name], shape, shown)


def _check_kernels(wanted: Structure, path: Path, shown: str) -> None:
    """Check that there is a block of numbers for each convolution; its name is unknown."""
    found = kind(path)
    if found != "a TorchScript archive":
        raise DataError(f"{shown}: found {found}, expected a TorchScript archive")
    kernels: Mapping[str, int] = wanted.numbers["kernels"]
    try:
        there = Counter(record_sizes(path))
    except (ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{shown}: found {found} that cannot be read ({short(error)})") from error
    width = wanted.numbers["width"]
    for values, count in kernels.items():
        if there[int(values) * width] < count:
            raise DataError(
                f"{shown}: found {there[int(values) * width]} blocks of {int(values):,} numbers in "
                f"{found}, expected {count} as an I3D has; is it another network?"
            )


def _check_merges(wanted: Structure, path: Path, shown: str) -> None:
    """Check the header, and that there are as many different pairs as CLIP's tokenizer reads."""
    count: int = wanted.numbers["merges"]
    header, *lines = read_text(path, shown).split("\n")
    pairs = [tuple(line.split()) for line in lines[:count]]
    if "#version" not in header:
        raise DataError(f"{shown}: found {short(header)!r} in line 1, expected '#version: ...'")
    wrong = next((i for i, pair in enumerate(pairs, start=2) if len(pair) != 2), None)
    if wrong or len(pairs) < count:
        raise DataError(
            f"{shown}: found no pair in line {wrong or len(pairs) + 2}, expected {count:,} pairs "
            "after the first line, as CLIP's tokenizer reads"
        )
    if len(set(pairs)) < count or not any(second.endswith("</w>") for _, second in pairs):
        raise DataError(f"{shown}: found the pairs of another tokenizer, expected CLIP's")


def _check_tokenizer(wanted: Structure, path: Path, shown: str) -> None:
    """Check that there are as many tokens and pairs as RoBERTa has, special ones first and last."""
    try:
        model = json.loads(read_text(path, shown))["model"]
        tokens, merges = dict(model["vocab"]), list(model["merges"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{shown}: found no tokenizer ({short(error)}), expected RoBERTa's tokenizer.json"
        ) from error
    count: int = wanted.numbers["tokens"]
    special = dict(zip(ROBERTA_FIRST, range(len(ROBERTA_FIRST)), strict=True))
    special[ROBERTA_LAST[-1]] = count - 1
    if sorted(tokens.values()) != list(range(count)) or len(merges) != wanted.numbers["merges"]:
        raise DataError(
            f"{shown}: found {len(tokens):,} tokens and {len(merges):,} pairs, expected "
            f"{count:,} and {wanted.numbers['merges']:,} as RoBERTa's tokenizer has"
        )
    if any(tokens.get(token) != number for token, number in special.items()):
        raise DataError(
            f"{shown}: found the tokens of another tokenizer, expected "
            f"{', '.join(f'{token} = {number}' for token, number in special.items())}"
        )


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
