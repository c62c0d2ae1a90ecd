"""The key of a study: which system made which clip, and who sees what; raters never get it.

Raters see codes alone, drawn at random: of clips, and of trials. key.json says what they stand for.
It is sealed, and its content decides the identity of the study, which every result names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from svbench.errors import DataError
from svbench.files.seals import seal_of, sealed, unsealed
from svbench.files.text import REASON, read_object, shown

KEY_FILE: Final = "key.json"
VERSION: Final = 1  # raised when a study of the same settings would be another one
LENGTH: Final = 12  # hexadecimal digits of an identity
EXPECTED: Final = "the key of a study, as svbench study wrote it"


@dataclass(frozen=True, slots=True)
class MadeClip:
    """One clip of a system."""

    system: str
    request: str  # that it was made for; of several samples of an example, with their number
    example: str
    caption: str
    digest: str


@dataclass(frozen=True, slots=True)
class CheckClip:
    """One clip of an attention check."""

    request: str
    caption: str
    intact: bool  # the real clip as it is; else the damaged one
    digest: str  # of the real clip
    other: str | None = None  # the request whose clip it was damaged with
    other_digest: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One pair of clips as a rater sees it."""

    id: str
    left: str  # codes of clips
    right: str


@dataclass(frozen=True, slots=True)
class Key:
    """Everything that is known of a study, but where its run lies."""

    question: str
    seed: int
    systems: Mapping[str, str]  # those that are compared -> the digests of their sets
    clips: Mapping[str, MadeClip]  # by code
    checks: Mapping[str, CheckClip]  # by code
    sheets: tuple[tuple[Trial, ...], ...]  # the trials of each rater, in order
    version: int = VERSION

    @property
    def study(self) -> str:
        """Return the identity of the study."""
        return seal_of(asdict(self))[:LENGTH]

    def is_check(self, trial: Trial) -> bool:
        """Return whether a trial is an attention check."""
        return trial.left in self.checks

    def passes(self, trial: Trial, choice: str) -> bool:
        """Return whether the intact clip of an attention check was chosen."""
        return choice == ("left" if self.checks[trial.left].intact else "right")


_ADAPTER: Final = TypeAdapter(Key)


def dump_key(key: Key, run: Path) -> str:
    """Return the text of key.json; `run` is where the clips come from."""
    record = sealed({"study": key.study, "run": str(run), **asdict(key)})
    return json.dumps(record, indent=1, ensure_ascii=False) + "\n"


def load_key(folder: Path) -> tuple[Key, Path]:
    """Load the key of a study, and where its run was.

    Raises
    ------
    DataError
        if it is not there, or not as it was written
    """
    file = folder / KEY_FILE
    record = unsealed(read_object(file, EXPECTED))
    if record is None:
        raise DataError(f"{file}: found another content than was written, expected {EXPECTED}")
    study, run = record.pop("study", None), record.pop("run", None)
    key = _validated(record, file)
    if study != key.study or not isinstance(run, str) or key.version != VERSION:
        raise DataError(f"{file}: found study {shown(study)}, expected {EXPECTED}")
    return key, Path(run)


def _validated(record: Mapping[str, Any], file: Path) -> Key:
    try:
        return _ADAPTER.validate_python(record)
    except ValidationError as error:
        first = error.errors()[0]
        place = shown(".".join(map(str, first["loc"])))
        raise DataError(
            f"{file}: {place}: {shown(first['msg'], REASON)}, expected {EXPECTED}"
        ) from error
