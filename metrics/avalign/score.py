"""AV-Align: whether sounds begin when the picture moves most.

The goal is one number per sounding video that tells how well two lists of moments agree:
the onsets of its sound and the peaks of its motion. `av_events` finds the two lists; this
module compares them.

Conventions
-----------
Onsets and peaks are times in seconds, in any order, of shape (n,); onsets always come first.
An onset a and a peak v match if they lie less than one frame apart,

    v - 1 / fps < a < v + 1 / fps,

strictly and in float64, so that a distance of exactly one frame does not match. This is the
"window of three frames" of the paper. The frame rate is part of the question: compare
scores at equal frame rates only.

Metrics
-------
- :func:`precision_recall`: share of onsets with a peak, share of peaks with an onset
  (Ishii et al., Eq. 15).
- :func:`corrected`: p r / (p + r - p r) (Ishii et al., Eq. 14), within 0..1.
- :func:`tempotokens_2023`: c / (|A| + |V| - c), where c counts onsets with any peak (Ishii
  et al., Eq. 12; the first public implementation). It exceeds 1 where 2 c > |A| + |V|.
- :func:`tempotokens_2025`: the same quotient, where c counts the pairs of a one-to-one
  matching that gives each onset the first free peak, both in list order; not always the
  largest matching. Its detector also drops peaks below 0.1 px per frame.

What happens at the edges
-------------------------
| case                       | here       | published code                         |
|----------------------------|------------|----------------------------------------|
| no onset and no peak       | 0          | corrected 0, others ZeroDivisionError  |
| one of the lists empty     | 0          | 0                                      |
| p = r = 0                  | 0          | 0                                      |
| fps is 0                   | ScoreError | ZeroDivisionError                      |
| fps negative, NaN or inf   | ScoreError | nothing matches                        |
| a time is NaN or infinite  | ScoreError | it never matches                       |
| fewer than two frames      | ScoreError | IndexError                             |

A set's score is the mean over all its clips. A clip without onset and peak counts as 0, and
the score's note tells how many there are.

References
----------
- M. Ishii, A. Hayakawa, T. Shibuya, Y. Mitsufuji: A simple but strong baseline for sounding
  video generation. arXiv:2409.17550, appendix A.4.
- G. Yariv et al.: Diverse and aligned audio-to-video generation via text-to-video model
  adaptation. AAAI 2024, arXiv:2309.16429.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ScoreError
from svbench.intervals import METHOD, Interval
from svbench.metrics.avalign.events import DETECTORS, AVEvents, ClipEvents, Detectors, read_events
from svbench.metrics.per_clip import mean_of_clips
from svbench.types import Better, ClipScore, Features, Judgement, View

__all__ = [
    "DETECTORS",
    "AVAlign",
    "AVEvents",
    "Detectors",
    "Variant",
    "corrected",
    "precision_recall",
    "tempotokens_2023",
    "tempotokens_2025",
]

Variant = Literal["corrected", "tempotokens-2023", "tempotokens-2025"]
Times = Sequence[float] | NDArray[np.float64]

WINDOW: Final = "v - 1/fps < a < v + 1/fps"
SHOWN: Final = 5  # silent clips that a note names
BOUNDS: Final[Interval] = (0.0, 1.0)  # tempotokens-2023 can exceed it, which widens it
TEMPOTOKENS_2025_FLOOR: Final = 0.1  # px per frame; below it that code sees no peak


def precision_recall(onsets: Times, peaks: Times, fps: float) -> tuple[float, float]:
    """Give the share of onsets that match a peak and of peaks that match an onset.

    Parameters
    ----------
    onsets, peaks : sequence of float, shape=(n,)
        times, in seconds
    fps : float
        frames per second of the video

    Returns
    -------
    precision : float
        matched onsets / onsets, 0 without onsets
    recall : float
        matched peaks / peaks, 0 without peaks
    """
    matches = _matches(onsets, peaks, fps)
    onset_count, peak_count = matches.shape
    precision = int(matches.any(axis=1).sum()) / onset_count if onset_count else 0.0
    recall = int(matches.any(axis=0).sum()) / peak_count if peak_count else 0.0
    return precision, recall


def corrected(onsets: Times, peaks: Times, fps: float) -> float:
    """Give p r / (p + r - p r), Eq. 14, within 0..1; 0 if nothing matches."""
    p, r = precision_recall(onsets, peaks, fps)
    return p * r / (p + r - p * r) if p + r > 0 else 0.0


def tempotokens_2023(onsets: Times, peaks: Times, fps: float) -> float:
    """Give c / (|A| + |V| - c), Eq. 12, where one peak may match many onsets; may exceed 1."""
    matches = _matches(onsets, peaks, fps)
    return _quotient(int(matches.any(axis=1).sum()), matches)


def tempotokens_2025(onsets: Times, peaks: Times, fps: float) -> float:
    """Give c / (|A| + |V| - c), where each onset takes the first free peak, in list order."""
    matches = _matches(onsets, peaks, fps)
    free = np.ones(matches.shape[1], dtype=bool)
    pairs = 0
    for row in matches:
        candidates = np.flatnonzero(row & free)
        if candidates.size:
            free[candidates[0]] = False
            pairs += 1
    return _quotient(pairs, matches)


_SCORES: Final[Mapping[Variant, Callable[[Times, Times, float], float]]] = {
    "corrected": corrected,
    "tempotokens-2023": tempotokens_2023,
    "tempotokens-2025": tempotokens_2025,
}


@dataclass(frozen=True, slots=True)
class AVAlign:
    """Mean AV-Align of a set of clips, with an interval over clips."""

    variant: Variant
    detectors: Detectors
    view: View = "conformed"

    @property
    def name(self) -> str:
        """Name variant, detectors and view: each makes another metric."""
        view = "" if self.view == "conformed" else f"+{self.view}"
        return f"av-align-{self.variant}@{self.detectors.name}{view}"

    @property
    def title(self) -> str:
        """Name it as a column of a table."""
        view = "" if self.view == "conformed" else f", {self.view} clips"
        return f"AV-Align ({self.variant}, {self.detectors.name} detectors{view})"

    @property
    def better(self) -> Better:
        """More agreement is better."""
        return "higher"

    @property
    def extractor(self) -> AVEvents:
        """Name the detectors at work; all variants share them."""
        return AVEvents(self.detectors, self.view)

    @property
    def needs_reference(self) -> bool:
        """A clip's sound is compared with its own picture."""
        return False

    @property
    def settings(self) -> Mapping[str, Any]:
        """Tell the formula, the window and every detector value."""
        return {
            "variant": self.variant,
            "window": WINDOW,
            "floor": self._floor,
            "view": self.view,
            "detectors": self.detectors.settings,
            "bounds": list(BOUNDS),
            "interval": METHOD,
        }

    def score(self, generated: Features, reference: Features | None = None) -> Judgement:
        """Judge a set of clips by their events."""
        del reference
        if generated.count == 0:
            raise ScoreError(f"{self.name} needs at least one clip, got none")
        found = read_events(generated)
        clips = tuple(map(self._judge, found))
        return mean_of_clips(self, clips, generated.extractor, BOUNDS, _note(found, clips))

    @property
    def _floor(self) -> float:
        """Give the motion below which this variant sees no peak, px per frame."""
        return TEMPOTOKENS_2025_FLOOR if self.variant == "tempotokens-2025" else 0.0

    def _judge(self, events: ClipEvents) -> ClipScore:
        """Judge one clip."""
        onsets = events.onsets[:, 0]
        peaks = events.peaks[events.peaks[:, 1] >= self._floor, 0]
        precision, recall = precision_recall(onsets, peaks, events.fps)
        detail: dict[str, float | tuple[float, ...]] = {
            "precision": precision,
            "recall": recall,
            "onset_times": tuple(onsets.tolist()),
            "motion_peak_times": tuple(peaks.tolist()),
        }
        return ClipScore(
            events.request_id, _SCORES[self.variant](onsets, peaks, events.fps), detail
        )


