"""The files of raters: what is read, and what is refused.

A file holds one rater's answers to every trial of one sheet, with a checksum (CRC-32) over all
else, by which edits by hand and broken copies are noticed; it is no protection against forgery.
Every file that is not as the page wrote it is named, all at once.

The page also offers its text to be copied, so results come under any name. In a folder every file
is read that ends in .json or begins like a result; others are passed over, and named.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from svbench.errors import DataError
from svbench.files.text import REASON, counted, read_object, shown
from svbench.study.key import Key

EXPECTED: Final = "the result of a rater, as the page of a study wrote it"
KIND: Final = "svbench study result"
JSON: Final = ".json"
HEAD: Final = 4096  # bytes of a file in which the kind of a result stands

Choice = Literal["left", "tie", "right"]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Answer(_Strict):
    """The answer to one trial."""

    trial: str
    choice: Choice
    at: str  # when it was given, ISO 8601
    ms: Annotated[int, Field(ge=0)]  # since the trial was shown, or the page opened again
    plays: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)]


class Result(_Strict):
    """The answers of one rater."""

    kind: Literal["svbench study result"]
    version: Literal[1]
    study: str
    sheet: Annotated[int, Field(ge=1)]  # counted from 1
    rater: Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
    agent: str
    started: str
    finished: str
    answers: list[Answer]


@dataclass(frozen=True, slots=True)
class Found:
    """A result, and the file that it was in."""

    file: Path
    result: Result


def files_in(places: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the files to read, and what is passed over in folders.

    Parameters
    ----------
    places : sequence of Path
        files, all of which are to be read, or folders

    Raises
    ------
    DataError
        where there is nothing to read
    """
    files, others = list[Path](), list[Path]()
    for place in places:
        if not place.is_dir():
            files.append(place)
            continue
        for file in _inside(place):
            (files if _seems_result(file) else others).append(file)
    if not files:
        raise DataError(
            f"{', '.join(map(str, places))}: found no results among {counted(len(others), 'file')}"
            f", expected {EXPECTED}"
        )
    return files, others


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{folder}: cannot be read ({reason}), expected results") from error


def _seems_result(file: Path) -> bool:
    """Return whether a file is to be read; a copy that is damaged or of UTF-16 seems a result."""
    if not file.is_file() or file.name.startswith("."):
        return False
    if file.suffix.lower() == JSON:
        return True
    try:
        with file.open("rb") as opened:
            return KIND.encode() in opened.read(HEAD).replace(b"\0", b"")
    except OSError:
        return False


def load_results(files: Sequence[Path], key: Key) -> list[Found]:
    """Load the results of a study, in the order of raters' codes.

    Parameters
    ----------
    files : sequence of Path
        each of one rater
    key : Key
        of the study

    Raises
    ------
    DataError
        one line for each file that is foreign, edited, incomplete or there twice
    """
    found, problems = list[Found](), list[str]()
    for file in files:
        try:
            found.append(Found(file, _load(file, key)))
        except DataError as error:
            problems.append(str(error))
    first: dict[str, Path] = {}
    for one in found:
        before = first.setdefault(one.result.rater, one.file)
        if before is not one.file:
            problems.append(
                f"{one.file}: found rater {one.result.rater} of {before} again, expected each once"
            )
    if problems:
        raise DataError.of(problems)
    return sorted(found, key=lambda one: one.result.rater)


def _load(file: Path, key: Key) -> Result:
    record = read_object(file, EXPECTED)
    if record.get("kind") != KIND:
        raise DataError(f"{file}: found no result of a study, expected {EXPECTED}")
    checksum = record.pop("checksum", None)
    if checksum != checksum_of(record):
        raise DataError(f"{file}: found edited or damaged content, expected {EXPECTED}")
    result = _validated(record, file)
    if result.study != key.study:
        raise DataError(
            f"{file}: found the study {shown(result.study)}, expected {key.study}: another study"
        )
    _check_trials(result, key, file)
    return result


def checksum_of(record: Any) -> int:
    """Return the CRC-32 of a record, as the page computes it of the JSON that it writes."""
    text = json.dumps(record, separators=(",", ":"), ensure_ascii=False)
    return zlib.crc32(text.encode("utf-8"))


def _validated(record: Any, file: Path) -> Result:
    try:
        return Result.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        place = shown(".".join(map(str, first["loc"])))
        raise DataError(
            f"{file}: {place}: {shown(first['msg'], REASON)}, expected {EXPECTED}"
        ) from error


def _check_trials(result: Result, key: Key, file: Path) -> None:
    """Raise DataError where the answers are not those to the trials of the sheet, in order."""
    if result.sheet > len(key.sheets):
        raise DataError(
            f"{file}: found sheet {result.sheet}, expected one of 1 to {len(key.sheets)}"
        )
    wanted = [trial.id for trial in key.sheets[result.sheet - 1]]
    given = [answer.trial for answer in result.answers]
    if len(given) < len(wanted):
        raise DataError(f"{file}: found {len(given)} of {len(wanted)} answers, expected all")
    if given != wanted:
        raise DataError(f"{file}: found answers to other trials, expected those of its sheet")
