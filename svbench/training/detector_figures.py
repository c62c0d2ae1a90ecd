"""The figures of `svbench tune-avalign`: detectors on annotated test clips, as text and as JSON.

Conventions
-----------
Precision, recall and F are pooled over clips, intervals are 95 % bootstrap intervals over clips
(None for fewer than `FEWEST`). Those of a material or an action are defined in
`svbench.metrics.avalign.detection`; their clips are the test clips with such a hit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from svbench.intervals import Interval
from svbench.metrics.avalign import detection, tuning
from svbench.metrics.avalign.detection import Counts, Moments, counted_by_label, tolerance_at
from svbench.metrics.avalign.events import Detectors
from svbench.metrics.avalign.tuning import Observed

WHAT: Final = ("motion peaks", "onsets")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: detectors on test clips."""

    what: str  # of WHAT
    detectors: str  # their name
    counts: Counts
    interval: Interval | None
    gain: Interval | None  # over the first detectors, on the same clips


@dataclass(frozen=True, slots=True)
class LabelLine(Line):
    """The same, of the hits of one label: a material or an action."""

    kind: str  # of label
    label: str


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of detectors on annotated test clips."""

    clips: Sequence[Observed]
    tolerance: float  # s
    lines: Sequence[Line]
    by_label: Sequence[LabelLine]

    @classmethod
    def of(
        cls, presets: Sequence[Detectors], clips: Sequence[Observed], tolerance: float, seed: int
    ) -> Figures:
        """Evaluate detectors on test clips; gains are those over the first ones."""
        lines, by_label = list[Line](), list[LabelLine]()
        for what in WHAT:
            before: Counts | None = None
            for detectors in presets:
                found = _found(what, detectors, clips)
                counts = tuning.judged(clips, found, tolerance)
                before = before or counts
                interval = detection.interval(counts, seed)
                gain = detection.gain_interval(before, counts, seed)
                lines.append(Line(what, detectors.name, counts, interval, gain))
                by_label += _by_label(what, detectors.name, clips, found, tolerance, seed)
        return cls(clips, tolerance, lines, by_label)

    @property
    def record(self) -> Mapping[str, Any]:
        """Return what tuned.json holds of them."""
        return {
            "test": [{**_shares(line), "gain over published": line.gain} for line in self.lines],
            "test by label": [
                {line.kind: line.label, **_numbers(line.counts), **_shares(line)}
                for line in self.by_label
            ],
        }

    def table(self, best: str, actions: Sequence[str]) -> str:
        """Return them as text; of materials and actions those of the detectors called `best`."""
        hits = sum(len(clip.hits) for clip in self.clips)
        rows = [
            f"{len(self.clips)} test clips, {hits} hits ({', '.join(actions)}), "
            f"tolerance {self.tolerance:.3f} s or one frame",
            "95 % intervals over clips",
            f"{'':12} {'detectors':10} {'F':>6} {'interval':>14} {'gain':>16} {'prec.':>6} "
            f"{'rec.':>5}",
        ]
        for line in self.lines:
            named = f"{line.what:12} {line.detectors:10}"
            rows.append(_row(named, line, f" {_ends(line.gain, '+.3f'):>16}"))
        rows += ["", f"{best}, by what was hit (others: tuned.json)"]
        heading = f"{'':12} {'':20} {'hits':>5} {'clips':>5} {'F':>6} {'interval':>14}"
        rows.append(f"{heading} {'prec.':>6} {'rec.':>5}")
        for labelled in self.by_label:
            if labelled.detectors == best:
                counts = f"{labelled.counts.hits.sum():5} {len(labelled.counts.hits):5}"
                label = f"{labelled.kind} {labelled.label}"
                rows.append(_row(f"{labelled.what:12} {label:20} {counts}", labelled))
        return "\n".join(rows)


def _found(what: str, detectors: Detectors, clips: Sequence[Observed]) -> list[Moments]:
    """Return the times that detectors find in each clip, s."""
    if what == "onsets":
        return [clip.onsets(detectors) for clip in clips]
    return [clip.peaks(detectors) for clip in clips]


def _by_label(
    what: str,
    name: str,
    clips: Sequence[Observed],
    found: Sequence[Moments],
    tolerance: float,
    seed: int,
) -> list[LabelLine]:
    """Return the figures of each label, the most frequent ones of a kind first."""
    lines = []
    for kind in dict.fromkeys(kind for clip in clips for kind in clip.labels):
        of: dict[str, list[tuple[int, int, int]]] = {}
        for clip, times in zip(clips, found, strict=True):
            within = tolerance_at(clip.fps, tolerance)
            for label, n in counted_by_label(clip.hits, clip.labels[kind], times, within).items():
                of.setdefault(label, []).append(n)
        counted = {label: Counts.of(counts) for label, counts in of.items()}
        for label in sorted(counted, key=lambda label: (-counted[label].hits.sum(), label)):
            interval = detection.interval(counted[label], seed)
            lines.append(LabelLine(what, name, counted[label], interval, None, kind, label))
    return lines


def _shares(line: Line) -> dict[str, Any]:
    return {
        "what": line.what,
        "detectors": line.detectors,
        "f": line.counts.f,
        "interval": line.interval,
        "precision": line.counts.precision,
        "recall": line.counts.recall,
    }


def _numbers(counts: Counts) -> dict[str, int]:
    return {"hits": int(counts.hits.sum()), "clips": len(counts.hits)}


def _row(named: str, line: Line, more: str = "") -> str:
    counts = line.counts
    return (
        f"{named} {counts.f:6.3f} {_ends(line.interval, '.3f'):>14}{more} "
        f"{counts.precision:6.3f} {counts.recall:5.3f}"
    )


def _ends(interval: Interval | None, form: str) -> str:
    return "–" if interval is None else f"[{interval[0]:{form}}, {interval[1]:{form}}]"
