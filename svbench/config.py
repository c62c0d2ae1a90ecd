"""The settings of `svbench run`, `score` and `validate`: frozen, validated, written into run.json.

Settings that decide the result are fields of these classes; those that only decide how fast it
comes (workers, the folder, progress bars) are not, so that a run may be resumed with others.

Conventions
-----------
A field is named as its flag, with underscores. Beside its fields, each class states which of them
may change while a run grows in its folder (`growing`), and which decide the clips of models
(`sampling`) and of controls that have weights (`coding`); all others decide every clip or score.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from svbench.compute import Dtype, Machine
from svbench.errors import ConfigError
from svbench.limits import RANGES, check_clip, check_distinct, flag
from svbench.types import Channels, ClipSpec, FrameChoice

Scale = Literal["mini", "paper"]
Preset = Literal["paper", "official-code"]  # where the paper and its released code differ
# Where a network can compute; "meta" and the like hold no numbers.
Device = Annotated[str, Field(pattern=r"^(auto|cpu|mps|(cuda|xpu)(:\d{1,3})?)$")]
DEVICES = "auto, cpu, mps, cuda, cuda:1 or the like"

JOINED_NAME = re.compile(r"\w[\w.-]{0,99}")  # of a row of clips made elsewhere: also of files
PLACE = "="  # between the name of such a row and the place of its clips

DATA_ROOT = "SVBENCH_DATA"  # of the environment: the folder of a real data set


def find_data_root(scale: str, given: Path | None) -> Path | None:
    """Return the folder of the real data set: as given, else at scale paper what SVBENCH_DATA says.

    The miniature is drawn, so what the environment names is not meant for it.
    """
    named = os.environ.get(DATA_ROOT) if scale == "paper" else None
    return Path(named) if given is None and named else given


def _limited(setting: str) -> Any:
    """Return the bounds of a setting as a field of pydantic."""
    allowed = RANGES[setting]
    finite = None if allowed.whole else False
    if allowed.above:
        return Field(gt=allowed.low, le=allowed.high, allow_inf_nan=finite)
    return Field(ge=allowed.low, le=allowed.high, allow_inf_nan=finite)


Gamma = Annotated[float, _limited("gamma")]
Guidance = Annotated[float, _limited("guidance")]
Side = Annotated[int, _limited("size")]


class Config(BaseModel):
    """What the settings of every command that judges clips have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: ClassVar[str]
    # Intervals (`resamples`) are computed anew each time.
    growing: ClassVar[frozenset[str]] = frozenset(
        {"metrics", "resamples", "allow_missing", "strict", "plugins"}
    )
    sampling: ClassVar[tuple[str, ...]] = ()
    coding: ClassVar[tuple[str, ...]] = ()
    scores: ClassVar[frozenset[str]] = frozenset()

    seed: Annotated[int, _limited("seed")] = 0
    resamples: Annotated[int, _limited("resamples")] = 1000  # of the bootstrap of FVD and FAD
    allow_missing: bool = False
    strict: bool = False  # a column that cannot be filled is an error
    device: Device = "auto"  # of every network, of systems as of metrics
    plugins: tuple[str, ...] = ()  # modules of metrics, systems and data sets
    # How recorded clips are brought to the judged format: see `svbench.files.media`.
    frame_choice: FrameChoice = "nearest"
    channels: Channels = "mean"

    @classmethod
    def of(cls, /, **settings: Any) -> Self:
        """Validate what a user typed; raise ConfigError, one line, for the first wrong setting."""
        for name, value in settings.items():
            if isinstance(value, set | frozenset):
                raise ConfigError(f"{flag(name)}: found a set, expected a list: its order counts")
            for one in value if isinstance(value, list | tuple) else (value,):
                if isinstance(one, str | os.PathLike):
                    _check_text(name, str(os.fspath(one)))
        try:
            return cls(**settings)
        except ValidationError as error:
            raise ConfigError(_line(error.errors()[0])) from error

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Return the defaults of all optional settings, as `record` has them."""
        fields = cls.model_fields.items()
        usual = {name: field.default for name, field in fields if not field.is_required()}
        return dict(json.loads(json.dumps(usual, default=str)))

    def record(self) -> dict[str, Any]:
        """Return all settings as plain JSON, for run.json."""
        return dict(json.loads(self.model_dump_json()))


def _is_joined(word: str) -> bool:
    """Return whether a word of `systems` is NAME=PLACE; a FAMILY:ARGUMENT may hold a = as well."""
    name, sign, _ = word.partition(PLACE)
    return bool(sign) and ":" not in name


def _check_text(name: str, text: str) -> None:
    """Raise ConfigError for an empty text, and for what run.json or a file system cannot hold."""
    if not text.strip() or "\0" in text:
        raise ConfigError(f"{flag(name)}: found {text!r:.80}, expected a value")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"{flag(name)}: found {text!r}, expected a name in UTF-8") from error


class RunConfig(Config):
    """The settings of `svbench run`: systems on a data set."""

    command: ClassVar[str] = "run"
    # Captions are compared clip by clip.
    growing: ClassVar[frozenset[str]] = Config.growing | {
        *("limit", "repeats", "systems", "gamma", "captions", "protocol")
    }
    # Beside gamma, which is part of a system's name.
    sampling: ClassVar[tuple[str, ...]] = (
        *("preset", "steps", "guidance", "dtype", "batch", "compile", "weights", "device"),
    )
    coding: ClassVar[tuple[str, ...]] = ("weights", "device")
    scores: ClassVar[frozenset[str]] = frozenset({"device"})  # which decide scores as well

    dataset: str
    scale: Scale = "mini"
    systems: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    protocol: str | None = None  # of another benchmark: a bundle of the other settings
    limit: Annotated[int, _limited("limit")] | None = None
    repeats: Annotated[int, _limited("repeats")] = 1
    split: Literal["train", "test"] = "test"
    data_root: Path | None = None
    captions: Path | None = None
    weights: tuple[str, ...] = ()  # of joint models: FOLDER, or SYSTEM=FOLDER
    preset: Preset = "paper"
    steps: Annotated[int, _limited("steps")] | None = None  # None: the preset's
    gamma: tuple[Gamma, ...] = ()  # a row for each; none: the paper's table
    guidance: tuple[Guidance, Guidance] | None = None  # sound, video; None: the preset's
    # Kernels, precision and the size of a batch decide how sums are rounded.
    dtype: Dtype = "float32"  # of the U-Nets
    scoring_dtype: Dtype = "float32"  # of the networks of metrics
    batch: Annotated[int, _limited("batch")] | None = None  # None: 1, or the miniature's
    # Inputs in a forward pass of a network of metrics; None: as many as suit network and device.
    scoring_batch: Annotated[int, _limited("scoring_batch")] | None = None
    compile: bool = False

    @field_validator("systems", "metrics", "weights")
    @classmethod
    def _named_once(cls, names: tuple[str, ...], about: Any) -> tuple[str, ...]:
        check_distinct(flag(about.field_name), names)
        return names

    @field_validator("systems")
    @classmethod
    def _rows_named(cls, systems: tuple[str, ...]) -> tuple[str, ...]:
        names = []
        for name, _, place in (word.partition(PLACE) for word in systems if _is_joined(word)):
            if not JOINED_NAME.fullmatch(name) or not place.strip():
                raise ConfigError(
                    f"--systems: found {name + PLACE + place!r:.80}, expected NAME=FOLDER or "
                    "NAME=LIST, the name of letters, digits, _, . and -, at most 100 of them"
                )
            names.append(name)
        check_distinct("--systems: rows", names)
        return systems

    @property
    def generated(self) -> tuple[str, ...]:
        """Return the systems that are named, but for clips made elsewhere."""
        return tuple(word for word in self.systems if not _is_joined(word))

    @property
    def joined(self) -> Mapping[str, Path]:
        """Return where clips made elsewhere lie, by the name of the row that they join as."""
        words = (word.partition(PLACE) for word in self.systems if _is_joined(word))
        return {name: Path(place) for name, _, place in words}

    @property
    def scoring(self) -> Machine:
        """Return where and how the networks of metrics compute."""
        return Machine(self.device, self.scoring_dtype, batch=self.scoring_batch)

    @field_validator("gamma")
    @classmethod
    def _apart(cls, gammas: tuple[float, ...]) -> tuple[float, ...]:
        check_distinct("--gamma", [f"{gamma:g}" for gamma in gammas])  # as rows are called
        return gammas


class FormatConfig(Config):
    """The settings of commands that bring clips made elsewhere to a format."""

    metrics: tuple[str, ...] = ()
    frames: Annotated[int, _limited("frames")] = 32
    fps: Annotated[float, _limited("fps")] = 8.0
    size: tuple[Side, Side] = (256, 256)  # height, width
    sample_rate: Annotated[int, _limited("sample_rate")] = 16000
    pad: bool = False
    dtype: Dtype = "float32"  # of the networks of metrics
    batch: Annotated[int, _limited("batch")] | None = None  # as scoring_batch of `run`

    @property
    def scoring(self) -> Machine:
        """Return where and how the networks of metrics compute."""
        return Machine(self.device, self.dtype, batch=self.batch)

    @field_validator("metrics")
    @classmethod
    def _named_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        check_distinct("--metrics", names)
        return names

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_clip(self.frames, self.fps, self.size, self.sample_rate)
        return self

    @property
    def spec(self) -> ClipSpec:
        """Return the format that every clip is brought to."""
        choices = self.frame_choice, self.channels
        return ClipSpec(self.frames, self.fps, self.size, self.sample_rate, *choices)


class ScoreConfig(FormatConfig):
    """The settings of `svbench score`: clips made elsewhere, against real ones or by themselves."""

    command: ClassVar[str] = "score"
    growing: ClassVar[frozenset[str]] = Config.growing | {"generated", "protocol"}

    generated: tuple[Path, ...]
    reference: Path | None = None  # none: only what compares with no real clips is scored
    protocol: str | None = None  # of another benchmark: a bundle of the other settings
    reference_clips: Path | None = None  # of a list; None: beside it
    captions: Path | None = None

    @model_validator(mode="after")
    def _of_a_reference(self) -> Self:
        if self.reference is None and self.reference_clips is not None:
            raise ConfigError(
                "--reference-clips: found it where it has no effect, expected it beside --reference"
            )
        return self


class ValidateConfig(FormatConfig):
    """The settings of `svbench validate`: real clips, distorted in known ways."""

    command: ClassVar[str] = "validate"
    of_format: ClassVar[tuple[str, ...]] = ("frames", "fps", "size", "sample_rate", "pad")

    clips: tuple[Path, ...] = ()  # none: the miniature's
    captions: Path | None = None
    distortions: tuple[str, ...] = ()  # none: all in their published form
    # of each distortion that nobody rated
    unrated_levels: Annotated[int, _limited("unrated_levels")] = 3
    limit: Annotated[int, _limited("limit")] | None = None
    power: Annotated[float, _limited("power")] = 0.8  # with which a difference is noticed
    planned: Annotated[int, _limited("planned")] = 40  # clips of such a comparison

    @field_validator("distortions")
    @classmethod
    def _distorted_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        check_distinct("--distortions", names)
        return names

    @model_validator(mode="after")
    def _of_clips(self) -> Self:
        """Refuse what is said of clips where the miniature is distorted, which has its own."""
        for name in (*self.of_format, "captions"):
            given = getattr(self, name)
            if not self.clips and given != type(self).model_fields[name].default:
                raise ConfigError(
                    f"{flag(name)}: found it where it has no effect, expected it only beside "
                    "CLIPS: the miniature has a format of its own"
                )
        return self


def _line(error: Mapping[str, Any]) -> str:
    """Return one line on a wrong setting: its flag, what was found, what was expected."""
    if isinstance(known := error.get("ctx", {}).get("error"), ConfigError):
        return str(known)
    setting = str(error["loc"][0]) if error["loc"] else "settings"
    if error["type"] == "extra_forbidden":
        return f"{flag(setting)}: found {error['input']!r}, expected no such setting"
    if error["type"] == "missing" and len(error["loc"]) == 1:
        return f"{flag(setting)}: not given, expected a value"
    return f"{flag(setting)}: found {error['input']!r}, expected {_expected(setting, error)}"


# What is expected of settings that are lists, and of kinds of values; by pydantic's error types.
_LISTS: Mapping[str, str] = {
    "guidance": "two numbers, of sound and of video",
    "size": "two whole numbers, height and width",
    "gamma": "a list of numbers",
}
_KINDS: Mapping[str, str] = {
    "tuple_type": "a list",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "path_type": "a path",
}


def _expected(setting: str, error: Mapping[str, Any]) -> str:
    kind = error["type"]
    if setting in _LISTS and kind in ("tuple_type", "missing", "too_long", "too_short"):
        return _LISTS[setting]
    if kind in _KINDS and setting not in RANGES:
        return _KINDS[kind]
    if setting in RANGES:
        return str(RANGES[setting])
    if setting == "device":
        return DEVICES
    return str(error.get("ctx", {}).get("expected") or error["msg"])
