"""Descriptions of external systems: `system.yaml`, read into frozen dataclasses.

Conventions
-----------
A description says what a system is, where its code and weights come from, in which format it makes
clips, and how these become as long as the clips of a run. Nothing of upstream's code stands in it.
Lengths are in seconds, rates in frames / s and samples / s, sizes (height, width) in pixels. Paths
are relative: the driver to the folder of the description; checkout, environment and weights to
those of the system (see `places`). Whatever is wrong is a DataError, one line for each fault.

    name: my-system                  # of its row; letters, digits, dots and dashes
    title: My System (2026)
    task: t2av                       # or a2v, v2a, uncond
    licence: MIT                     # of its code
    repository: {url: https://..., commit: 0123abc...}
    environment: {python: env/bin/python, make: [uv venv env, ...]}
    weights: [{file: model.pt, url: https://..., size: 123, sha256: ..., licence: MIT}]
    native: {fps: 12, size: [384, 384], sample_rate: 16000, length: 2}
    duration: {policy: loop, because: trained on 2 s; its authors repeat them}
    modes: {faithful: as its authors' script does, fixed: with the pitch of its sound mended}
    settings: {steps: 25}            # for the driver; decide the clips, so they are on record
    published_in: [my-set, other@fixed]  # data sets in whose table of the paper it has a row, by
                                     # its usual mode or by another
    traps: [needs a GPU]             # what whoever runs it must know
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)
from pydantic.dataclasses import dataclass

from svbench.errors import ConfigError, DataError
from svbench.files.text import REASON, is_plain, read_text, shown

Task = Literal["t2av", "a2v", "v2a", "uncond"]
Policy = Literal["trim", "loop", "pad"]
TASKS: Final[Mapping[Task, str]] = {
    "t2av": "video and sound from a caption",
    "a2v": "video from sound",
    "v2a": "sound from video",
    "uncond": "video and sound, unconditionally",
}
DESCRIPTION: Final = "system.yaml"
EXPECTED: Final = "the description of a system in YAML"
NAME: Final = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")  # of a row, a folder and an option
NO_MORE: Final = ConfigDict(extra="forbid")
FAITHFUL: Final = "faithful"
SETTING: Final = "a name with text, a finite number, true or false"
PLAIN_WORDS: Final[Mapping[str, str]] = {  # kind of a fault of pydantic -> what was expected
    "string_too_short": "some text",
    "string_type": "text (in quotes where it looks like a number)",
    "dataclass_type": "a mapping of names to values",
    "dict_type": "a mapping of names to values",
    "mapping_type": "a mapping of names to values",
    "tuple_type": "a list",
    "string_pattern_mismatch": "lower-case hexadecimal digits, as git and sha256sum print them",
}


def _one_line(text: str) -> str:
    """Return a text that tables and settings can show; raise ValueError for any other."""
    if not is_plain(text):
        raise ValueError("one printable line")
    return text


def _no_switch(value: Any) -> Any:
    """Return a value that can be a number: not true, which pydantic would read as 1."""
    if isinstance(value, bool):
        raise ValueError("a number")
    return value


Text = Annotated[str, Field(min_length=1), AfterValidator(_one_line)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(_no_switch)]
Count = Annotated[int, Field(gt=0), BeforeValidator(_no_switch)]


@dataclass(frozen=True, config=NO_MORE)
class Repository:
    """Where its code comes from, and the commit that is meant."""

    url: Text
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")]


@dataclass(frozen=True, config=NO_MORE)
class Environment:
    """Its Python, and the commands that make its environment, run in the system's folder."""

    python: Text = "env/bin/python"
    make: tuple[Text, ...] = ()


@dataclass(frozen=True, config=NO_MORE)
class Weight:
    """One file of weights."""

    file: Text
    licence: Text
    url: str = ""
    size: Count | None = None  # bytes; None: not known
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""  # "": not published
    get: str = ""  # the command that brings it, where an address is not enough
    modes: tuple[Text, ...] = ()  # that need it; none: all of them


