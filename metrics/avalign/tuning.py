"""Choosing detectors by the F-measure of annotated hits.

This module holds the candidates, evaluates them on clips with annotated hits by `detection`, and
ranks them. The caller supplies the clips (real annotated ones, or hard renderings). Times are
seconds.

Search
------
Flow is estimated once per clip and estimator, for all statistics at once; the onset strength once
per clip and analysis. The rest is a grid over these curves. The best F on the training clips wins,
among equal ones the first in the order here, which runs from plain to elaborate. Refractory times
end at 0.3 s: 5 % of the gaps between real hits are shorter than 0.33 s (see
`svbench.miniature.drawing.strokes`), and the drawn ones, 0.4 s at least, cannot decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.metrics.avalign.detection import (
    TOLERANCE,
    Counts,
    Moments,
    counted,
    tolerance_at,
)
from svbench.metrics.avalign.events import Detectors
from svbench.metrics.avalign.impacts import Motion, motion_of
from svbench.metrics.avalign.motion import (
    CurveSettings,
    FlowSettings,
    PeakSettings,
    peak_indices,
    raw_curves,
    shaped_curve,
)
from svbench.metrics.avalign.onsets import OnsetSettings, onset_frames, onset_strength
from svbench.types import Clip

FLOWS: Final = (FlowSettings(), FlowSettings(estimator="dis"))
CURVES: Final = (
    CurveSettings(),
    CurveSettings(steady=True),
    CurveSettings("percentile", 90.0, steady=True),
    CurveSettings("percentile", 98.0, steady=True),
    CurveSettings("downward"),
    CurveSettings("downward", steady=True),
)
SMOOTHINGS: Final = (0.0, 0.03, 0.05)  # s
MAGNITUDES: Final = (0.0, 0.02, 0.05)  # px per frame
PROMINENCES: Final = (0.0, 0.1, 0.2, 0.3, 0.4)
REFRACTORIES: Final = (0.0, 0.3)  # s
ANALYSES: Final = (
    OnsetSettings(),
    OnsetSettings(hop_length=256, n_fft=1024),
    OnsetSettings(sample_rate=16000, hop_length=256, n_fft=1024),
)
DELTAS: Final = (0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
STRENGTHS: Final = (0.0, 1.0, 2.0, 3.0)  # dB

Analysis = tuple[int, int, int, int]  # what decides an onset strength


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """The features of a clip with annotated hits that any candidate uses."""

    id: str
    hits: tuple[float, ...]  # s, rising
    fps: float
    motion: dict[tuple[FlowSettings, CurveSettings], NDArray[np.float64]] = field(repr=False)
    strength: dict[Analysis, NDArray[np.float32]] = field(repr=False)  # onset strength envelopes
    impact_motion: Motion = field(repr=False)  # the features of models of impacts
    # Kind of label ("material") -> that of each hit; empty where hits have none.
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def curve(self, detectors: Detectors) -> NDArray[np.float64]:
        """Return the curve of these detectors: motion, or the probability of an impact."""
        if detectors.impacts is not None:
            return np.asarray(1 / (1 + np.exp(-detectors.impacts.trajectory(self.impact_motion))))
        raw = replace(detectors.curve, deceleration=False, smoothing=0.0)
        return shaped_curve(self.motion[detectors.flow, raw], self.fps, detectors.curve)

    def times(self, detectors: Detectors) -> NDArray[np.float64]:
        """Return the times of that curve, in seconds."""
        whole = self.motion[next(iter(self.motion))]
        return self.impact_motion.times if detectors.impacts else np.arange(len(whole)) / self.fps

    def peaks(self, detectors: Detectors) -> NDArray[np.float64]:
        """Return the motion peaks that these detectors detect, in seconds."""
        if detectors.impacts is not None:
            odds = detectors.impacts.trajectory(self.impact_motion)
            times = self.impact_motion.times
            return times[detectors.impacts.impacts(times, odds)]
        return peak_indices(self.curve(detectors), detectors.peaks, self.fps) / self.fps

    def onsets(self, detectors: Detectors) -> NDArray[np.float64]:
        """Return the onsets that these detectors detect, in seconds."""
        chosen = detectors.onsets
        frames = onset_frames(self.strength[_analysis(chosen)], chosen)
        return np.asarray(frames * chosen.hop_length / chosen.sample_rate, np.float64)


def observe(
    name: str, clip: Clip, hits: Moments, labels: Mapping[str, Sequence[str]] | None = None
) -> Observed:
    """Extract the features of a clip that all candidates use.

    Parameters
    ----------
    name : str
        its id
    clip : Clip
        picture and sound
    hits : sequence of float
        annotated times, s
    labels : mapping from str to sequence of str, optional
        kind of label -> that of each hit, in the order of `hits` (Default value = none)
    """
    motion = {
        (flow, curve): raw
        for flow in FLOWS
        for curve, raw in zip(CURVES, raw_curves(clip.video, flow, CURVES), strict=True)
    }
    rate = clip.spec.sample_rate
    strength = {_analysis(a): onset_strength(clip.audio, rate, a) for a in ANALYSES}
    order = np.argsort(hits, kind="stable").tolist()
    return Observed(
        id=name,
        hits=tuple(float(hits[i]) for i in order),
        fps=clip.spec.fps,
        motion=motion,
        strength=strength,
        impact_motion=motion_of(clip),
        labels={kind: tuple(of[i] for i in order) for kind, of in (labels or {}).items()},
    )


def judged(
    clips: Sequence[Observed], found: Sequence[Moments], tolerance: float = TOLERANCE
) -> Counts:
    """Count the matches of detections, one list of times (s) per clip, with the hits."""
    return Counts.of(
        [
            counted(clip.hits, times, tolerance_at(clip.fps, tolerance))
            for clip, times in zip(clips, found, strict=True)
        ]
    )


def motion_candidates() -> Iterator[Detectors]:
    """Yield every candidate of motion peaks, from plain to elaborate."""
    shapes = product(FLOWS, CURVES, (False, True), SMOOTHINGS)
    choices = product(MAGNITUDES, PROMINENCES, REFRACTORIES)
    floors = [PeakSettings(m, prominence=p, refractory=r) for m, p, r in choices]
    for flow, curve, slows, smooth in shapes:
        shaped = replace(curve, deceleration=slows, smoothing=smooth)
        for peaks in floors:
            yield Detectors("candidate", flow=flow, peaks=peaks, curve=shaped)


def onset_candidates() -> Iterator[Detectors]:
    """Yield every candidate of onsets, from plain to elaborate."""
    for analysis, delta, strength in product(ANALYSES, DELTAS, STRENGTHS):
        onsets = replace(analysis, delta=delta, min_strength=strength)
        yield Detectors("candidate", onsets)


def ranked_motion(
    clips: Sequence[Observed], tolerance: float = TOLERANCE
) -> list[tuple[float, Detectors]]:
    """Rank the candidates of motion peaks by F on these clips, best first."""
    ranking = [
        (judged(clips, [c.peaks(d) for c in clips], tolerance).f, d) for d in motion_candidates()
    ]
    return sorted(ranking, key=lambda pair: -pair[0])  # stable: plainer ones first


def ranked_onsets(
    clips: Sequence[Observed], tolerance: float = TOLERANCE
) -> list[tuple[float, Detectors]]:
    """Rank the candidates of onsets by F on these clips, best first."""
    ranking = [
        (judged(clips, [c.onsets(d) for c in clips], tolerance).f, d) for d in onset_candidates()
    ]
    return sorted(ranking, key=lambda pair: -pair[0])


def _analysis(settings: OnsetSettings) -> Analysis:
    return settings.sample_rate, settings.hop_length, settings.n_fft, settings.n_mels
