"""Synchrony: whether sounds begin where motion is stopped, as people would judge it.

AV-Align compares two lists of moments; this score compares two trajectories over time, so nothing
hangs on thresholds: how likely a hit is at each frame (`impacts`), and how strongly the sound
rises (onset strength). It asks how well they fit at the lag they have, in comparison with every
other lag the clip allows, and forgives small lags as far as people do.

Definition
----------
Let p be the trajectory of impacts and e the onset strength, smoothed by `SMOOTHING`, both on a grid
of `GRID` over the clip (a circle of n entries, as in `chance`), and

    c(l)   the correlation of p(t) with e(t + l): how well they fit if the sound is l late,
    w(l)   the share of synchrony that people feel at lag l (`TOLERANCE`),
    s(d)   = max over l of w(l) (c(l + d) - mean c),
    value  = (s(0) - mean s) / max(max s - mean s, mean s - min s),
    p      = share of all shifts d with s(d) >= s(0).

s(d) is what the clip would reach if its sound came d earlier. So 1 says that no shift of the
sound would fit better, 0 is chance, -1 that none would fit worse. (In a strict rhythm the worst
shift may lie further from the mean than the best, which is then less than 1.)

*Chance is 0.* Let the sound be independent of the picture and as likely in any turn of the circle
as in any other. Then the observed value is that of a uniformly drawn turn; mean s and max s do not
change with the turn, so its mean is 0, exactly, and P(p <= x) <= x.

The *lag* is where c is largest within `LAGS` (positive: the sound is late). Its interval is what
remains of it when the clip is put together anew from its own blocks of `BLOCK`: 90 % of `DRAWS`
draws with replacement lie in it. It is all of `LAGS` where the clip says nothing of its lag: where
c reaches as much in more than `LUCK` of the windows of equal width that do not overlap this one
(clips of 2 s and less have no such window).

What people tolerate
--------------------
PEAVS (Goncalves et al. 2024) had 5-point ratings of clips whose sound was shifted. w(l) is their
mean rating, from that of shifts by 1 s and more (0) to that of the originals (1), linear between
the levels: sound .125 s early costs as much as .25 s late, and from .25 to .5 s late nearly all is
lost. Nothing else of these ratings is used; the model of impacts has seen neither them nor sound.

What happens at the edges
-------------------------
| case                                          | value | p | lag  |
|-----------------------------------------------|-------|---|------|
| constant trajectory (a still picture)         | 0     | 1 | none |
| constant onset strength (silence)             | 0     | 1 | none |
| both                                          | left out of the mean, as in `adjusted` |
| fewer than three frames used                  | ScoreError, from `impacts`             |
| sound longer than the picture, or the reverse | judged as far as both last             |
| an end that is frozen and silent (`--pad`)    | left out: both stopping there is no synchrony |

References
----------
- L. Goncalves et al.: PEAVS: Perceptual evaluation of audio-visual synchrony grounded in viewers'
  opinion scores. ECCV 2024, arXiv:2404.07336; ratings: https://github.com/amazon-science/avgen-eval-toolkit
- L. Hubert, P. Arabie: Comparing partitions. Journal of Classification 2, 1985 (the form of value).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from importlib.metadata import version
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from svbench.compute import digest_settings, minor_version
from svbench.errors import ScoreError
from svbench.intervals import METHOD, Interval
from svbench.metrics.avalign.impact_model import IMPACT_MODEL
from svbench.metrics.avalign.impacts import MOTION_VERSION, ImpactModel, last_change, motion_of
from svbench.metrics.avalign.onsets import OnsetSettings, onset_strength
from svbench.metrics.per_clip import mean_of_clips
from svbench.types import Better, Clip, ClipScore, Features, Judgement, Values, View

# Part of the cache key: raise it whenever the code gives other numbers for equal settings.
CODE_VERSION: Final = 2
PRESETS: Final = ("impacts", "impacts+native")  # behind the @: model of motion, and view
GRID: Final = 0.02  # s, of both trajectories
ONSETS: Final = OnsetSettings(hop_length=220)  # 10 ms; the rest as published
SMOOTHING: Final = 0.05  # s, standard deviation of a Gaussian over the onset strength
# Mean ratings of shifted sound by PEAVS (facts: audio_shift), s late -> share of synchrony.
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
LAGS: Final = 0.5  # s to either side where the lag is looked for
BLOCK: Final = 0.5  # s
DRAWS: Final = 200
LEVEL: Final = 0.9  # of the interval of a lag
SIGNIFICANT: Final = 0.05
BOUNDS: Final[Interval] = (-1.0, 1.0)
LUCK: Final = 0.1
NULL: Final = "all circular shifts of the sound within the clip"


class Kind(IntEnum):
    """What a row of the extractor holds."""

    CLIP = 0  # once: length of picture and of sound, s
    IMPACT = 1  # one per frame used: its time, log odds of a hit
    RISE = 2  # one per 10 ms of sound: time, onset strength, smoothed
    END = 3  # once: when the picture changes last, and the sound, s


@dataclass(frozen=True, slots=True)
class Trajectories:
    """The extractor behind `Synchrony`: impacts and onset strength over time."""

    model: ImpactModel
    view: View = "conformed"

    @property
    def key(self) -> str:
        """Return what decides the features: model, view, code version and two libraries."""
        import cv2

        decides = {
            "model": repr(self.model),
            "view": self.view,
            "code": [CODE_VERSION, MOTION_VERSION],
            "onsets": repr(ONSETS),
            "librosa": minor_version(version("librosa")),
            "opencv": minor_version(cv2.getVersionString()),
        }
        return f"trajectories-{self.view}-{digest_settings(decides, 10)}"

    def __call__(self, clips: Sequence[Clip], captions: Sequence[str]) -> list[Values]:
        """Extract one block of rows (kind, time, value) per clip; captions do not matter."""
        del captions
        return [_block(clip, self.model) for clip in clips]

    @property
    def joins_any_length(self) -> bool:
        """Picture and sound are compared as far as both last."""
        return True

    def joined(self, picture: Values, sound: Values) -> Values:
        """Return the rows of a clip made of one clip's picture and another's sound."""
        once = picture[np.isin(picture[:, 0], (Kind.CLIP, Kind.END))].copy()
        once[:, 2] = sound[np.isin(sound[:, 0], (Kind.CLIP, Kind.END)), 2]
        impacts, rises = picture[picture[:, 0] == Kind.IMPACT], sound[sound[:, 0] == Kind.RISE]
        return np.concatenate([once, impacts, rises])


@dataclass(frozen=True, slots=True)
class Synchrony:
    """Mean synchrony of a set of clips, with an interval over clips."""

    view: View = "conformed"

    @property
    def name(self) -> str:
        """Return the name, with the view: each makes another metric."""
        return "synchrony@impacts" + ("" if self.view == "conformed" else f"+{self.view}")

    @property
    def title(self) -> str:
        """Return the title of its column."""
        view = "" if self.view == "conformed" else f", {self.view} clips"
        return f"Synchrony (impacts{view})"

    @property
    def better(self) -> Better:
        """More synchrony is better."""
        return "higher"

    @property
    def extractor(self) -> Trajectories:
        """Return what extracts its trajectories."""
        return Trajectories(IMPACT_MODEL, self.view)

    @property
    def needs_reference(self) -> bool:
        """A clip's sound is compared with its own picture."""
        return False

    @property
    def settings(self) -> Mapping[str, Any]:
        """Return what decides the score beside the model, for the record."""
        return {
            "tolerance": {f"{lag:g}": round(share, 4) for lag, share in TOLERANCE.items()},
            "smoothing": SMOOTHING,
            "null": NULL,
            "significant": SIGNIFICANT,
            "view": self.view,
            "bounds": list(BOUNDS),
            "interval": METHOD,
        }

    def score(self, generated: Features, reference: Features | None = None) -> Judgement:
        """Judge a set of clips by their trajectories."""
        del reference
        if generated.count == 0:
            raise ScoreError(f"{self.name} needs at least one clip, got none")
        ends = np.searchsorted(generated.owner, np.arange(1, generated.count))
        blocks = np.split(np.asarray(generated.values, np.float64), ends)
        pairs = zip(generated.requests, blocks, strict=True)
        judged = [_judge(request, block) for request, block in pairs]
        clips = tuple(clip for clip in judged if clip is not None)
        if not clips:
            raise ScoreError(
                f"{self.name}: none of {len(judged)} clips moves or sounds, expected at least one"
            )
        return mean_of_clips(self, clips, generated.extractor, BOUNDS, _note(clips, len(judged)))


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What two trajectories say of a clip."""

    value: float
    p: float
    lag: float | None = None  # s, positive: the sound is late
    lag_interval: Interval | None = None


def synchrony(impacts: NDArray[np.float64], rises: NDArray[np.float64]) -> Found:
    """Compare two trajectories on one grid of `GRID` seconds.

    Parameters
    ----------
    impacts, rises : np.ndarray, shape=(n,)
        log odds of a hit, and onset strength

    Returns
    -------
    found : Found
        value, p and lag (see the module); 0, 1 and None if either is constant
    """
    p, e = _standard(impacts), _standard(rises)
    if p is None or e is None:
        return Found(0.0, 1.0)
    fit = _correlations(p, e)
    reached = _reached(fit)
    spread = max(reached.max() - reached.mean(), reached.mean() - reached.min())
    if spread < 1e-12:
        return Found(0.0, 1.0)
    value = float((reached[0] - reached.mean()) / spread)
    chance = float((reached >= reached[0] - 1e-12).mean())
    lag, interval = _lag(p, e)
    return Found(value, chance, lag, interval if _tells(fit) else (-LAGS, LAGS))


def _standard(x: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return a trajectory of mean 0 and standard deviation 1; None if it is constant."""
    spread = x.std() if len(x) else 0.0
    return None if spread < 1e-9 else np.asarray((x - x.mean()) / spread, np.float64)


