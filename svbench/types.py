"""The nouns of svbench, with the shapes and units of their arrays.

Conventions
-----------
Arrays are NumPy. Times are seconds, counted from the first judged frame. Pictures are RGB, 0..255;
sound is mono, -1..1. T counts frames, H and W pixels, S audio samples, N feature vectors of
dimension D. Each noun is validated where it is made and nowhere else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ConfigError, DataError, ScoreError

Better = Literal["lower", "higher"]
FrameChoice = Literal["nearest", "official"]  # by time stamp | as `ffmpeg -r` would choose
Channels = Literal["mean", "first"]  # of recorded sound
View = Literal["conformed", "native"]  # clips in the set's ClipSpec, or as they were made
Setting = str | int | float  # of a system; a bool is an int


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """The format that clips are judged in, e.g. 32 frames at 8 fps, 256 x 256 px, 16 kHz."""

    frames: int
    fps: float  # frames / s
    size: tuple[int, int]  # (height, width), pixels
    sample_rate: int  # audio samples / s
    # How recorded clips are brought to it (see `svbench.files.media`):
    frame_choice: FrameChoice = "nearest"
    channels: Channels = "mean"

    def __post_init__(self) -> None:
        numbers = (self.frames, self.fps, *self.size, self.sample_rate)
        if not all(math.isfinite(n) and n > 0 for n in numbers):
            raise ConfigError(f"a clip format needs positive numbers, got {self}")

    @property
    def duration(self) -> float:
        """Return the length in seconds."""
        return self.frames / self.fps

    @property
    def samples(self) -> int:
        """Return the number of audio samples in one clip."""
        return round(self.duration * self.sample_rate)

    def whole_clips(self, length: float) -> int:
        """Return how many clips, one behind the other, a recording of this length in s holds."""
        return math.floor(length / self.duration)

    def __str__(self) -> str:
        """Return the format as people write it; choices only where they are not the defaults."""
        official = f", frames as ffmpeg -r {self.fps:g} chooses them"
        return (
            f"{self.frames} frames at {self.fps:g} frames/s, "
            f"{self.size[1]} x {self.size[0]} px, {self.sample_rate} Hz"
            f"{official if self.frame_choice == 'official' else ''}"
            f"{', first channel' if self.channels == 'first' else ''}"
        )

    def __repr__(self) -> str:
        """Return the fields that decide digests, without those that have their default.

        So what was made or measured before a field existed keeps its digest.
        """
        shown = ((f, getattr(self, f.name)) for f in fields(self))
        named = ", ".join(f"{f.name}={value!r}" for f, value in shown if value != f.default)
        return f"ClipSpec({named})"


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Clip:
    """A decoded sounding video; caches of what is measured on it may hold weak references."""

    video: NDArray[np.uint8]  # (T, H, W, 3), RGB, 0..255
    audio: NDArray[np.float32]  # (S,), mono, -1..1
    spec: ClipSpec
    # (T,), s: when each frame of a native clip is shown; its sound may outlast its picture.
    # None: frame i at i / fps, and the sound as long as the picture.
    times: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        want_v = (self.spec.frames, *self.spec.size, 3)
        if self.video.dtype != np.uint8 or self.video.shape != want_v:
            raise DataError(
                f"video is {self.video.dtype}{self.video.shape}, expected uint8{want_v}"
            )
        want_a = (self.spec.samples,) if self.times is None else (self.audio.size,)
        if self.audio.dtype != np.float32 or self.audio.shape != want_a:
            raise DataError(
                f"audio is {self.audio.dtype}{self.audio.shape}, expected float32{want_a}"
            )
        if not np.isfinite(self.audio).all():
            raise DataError("audio holds NaN or infinity, expected finite samples")
        if self.times is not None:
            _check_times(self.times, self.spec.frames)

    @property
    def frame_times(self) -> NDArray[np.float64]:
        """Return when each frame is shown, in seconds from the first one, shape (T,)."""
        return np.arange(self.spec.frames) / self.spec.fps if self.times is None else self.times

    @property
    def duration(self) -> float:
        """Return the length in seconds, of the picture or of the sound if that is longer."""
        if self.times is None:
            return self.spec.duration
        picture = float(self.times[-1]) + 1 / self.spec.fps
        return max(picture, self.audio.size / self.spec.sample_rate)


def _check_times(times: NDArray[np.float64], frames: int) -> None:
    rising = times.shape == (frames,) and np.isfinite(times).all() and (np.diff(times) >= 0).all()
    if not rising or times[0] != 0:
        raise DataError(f"frame times are {times.shape}, expected {frames} rising ones from 0 s on")


@dataclass(frozen=True, slots=True)
class Recording:
    """The place of a clip on disk: a video file, and its sound if that lies elsewhere."""

    path: Path
    start: float = 0.0  # s into the file
    sound: Path | None = None  # None: the sound is in `path`


@dataclass(frozen=True, slots=True)
class Example:
    """One line of a data set: a real clip on disk and its caption."""

    id: str
    caption: str
    recording: Recording
    onsets: tuple[float, ...] | None = None  # annotated hit times, s from the clip's start
    # kind -> category, e.g. {"class": "raining"} or {"material": "wood", "action": "hit"}
    categories: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Request:
    """A clip that a system shall generate."""

    id: str  # unique in a run: "<example id>/<repeat>"
    caption: str
    seed: int  # from (run seed, id) alone: the same whatever the batch, order or workers
    given: Sample | None = None  # made for the same request by another system, to be completed

    @property
    def example(self) -> str:
        """Return the id of the example that it belongs to."""
        return self.id.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class NotMade:
    """What a system yields in place of a clip that it could not make."""

    request_id: str
    reason: str  # one line


Stamp = tuple[tuple[int, ...], ...]  # of each file: device, inode, bytes, times of change (ns)


@dataclass(frozen=True, slots=True)
class Sample:
    """A clip that can be judged: one of the store, or one recorded elsewhere."""

    request_id: str
    caption: str
    recording: Recording
    digest: str  # sha256 of what decides the decoded arrays
    stamp: Stamp = ()  # of one recorded elsewhere: its files when the digest was taken

    @property
    def example(self) -> str:
        """Return the id of the example that it belongs to."""
        return self.request_id.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class SampleSet:
    """The samples of one system on one data set, in the order of the requests."""

    name: str  # "cmc-pe-gamma1.5" or "real"
    spec: ClipSpec
    samples: tuple[Sample, ...]
    digest: str
    stored: bool = False  # written by the store: read bit for bit, digest verified
    pad: bool = False  # a recorded clip that is too short is filled up instead of refused
    # Requests for which the system could make no clip -> why; they have no sample.
    not_made: Mapping[str, str] = field(default_factory=dict)


def settings_as_text(settings: Mapping[str, Setting]) -> dict[str, str]:
    """Return the settings of a system as files hold them: "25", "1.5", "true".

    Numbers keep all their digits, and whole ones have no point, so that digests and files do not
    depend on whether a setting is a number or its text.
    """
    return {name: _as_text(value) for name, value in settings.items()}


def _as_text(value: Setting) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)


RANDOM_WEIGHTS = "random weights"  # how notes of tables begin that no trained network made
FLOOR_OF = "floor of"  # of a row's settings: the system whose clips a floor is made from

Values = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """The features of a SampleSet by one extractor; every clip owns at least one row."""

    extractor: str  # key: name, weight digest, preprocessing version
    values: Values  # (N, D)
    owner: NDArray[np.int64]  # (N,), index into `requests`, non-decreasing
    requests: tuple[str, ...]  # request ids, one per clip

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.owner.shape != self.values.shape[:1]:
            raise ScoreError(f"features {self.values.shape} do not fit owners {self.owner.shape}")
        if not np.array_equal(np.unique(self.owner), np.arange(len(self.requests))):
            raise ScoreError(f"{self.extractor}: every clip must own at least one feature row")
        if not np.isfinite(self.values).all():
            raise ScoreError(f"{self.extractor}: features hold NaN or infinity")

    @property
    def count(self) -> int:
        """Return the number of clips."""
        return len(self.requests)

    def only(self, requests: Collection[str]) -> Features:
        """Return the features of these requests, in the order they have here."""
        kept = [i for i, request in enumerate(self.requests) if request in requests]
        mask = np.isin(self.owner, kept)
        owner = np.searchsorted(kept, self.owner[mask])
        names = tuple(self.requests[i] for i in kept)
        return Features(self.extractor, self.values[mask], owner, names)


@dataclass(frozen=True, slots=True, eq=False)
class ClipScore:
    """The score of one clip, and the numbers that it came from."""

    request_id: str
    value: float
    detail: Mapping[str, float | tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Score:
    """One cell of a table. A cell that cannot be computed is absent, never a sentinel."""

    metric: str
    value: float
    better: Better
    count: int  # clips that it is a mean or a distance of
    interval: tuple[float, float] | None = None  # 95 %, over clips
    extractor: str = ""
    reference_count: int | None = None  # real clips that it was compared with
    note: str = ""  # to be printed beside the number

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ScoreError(f"{self.metric} came out as {self.value}, expected a finite number")
        if self.count < 1:
            raise ScoreError(f"{self.metric} rests on {self.count} clips, expected at least one")


@dataclass(frozen=True, slots=True)
class Judgement:
    """A score, and those of the clips that it is a mean of; none for distances such as FVD."""

    score: Score
    clips: tuple[ClipScore, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: a system, and its score by every metric."""

    system: str
    title: str  # as printed
    asked: int  # clips that were requested
    made_of_real_clips: bool = False  # a control, not a model
    settings: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, Score] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)  # metric -> why the cell is empty
    left_out: Mapping[str, str] = field(default_factory=dict)  # request -> why it is not judged

    @property
    def floor_of(self) -> str | None:
        """Return the system whose clips this floor is made from; None if it is no floor."""
        return self.settings.get(FLOOR_OF)

    @property
    def competes(self) -> bool:
        """Return whether it is a model: no control, no floor of another row, not without clips."""
        return not self.made_of_real_clips and self.floor_of is None and self.asked > 0


