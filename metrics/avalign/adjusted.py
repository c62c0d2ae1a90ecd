"""AV-Align corrected for chance: 0 is what chance gives, 1 is perfect, whatever the clip.

The plain score grows with the number of events; on clips with 10 to 20 of them in 4 s it is
about 0.4 for true and for shuffled pairs alike. `chance` says what each clip would score if its
sound were turned round the clip by every possible shift, and derives from it the adjusted score
and a p-value; this module averages them over a set of clips.

Conventions
-----------
Every variant of AV-Align has its adjusted form, from the same events (see `av_align`). A set's
value is the mean adjusted score over the clips that can be judged, with its interval. Each clip's
detail holds "score" (plain), "null_mean" and "p". The note says on how many clips the events are
significantly aligned (p < `SIGNIFICANT`, each clip by itself; at most 1 in 20 clips without any
alignment is counted). What a reader must know of every such number stands in `CAVEAT`.

Clips without events
--------------------
- Neither onset nor motion peak: there is nothing to align, and the question has no answer. The
  clip is left out of the mean and of `count`, and the note says how many were. (Plain AV-Align
  calls them 0, so that 14 % of still, silent clips in a data set lower even its real clips.)
- Onsets without peaks, or peaks without onsets: 0, p = 1. Such a clip is no better than chance,
  and a system cannot gain by being silent where its picture moves.
- No clip with events at all: a ScoreError.

A system that makes still, silent clips is judged on fewer clips, not better ones; compare the
counts of two rows before their values.

References
----------
See `chance`, which holds the derivation, and `av_align`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from svbench.errors import ScoreError
from svbench.intervals import METHOD, Interval
from svbench.metrics.avalign.chance import chance
from svbench.metrics.avalign.events import AVEvents, ClipEvents, Detectors, read_events
from svbench.metrics.avalign.score import TEMPOTOKENS_2025_FLOOR, WINDOW, Variant
from svbench.metrics.per_clip import mean_of_clips
from svbench.types import Better, ClipScore, Features, Judgement, View

SIGNIFICANT: Final = 0.05  # the usual level; no correction for the number of clips
BOUNDS: Final[Interval] = (-1.0, 1.0)  # rarely below: where chance alone matches over half
CAVEAT: Final = (  # measured by docs/make_intervals.py
    "sound and motion that only share coarse activity score above 0: about 0.27 where 6 onsets "
    "and 6 motion peaks fall anywhere in the first half of a clip, 0.36 for 8; p is an upper "
    "bound: of clips whose sound is independent of the picture, 1 to 4 % have p below 0.05"
)
NULL: Final = "all circular shifts of the onsets within the clip, exact"


@dataclass(frozen=True, slots=True)
class AdjustedAVAlign:
    """Mean chance-corrected AV-Align of a set of clips, with an interval over clips."""

    variant: Variant
    detectors: Detectors
    view: View = "conformed"

    @property
    def name(self) -> str:
        """Name variant, detectors and view: each makes another metric."""
        view = "" if self.view == "conformed" else f"+{self.view}"
        return f"av-align-adjusted-{self.variant}@{self.detectors.name}{view}"

    @property
    def title(self) -> str:
        """Name it as a column of a table."""
        view = "" if self.view == "conformed" else f", {self.view} clips"
        return f"AV-Align (adjusted, {self.variant}, {self.detectors.name} detectors{view})"

    @property
    def better(self) -> Better:
        """More agreement is better."""
        return "higher"

    @property
    def extractor(self) -> AVEvents:
        """Name the detectors at work; the plain variants share them."""
        return AVEvents(self.detectors, self.view)

    @property
    def needs_reference(self) -> bool:
        """A clip's sound is compared with its own picture."""
        return False

    @property
    def settings(self) -> Mapping[str, Any]:
        """Tell the formula, the null, the window and every detector value."""
        return {
            "variant": self.variant,
            "window": WINDOW,
            "null": NULL,
            "significant": SIGNIFICANT,
            "floor": self._floor,
            "view": self.view,
            "detectors": self.detectors.settings,
            "bounds": list(BOUNDS),
            "interval": METHOD,
            "caveat": CAVEAT,
        }

    def score(self, generated: Features, reference: Features | None = None) -> Judgement:
        """Judge a set of clips by their events."""
        del reference
        if generated.count == 0:
            raise ScoreError(f"{self.name} needs at least one clip, got none")
        judged = [self._judge(events) for events in read_events(generated)]
        clips = tuple(clip for clip in judged if clip is not None)
        if not clips:
            raise ScoreError(
                f"{self.name}: none of {len(judged)} clips has an onset or a motion peak, "
                "expected at least one clip with events"
            )
        return mean_of_clips(self, clips, generated.extractor, BOUNDS, _note(clips, len(judged)))

    @property
    def _floor(self) -> float:
        """Give the motion below which this variant sees no peak, px per frame."""
        return TEMPOTOKENS_2025_FLOOR if self.variant == "tempotokens-2025" else 0.0

    def _judge(self, events: ClipEvents) -> ClipScore | None:
        """Judge one clip; None where there is nothing to align."""
        onsets = events.onsets[:, 0]
        peaks = events.peaks[events.peaks[:, 1] >= self._floor, 0]
        if not (onsets.size or peaks.size):
            return None
        found = chance(self.variant, onsets, peaks, events.fps, events.duration)
        detail = {"score": found.score, "null_mean": found.null_mean, "p": found.p}
        return ClipScore(events.request_id, found.adjusted, detail)


def _note(clips: Sequence[ClipScore], asked: int) -> str:
    """Tell how many clips are significantly aligned, and how many had nothing to align."""
    chances = [p for clip in clips if isinstance(p := clip.detail["p"], float)]
    aligned = sum(p < SIGNIFICANT for p in chances)
    parts = [f"{aligned} of {len(clips)} clips significantly aligned (p < {SIGNIFICANT:g})"]
    out = asked - len(clips)
    if out:
        verbs = ("has", "is") if out == 1 else ("have", "are")
        parts.append(
            f"{out} of {asked} clips {verbs[0]} neither onset nor motion peak "
            f"and {verbs[1]} left out"
        )
    return "; ".join(parts)
