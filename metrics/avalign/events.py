"""Audio-visual events: the extractor of the onsets and motion peaks that AV-Align compares.

One pass over a clip detects its onsets (`onsets`), measures its motion and detects the motion
peaks (`motion`, or `impacts`). All variants of AV-Align share these features, which also explain
the score of a clip to a reader of the report.

Conventions
-----------
The features of a clip are float64 rows (kind, time, strength), shape (k, 3), time in seconds:

| kind  | rows          | time              | strength                         |
|-------|---------------|-------------------|----------------------------------|
| CLIP  | exactly 1     | the clip's length | its frame rate, frames / s       |
| LEVEL | exactly 1     | 0                 | the largest sample, 0..1         |
| ONSET | one per onset | of the onset      | onset strength                   |
| PEAK  | one per peak  | of its frame      | motion there, px per frame       |
| FLOW  | one per frame | of its frame      | motion, px per frame             |

A frame's time is its time stamp in the native view, and i / fps in the conformed one.

Motion depends on the size of the picture: compare magnitudes at equal sizes only, and only between
detectors of equal curve settings (`tuned` measures how fast motion ends). For detectors by impacts
(`tuned-2`) the strength of PEAK and FLOW is the model's probability of a hit, and FLOW has one row
for each frame that the model uses.

References
----------
See `onsets`, `motion` and `impacts`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from svbench.compute import digest_settings, installed, minor_version
from svbench.errors import ScoreError
from svbench.metrics.avalign.impact_model import IMPACT_MODEL
from svbench.metrics.avalign.impacts import (
    MOTION_VERSION,
    ImpactMeter,
    ImpactModel,
    motion_of,
)
from svbench.metrics.avalign.measured import MeasuredArrays, MeterReader
from svbench.metrics.avalign.motion import (
    CurveSettings,
    FlowSettings,
    PeakSettings,
    RawCurves,
    flow_code,
    peak_indices,
    raw_curve,
    shaped_curve,
)
from svbench.metrics.avalign.onsets import OnsetSettings, onset_times
from svbench.metrics.per_clip import rows_by_clip
from svbench.protocols import FrameReader
from svbench.types import Clip, Features, Values, View

# Part of the cache key: raise it whenever the code computes other numbers for equal settings.
CODE_VERSION: Final = 3
NATIVE_VERSION: Final = 1  # the same, for native clips


class Kind(IntEnum):
    """What a row of the features holds."""

    CLIP = 0
    ONSET = 1
    PEAK = 2
    FLOW = 3
    LEVEL = 4


@dataclass(frozen=True, slots=True)
class Detectors:
    """How onsets and motion peaks are detected."""

    name: str
    onsets: OnsetSettings = field(default_factory=OnsetSettings)
    flow: FlowSettings = field(default_factory=FlowSettings)
    peaks: PeakSettings = field(default_factory=PeakSettings)
    curve: CurveSettings = field(default_factory=CurveSettings)
    impacts: ImpactModel | None = None  # instead of flow, curve and peaks
    source: str = ""  # sha256 of the file they were read from; "": a preset of `DETECTORS`

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return every setting as JSON values."""
        values = asdict(self)
        for name in ("impacts", "source"):
            if not values[name]:
                del values[name]
        return values