@dataclass(frozen=True, slots=True)
class Detection:
    """How well detected events find annotated ones, pooled over clips, matched one to one."""

    events: str  # as printed, e.g. "onsets"
    matched: int
    hits: int  # annotated
    found: int  # detected
    clips: int  # annotated ones, with hits or without
    tolerance: float  # s, the largest of the clips

    def __post_init__(self) -> None:
        counts = (self.matched, self.hits, self.found, self.clips)
        whole = all(isinstance(count, int) and count >= 0 for count in counts)
        if not whole or self.matched > min(self.hits, self.found):
            raise ScoreError(f"found {self}, expected whole numbers, and no more matches than hits")

    @property
    def precision(self) -> float | None:
        """Return the share of detections that match a hit; None without detections."""
        return self.matched / self.found if self.found else None

    @property
    def recall(self) -> float | None:
        """Return the share of hits that match a detection; None without hits."""
        return self.matched / self.hits if self.hits else None

    @property
    def f(self) -> float | None:
        """Return 2 M / (H + E), their harmonic mean; None where there is neither."""
        return 2 * self.matched / (self.hits + self.found) if self.hits + self.found else None


@dataclass(frozen=True, slots=True)
class HumanAgreement:
    """How far a metric follows people's ratings of distorted clips (`svbench validate`)."""

    spearman: float | None  # +1: follows, whichever direction is better; None: not measured
    interval: tuple[float, float] | None = None  # 95 %, over clips
    conditions: int = 0  # distortions at their levels that people rated
    clips: int = 0  # that were distorted; people rated distortions of others
    material: str = ""  # what these clips were
    svbench: str = ""  # version that measured it
    reason: str = ""  # why it is not known
    fitted_on: tuple[str, ...] = ()  # distortions that do not count: it is made of their ratings
    settings: str = ""  # digest of extractor, settings and clip format that were measured


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: a metric, and how it scores."""

    metric: str  # e.g. "av-align-corrected@published"
    title: str  # as printed, e.g. "AV-Align (corrected)"
    better: Better
    settings: Mapping[str, Any] = field(
        default_factory=dict
    )  # detectors, protocol, weights, bounds
    # How well the events that it compares find the annotated ones of the real clips, if these have
    # any: a finding, not a setting.
    detection: tuple[Detection, ...] = ()
    # Whether it follows people, also a finding; None: of a table of an older version.
    validity: HumanAgreement | None = None


@dataclass(frozen=True, slots=True)
class ResultTable:
    """The results of a run: rows and columns in the order in which they are printed."""

    title: str
    dataset: str
    scale: str  # "mini": not comparable with published figures; "paper"; "elsewhere": of `score`
    spec: ClipSpec
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)  # seed, digests: to repeat it

    @property
    def random_notes(self) -> tuple[str, ...]:
        """Return the notes on rows and columns that rest on random weights."""
        return tuple(note for note in self.notes if note.startswith(RANDOM_WEIGHTS))
