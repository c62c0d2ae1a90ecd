"""The findings of `svbench validate`, as validity.json holds them.

Clips are distorted in known ways and to known degrees; what a metric then says is its response. A
metric is valid as far as its scores follow the ratings that people gave to the same distortions.

Conventions
-----------
A condition is one distortion at one level. Levels stand in the distortion's own unit and in the
order of its table; `arms` names which of them, from mild to severe, make one series that a reader
expects to fall (late sound and early sound are two arms of one distortion). Scores are the metric's
own, whichever direction is better; correlations are oriented, so that +1 is a metric that follows
people whether "higher" or "lower" is better. Intervals are 95 %, clustered by clip. What does not
exist is None: ratings of a distortion that no study has, a level that nobody notices.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from svbench.errors import DataError
from svbench.types import Better, ClipSpec

VALIDITY_FILE: Final = "validity.json"

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Correlation:
    """Spearman's rank correlation of condition scores with condition ratings, oriented."""

    value: float
    interval: Interval | None  # over clips
    conditions: int


@dataclass(frozen=True, slots=True)
class Arm:
    """Levels of one distortion that grow from mild to severe, e.g. the late ones of a shift."""

    name: str  # "late"; "" where the distortion has but one
    levels: tuple[float, ...]  # from mild to severe
    monotone: bool  # whether the metric gets no better from mild to severe
    noticed: float | None  # the mildest level from which on the metric notices
    people_notice: float | None  # the mildest level from which on people notice
    comparable: bool = True  # False: too few clips have scores to say what the metric notices
    # `noticed`, were the effects as large or as small as their 95 % intervals allow:
    earliest: float | None = None
    latest: float | None = None
    unaffected: bool = False  # every level has the very scores of the undistorted clips


@dataclass(frozen=True, slots=True)
class Response:
    """How one metric responds to one distortion."""

    metric: str
    distortion: str
    unit: str  # of the levels
    levels: tuple[float, ...]  # in the order of the distortion's table
    values: tuple[float | None, ...]  # the metric's score at each level; None: it has none there
    intervals: tuple[Interval | None, ...]
    people: tuple[float, ...] | None  # mean rating at each level, 1 to 5
    arms: tuple[Arm, ...]
    correlation: Correlation | None  # with the ratings over the levels
    absent: Mapping[str, str] = field(default_factory=dict)  # level as text -> why it has no score
    counts: tuple[int, ...] = ()  # clips behind each value


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric: its score of the undistorted clips, and whether it follows people."""

    metric: str
    title: str
    better: Better
    undistorted: float | None
    interval: Interval | None
    count: int  # clips
    agreement: Correlation | None  # over all conditions that people rated, but `fitted_on`
    settings: Mapping[str, Any] = field(default_factory=dict)  # how it scores
    absent: str = ""  # why it could not be computed
    fitted_on: tuple[str, ...] = ()  # distortions whose ratings the metric is made of
    extractor: str = ""  # key of the extractor: with the settings, all that decides its scores


@dataclass(frozen=True, slots=True)
class Validity:
    """Everything that one command found."""

    clips: str  # what was distorted, as printed: a folder's name, or the miniature
    count: int  # clips
    spec: ClipSpec
    seed: int
    power: float  # of what is noticed
    planned: int  # clips that what is noticed is planned for
    metrics: tuple[Measured, ...]
    responses: tuple[Response, ...]
    people: Mapping[str, Any] = field(default_factory=dict)  # source, ratings, split-half figures
    notes: tuple[str, ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)  # digests, versions: to repeat it


_ADAPTER: Final = TypeAdapter(Validity)


def dump_validity(found: Validity) -> str:
    """Return the text of validity.json."""
    return json.dumps(asdict(found), indent=1, ensure_ascii=False) + "\n"


def load_validity(path: Path) -> Validity:
    """Load validity.json, of a folder or by its own name.

    Raises
    ------
    DataError
        if there is no such file, or it holds something else
    """
    file = path / VALIDITY_FILE if path.is_dir() else path
    try:
        return _ADAPTER.validate_json(file.read_bytes())
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}, expected what svbench validate wrote") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(
            f"{file}: found {first['msg'].lower()} at {where!r}, expected what svbench validate "
            "wrote"
        ) from None