@dataclass(frozen=True, config=NO_MORE)
class Native:
    """The format in which a system makes clips; None where it makes no picture or no sound.

    A `length` of None is any length: the driver is asked for that of the run's clips.
    """

    fps: Positive | None = None
    size: tuple[Count, Count] | None = None  # height, width
    sample_rate: Count | None = None
    length: Positive | None = None


@dataclass(frozen=True, config=NO_MORE)
class Duration:
    """How clips of the native length become as long as those of a run, and why so."""

    policy: Policy
    because: Text


@dataclass(frozen=True, config=NO_MORE)
class Given:
    """What a system needs of the half that it is given, and how a shorter one is brought to it."""

    length: Positive
    policy: Literal["loop", "pad"] = "loop"


@dataclass(frozen=True, config=NO_MORE)
class Limits:
    """Seconds without a sign of progress after which a driver is taken to hang."""

    start: Positive = 3600.0  # until its model is loaded
    sample: Positive = 1800.0


@dataclass(frozen=True, config=NO_MORE)
class Description:
    """An external system; see the module for the fields of a file."""

    name: Text
    title: Text
    task: Task
    licence: Text
    native: Native
    duration: Duration
    repository: Repository | None = None  # None: of one's own, no commit on record
    environment: Environment = Environment()
    weights: tuple[Weight, ...] = ()
    given: Given | None = None
    modes: Mapping[str, Text] = field(
        default_factory=lambda: {FAITHFUL: "as the code of its authors does"}
    )
    settings: Mapping[str, bool | str | int | float] = field(default_factory=dict)
    batch: Count = 1  # samples that a driver is asked for at a time, where memory allows
    limits: Limits = Limits()
    published_in: tuple[Text, ...] = ()  # data sets whose table of the paper has a row of it
    traps: tuple[Text, ...] = ()
    driver: Text = "driver.py"
    checkout: Text = "checkout"

    @property
    def usual_mode(self) -> str:
        """Return the mode that is meant where none is named: the first one."""
        return next(iter(self.modes))

    @property
    def reads_captions(self) -> bool:
        """Return whether a caption decides its clips."""
        return self.task == "t2av"

    @property
    def makes_picture(self) -> bool:
        """Return whether the picture of its clips is its own."""
        return self.task != "v2a"

    @property
    def makes_sound(self) -> bool:
        """Return whether the sound of its clips is its own."""
        return self.task != "a2v"

    def check_mode(self, mode: str, where: str) -> None:
        """Raise ConfigError for a mode that it does not have."""
        if mode not in self.modes:
            known = ", ".join(self.modes)
            raise ConfigError(f"{where}: found the mode {mode!r}, expected one of {known}")

    def weights_of(self, mode: str) -> tuple[Weight, ...]:
        """Return the files of weights that a mode needs."""
        return tuple(weight for weight in self.weights if not weight.modes or mode in weight.modes)


def read_description(path: Path) -> Description:
    """Read a description; raise DataError, one line for each fault."""
    items = _loaded(path)
    try:
        found = _ADAPTER.validate_python(items)
    except ValidationError as error:
        lines = dict.fromkeys(_line(path, dict(fault)) for fault in error.errors())
        raise DataError.of(list(lines)) from error
    if faults := list(_faults(found)):
        raise DataError.of([f"{path}: {fault}" for fault in faults])
    return found


_ADAPTER: Final = TypeAdapter(Description)


def _loaded(path: Path) -> Any:
    import yaml

    text = read_text(path, EXPECTED)
    try:
        node = yaml.compose(text, yaml.SafeLoader)
        if twice := next(_repeated(node), None):
            raise DataError(f"{path}: found {twice!r} twice, expected each key once")
        return _plain(yaml.safe_load(text))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        reason = shown(problem or type(error).__name__, REASON)
        raise DataError(f"{path}{line}: {reason}, expected {EXPECTED}") from error