def _correlations(p: NDArray[np.float64], e: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return c(l) for l = 0, GRID, 2 GRID ... round the circle."""
    n = len(p)
    return np.asarray(np.fft.irfft(np.conj(np.fft.rfft(p)) * np.fft.rfft(e), n) / n, np.float64)


def _reached(fit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return s(d) for every shift d."""
    n, centred = len(fit), fit - fit.mean()
    reach = min(round(max(TOLERANCE) / GRID) - 1, (n - 1) // 2)  # beyond, the share is 0
    shares = np.interp(
        np.arange(-reach, reach + 1) * GRID, list(TOLERANCE), list(TOLERANCE.values())
    )
    around = np.concatenate([centred[n - reach :], centred, centred[:reach]])
    windows = np.lib.stride_tricks.sliding_window_view(around, 2 * reach + 1)
    return np.asarray((windows * shares).max(axis=1), np.float64)


def _tells(fit: NDArray[np.float64]) -> bool:
    """Return whether the best fit within `LAGS` stands out from those of other such windows."""
    n, reach = len(fit), round(LAGS / GRID)
    apart = np.arange(2 * reach + 1, n - 2 * reach)  # centres of windows that do not overlap it
    if not len(apart):
        return False
    around = np.concatenate([fit[-reach:], fit, fit[:reach]])
    best = np.lib.stride_tricks.sliding_window_view(around, 2 * reach + 1).max(axis=1)
    return bool((best[apart] >= best[0]).mean() <= LUCK)


def _lag(p: NDArray[np.float64], e: NDArray[np.float64]) -> tuple[float, Interval]:
    """Return the lag at which both fit best, and its interval by a bootstrap over blocks."""
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


def _block(clip: Clip, model: ImpactModel) -> Values:
    """Extract the rows of one clip."""
    motion = motion_of(clip)
    rate = clip.spec.sample_rate
    picture = float(clip.frame_times[-1]) + 1 / clip.spec.fps
    once = np.array([[Kind.CLIP, picture, clip.audio.size / rate], [Kind.END, *_ends(clip)]])
    impacts = _rows(Kind.IMPACT, motion.times, model.trajectory(motion))
    return np.concatenate([once, impacts, rise_rows(clip.audio, rate)])


def _ends(clip: Clip) -> tuple[float, float]:
    """Return when the picture changes last and when the last sound is over; 0 if never."""
    last = last_change(clip.video)
    sounding = np.flatnonzero(clip.audio)
    seen = float(clip.frame_times[last]) + 1 / clip.spec.fps if last else 0.0
    return seen, (sounding[-1] + 1) / clip.spec.sample_rate if len(sounding) else 0.0


def rise_rows(audio: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """Extract the rows of kind RISE of a sound: its smoothed onset strength over time."""
    from scipy.ndimage import gaussian_filter1d

    if not audio.size:
        return np.empty((0, 3))
    step = ONSETS.hop_length / ONSETS.sample_rate
    strength = np.asarray(onset_strength(audio, sample_rate, ONSETS), np.float64)
    smooth = gaussian_filter1d(strength, SMOOTHING / step, mode="constant")
    return _rows(Kind.RISE, np.arange(len(smooth), dtype=np.float64) * step, np.asarray(smooth))


def _rows(
    kind: Kind, times: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.column_stack([np.full(len(times), float(kind)), times, values])


def _judge(request: str, rows: NDArray[np.float64]) -> ClipScore | None:
    """Judge one clip; None where nothing moves and nothing sounds."""
    lengths, ends = (rows[rows[:, 0] == kind, 1:] for kind in (Kind.CLIP, Kind.END))
    if rows.shape[1] != 3 or (len(lengths), len(ends)) != (1, 1):
        raise ScoreError(
            f"{request}: expected rows of 3, one each of kind CLIP and END, got {rows.shape}"
        )
    grid = np.arange(0.0, min(lengths.min(), ends.max() or lengths.min()), GRID)
    impacts, rises = (_on(grid, rows[rows[:, 0] == kind, 1:]) for kind in (Kind.IMPACT, Kind.RISE))
    if _standard(impacts) is None and _standard(rises) is None:
        return None
    found = synchrony(impacts, rises)
    detail = {"p": found.p}
    if found.lag is not None and found.lag_interval is not None:
        low, high = found.lag_interval
        detail |= {"lag": found.lag, "lag_low": low, "lag_high": high}
    return ClipScore(request, found.value, detail)


def _on(grid: NDArray[np.float64], curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate a curve of rows (time, value) on a grid; constant without rows."""
    return np.interp(grid, *curve.T) if len(curve) else np.zeros(len(grid))


def _note(clips: Sequence[ClipScore], asked: int) -> str:
    """Return how many clips are significantly synchronous, their lag, how many are left out."""
    aligned = [clip for clip in clips if float(clip.detail["p"]) < SIGNIFICANT]  # type: ignore[arg-type]
    parts = [
        f"{len(aligned)} of {len(clips)} clips significantly synchronous (p < {SIGNIFICANT:g})"
    ]
    if asked > len(clips):
        parts.append(
            f"{asked - len(clips)} of {asked} clips neither move nor sound and are left out"
        )
    return "; ".join(parts)
