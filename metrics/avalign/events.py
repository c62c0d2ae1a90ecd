"""Audio-visual events: the onsets and motion peaks of a clip, as AV-Align reads them.

One pass over a clip finds its onsets (`onsets`), measures its motion and finds the motion
peaks (`motion`). What was found is kept, so that every variant of AV-Align shares one pass
and a reader can see why a clip scored as it did.

Conventions
-----------
A clip becomes a float64 block of rows (kind, time, strength), time in seconds:

| kind  | rows          | time              | strength                         |
|-------|---------------|-------------------|----------------------------------|
| CLIP  | exactly 1     | the clip's length | its frame rate, frames / s       |
| LEVEL | exactly 1     | 0                 | the loudest sample, 0..1         |
| ONSET | one per onset | when it begins    | onset strength                   |
| PEAK  | one per peak  | of its frame      | motion there, px per frame       |
| FLOW  | one per frame | of its frame      | motion, px per frame             |

A frame's time is its time stamp in the native view, and i / fps in the conformed one.

Seconds do not depend on the clip's size, motion does: magnitudes compare at equal sizes only,
and between detectors of equal curve settings only (`tuned` measures how fast motion ends). For
detectors by impacts (`tuned-2`) the strength of PEAK and FLOW is the model's probability of a hit,
and FLOW has one row for each frame that the model looks at.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from importlib.metadata import version
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from svbench.compute import digest_settings, minor_version
from svbench.errors import ScoreError
from svbench.metrics.avalign.impact_model import IMPACT_MODEL
from svbench.metrics.avalign.impacts import MOTION_VERSION, ImpactModel, motion_of
from svbench.metrics.avalign.motion import (
    CurveSettings,
    FlowSettings,
    PeakSettings,
    peak_indices,
    raw_curve,
    shaped_curve,
)
from svbench.metrics.avalign.onsets import OnsetSettings, onset_times
from svbench.types import Clip, Features, Values, View

# Part of the cache key: raise it whenever the code gives other numbers for equal settings.
CODE_VERSION: Final = 2
NATIVE_VERSION: Final = 1  # the same, for clips as they were made


class Kind(IntEnum):
    """What a row tells of a clip."""

    CLIP = 0
    ONSET = 1
    PEAK = 2
    FLOW = 3
    LEVEL = 4


@dataclass(frozen=True, slots=True)
class Detectors:
    """How onsets and motion peaks are found."""

    name: str
    onsets: OnsetSettings = field(default_factory=OnsetSettings)
    flow: FlowSettings = field(default_factory=FlowSettings)
    peaks: PeakSettings = field(default_factory=PeakSettings)
    curve: CurveSettings = field(default_factory=CurveSettings)
    impacts: ImpactModel | None = None  # instead of flow, curve and peaks
    source: str = ""  # sha256 of the file they were read from; "": they are one of ours

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return every value, as plain numbers and text."""
        values = asdict(self)
        for name in ("impacts", "source"):
            if not values[name]:
                del values[name]
        return values