def _repeated(node: Any) -> Iterator[str]:
    """Yield keys that stand twice in one mapping, of which YAML would keep the last."""
    import yaml

    if isinstance(node, yaml.MappingNode):
        keys = [str(key.value) for key, _ in node.value]
        yield from (key for place, key in enumerate(keys) if key in keys[:place])
    if isinstance(node, yaml.CollectionNode):
        for part in node.value:
            for below in part if isinstance(part, tuple) else (part,):
                yield from _repeated(below)


def _plain(value: Any) -> Any:
    """Return a value with tuples for lists, as the fields of dataclasses are."""
    if isinstance(value, list):
        return tuple(map(_plain, value))
    if isinstance(value, dict):
        return {key: _plain(below) for key, below in value.items()}
    return value


def _line(path: Path, fault: Mapping[str, Any]) -> str:
    where = fault["loc"][:2] if fault["loc"][:1] == ("settings",) else fault["loc"]
    place = ".".join(str(part) for part in where) or "the file"
    if fault["type"] == "missing":
        return f"{path}: {place}: not given, expected a value"
    if fault["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"{path}: found {place!r}, expected no such key"
    reason = str(fault["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
    reason = PLAIN_WORDS.get(fault["type"], reason)
    if fault["loc"][:1] == ("settings",) and len(fault["loc"]) > 1:
        reason = SETTING  # one fault for each kind that it could have been
    return f"{path}: {place}: found {shown(repr(fault['input']))}, expected {reason}"


def _faults(found: Description) -> Iterator[str]:
    """Yield what is wrong with a description whose fields are each of their kind."""
    if not NAME.fullmatch(found.name):
        yield f"name: found {found.name!r:.60}, expected lower-case letters, digits, dots, dashes"
    if not found.modes:
        yield f"modes: found none, expected at least one, such as {FAITHFUL}"
    for mode in found.modes:
        if not NAME.fullmatch(mode):
            yield f"modes: found {mode!r:.60}, expected lower-case letters, digits, dots, dashes"
    yield from _faults_of_format(found)
    for row in found.published_in:
        if "@" in row and (mode := row.partition("@")[2]) not in found.modes:
            yield f"published_in: found the mode {mode!r:.60}, expected one of those above"
    yield from _faults_of_weights(found)
    yield from _faults_of_settings(found)


def _faults_of_settings(found: Description) -> Iterator[str]:
    """Yield what is wrong with settings, each of which is of its kind."""
    for name, value in found.settings.items():
        # job.json could not hold it, and it would differ from itself when a run goes on
        if isinstance(value, float) and not math.isfinite(value):
            yield f"settings.{name}: found {value}, expected a finite number"


def _faults_of_weights(found: Description) -> Iterator[str]:
    """Yield what is wrong with the files of weights."""
    files = [weight.file for weight in found.weights]
    for file in sorted({file for file in files if files.count(file) > 1}):
        yield f"weights: found {file!r:.60} twice, expected each file once"
    for weight in found.weights:
        if Path(weight.file).is_absolute() or ".." in Path(weight.file).parts:
            yield f"weights: found {weight.file!r:.60}, expected a name below the folder of weights"
        for mode in set(weight.modes) - set(found.modes):
            yield f"weights: found the mode {mode!r:.60}, expected one of {', '.join(found.modes)}"


def _faults_of_format(found: Description) -> Iterator[str]:
    """Yield what a system of its task lacks of its native format, or has too much."""
    picture, sound = found.native.fps is not None, found.native.sample_rate is not None
    if found.makes_picture and not (picture and found.native.size):
        yield f"native: found no fps or size, expected both of a system of task {found.task}"
    if found.makes_sound and not sound:
        yield f"native: found no sample_rate, expected it of a system of task {found.task}"
    if found.given is not None and found.task not in ("a2v", "v2a"):
        yield f"given: found it beside task {found.task}, expected it beside a2v or v2a"
