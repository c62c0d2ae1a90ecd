"""How well AV-Align would score by chance: an exact answer, by circular time shifts.

A clip with many onsets and many motion peaks scores high whether or not they belong together.
Chance is therefore read off the clip itself: the onsets are turned round the circle of the
clip's length by every shift there is, which keeps their number and their rhythm and breaks
only their tie to the picture.

Conventions
-----------
Times are seconds in [0, duration); the clip is a circle, so its end is next to its start, and
distances are measured the short way round. A window that ends before the clip does never
reaches round; the windows of detected peaks (frames 1 to T - 1) all end within the clip, so
for them the score at shift 0 is the plain AV-Align score.
Onsets come first, as in `av_align`. A match is strict: less than one frame apart.

Derivation
----------
Let S(s) be the score after turning the onsets by s, and let

    m = (1 / D) * integral of S(s) over 0 <= s < D,        D the clip's length,
    adjusted = (S(0) - m) / (c - m),                       c the ceiling of the score,
    p = share of the shifts with S(s) >= S(0).

Onset i matches peak j exactly for the shifts between v_j - a_i - 1/fps and v_j - a_i + 1/fps
(modulo D). S is therefore constant between neighbours among these 2 |A| |V| break points, and
its integral is a finite sum: no sampling, no seed.

*Chance is 0.* Let the onsets be independent of the peaks and as likely in any turn of the
circle as in any other. Given the peaks and the onsets up to a turn, the observed score is then
S(U), U uniform in [0, D); its mean is m, and neither m nor c changes with the turn. So the
adjusted score has mean 0, exactly and for any numbers of events, and P(p <= x) <= x. This is why
no shift is left out, not even the small ones: with a guard around 0, m would change with the
turn, the mean would be 0 only nearly, and p would no longer hold its promise. The price is that
m holds a little of the true alignment.

*Perfect is 1.* c is the most the formula can give for these numbers of events: 1, and for
tempotokens-2023 the larger of 1 and |A| / |V| (every onset matched). Identical trains score 1.

*A common shift changes nothing*, as only differences of times on the circle enter.

What p can and cannot say: one onset and one peak meet by chance in 2 / (fps * D) of the shifts
(0.0625 for 4 s at 8 frames/s), so a lone match is never significant at 0.05. A strict rhythm fits
again when turned by its period, so m is high and p large: such a clip tells little.

What happens at the edges
-------------------------
| case                                   | score | m | adjusted | p |
|----------------------------------------|-------|---|----------|---|
| no onsets, or no peaks, or neither     | 0     | 0 | 0        | 1 |
| m = c: every shift is perfect          | c     | c | 0        | 1 |
| the window is as long as the clip      | as above: every onset matches every peak  |
| a time outside [0, duration)           | taken modulo the duration                 |

Matching one to one (tempotokens-2025) starts after the widest gap between peaks. Wherever that
gap is two frames or more, which is so for all detected peaks, this gives the largest matching,
and so does the published order (rising times).

References
----------
- L. Hubert, P. Arabie: Comparing partitions. Journal of Classification 2, 1985 (correction for
  chance with 0 at chance and 1 at the ceiling).
- M. Ishii et al.: arXiv:2409.17550, appendix A.4; G. Yariv et al.: arXiv:2309.16429 (scores).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ScoreError

Variant = Literal["corrected", "tempotokens-2023", "tempotokens-2025"]
Times = Sequence[float] | NDArray[np.float64]

SAME: Final = 1e-9  # scores this near are equal: quotients of small integers differ by far more
_CELLS_AT_ONCE: Final = 2**21  # (shift, onset, peak) cells held in memory: some 40 MB


@dataclass(frozen=True, slots=True)
class Chance:
    """A score, and what chance would make of the same events."""

    score: float  # on the circle, unshifted
    null_mean: float  # mean over all circular shifts of the onsets
    ceiling: float  # the most the formula can give for these numbers of events
    p: float  # share of shifts that score as high

    @property
    def adjusted(self) -> float:
        """Give 0 for chance and 1 for perfect; 0 if no shift can change a perfect score."""
        room = self.ceiling - self.null_mean
        return (self.score - self.null_mean) / room if room > SAME else 0.0


def chance(variant: Variant, onsets: Times, peaks: Times, fps: float, duration: float) -> Chance:
    """Hold the score of a clip against all circular shifts of its onsets.

    Parameters
    ----------
    variant : str
        which formula of AV-Align
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


