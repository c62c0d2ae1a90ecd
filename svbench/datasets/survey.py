"""Surveys: what a data set lists of a split, whether it is there or not.

A loader refuses a folder at the first list or clip with a fault, as a run must not judge part of a
set by mistake. A survey reads the same lists by the same rules, keeps every clip that it can name,
and returns what is wrong as problems. `svbench data check` begins with it.

Problems are named by the kinds of `svbench.audit.kinds`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from svbench.datasets.ids import check_ids
from svbench.datasets.prepared import cut_timing
from svbench.errors import DataError
from svbench.files.text import shown
from svbench.types import Example


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem in lists or annotations."""

    kind: str
    clip: str  # its id, or that of a whole recording; "": none
    file: Path
    found: str
    expected: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What a data set lists of one split.

    Parameters
    ----------
    split : str
        its name
    listing : Path, optional
        the list that names the clips; None: every clip of a folder
    examples : tuple of Example
        the clips in order, each id once; files may be missing
    problems : tuple of Problem
        what is wrong in lists and annotations
    hits : mapping from Path to tuple of float
        annotated times of whole recordings, in s from the start of the file
    files : frozenset of Path
        further files that belong to what is listed
    idle : frozenset of str
        ids of clips without an annotated event in a recording that is annotated: nothing has to
        move or sound there
    """

    split: str
    listing: Path | None
    examples: tuple[Example, ...]
    problems: tuple[Problem, ...] = ()
    hits: Mapping[Path, tuple[float, ...]] = field(default_factory=dict)
    files: frozenset[Path] = frozenset()
    idle: frozenset[str] = frozenset()


def _no_list(_root: Path, _split: str) -> Path | None:
    return None


@dataclass(frozen=True, slots=True)
class Surveying:
    """How a data set is surveyed.

    Parameters
    ----------
    read : callable, optional
        folder, split, list of `--captions` -> what is listed, there or not; None where the folder
        has no such split. Without it, what the loader returns is all there is to know
    list_of : callable
        folder and split -> the list that the loader takes its clips from, None without one
    recording_of : callable
        id of a clip -> that of the recording that it was cut from
    form : str
        what lists or folders of splits a folder of it has, in words
    """

    read: Callable[[Path, str, Path | None], Survey | None] | None = None
    list_of: Callable[[Path, str], Path | None] = _no_list
    recording_of: Callable[[str], str] = str
    form: str = "a data folder of it"


def selected(
    surveying: Surveying, root: Path, split: str, captions: Path | None, limit: int | None
) -> dict[str, str | int | None]:
    """Return which clips of a set are meant, for the record: split, name of the list, limit, cut.

    A list has no folder here: the same list may lie elsewhere. `cut` is the timing of clips that
    `svbench data prepare` cut.
    """
    listed = captions or surveying.list_of(root, split)
    name = None if listed is None else shown(listed.name)
    timing = cut_timing(root)
    cut = {} if timing is None else {"cut": timing}
    return {"split": split, "list": name, "limit": limit, **cut}


def problem_of(kind: str, error: DataError, file: Path, clip: str = "") -> Problem:
    """Return a problem from the message of an error, "FILE: found .., expected ..."""
    text = str(error).removeprefix(f"{file}: ")
    found, _, expected = text.partition(", expected ")
    return Problem(kind, clip, file, found.removeprefix("found "), expected)


def listed_once(
    examples: Iterable[Example], file: Path, problems: list[Problem]
) -> Iterator[Example]:
    """Yield each id once; further ones, and ids that are no names, become problems."""
    known: set[str] = set()
    for example in examples:
        if example.id in known:
            found = "its id again"
            problems.append(Problem("listed-twice", example.id, file, found, "each clip once"))
            continue
        known.add(example.id)
        try:
            check_ids([example.id], str(file))
        except DataError as error:
            problems.append(problem_of("bad-list", error, file))
            continue
        yield example


def bad_line(file: Path, number: int, row: Iterable[str], expected: str) -> Problem:
    """Return the problem of a line that cannot be read."""
    return Problem("bad-list", "", file, f"line {number}: {shown(','.join(row))}", expected)


def bare(file: Path, clip: str) -> Problem:
    """Return the problem of a listed clip with an empty caption."""
    return Problem("no-caption", clip, file, "an empty caption", "a text")
