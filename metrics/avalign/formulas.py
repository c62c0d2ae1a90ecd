"""The formulas of AV-Align: how well the onsets of a sound match the motion peaks of its picture.

AV-Align is an intersection over union (IoU) of two sets of moments, the onsets A and the motion
peaks V (Ishii et al., Eq. 11). The sets hold different moments, so an element belongs to the other
set if it *matches* one of its elements, and one peak may match several onsets. The formulas differ
in how they count the union.

Conventions
-----------
Onsets and peaks are times in seconds, in any order; onsets always come first. An onset a and a peak
v match if they lie less than one frame apart,

    v - 1 / fps < a < v + 1 / fps,

strictly and in float64, so that a distance of exactly one frame does not match. This is the
"window of three frames" of the paper. The frame rate is part of the score: compare scores at equal
frame rates only.

`matches` is boolean, of shape (..., K, P): entry (i, j) states whether onset i matches peak j.
Every formula is a function of `matches` and applies along the leading axes (`chance` has one for
each shift of the onsets).

Metrics
-------
- :func:`precision_recall`: share of onsets that match a peak, share of peaks that match an onset
  (Ishii et al., Eq. 15).
- :func:`corrected`: p r / (p + r - p r) (Ishii et al., Eq. 14), within 0..1.
- :func:`tempotokens_2023`: c / (|A| + |V| - c), where c counts onsets that match any peak (Ishii et
  al., Eq. 12; the first public implementation). It exceeds 1 where 2 c > |A| + |V|.
- :func:`tempotokens_2025`: the same quotient, where c counts the pairs of a one-to-one matching
  that assigns to each onset the first free peak, both in list order; not always the largest
  matching. Its detector also drops peaks below `TEMPOTOKENS_2025_FLOOR`.

Edge cases
----------
| case                       | here       | published code                         |
|----------------------------|------------|----------------------------------------|
| no onset and no peak       | 0          | corrected 0, others ZeroDivisionError  |
| one of the lists empty     | 0          | 0                                      |
| p = r = 0                  | 0          | 0                                      |
| fps is 0                   | ScoreError | ZeroDivisionError                      |
| fps negative, NaN or inf   | ScoreError | nothing matches                        |
| a time is NaN or infinite  | ScoreError | it never matches                       |

References
----------
- M. Ishii, A. Hayakawa, T. Shibuya, Y. Mitsufuji: A simple but strong baseline for sounding
  video generation. https://arxiv.org/abs/2409.17550, appendix A.4.
- G. Yariv et al.: Diverse and aligned audio-to-video generation via text-to-video model
  adaptation. AAAI 2024, https://arxiv.org/abs/2309.16429. Code:
  https://github.com/guyyariv/TempoTokens
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ScoreError

Variant = Literal["corrected", "tempotokens-2023", "tempotokens-2025"]
Times = Sequence[float] | NDArray[np.float64]
Array = NDArray[np.float64]
Matches = NDArray[np.bool_]  # (..., K, P)

TEMPOTOKENS_2025_FLOOR: Final = 0.1  # px per frame; peaks below it do not count in that code


def validate_times(times: Times, name: str) -> Array:
    """Return times as float64, shape (n,); raise ScoreError unless all are finite."""
    array = np.asarray(times, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ScoreError(f"{name} times must be a list of finite seconds, got {times}")
    return array


def within_window(onsets: Array, peaks: Array, fps: float) -> Matches:
    """Return which onsets, shape (..., K), lie less than one frame from which peaks, shape (P,)."""
    a, v = onsets[..., :, None], peaks
    return np.asarray((v - 1 / fps < a) & (a < v + 1 / fps))


def match(onsets: Times, peaks: Times, fps: float) -> Matches:
    """Compute which onsets match which motion peaks.

    Parameters
    ----------
    onsets, peaks : sequence of float, shape=(K,) and (P,)
        times, in seconds
    fps : float
        frames per second of the video

    Returns
    -------
    matches : np.ndarray of bool, shape=(K, P)

    Raises
    ------
    ScoreError
        if a time is not finite, or the frame rate not a finite number above 0
    """
    if not (math.isfinite(fps) and fps > 0):
        raise ScoreError(f"AV-Align needs a frame rate above 0, got {fps}")
    return within_window(validate_times(onsets, "onset"), validate_times(peaks, "motion peak"), fps)


def precision_recall(matches: Matches) -> tuple[Array, Array]:
    """Compute precision and recall of onsets as predictors of peaks (Ishii et al., Eq. 15).

    Parameters
    ----------
    matches : np.ndarray of bool, shape=(..., K, P)

    Returns
    -------
    precision : np.ndarray, shape=(...)
        matched onsets / K, 0 without onsets
    recall : np.ndarray, shape=(...)
        matched peaks / P, 0 without peaks
    """
    onsets, peaks = matches.shape[-2:]
    precision = matches.any(axis=-1).sum(axis=-1) / max(onsets, 1)
    recall = matches.any(axis=-2).sum(axis=-1) / max(peaks, 1)
    return np.asarray(precision), np.asarray(recall)


def corrected(matches: Matches) -> Array:
    """Compute p r / (p + r - p r) (Ishii et al., Eq. 14), shape (...); 0 if nothing matches."""
    p, r = precision_recall(matches)
    return _divide(p * r, p + r - p * r)


def tempotokens_2023(matches: Matches) -> Array:
    """Compute c / (K + P - c) (Ishii et al., Eq. 12), shape (...), c onsets with any match.

    One peak may match many onsets, so the value may exceed 1.
    """
    return _iou(matches.any(axis=-1).sum(axis=-1), matches)


def tempotokens_2025(matches: Matches) -> Array:
    """Compute c / (K + P - c), shape (...), c pairs of a greedy one-to-one matching.

    Each row takes the first free column that it matches; source:
    https://github.com/guyyariv/TempoTokens as of February 2025.
    """
    free = np.ones(matches.shape[:-2] + matches.shape[-1:], dtype=bool)
    pairs = np.zeros(matches.shape[:-2], dtype=np.int64)
    for row in np.moveaxis(matches, -2, 0):
        candidates = row & free
        taken = candidates & (candidates.cumsum(axis=-1) == 1)
        free &= ~taken
        pairs += taken.any(axis=-1)
    return _iou(pairs, matches)


FORMULAS: Final[Mapping[Variant, Callable[[Matches], Array]]] = {
    "corrected": corrected,
    "tempotokens-2023": tempotokens_2023,
    "tempotokens-2025": tempotokens_2025,
}


def _iou(matched: NDArray[np.int64], matches: Matches) -> Array:
    """Return c / (K + P - c), 0 if both lists are empty."""
    onsets, peaks = matches.shape[-2:]
    return _divide(matched, onsets + peaks - matched)


def _divide(numerator: NDArray[np.number], denominator: NDArray[np.number]) -> Array:
    """Divide; 0 where the denominator is 0."""
    out = np.zeros(np.shape(numerator))
    np.divide(numerator, denominator, out=out, where=np.asarray(denominator) > 0)
    return out