def _on_circle(times: Times, what: str, duration: float) -> NDArray[np.float64]:
    """Give the times within [0, duration), rising."""
    array = np.asarray(times, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ScoreError(f"{what} times must be a list of finite seconds, got {times}")
    return np.sort(np.mod(array, duration))


def _pieces(
    a: NDArray[np.float64], v: NDArray[np.float64], window: float, duration: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cut all shifts into pieces of constant score: a shift within each, and its length."""
    meet = v[None] - a[:, None]
    breaks = np.mod(np.concatenate([meet - window, meet + window], axis=None), duration)
    edges = np.unique(np.concatenate([[0.0, duration], breaks]))
    return (edges[:-1] + edges[1:]) / 2, np.diff(edges)


def _scores(
    variant: Variant,
    a: NDArray[np.float64],
    v: NDArray[np.float64],
    shifts: NDArray[np.float64],
    fps: float,
    duration: float,
) -> NDArray[np.float64]:
    """Give the score at each shift."""
    rows = max(1, _CELLS_AT_ONCE // (len(a) * len(v)))
    blocks = [shifts[first : first + rows] for first in range(0, len(shifts), rows)]
    return np.concatenate([_block(variant, a, v, block, fps, duration) for block in blocks])


def _block(
    variant: Variant,
    a: NDArray[np.float64],
    v: NDArray[np.float64],
    shifts: NDArray[np.float64],
    fps: float,
    duration: float,
) -> NDArray[np.float64]:
    turned = np.mod(a + shifts[:, None], duration)
    matches = np.zeros((len(shifts), len(a), len(v)), dtype=bool)
    for turn in (0.0, -duration, duration):  # the same comparison as in the plain score
        at = (turned + turn)[..., None]
        matches |= (v - 1 / fps < at) & (at < v + 1 / fps)
    if variant == "tempotokens-2025":
        matched = _one_to_one(matches, turned, v, 1 / fps, duration)
        return np.asarray(matched / (len(a) + len(v) - matched))
    matched = matches.any(axis=2).sum(axis=1)
    if variant == "tempotokens-2023":
        return np.asarray(matched / (len(a) + len(v) - matched))
    p, r = matched / len(a), matches.any(axis=1).sum(axis=1) / len(v)
    union = p + r - p * r
    return np.asarray(np.divide(p * r, union, out=np.zeros_like(union), where=union > 0))


def _one_to_one(
    matches: NDArray[np.bool_],
    turned: NDArray[np.float64],
    v: NDArray[np.float64],
    window: float,
    duration: float,
) -> NDArray[np.int64]:
    """Count the pairs when each peak, in order, takes the first free onset of its window."""
    first = int(np.argmax(np.diff(v, prepend=v[-1] - duration)))  # after the widest gap
    order = np.argsort(np.mod(turned - (v[first] - window), duration), axis=1)
    inside = np.take_along_axis(matches, order[:, :, None], axis=1)
    inside = np.ascontiguousarray(np.moveaxis(inside, 2, 0))  # (peak, shift, onset in order)
    free = np.ones_like(turned, dtype=bool)
    pairs = np.zeros(len(turned), dtype=np.int64)
    for j in _round_from(first, len(v)):
        candidates = inside[j] & free
        taken = candidates.argmax(axis=1)
        found = np.flatnonzero(candidates[np.arange(len(free)), taken])
        free[found, taken[found]] = False
        pairs[found] += 1
    return pairs


def _round_from(first: int, count: int) -> Iterator[int]:
    """Yield the numbers below `count`, beginning with `first`, once round."""
    return ((first + i) % count for i in range(count))
