"""AV-Align of a set of clips: whether sounds begin when the picture moves most.

`events` finds the onsets and motion peaks of a clip, `formulas` compares the two lists, and this
module averages over clips. Each variant exists in two forms, computed from the same events:

- plain, as published. It grows with the number of events: on clips with 10 to 20 of them in 4 s it
  is about 0.4 for true and for shuffled pairs alike.
- adjusted for chance: 0 is the score expected by chance, 1 a perfect one, whatever the clip
  (`chance` holds the derivation). `CAVEAT` states what a reader must know of every such number.

Conventions
-----------
A set's value is the mean over its clips, with an interval (`per_clip`). The detail of a clip holds

- plain: "precision", "recall", "onset_times" and "motion_peak_times" (s);
- adjusted: "score" (plain), "null_mean" and "p".

The note of a plain score counts silent clips. That of an adjusted score counts the clips whose
events are significantly aligned (p < `SIGNIFICANT`, each clip by itself; at most 1 in 20 clips
without any alignment is counted).

Where hits of real clips are annotated, :meth:`AVAlign.detection` compares onsets and motion peaks
with them: a score says little where its detectors find few of the events.

Metrics
-------
- :class:`AVAlign`: mean over clips of a formula of `formulas`, plain or adjusted.

Edge cases
----------
| clip                             | plain | adjusted                                    |
|----------------------------------|-------|---------------------------------------------|
| neither onset nor motion peak    | 0     | left out of the mean and of `count`         |
| onsets alone, motion peaks alone | 0     | 0, p = 1                                    |
| fewer than two frames            | ScoreError, from `motion` (published: IndexError)   |

No clip, and for the adjusted form no clip with events: a ScoreError. A still and silent clip has
nothing to align; counted as 0 it lowers even the real clips of a data set (14 % of one). A clip
with one kind of event is no better than chance: a system cannot gain by being silent where its
picture moves. A system that generates still, silent clips is scored on fewer clips, not better
ones; compare the counts of two rows before their values.

References
----------
- M. Ishii, A. Hayakawa, T. Shibuya, Y. Mitsufuji: A simple but strong baseline for sounding
  video generation. https://arxiv.org/abs/2409.17550, appendix A.4.
- G. Yariv et al.: Diverse and aligned audio-to-video generation via text-to-video model
  adaptation. AAAI 2024, https://arxiv.org/abs/2309.16429.
- L. Hubert, P. Arabie: Comparing partitions. Journal of Classification 2, 1985 (the adjustment).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ScoreError
from svbench.intervals import METHOD, Interval
from svbench.metrics.avalign.chance import chance
from svbench.metrics.avalign.detection import TOLERANCE, Counts, counted, tolerance_at
from svbench.metrics.avalign.events import AVEvents, ClipEvents, Detectors, read_events
from svbench.metrics.avalign.formulas import (
    FORMULAS,
    TEMPOTOKENS_2025_FLOOR,
    Variant,
    match,
    precision_recall,
)
from svbench.metrics.per_clip import mean_of_clips
from svbench.types import Better, ClipScore, Detection, Features, Judgement, View

WINDOW: Final = "v - 1/fps < a < v + 1/fps"
EVENTS: Final = ("onsets", "motion peaks")
SHOWN: Final = 5  # silent clips that a note names
BOUNDS: Final[Interval] = (0.0, 1.0)  # tempotokens-2023 can exceed it, which widens it
ADJUSTED_BOUNDS: Final[Interval] = (-1.0, 1.0)  # rarely below: where chance matches over half
SIGNIFICANT: Final = 0.05  # the usual level; no correction for the number of clips
CAVEAT: Final = (  # measured by docs/make_intervals.py
    "sound and motion that only share coarse activity score above 0: about 0.27 where 6 onsets "
    "and 6 motion peaks fall anywhere in the first half of a clip, 0.36 for 8; p is an upper "
    "bound: of clips whose sound is independent of the picture, 1 to 4 % have p below 0.05"
)
NULL: Final = "all circular shifts of the onsets within the clip, exact"


@dataclass(frozen=True, slots=True)
class AVAlign:
    """Mean AV-Align of a set of clips, with an interval over clips.

    Parameters
    ----------
    variant : str
        a key of `formulas.FORMULAS`
    detectors : Detectors
        how onsets and motion peaks are found
    view : "conformed" or "native"
        clips in the set's format, or as they were generated (Default value = "conformed")
    adjusted : bool
        whether scores are adjusted for chance (Default value = False)
    """

    variant: Variant
    detectors: Detectors
    view: View = "conformed"
    adjusted: bool = False

    @property
    def name(self) -> str:
        """Return the name; form, variant, detectors and view each make another metric."""
        form = "adjusted-" if self.adjusted else ""
        view = "" if self.view == "conformed" else f"+{self.view}"
        return f"av-align-{form}{self.variant}@{self.detectors.name}{view}"

    @property
    def title(self) -> str:
        """Return the title of its column."""
        form = "adjusted, " if self.adjusted else ""
        view = "" if self.view == "conformed" else f", {self.view} clips"
        return f"AV-Align ({form}{self.variant}, {self.detectors.name} detectors{view})"

    @property
    def better(self) -> Better:
        """Return "higher": more agreement is better."""
        return "higher"

    @property
    def extractor(self) -> AVEvents:
        """Return the extractor of events, which all variants and forms share."""
        return AVEvents(self.detectors, self.view)

    @property
    def needs_reference(self) -> bool:
        """Return False: a clip's sound is compared with its own picture."""
        return False

    @property
    def bounds(self) -> Interval:
        """Return the lowest and the highest score that a clip usually has."""
        return ADJUSTED_BOUNDS if self.adjusted else BOUNDS

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return formula, window, detector settings and, if adjusted, the null distribution."""
        return {
            "variant": self.variant,
            "window": WINDOW,
            **({"null": NULL, "significant": SIGNIFICANT} if self.adjusted else {}),
            "floor": self._floor,
            "view": self.view,
            "detectors": self.detectors.settings,
            "bounds": list(self.bounds),
            "interval": METHOD,
            **({"caveat": CAVEAT} if self.adjusted else {}),
        }

    def score(self, generated: Features, reference: Features | None = None) -> Judgement:
        """Compute the score of a set of clips from their events.

        Raises
        ------
        ScoreError
            if there is no clip, or none with an event for an adjusted score
        """
        del reference
        found = read_events(generated)
        if self.adjusted:
            clips = [clip for events in found if (clip := self._adjusted(events)) is not None]
            note = _note_on_chance(clips, len(found))
        else:
            clips = [self._plain(events) for events in found]
            note = _note_on_silence(found, clips)
        if found and not clips:
            raise ScoreError(
                f"{self.name}: none of {len(found)} clips has an onset or a motion peak, "
                "expected at least one clip with events"
            )
        return mean_of_clips(self, clips, generated.extractor, self.bounds, note)

    def detection(
        self, features: Features, annotated: Mapping[str, Sequence[float]]
    ) -> tuple[Detection, ...]:
        """Return how well onsets, and motion peaks above the floor, find annotated hits.

        Counts are pooled over the annotated clips, each at the tolerance of its frame rate (see
        `detection`). Hits that lie before or after a clip do not count.
        """
        clips = [events for events in read_events(features) if events.request_id in annotated]
        hits = [
            [time for time in annotated[events.request_id] if 0 <= time < events.duration]
            for events in clips
        ]
        if not any(hits):
            return ()
        found = zip(*map(self._times, clips), strict=True)
        return tuple(
            _detection(kind, clips, hits, times) for kind, times in zip(EVENTS, found, strict=True)
        )

    @property
    def _floor(self) -> float:
        """Return the motion below which this variant ignores a peak, px per frame."""
        return TEMPOTOKENS_2025_FLOOR if self.variant == "tempotokens-2025" else 0.0

    def _times(self, events: ClipEvents) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the times of onsets and of the motion peaks above the floor, s."""
        return events.onsets[:, 0], events.peaks[events.peaks[:, 1] >= self._floor, 0]

    def _plain(self, events: ClipEvents) -> ClipScore:
        """Compute the plain score of one clip."""
        onsets, peaks = self._times(events)
        matches = match(onsets, peaks, events.fps)
        precision, recall = precision_recall(matches)
        detail: dict[str, float | tuple[float, ...]] = {
            "precision": float(precision),
            "recall": float(recall),
            "onset_times": tuple(onsets.tolist()),
            "motion_peak_times": tuple(peaks.tolist()),
        }
        return ClipScore(events.request_id, float(FORMULAS[self.variant](matches)), detail)

    def _adjusted(self, events: ClipEvents) -> ClipScore | None:
        """Compute the adjusted score of one clip; None where there is nothing to align."""
        onsets, peaks = self._times(events)
        if not (onsets.size or peaks.size):
            return None
        found = chance(self.variant, onsets, peaks, events.fps, events.duration)
        detail = {"score": found.score, "null_mean": found.null_mean, "p": found.p}
        return ClipScore(events.request_id, found.adjusted, detail)