DETECTORS: Final[Mapping[str, Detectors]] = {
    detectors.name: detectors
    for detectors in (
        # Of every public implementation: the defaults of librosa and TempoTokens.
        Detectors("published"),
        # For the drawn clips: motion as published, but a peak must reach 0.43 of the clip's
        # largest (slow lifts of the stick reach 0.35); for sound at 16 kHz, 16 ms a step.
        Detectors(
            "miniature",
            OnsetSettings(sample_rate=16000, hop_length=256, n_fft=1024, delta=0.3),
            peaks=PeakSettings(relative=0.43),
        ),
        # For hits, at any rate and size: where downward motion (less that of the camera) ends
        # abruptly. All settings are those `svbench tune-avalign` chose on 64 hard drawn training
        # clips, except the prominence: 0.2 there, 0.4 for the one annotated real clip
        # (docs/av-align.md). F published -> tuned, at 1/15 s or one frame: on 64 other drawn clips
        # motion peaks 0.325 -> 0.928, onsets 0.720 -> 0.940; on the real clip 0.452 -> 0.875, 0.941
        # -> 1.
        Detectors(
            "tuned",
            OnsetSettings(hop_length=256, n_fft=1024, delta=0.25, min_strength=2.0),
            peaks=PeakSettings(min_magnitude=0.05, prominence=0.4, refractory=0.3),
            curve=CurveSettings("downward", steady=True, deceleration=True, smoothing=0.03),
        ),
        # For hits in real video: where a local motion is stopped, by a model fitted on ten
        # annotated real clips (`impact_model`; its cross-validated figures are in
        # docs/av-align.md). Onsets as in `tuned`.
        Detectors(
            "tuned-2",
            OnsetSettings(hop_length=256, n_fft=1024, delta=0.25, min_strength=2.0),
            impacts=IMPACT_MODEL,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class AVEvents:
    """The extractor of AV-Align: rows of events of each clip (see the module)."""

    detectors: Detectors
    view: View = "conformed"

    @property
    def key(self) -> str:
        """Return the key: settings, view, what computes, and versions of librosa and OpenCV."""
        import cv2

        decides = {
            "detectors": self.detectors.settings,
            "view": self.view,
            "code": CODE_VERSION,
            "librosa": minor_version(installed("librosa")),
            "opencv": minor_version(cv2.getVersionString()),
        }
        if self.detectors.impacts is not None:
            decides["motion"] = MOTION_VERSION
        else:
            decides["flow"] = flow_code(self.detectors.flow)
        if self.view == "native":  # frames have time stamps of their own
            decides["times"] = NATIVE_VERSION
        view = "" if self.view == "conformed" else f"-{self.view}"
        return f"av-events-{self.detectors.name}{view}-{digest_settings(decides, 10)}"

    @property
    def light(self) -> bool:
        """Return True: it loads no network."""
        return True

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        """Extract one block of rows per clip, shape (k, 3); captions are not used."""
        del captions
        return [_extract(clip, self.detectors) for clip in clips]

    def reader(self, clip: Clip, caption: str) -> FrameReader:
        """Return what measures the motion of a clip frame by frame.

        Raises ScoreError where it has too few of them.
        """
        if self.detectors.impacts is not None:
            return MeterReader(self, clip, caption, "impacts", partial(ImpactMeter, clip))
        flow, curve = self.detectors.flow, self.detectors.curve
        make = partial(_CurveMeter, clip, flow, curve)
        return MeterReader(self, clip, caption, _raw_key(flow, curve), make)

    @property
    def joins_any_length(self) -> bool:
        """Return False: picture and sound of a clip have to be equally long."""
        return False

    def joined(self, picture: Values, sound: Values) -> Values:
        """Return the rows of a clip that has the picture of one block and the sound of another.

        They equal those of the re-paired clip for clips of equal length (the conformed view).
        """
        parts = (
            *((picture, Kind.CLIP), (sound, Kind.LEVEL), (sound, Kind.ONSET)),
            *((picture, Kind.PEAK), (picture, Kind.FLOW)),
        )
        return np.concatenate([rows[rows[:, 0] == kind] for rows, kind in parts])


@dataclass(frozen=True, slots=True, eq=False)
class ClipEvents:
    """The events of one clip."""

    request_id: str
    duration: float  # s
    fps: float  # frames / s
    level: float  # the largest sample, 0..1; 0 is silence
    onsets: NDArray[np.float64]  # (K, 2): time s, onset strength
    peaks: NDArray[np.float64]  # (P, 2): time s, motion px per frame
    motion: NDArray[np.float64]  # (T, 2): time s, motion px per frame


def read_events(features: Features) -> list[ClipEvents]:
    """Return the events of each clip from features of `AVEvents`.

    Raises
    ------
    ScoreError
        if the rows are not those of `AVEvents`
    """
    if features.values.shape[1] != 3:
        raise ScoreError(
            f"{features.extractor}: events are rows of 3 (kind, time, strength), "
            f"got {features.values.shape[1]} columns"
        )
    return [
        _read(request, np.asarray(rows, dtype=np.float64))
        for request, rows in zip(features.requests, rows_by_clip(features), strict=True)
    ]


# Flow takes nearly all of the time, and presets may differ in their onsets or peaks alone, so
# curves and onsets are kept as long as the picture or the sound of their clip.
_MEASURED: Final = MeasuredArrays[NDArray[np.float64]]()


def motion_curve(clip: Clip, flow: FlowSettings, curve: CurveSettings) -> NDArray[np.float64]:
    """Compute the motion curve of a clip, shape (T,), as `raw_curve` and `shaped_curve`.

    Curves that differ in smoothing or deceleration alone share one pass of optical flow.
    """
    key = _raw_key(flow, curve)
    curves = _MEASURED.of(clip.video)
    if key not in curves:
        curves[key] = raw_curve(clip.video, flow, curve)
    return shaped_curve(curves[key], clip.spec.fps, curve)


def _raw_key(flow: FlowSettings, curve: CurveSettings) -> Hashable:
    return flow, curve.statistic, curve.percentile, curve.steady


class _CurveMeter:
    """Measures the curve that `motion_curve` takes."""

    def __init__(self, clip: Clip, flow: FlowSettings, curve: CurveSettings) -> None:
        self._clip, self._key = clip, _raw_key(flow, curve)
        self._curves = RawCurves(clip.video.shape, flow, [curve])
        self.take = self._curves.take

    def finish(self) -> None:
        _MEASURED.of(self._clip.video)[self._key] = self._curves.curves[0]


def _onsets(clip: Clip, settings: OnsetSettings) -> NDArray[np.float64]:
    """Return the times (s) and strengths of a clip's onsets, shape (2, K)."""
    key = (clip.spec.sample_rate, settings)
    measured = _MEASURED.of(clip.audio)
    if key not in measured:
        measured[key] = np.stack(onset_times(clip.audio, clip.spec.sample_rate, settings))
    return measured[key]


def _extract(clip: Clip, detectors: Detectors) -> NDArray[np.float64]:
    """Extract the rows of one clip."""
    fps = clip.spec.fps
    times, strengths = _onsets(clip, detectors.onsets)
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
    """Return frame times (s), the motion curve, and the indices of its peaks."""
    if detectors.impacts is None:
        motion = motion_curve(clip, detectors.flow, detectors.curve)
        return clip.frame_times, motion, peak_indices(motion, detectors.peaks, clip.spec.fps)
    motion_features = motion_of(clip)
    times, odds = motion_features.times, detectors.impacts.trajectory(motion_features)
    return times, 1 / (1 + np.exp(-odds)), detectors.impacts.impacts(times, odds)


def _rows(
    kind: Kind, times: NDArray[np.float64], strengths: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return rows of one kind, shape (k, 3)."""
    return np.column_stack([np.full(len(times), float(kind)), times, strengths])


def _read(request_id: str, rows: NDArray[np.float64]) -> ClipEvents:
    """Return the events that the rows of one clip hold."""

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
