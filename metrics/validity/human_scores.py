"""How people rated distorted clips: the mean opinion scores of PEAVS, which ship with svbench.

200 videos of AudioSet were distorted in nine ways at ten levels each; some 15,000 of these clips,
and 46 of the videos as they are, were rated from 1 to 5 (best) for how well picture and sound fit,
by about 7 people each. A clip's score is the mean of its ratings; single ratings are not here, so
neither is how far two people agree on one clip.

Conventions
-----------
Scores are (D, L, V): distortion in the order of `DISTORTIONS`, level in the order of its own table,
source video in the order of its id; NaN where a clip was not rated (58 to 197 of the 200 videos
have a score in a condition). A clip is named
`<YouTube id>_output_<01..09>_<0..9>.mp4`, an undistorted one `<YouTube id>_original.mp4`.

The standard deviation of a condition is that of its clips (divided by n), the standard error that
of its mean: deviation / sqrt(n - 1).

Split halves: the source videos fall into two random halves, the condition means of one half are
correlated (Pearson) with those of the other, and r of half the videos is brought to all of them by
Spearman and Brown: 2 r / (1 + r). Its interval is the middle 95 % of the splits: it says how much
the random split matters, not how much other people would.

References
----------
- L. Goncalves et al.: PEAVS: Perceptual evaluation of audio-visual synchrony grounded in viewers'
  opinion scores. https://arxiv.org/abs/2404.07336. Scores: Apache-2.0, see peavs_scores.json.
- C. Spearman: Correlation calculated from faulty data. British J. of Psychology 3, 1910;
  W. Brown: Some experimental results in the correlation of mental abilities. Ibid.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import DataError, ScoreError
from svbench.files.text import read_object, read_table, shown
from svbench.intervals import Interval, percentile_interval
from svbench.metrics.validity.condition_means import condition_means

Array = NDArray[np.float64]

SCORES: Final = Path(__file__).with_name("peavs_scores.csv")
SOURCE: Final = Path(__file__).with_name("peavs_scores.json")
DISTORTIONS: Final = (  # 01 to 09 in the names of clips
    "audio_shift",
    "audio_speed_up",
    "video_speed_up",
    "audio_slow_down",
    "video_slow_down",
    "inter_muting",
    "video_gaps",
    "av_flicker",
    "fragment_shuffle",
)
LEVELS: Final = 10
SPLITS: Final = 1000
_LOWEST, _HIGHEST = 1.0, 5.0
_NAME: Final = re.compile(
    r"(?P<video>[\w-]{11})_(?:original|output_0(?P<distortion>[1-9])_(?P<level>[0-9]))\.mp4",
    re.ASCII,
)
_EXPECTED: Final = "ratings of clips (video_name, score)"

Rating = tuple[str, tuple[int, int] | None, float]  # video, (distortion, level), score


@dataclass(frozen=True, eq=False)
class HumanScores:
    """The mean opinion score of every rated clip."""

    videos: tuple[str, ...]  # ids of the sources
    scores: Array  # (D, L, V), NaN where a clip was not rated
    originals: Array  # (V,), NaN where the undistorted video was not rated

    @cached_property
    def conditions(self) -> Array:
        """Return the scores as (D L, V), a row for each condition."""
        return self.scores.reshape(-1, len(self.videos))

    def of(self, distortion: str) -> Array:
        """Return the scores (L, V) of a distortion, or raise ScoreError if nobody rated it."""
        if distortion not in DISTORTIONS:
            raise ScoreError(f"people rated no {distortion!r}, only {', '.join(DISTORTIONS)}")
        return np.asarray(self.scores[DISTORTIONS.index(distortion)])


@dataclass(frozen=True, slots=True, eq=False)
class ConditionScores:
    """Statistics of each condition over its clips, (D, L) each."""

    mean: Array
    deviation: Array  # of clips
    count: NDArray[np.int64]  # clips
    error: Array  # standard error of the mean; NaN for a single clip


@dataclass(frozen=True, slots=True)
class SplitHalf:
    """How far one half of the source videos tells the condition means of the other."""

    value: float  # of all videos, by Spearman and Brown; mean over the splits
    interval: Interval  # middle 95 % of the splits
    halves: float  # correlation between halves as it is; mean over the splits
    splits: int


def load_human_scores(path: Path = SCORES) -> HumanScores:
    """Load the mean opinion scores of PEAVS.

    Parameters
    ----------
    path : Path
        CSV file with the columns video_name and score (Default value = the one that ships)

    Raises
    ------
    DataError
        if a name or a score is of another form, a clip stands there twice, or a condition has
        no clip
    """
    ratings = list(_ratings(path))
    videos = tuple(sorted({video for video, _, _ in ratings}))
    place = {video: index for index, video in enumerate(videos)}
    scores = np.full((len(DISTORTIONS), LEVELS, len(videos)), np.nan)
    originals = np.full(len(videos), np.nan)
    for video, condition, score in ratings:
        if condition is None:
            originals[place[video]] = score
        else:
            scores[*condition, place[video]] = score
    for distortion, level in np.argwhere(np.isnan(scores).all(axis=2)).tolist():
        raise DataError(
            f"{path}: found no clip of {DISTORTIONS[distortion]} at level {level}, expected one"
        )
    return HumanScores(videos, scores, originals)


def source() -> dict[str, str]:
    """Return where the scores come from: about, source, commit, licence, paper, changes."""
    found = read_object(SOURCE, "the source of the human scores")
    return {key: str(text) for key, text in found.items()}


def condition_scores(human: HumanScores) -> ConditionScores:
    """Compute mean, deviation, count and standard error of each condition."""
    count = np.isfinite(human.scores).sum(axis=2)
    mean = np.nanmean(human.scores, axis=2)
    deviation = np.nanstd(human.scores, axis=2)
    fewer = np.where(count > 1, count - 1.0, np.nan)
    return ConditionScores(mean, deviation, count, deviation / np.sqrt(fewer))


def split_half(human: HumanScores, splits: int = SPLITS, seed: int = 0) -> SplitHalf:
    """Compute the split-half reliability of the condition means.

    Parameters
    ----------
    human : HumanScores
        of at least 2 videos
    splits : int
        random splits of the videos into halves (Default value = 1000)
    seed : int
        of the splits (Default value = 0)

    Raises
    ------
    ScoreError
        if the halves of a split share fewer than 3 conditions
    """
    rng = np.random.default_rng(seed)
    found = np.array([_correlation(human.conditions, rng) for _ in range(splits)])
    whole = 2 * found / (1 + found)
    return SplitHalf(
        float(whole.mean()), percentile_interval(whole), float(found.mean()), len(found)
    )


def _correlation(conditions: Array, rng: np.random.Generator) -> float:
    """Return Pearson's correlation of condition means between random halves of the videos."""
    order = rng.permutation(conditions.shape[1])
    middle = len(order) // 2
    first, second = (
        condition_means(conditions[:, part]) for part in (order[:middle], order[middle:])
    )
    both = np.isfinite(first) & np.isfinite(second)
    if both.sum() < 3:
        raise ScoreError(f"split halves share {both.sum()} conditions, expected at least 3")
    return float(np.corrcoef(first[both], second[both])[0, 1])


# --- the file ----------------------------------------------------------------------------------


def _ratings(path: Path) -> Iterator[Rating]:
    """Yield what each row of the file says, each clip once."""
    lines: dict[str, int] = {}
    for number, row in read_table(path, _EXPECTED, ("video_name", "score")):
        name, where = row["video_name"], f"{path}, line {number}"
        if name in lines:
            raise DataError(f"{where}: found {shown(name)!r} again, as in line {lines[name]}")
        lines[name] = number
        yield *_parsed(name, where), _score(row["score"], where)


def _parsed(name: str, where: str) -> tuple[str, tuple[int, int] | None]:
    found = _NAME.fullmatch(name)
    if found is None:
        raise DataError(
            f"{where}: found the clip {shown(name)!r}, expected <id>_output_<01-09>_<0-9>.mp4 or "
            "<id>_original.mp4"
        )
    if found["level"] is None:
        return found["video"], None
    return found["video"], (int(found["distortion"]) - 1, int(found["level"]))


def _score(text: str, where: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = np.nan
    if not _LOWEST <= score <= _HIGHEST:
        raise DataError(
            f"{where}: found the score {shown(text)!r}, expected {_LOWEST:g} to {_HIGHEST:g}"
        )
    return score