def _detection(
    kind: str,
    clips: Sequence[ClipEvents],
    hits: Sequence[Sequence[float]],
    found: Sequence[NDArray[np.float64]],
) -> Detection:
    """Compare the events of one kind with hits; all are times in s, one list per clip."""
    tolerances = [tolerance_at(events.fps) for events in clips]
    counts = Counts.of([counted(*clip) for clip in zip(hits, found, tolerances, strict=True)])
    return Detection(
        events=kind,
        matched=int(counts.matched.sum()),
        hits=int(counts.hits.sum()),
        found=int(counts.found.sum()),
        clips=len(clips),
        tolerance=max(TOLERANCE, *(1 / events.fps for events in clips)),
    )


def _note_on_silence(found: Sequence[ClipEvents], clips: Sequence[ClipScore]) -> str:
    """Return how many clips are silent, and how many have no event at all."""
    silent = [events.request_id for events in found if not events.level]
    empty = sum(
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
    if empty:
        verbs = ("has", "counts") if empty == 1 else ("have", "count")
        parts.append(
            f"{empty} of {len(clips)} clips {verbs[0]} neither onset nor motion peak "
            f"and {verbs[1]} as 0"
        )
    return "; ".join(parts)


def _note_on_chance(clips: Sequence[ClipScore], count: int) -> str:
    """Return how many clips are significantly aligned, and how many of `count` are left out."""
    p = [p for clip in clips if isinstance(p := clip.detail["p"], float)]
    aligned = sum(value < SIGNIFICANT for value in p)
    parts = [f"{aligned} of {len(clips)} clips significantly aligned (p < {SIGNIFICANT:g})"]
    out = count - len(clips)
    if out:
        verbs = ("has", "is") if out == 1 else ("have", "are")
        parts.append(
            f"{out} of {count} clips {verbs[0]} neither onset nor motion peak "
            f"and {verbs[1]} left out"
        )
    return "; ".join(parts)