def _matches(onsets: Times, peaks: Times, fps: float) -> NDArray[np.bool_]:
    """Tell for each onset (row) and each peak (column) whether they match."""
    if not (math.isfinite(fps) and fps > 0):
        raise ScoreError(f"AV-Align needs a frame rate above 0, got {fps}")
    a, v = _times(onsets, "onset")[:, None], _times(peaks, "motion peak")[None]
    return np.asarray((v - 1 / fps < a) & (a < v + 1 / fps))


def _times(times: Times, what: str) -> NDArray[np.float64]:
    """Give the times as float64 (n,), all finite."""
    array = np.asarray(times, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ScoreError(f"{what} times must be a list of finite seconds, got {times}")
    return array


def _quotient(matched: int, matches: NDArray[np.bool_]) -> float:
    """Give c / (|A| + |V| - c), 0 if both lists are empty."""
    union = sum(matches.shape) - matched
    return matched / union if union else 0.0


def _note(found: Sequence[ClipEvents], clips: Sequence[ClipScore]) -> str:
    """Tell how many clips are silent, and how many had nothing to compare."""
    silent = [events.request_id for events in found if not events.level]
    mute = sum(
        not clip.detail["onset_times"] and not clip.detail["motion_peak_times"] for clip in clips
    )
    parts = []
    if silent:
        verb = "is" if len(silent) == 1 else "are"
        more = ", ..." if len(silent) > SHOWN else ""
        names = ", ".join(silent[:SHOWN]) + more
        parts.append(
            f"{len(silent)} of {len(clips)} clips {verb} silent, so without onset: {names}"
        )
    if mute:
        verbs = ("has", "counts") if mute == 1 else ("have", "count")
        parts.append(
            f"{mute} of {len(clips)} clips {verbs[0]} neither onset nor motion peak "
            f"and {verbs[1]} as 0"
        )
    return "; ".join(parts)
