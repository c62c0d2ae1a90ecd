"""Choosing detectors by the F-measure of annotated hits.

Detectors are evaluated as in onset detection: a detection is correct if it lies within a tolerance
of a hit, in a one-to-one matching. This module holds the candidates, evaluates them on clips with
annotated hits, and ranks them. The caller supplies the clips (real annotated ones, or hard
renderings).

Conventions
-----------
Times are seconds. F is 2 M / (H + E), M matched, H hits, E detections, pooled over clips, so a clip
without hits counts through its false alarms alone (in a mean over clips it would be 0 whatever was
detected). The tolerance of a clip is at least one frame: no detector can place a peak better. It is
inclusive as in mir_eval, and `EPSILON` wider: annotated hits and frames at 15 frames/s share the
1/15-s grid, where a distance of exactly one step must not depend on rounding.

Search
------
Flow is estimated once per clip and estimator, for all statistics at once; the onset strength once
per clip and analysis. The rest is a grid over these curves. The best F on the training clips wins,
among equal ones the first in the order here, which runs from plain to elaborate. Refractory times
end at 0.3 s: 5 % of the gaps between real hits are shorter than 0.33 s (see
`svbench.miniature.drawing.strokes`), and the drawn ones, 0.4 s at least, cannot decide.

Metrics
-------
- :class:`Counts`: pooled precision, recall and F of detections, from `matched` per clip.
- :func:`interval`, :func:`gain_interval`: bootstrap intervals of F, and of its gain.

References
----------
- C. Raffel et al.: mir_eval. ISMIR 2014 (`mir_eval.onset.f_measure`, whose
  matches `matched` counts). https://mir-eval.readthedocs.io
- S. Böck et al.: Evaluating the online capabilities of onset detection methods. ISMIR 2012.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.intervals import RESAMPLES, Interval, percentile_interval, resampled
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

TOLERANCE: Final = 1 / 15  # s, one step of the annotations' grid
EPSILON: Final = 1e-6  # s; the annotations are rounded to 1e-4 s, a frame lasts 3e-2 s

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

Moments = Sequence[float] | NDArray[np.float64]
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


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Numbers of matches, hits and detections, one entry per clip."""

    matched: NDArray[np.int64]
    hits: NDArray[np.int64]
    found: NDArray[np.int64]

    @property
    def f(self) -> float:
        """Return the pooled F; 0 where there is neither a hit nor a detection."""
        return float(_f(self.matched.sum(), self.hits.sum(), self.found.sum()))

    @property
    def precision(self) -> float:
        """Return the share of detections that match a hit."""
        return int(self.matched.sum()) / max(1, int(self.found.sum()))

    @property
    def recall(self) -> float:
        """Return the share of hits that match a detection."""
        return int(self.matched.sum()) / max(1, int(self.hits.sum()))


def observe(name: str, clip: Clip, hits: Moments) -> Observed:
    """Extract the features of a clip that all candidates use."""
    motion = {
        (flow, curve): raw
        for flow in FLOWS
        for curve, raw in zip(CURVES, raw_curves(clip.video, flow, CURVES), strict=True)
    }
    rate = clip.spec.sample_rate
    strength = {_analysis(a): onset_strength(clip.audio, rate, a) for a in ANALYSES}
    times = tuple(sorted(float(hit) for hit in hits))
    return Observed(name, times, clip.spec.fps, motion, strength, motion_of(clip))


def matched(hits: Moments, found: Moments, tolerance: float) -> int:
    """Count the largest one-to-one matching of moments at most `tolerance` s apart.

    Both are in rising order, and each hit takes the first detection within the tolerance: with
    windows of equal length no other choice matches more.
    """
    count = i = j = 0
    while i < len(hits) and j < len(found):
        if abs(found[j] - hits[i]) <= tolerance:
            count, i, j = count + 1, i + 1, j + 1
        elif found[j] < hits[i]:
            j += 1
        else:
            i += 1
    return count


def judged(
    clips: Sequence[Observed], found: Sequence[Moments], tolerance: float = TOLERANCE
) -> Counts:
    """Count the matches of detections, one list of times (s) per clip, with the hits."""
    pairs = list(zip(clips, found, strict=True))
    return Counts(
        np.array([matched(c.hits, f, tolerance_of(c, tolerance)) for c, f in pairs], np.int64),
        np.array([len(c.hits) for c, _ in pairs], np.int64),
        np.array([len(f) for _, f in pairs], np.int64),
    )


def tolerance_of(clip: Observed, tolerance: float) -> float:
    """Return the tolerance of a clip, s: at least one frame, and `EPSILON` wider."""
    return max(tolerance, 1 / clip.fps) + EPSILON


def interval(counts: Counts, seed: int = 0) -> Interval:
    """Compute a bootstrap interval over clips of the pooled F."""
    return percentile_interval(_resampled_f(counts, seed))


def gain_interval(before: Counts, after: Counts, seed: int = 0) -> Interval:
    """Compute a paired bootstrap interval over clips of the gain in pooled F."""
    return percentile_interval(_resampled_f(after, seed) - _resampled_f(before, seed))


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


def _f(
    matches: NDArray[np.int64] | np.int64,
    hits: NDArray[np.int64] | np.int64,
    found: NDArray[np.int64] | np.int64,
) -> NDArray[np.float64]:
    """Return 2 M / (H + E), 0 where both are 0."""
    return np.asarray(2 * matches / np.maximum(1, hits + found), np.float64)


def _resampled_f(counts: Counts, seed: int) -> NDArray[np.float64]:
    """Return the pooled F of clips drawn with replacement, shape (RESAMPLES,)."""
    blocks = resampled(len(counts.hits), RESAMPLES, seed)
    return np.concatenate(
        [
            _f(
                counts.matched[rows].sum(axis=1),
                counts.hits[rows].sum(axis=1),
                counts.found[rows].sum(axis=1),
            )
            for rows in blocks
        ]
    )
