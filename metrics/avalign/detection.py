"""Detections against annotated hits: precision, recall and F-measure.

Detections are evaluated as in onset detection: a detection is correct if it lies within a tolerance
of a hit, in a one-to-one matching. Chosen settings (`tuning`), models of impacts (`impact_fit`) and
the columns of AV-Align (`score`) are all evaluated by this module.

Conventions
-----------
Times are seconds, rising. M counts matches, H hits, E detections, pooled over clips, so a clip
without hits counts through its false alarms alone (in a mean over clips it would be 0 whatever was
detected):

    precision = M / E,    recall = M / H,    F = 2 M / (H + E).

The tolerance of a clip is at least one frame: no detector can place a peak better. It is inclusive
as in mir_eval, and `EPSILON` wider: annotated hits and frames at 15 frames/s share the 1/15-s grid,
where a distance of exactly one step must not depend on rounding.

By material and action
----------------------
A hit has a label (its material, or its action); a detection has none. A matched detection gets the
label of its hit, and a false alarm that of the nearest hit of its clip, of two equally near ones
the earlier. With M_l, H_l and E_l the matches, hits and detections of label l,

    precision_l = M_l / E_l,    recall_l = M_l / H_l,    F_l = 2 M_l / (H_l + E_l).

These counts sum to those of all clips with hits; in a clip without hits a false alarm has no label.
The recall needs no such rule, except where two hits compete for one detection: it goes to the
earlier one. A false alarm far from any hit says little about a material, so F_l compares detectors
on one label rather than labels with each other.

Metrics
-------
- :class:`Counts`: pooled precision, recall and F of detections.
- :func:`interval`, :func:`gain_interval`: bootstrap intervals over clips of F, and of its gain.

References
----------
- C. Raffel et al.: mir_eval. ISMIR 2014 (`mir_eval.onset.f_measure`, whose
  matches `matching` returns). https://mir-eval.readthedocs.io
- S. Böck et al.: Evaluating the online capabilities of onset detection methods. ISMIR 2012.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.intervals import RESAMPLES, Interval, percentile_interval, resampled

TOLERANCE: Final = 1 / 15  # s, one step of the annotations' grid
EPSILON: Final = 1e-6  # s; the annotations are rounded to 1e-4 s, a frame lasts 3e-2 s
FEWEST: Final = 5  # clips of an interval: of 5, a bootstrap covers 84 % (`svbench.intervals`)

Moments = Sequence[float] | NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Numbers of matches, hits and detections, one entry per clip."""

    matched: NDArray[np.int64]
    hits: NDArray[np.int64]
    found: NDArray[np.int64]

    @classmethod
    def of(cls, clips: Sequence[tuple[int, int, int]]) -> Counts:
        """Return the counts of clips, each (matches, hits, detections)."""
        matched, hits, found = np.array(clips, np.int64).reshape(-1, 3).T
        return cls(matched, hits, found)

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


def tolerance_at(fps: float, tolerance: float = TOLERANCE) -> float:
    """Return the tolerance at a frame rate, s: at least one frame, and `EPSILON` wider."""
    return max(tolerance, 1 / fps) + EPSILON


def matching(hits: Moments, found: Moments, tolerance: float) -> list[tuple[int, int]]:
    """Return the largest one-to-one matching of moments at most `tolerance` s apart.

    Both are in rising order, and each hit takes the first detection within the tolerance: with
    windows of equal length no other choice matches more. Pairs are (hit, detection), as indices.
    """
    pairs = []
    i = j = 0
    while i < len(hits) and j < len(found):
        if abs(found[j] - hits[i]) <= tolerance:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif found[j] < hits[i]:
            j += 1
        else:
            i += 1
    return pairs


def counted(hits: Moments, found: Moments, tolerance: float) -> tuple[int, int, int]:
    """Count the matches, hits and detections of a clip."""
    return len(matching(hits, found, tolerance)), len(hits), len(found)


def counted_by_label(
    hits: Moments, labels: Sequence[str], found: Moments, tolerance: float
) -> dict[str, tuple[int, int, int]]:
    """Count the matches, hits and detections of each label in a clip (see the module).

    `labels` has one entry per hit. A clip without hits has no label.
    """
    if not len(hits):
        return {}
    pairs = matching(hits, found, tolerance)
    owner = np.abs(np.subtract.outer(np.asarray(found), np.asarray(hits))).argmin(axis=1)
    for hit, detection in pairs:
        owner[detection] = hit
    matched = Counter(labels[hit] for hit, _ in pairs)
    detections = Counter(labels[hit] for hit in owner)
    return {name: (matched[name], n, detections[name]) for name, n in Counter(labels).items()}


def interval(counts: Counts, seed: int = 0) -> Interval | None:
    """Compute a bootstrap interval over clips of the pooled F; None for under `FEWEST` clips."""
    return gain_interval(None, counts, seed)


def gain_interval(before: Counts | None, after: Counts, seed: int = 0) -> Interval | None:
    """Compute a paired bootstrap interval over clips of the gain in pooled F.

    Without `before` it is that of F itself. None for fewer than `FEWEST` clips.
    """
    if len(after.hits) < FEWEST:
        return None
    start = 0.0 if before is None else _resampled_f(before, seed)
    return percentile_interval(_resampled_f(after, seed) - start)


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
