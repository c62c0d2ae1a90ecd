"""Synchrony: whether sounds begin when motion is stopped, weighted by the tolerance of viewers.

AV-Align compares two lists of moments; this score compares two trajectories over time and needs no
thresholds: the log odds of a hit at each frame (`impacts`), and the onset strength envelope of the
sound. It compares their correlation at the lag they have with that at every other lag the clip
allows, and tolerates small lags as far as viewers do.

Conventions
-----------
Times and lags are seconds; a positive lag is a late sound. The features of a clip are float64 rows
(kind, time, value), shape (k, 3); see `Kind`.

Metrics
-------
- :class:`Synchrony`: mean over clips of :func:`synchrony`, with p-value and lag of each clip.

Definition
----------
Let p be the trajectory of impacts and e the onset strength, smoothed by `SMOOTHING`, both on a grid
of `GRID` over the clip (a circle of n entries, as in `chance`), and

    c(l)   the correlation of p(t) with e(t + l): their agreement if the sound is l late,
    w(l)   the synchrony that viewers perceive at lag l, as a share (`TOLERANCE`),
    s(d)   = max over l of w(l) (c(l + d) - mean c),
    value  = (s(0) - mean s) / max(max s - mean s, mean s - min s),
    p      = share of all shifts d with s(d) >= s(0).

s(d) is the agreement of the clip with its sound shifted to d earlier. So 1 means that no shift of
the sound would agree better, 0 is chance, -1 that none would agree worse. (In a strict rhythm the
worst shift may lie further from the mean than the best, whose value is then less than 1.)

*Chance is 0.* Let the sound be independent of the picture, and its distribution invariant under
circular shifts. Then the observed value is that of a uniformly drawn shift; mean s and max s do not
change with the shift, so its mean is 0, exactly, and P(p <= x) <= x.

The *lag* maximises c within `LAGS`. Its interval is a block bootstrap: 90 % of `DRAWS` draws with
replacement of the clip's own blocks of `BLOCK` lie in it. It is all of `LAGS` where the lag is not
identified: where c reaches its maximum in more than `LUCK` of the windows of equal width that do
not overlap this one (clips of 2 s and less have no such window).

Tolerance of viewers
--------------------
PEAVS (Goncalves et al. 2024) collected 5-point ratings of clips with shifted sound. w(l) is their
mean rating, scaled from that of shifts by 1 s and more (0) to that of the originals (1), linear
between the levels: sound .125 s early costs as much as .25 s late, and from .25 to .5 s late nearly
all is lost. Nothing else of these ratings is used; the model of impacts was fitted on neither
ratings nor sound.

Edge cases
----------
| case                                          | value | p | lag  |
|-----------------------------------------------|-------|---|------|
| constant trajectory (a still picture)         | 0     | 1 | none |
| constant onset strength (silence)             | 0     | 1 | none |
| both                                          | left out of the mean, as by adjusted AV-Align |
| fewer than three frames used                  | ScoreError, from `impacts`                    |
| sound longer than the picture, or the reverse | compared as far as both last                  |
| an end that is frozen and silent (`--pad`)    | left out: both ending there is no synchrony   |

References
----------
- L. Goncalves et al.: PEAVS: Perceptual evaluation of audio-visual synchrony grounded in viewers'
  opinion scores. ECCV 2024, arXiv:2404.07336; ratings:
  https://github.com/amazon-science/avgen-eval-toolkit
- L. Hubert, P. Arabie: Comparing partitions. Journal of Classification 2, 1985 (the form of value).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ScoreError
from svbench.intervals import METHOD, Interval
from svbench.metrics.avalign.impact_model import IMPACT_MODEL
from svbench.metrics.avalign.trajectories import SMOOTHING, Kind, Trajectories
from svbench.metrics.per_clip import mean_of_clips, rows_by_clip
from svbench.types import Better, ClipScore, Features, Judgement, View

PRESETS: Final = ("impacts", "impacts+native")  # after the @: model of motion, and view
GRID: Final = 0.02  # s, of both trajectories
# Mean ratings of shifted sound in PEAVS (condition audio_shift), by lag in s.
_RATED: Final = {-0.5: 1.869, -0.125: 4.138, 0.0: 4.717, 0.045: 4.613, 0.1: 4.619}
_RATED_LATE: Final = {0.125: 4.566, 0.25: 4.078, 0.5: 1.868}
_LOST: Final = 1.644  # mean of the ratings at 1 s early (1.695), 1 s late (1.640), 2 s (1.596)
TOLERANCE: Final[Mapping[float, float]] = {
    -1.0: 0.0,
    **{
        lag: (mean - _LOST) / (_RATED[0.0] - _LOST)
        for lag, mean in {**_RATED, **_RATED_LATE}.items()
    },
    1.0: 0.0,
}
LAGS: Final = 0.5  # s, largest lag to either side
BLOCK: Final = 0.5  # s, of the bootstrap
DRAWS: Final = 200  # of the bootstrap
LEVEL: Final = 0.9  # of the interval of a lag
SIGNIFICANT: Final = 0.05  # level of the p-values that a note counts
BOUNDS: Final[Interval] = (-1.0, 1.0)
LUCK: Final = 0.1  # share of other windows that may reach the best correlation by chance
NULL: Final = "all circular shifts of the sound within the clip"


@dataclass(frozen=True, slots=True)
class Synchrony:
    """Mean synchrony of a set of clips, with an interval over clips."""

    view: View = "conformed"

    @property
    def name(self) -> str:
        """Return the name; each view makes another metric."""
        return "synchrony@impacts" + ("" if self.view == "conformed" else f"+{self.view}")

    @property
    def title(self) -> str:
        """Return the title of its column."""
        view = "" if self.view == "conformed" else f", {self.view} clips"
        return f"Synchrony (impacts{view})"

    @property
    def better(self) -> Better:
        """Return "higher": more synchrony is better."""
        return "higher"

    @property
    def extractor(self) -> Trajectories:
        """Return the extractor of its trajectories."""
        return Trajectories(IMPACT_MODEL, self.view)

    @property
    def needs_reference(self) -> bool:
        """Return False: a clip's sound is compared with its own picture."""
        return False

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return the settings of the score beside those of the extractor."""
        return {
            "tolerance": {f"{lag:g}": round(share, 4) for lag, share in TOLERANCE.items()},
            "smoothing": SMOOTHING,
            "null": NULL,
            "significant": SIGNIFICANT,
            "view": self.view,
            "bounds": list(BOUNDS),
            "interval": METHOD,
        }

    @property
    def fitted_on(self) -> tuple[str, ...]:
        """Return the distortion whose ratings `TOLERANCE` is made of."""
        return ("audio_shift",)

    def score(self, generated: Features, reference: Features | None = None) -> Judgement:
        """Compute the score of a set of clips from their trajectories.

        Raises
        ------
        ScoreError
            if there is no clip, or none that moves or sounds
        """
        del reference
        pairs = zip(generated.requests, rows_by_clip(generated), strict=True)
        scored = (_score_clip(request, np.asarray(rows, np.float64)) for request, rows in pairs)
        clips = [clip for clip in scored if clip is not None]
        if generated.count and not clips:
            raise ScoreError(
                f"{self.name}: none of {generated.count} clips moves or sounds, expected at least "
                "one"
            )
        note = _note(clips, generated.count)
        return mean_of_clips(self, clips, generated.extractor, BOUNDS, note)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The comparison of two trajectories; see the module for the terms."""

    value: float
    p: float
    lag: float | None = None  # s, positive: the sound is late
    lag_interval: Interval | None = None


