"""The distribution of AV-Align under chance, exactly, by circular time shifts.

A clip with many onsets and many motion peaks scores high whether or not they belong together.
The null distribution is therefore that of the clip itself: the onsets are shifted circularly within
the clip by every possible amount, which keeps their number and rhythm and breaks only their
relation to the picture.

Conventions
-----------
Times are seconds in [0, duration); the clip is a circle, so its end is next to its start, and
distances are measured the short way round. A window that ends before the clip does never
reaches round; the windows of detected peaks (frames 1 to T - 1) all end within the clip, so
for them the score at shift 0 is the plain AV-Align score.
Onsets come first, and a match is strict, as in `formulas`.

Derivation
----------
Let S(s) be the score after shifting the onsets by s, and let

    m = (1 / D) * integral of S(s) over 0 <= s < D,        D the clip's length,
    adjusted = (S(0) - m) / (c - m),                       c the ceiling of the score,
    p = share of the shifts with S(s) >= S(0).

Onset i matches peak j exactly for the shifts between v_j - a_i - 1/fps and v_j - a_i + 1/fps
(modulo D). S is therefore constant between neighbours among these 2 |A| |V| break points, and
its integral is a finite sum: no sampling, no seed.

*Chance is 0.* Let the onsets be independent of the peaks, and their distribution invariant under
circular shifts. Given the peaks, and the onsets up to a shift, the observed score is then S(U), U
uniform in [0, D); its mean is m, and neither m nor c changes with the shift. So the adjusted score
has mean 0, exactly and for any numbers of events, and P(p <= x) <= x. This is why no shift is left
out, not even the small ones: with a guard around 0, m would change with the shift, the mean would
be 0 only approximately, and p would no longer be valid. The price is that m holds a little of the
true alignment.

*Perfect is 1.* c is the most the formula can give for these numbers of events: 1, and for
tempotokens-2023 the larger of 1 and |A| / |V| (every onset matched). Identical trains score 1.

*A common shift changes nothing*, as only differences of times on the circle enter.

Limits of p: one onset and one peak match in 2 / (fps * D) of the shifts (0.0625 for 4 s at
8 frames/s), so a lone match is never significant at 0.05. A strict rhythm fits again when shifted
by its period, so m is high and p large: such a clip is weak evidence.

Edge cases
----------
| case                                   | score | m | adjusted | p |
|----------------------------------------|-------|---|----------|---|
| no onsets, or no peaks, or neither     | 0     | 0 | 0        | 1 |
| m = c: every shift is perfect          | c     | c | 0        | 1 |
| the window is as long as the clip      | as above: every onset matches every peak  |
| a time outside [0, duration)           | taken modulo the duration                 |

The greedy matching of tempotokens-2025 starts after the widest gap between peaks: peaks in the rows
of `matches`, each taking the first free onset. Wherever that gap is two frames or more, which is so
for all detected peaks, this is the largest matching, and so is that of the published order (onsets
in rows, rising times).

References
----------
- L. Hubert, P. Arabie: Comparing partitions. Journal of Classification 2, 1985 (correction for
  chance with 0 at chance and 1 at the ceiling).
- For the scores see `formulas`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from svbench.errors import ScoreError
from svbench.metrics.avalign.formulas import (
    FORMULAS,
    Array,
    Matches,
    Times,
    Variant,
    validate_times,
    within_window,
)

SAME: Final = 1e-9  # scores this near are equal: quotients of small integers differ by far more
_CELLS_AT_ONCE: Final = 2**21  # (shift, onset, peak) cells held in memory: some 40 MB


@dataclass(frozen=True, slots=True)
class Chance:
    """The score of a clip beside its null distribution."""

    score: float  # S(0), on the circle
    null_mean: float  # m, over all circular shifts of the onsets
    ceiling: float  # c, the largest value of the formula for these numbers of events
    p: float  # share of the shifts with S(s) >= S(0)

    @property
    def adjusted(self) -> float:
        """Return (S(0) - m) / (c - m); 0 if no shift changes a perfect score."""
        room = self.ceiling - self.null_mean
        return (self.score - self.null_mean) / room if room > SAME else 0.0


def chance(variant: Variant, onsets: Times, peaks: Times, fps: float, duration: float) -> Chance:
    """Compute the score of a clip and its distribution over all circular shifts of its onsets.

    Parameters
    ----------
    variant : str
        a key of `formulas.FORMULAS`
    onsets, peaks : sequence of float, shape=(n,)
        times, in seconds
    fps : float
        frames per second of the video
    duration : float
        length of the clip, in seconds

    Returns
    -------
    chance : Chance
        score, null mean, ceiling and p-value

    Raises
    ------
    ScoreError
        if a time is not finite, or frame rate or duration are not finite numbers above 0
    """
    if not (math.isfinite(fps) and fps > 0 and math.isfinite(duration) and duration > 0):
        raise ScoreError(
            f"chance needs a frame rate and a duration above 0, got {fps} and {duration}"
        )
    a, v = _on_circle(onsets, "onset", duration), _on_circle(peaks, "motion peak", duration)
    ceiling = max(1.0, len(a) / len(v)) if variant == "tempotokens-2023" and len(v) else 1.0
    if not (len(a) and len(v)):
        return Chance(0.0, 0.0, ceiling, 1.0)
    shifts, lengths = _pieces(a, v, 1 / fps, duration)
    values = _scores(variant, a, v, shifts, fps, duration)
    observed = float(_scores(variant, a, v, np.zeros(1), fps, duration)[0])
    share = lengths / duration
    p = float(share[values >= observed - SAME].sum())
    return Chance(observed, float(share @ values), ceiling, min(p, 1.0))


def _on_circle(times: Times, name: str, duration: float) -> Array:
    """Return the times modulo the duration, rising."""
    return np.sort(np.mod(validate_times(times, name), duration))


def _pieces(a: Array, v: Array, window: float, duration: float) -> tuple[Array, Array]:
    """Return the pieces of [0, D) of constant score: a shift inside each, and its length."""
    meet = v[None] - a[:, None]
    breaks = np.mod(np.concatenate([meet - window, meet + window], axis=None), duration)
    edges = np.unique(np.concatenate([[0.0, duration], breaks]))
    return (edges[:-1] + edges[1:]) / 2, np.diff(edges)


def _scores(
    variant: Variant, a: Array, v: Array, shifts: Array, fps: float, duration: float
) -> Array:
    """Return S(s) at each shift, shape (n,)."""
    rows = max(1, _CELLS_AT_ONCE // (len(a) * len(v)))
    blocks = [shifts[first : first + rows] for first in range(0, len(shifts), rows)]
    return np.concatenate([_block(variant, a, v, block, fps, duration) for block in blocks])


def _block(
    variant: Variant, a: Array, v: Array, shifts: Array, fps: float, duration: float
) -> Array:
    shifted = np.mod(a + shifts[:, None], duration)
    matches = np.zeros((len(shifts), len(a), len(v)), dtype=bool)
    for turn in (0.0, -duration, duration):
        matches |= within_window(shifted + turn, v, fps)
    if variant == "tempotokens-2025":
        matches = _in_order(matches, shifted, v, 1 / fps, duration)
    return FORMULAS[variant](matches)


def _in_order(
    matches: Matches, shifted: Array, v: Array, window: float, duration: float
) -> Matches:
    """Return matches (n, P, K) whose peaks and onsets follow each other from the widest gap on."""
    first = int(np.argmax(np.diff(v, prepend=v[-1] - duration)))  # the peak after that gap
    order = np.argsort(np.mod(shifted - (v[first] - window), duration), axis=1)
    ordered = np.take_along_axis(matches, order[:, :, None], axis=1)
    return np.roll(ordered, -first, axis=2).swapaxes(1, 2)