DETECTORS: Final[Mapping[str, Detectors]] = {
    detectors.name: detectors
    for detectors in (
        # What every public implementation uses: defaults of librosa and TempoTokens.
        Detectors("published"),
        # For the drawn clips: motion as published, but a peak must reach 0.43 of the clip's
        # largest (slow lifts of the stick reach 0.35); for sound at 16 kHz, 16 ms a step.
        Detectors(
            "miniature",
            OnsetSettings(sample_rate=16000, hop_length=256, n_fft=1024, delta=0.3),
            peaks=PeakSettings(relative=0.43),
        ),
        # For hits, at any rate and size: where downward motion (without the camera's own) ends
        # at once. All is what `svbench tune-avalign` chose on 64 hard drawn training clips, but
        # for the prominence: 0.2 there, 0.4 for the one annotated real clip (docs/av-align.md).
        # F published -> tuned, at 1/15 s or one frame: on 64 other drawn clips motion peaks
        # 0.325 -> 0.928, onsets 0.720 -> 0.940; on the real clip 0.452 -> 0.875, 0.941 -> 1.
        Detectors(
            "tuned",
            OnsetSettings(hop_length=256, n_fft=1024, delta=0.25, min_strength=2.0),
            peaks=PeakSettings(min_magnitude=0.05, prominence=0.4, refractory=0.3),
            curve=CurveSettings("downward", steady=True, deceleration=True, smoothing=0.03),
        ),
        # For hits in real pictures: where a local motion is stopped, weighed by a model that was
        # fitted on ten annotated real clips (`impact_model`; its figures on clips left out stand
        # in docs/av-align.md). Onsets as in `tuned`.
        Detectors(
            "tuned-2",
            OnsetSettings(hop_length=256, n_fft=1024, delta=0.25, min_strength=2.0),
            impacts=IMPACT_MODEL,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class AVEvents:
    """The extractor behind AV-Align."""

    detectors: Detectors
    view: View = "conformed"

    @property
    def key(self) -> str:
        """Name the settings, the view, this code and the two libraries that do the work."""
        import cv2

        decides = {
            "detectors": self.detectors.settings,
            "view": self.view,
            "code": CODE_VERSION,
            "librosa": minor_version(version("librosa")),
            "opencv": minor_version(cv2.getVersionString()),
        }
        if self.detectors.impacts is not None:
            decides["motion"] = MOTION_VERSION
        if self.view == "native":  # frames have time stamps of their own
            decides["times"] = NATIVE_VERSION
        view = "" if self.view == "conformed" else f"-{self.view}"
        return f"av-events-{self.detectors.name}{view}-{digest_settings(decides, 10)}"

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        """Give one block of rows per clip; the captions do not matter."""
        del captions
        return [_block(clip, self.detectors) for clip in clips]

    @property
    def joins_any_length(self) -> bool:
        """A clip's picture and its sound have to last equally long."""
        return False

    def joined(self, picture: Values, sound: Values) -> Values:
        """Return the events of a clip with the motion of one block and the sound of another.

        As if extracted from the re-paired clip, for clips of equal length (the conformed view).
        """
        parts = (
            *((picture, Kind.CLIP), (sound, Kind.LEVEL), (sound, Kind.ONSET)),
            *((picture, Kind.PEAK), (picture, Kind.FLOW)),
        )
        return np.concatenate([rows[rows[:, 0] == kind] for rows, kind in parts])


@dataclass(frozen=True, slots=True, eq=False)
class ClipEvents:
    """The events of one clip, read back from its rows."""

    request_id: str
    duration: float  # s
    fps: float  # frames / s
    level: float  # the loudest sample, 0..1; 0 is silence
    onsets: NDArray[np.float64]  # (K, 2): time s, onset strength
    peaks: NDArray[np.float64]  # (P, 2): time s, motion px per frame
    motion: NDArray[np.float64]  # (T, 2): time s, motion px per frame


def read_events(features: Features) -> list[ClipEvents]:
    """Read the rows of `AVEvents` back, clip by clip."""
    if features.values.shape[1] != 3:
        raise ScoreError(
            f"{features.extractor}: events are rows of 3 (kind, time, strength), "
            f"got {features.values.shape[1]} columns"
        )
    values = np.asarray(features.values, dtype=np.float64)
    ends = np.searchsorted(features.owner, np.arange(1, features.count))
    blocks = np.split(values, ends)
    return [_read(name, rows) for name, rows in zip(features.requests, blocks, strict=True)]


# Flow is nearly all of the work, and presets may differ in their onsets and peaks alone. What
# was measured on a clip is forgotten with the clip.
_MEASURED: Final[WeakKeyDictionary[Clip, dict[Hashable, NDArray[np.float64]]]] = WeakKeyDictionary()


def motion_curve(clip: Clip, flow: FlowSettings, curve: CurveSettings) -> NDArray[np.float64]:
    """Measure how much each frame moves, by any settings; shape (T,), as `flow_magnitude`.

    Curves that differ in smoothing or deceleration alone share one pass of optical flow.
    """
    asked = (flow, curve.statistic, curve.percentile, curve.steady)
    known = _MEASURED.setdefault(clip, {})
    if asked not in known:
        known[asked] = raw_curve(clip.video, flow, curve)
    return shaped_curve(known[asked], clip.spec.fps, curve)


def _block(clip: Clip, detectors: Detectors) -> NDArray[np.float64]:
    """Find the events of one clip."""
    fps = clip.spec.fps
    times, strengths = onset_times(clip.audio, clip.spec.sample_rate, detectors.onsets)
    frames, motion, peaks = _motion(clip, detectors)
    return np.concatenate(
        [
            _rows(Kind.CLIP, np.array([clip.duration]), np.array([fps])),
            _rows(Kind.LEVEL, np.zeros(1), np.array([np.abs(clip.audio).max(initial=0.0)])),
            _rows(Kind.ONSET, times, strengths),
            _rows(Kind.PEAK, frames[peaks], motion[peaks]),
            _rows(Kind.FLOW, frames, motion),
        ]
    )


def _motion(
    clip: Clip, detectors: Detectors
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return frame times, motion there, and which of them are motion peaks."""
    if detectors.impacts is None:
        motion = motion_curve(clip, detectors.flow, detectors.curve)
        return clip.frame_times, motion, peak_indices(motion, detectors.peaks, clip.spec.fps)
    seen = motion_of(clip)
    odds = detectors.impacts.trajectory(seen)
    return seen.times, 1 / (1 + np.exp(-odds)), detectors.impacts.impacts(seen.times, odds)


def _rows(
    kind: Kind, times: NDArray[np.float64], strengths: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give rows of one kind."""
    return np.column_stack([np.full(len(times), float(kind)), times, strengths])


def _read(request_id: str, rows: NDArray[np.float64]) -> ClipEvents:
    """Read the rows of one clip."""

    def of(kind: Kind) -> NDArray[np.float64]:
        return rows[rows[:, 0] == kind, 1:]

    clip, level = of(Kind.CLIP), of(Kind.LEVEL)
    if (len(clip), len(level)) != (1, 1):
        raise ScoreError(
            f"{request_id}: expected one row each of kind CLIP and LEVEL, "
            f"got {len(clip)} and {len(level)}"
        )
    return ClipEvents(
        request_id=request_id,
        duration=float(clip[0, 0]),
        fps=float(clip[0, 1]),
        level=float(level[0, 1]),
        onsets=of(Kind.ONSET),
        peaks=of(Kind.PEAK),
        motion=of(Kind.FLOW),
    )