def synchrony(impacts: NDArray[np.float64], rises: NDArray[np.float64]) -> Comparison:
    """Compute the synchrony of two trajectories on one grid of `GRID` seconds.

    Parameters
    ----------
    impacts, rises : np.ndarray, shape=(n,)
        log odds of a hit, and onset strength

    Returns
    -------
    comparison : Comparison
        value, p and lag (see the module); 0, 1 and None if either is constant
    """
    p, e = _standardised(impacts), _standardised(rises)
    if p is None or e is None:
        return Comparison(0.0, 1.0)
    c = _correlations(p, e)
    s = _tolerant(c)
    spread = max(s.max() - s.mean(), s.mean() - s.min())
    if spread < 1e-12:
        return Comparison(0.0, 1.0)
    value = float((s[0] - s.mean()) / spread)
    chance = float((s >= s[0] - 1e-12).mean())
    lag, interval = _lag(p, e)
    return Comparison(value, chance, lag, interval if _identified(c) else (-LAGS, LAGS))


def _standardised(x: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return a trajectory scaled to mean 0 and variance 1; None if it is constant."""
    spread = x.std() if len(x) else 0.0
    return None if spread < 1e-9 else np.asarray((x - x.mean()) / spread, np.float64)


def _correlations(p: NDArray[np.float64], e: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute c(l) for l = 0, GRID, 2 GRID ... round the circle, shape (n,)."""
    n = len(p)
    return np.asarray(np.fft.irfft(np.conj(np.fft.rfft(p)) * np.fft.rfft(e), n) / n, np.float64)


def _tolerant(c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute s(d) for every shift d, shape (n,)."""
    n, centred = len(c), c - c.mean()
    reach = min(round(max(TOLERANCE) / GRID) - 1, (n - 1) // 2)  # beyond, the share is 0
    shares = np.interp(
        np.arange(-reach, reach + 1) * GRID, list(TOLERANCE), list(TOLERANCE.values())
    )
    around = np.concatenate([centred[n - reach :], centred, centred[:reach]])
    windows = np.lib.stride_tricks.sliding_window_view(around, 2 * reach + 1)
    return np.asarray((windows * shares).max(axis=1), np.float64)


def _identified(c: NDArray[np.float64]) -> bool:
    """Return whether the maximum of c within `LAGS` exceeds that of most other such windows."""
    n, reach = len(c), round(LAGS / GRID)
    apart = np.arange(2 * reach + 1, n - 2 * reach)  # centres of windows that do not overlap it
    if not len(apart):
        return False
    around = np.concatenate([c[-reach:], c, c[:reach]])
    best = np.lib.stride_tricks.sliding_window_view(around, 2 * reach + 1).max(axis=1)
    return bool((best[apart] >= best[0]).mean() <= LUCK)


def _lag(p: NDArray[np.float64], e: NDArray[np.float64]) -> tuple[float, Interval]:
    """Compute the lag that maximises the correlation, and its block bootstrap interval, s."""
    n, reach = len(p), min(round(LAGS / GRID), (len(p) - 1) // 2)
    lags = np.arange(-reach, reach + 1)
    products = p[:, None] * e[(np.arange(n)[:, None] + lags) % n]
    starts = np.arange(0, n, round(BLOCK / GRID))
    blocks = np.add.reduceat(products, starts, axis=0)
    draws = np.random.default_rng(0).multinomial(
        len(blocks), np.full(len(blocks), 1 / len(blocks)), DRAWS
    )
    drawn = lags[(draws @ blocks).argmax(axis=1)] * GRID
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="nearest")
    return float(lags[blocks.sum(axis=0).argmax()] * GRID), (float(low), float(high))


def _score_clip(request: str, rows: NDArray[np.float64]) -> ClipScore | None:
    """Compute the score of one clip; None where nothing moves and nothing sounds."""
    lengths, ends = (rows[rows[:, 0] == kind, 1:] for kind in (Kind.CLIP, Kind.END))
    if rows.shape[1] != 3 or (len(lengths), len(ends)) != (1, 1):
        raise ScoreError(
            f"{request}: expected rows of 3, one each of kind CLIP and END, got {rows.shape}"
        )
    grid = np.arange(0.0, min(lengths.min(), ends.max() or lengths.min()), GRID)
    impacts, rises = (_on(grid, rows[rows[:, 0] == kind, 1:]) for kind in (Kind.IMPACT, Kind.RISE))
    if _standardised(impacts) is None and _standardised(rises) is None:
        return None
    found = synchrony(impacts, rises)
    detail = {"p": found.p}
    if found.lag is not None and found.lag_interval is not None:
        low, high = found.lag_interval
        detail |= {"lag": found.lag, "lag_low": low, "lag_high": high}
    return ClipScore(request, found.value, detail)


def _on(grid: NDArray[np.float64], curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate rows (time, value) on a grid (s); 0 without rows."""
    return np.interp(grid, *curve.T) if len(curve) else np.zeros(len(grid))


def _note(clips: Sequence[ClipScore], count: int) -> str:
    """Return how many clips are significantly synchronous, and how many are left out."""
    aligned = [clip for clip in clips if float(clip.detail["p"]) < SIGNIFICANT]  # type: ignore[arg-type]
    parts = [
        f"{len(aligned)} of {len(clips)} clips significantly synchronous (p < {SIGNIFICANT:g})"
    ]
    if count > len(clips):
        parts.append(
            f"{count - len(clips)} of {count} clips neither move nor sound and are left out"
        )
    return "; ".join(parts)
