"""The floor of a set of clips: its own pictures, each with the sound of other clips of the set.

A score of audio-visual agreement means little alone. What the same pictures and the same sounds
score when they do not belong together is its floor; a set is worth what it gains on that. The
floor is computed from features, without writing or reading a clip, which takes an extractor that
measures picture and sound apart (`svbench.protocols.PairedExtractor`).

Conventions
-----------
Re-pairings     The clips are put in an order drawn by the seed; re-pairing s gives each picture
                the sound s places further on, round the circle. No clip keeps its own sound, and
                each sound is used once. Up to `RE_PAIRINGS` values of s are drawn, all N - 1 of
                a small set.
Value of a clip The mean over the re-pairings of its picture; the value of the set is their mean.
                A re-paired clip that the metric leaves out is left out here.
Interval        Over clips, of each clip's value plus what its sound scores above the mean of all
                sounds: pictures and sounds are both draws, and an interval over pictures alone
                is too narrow.

The paired difference between a set and its floor needs no such care. Each sound is used equally
often on both sides, so a sound that agrees with everything adds nothing to the mean difference,
only to its interval, which errs on the wide side. `tests/svbench/walk/test_shuffled_floor.py`
simulates both.

References
----------
- W. Hoeffding: A class of statistics with asymptotically normal distribution. Annals of
  Mathematical Statistics 19, 1948 (the projection of a mean over pairs onto its clips).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from svbench.errors import ConfigError, ScoreError
from svbench.intervals import Interval, mean_interval
from svbench.pace import Advance
from svbench.protocols import Metric, PairedExtractor
from svbench.types import FLOOR_OF, ClipScore, Features, Judgement, Row, Score
from svbench.walk.plan import is_paired

RE_PAIRINGS: Final = 20  # their noise is then 1/20 of the variance of a single pairing
NOTE: Final = (
    "shuffled (floor): the pictures of the set above, each with the sound of other clips of the "
    f"same set, a mean over up to {RE_PAIRINGS} re-pairings; a score is worth what it gains on it"
)
WHOLE: Final = "has the pictures and sounds of the set itself, so it would be the same distance"
CLIP_BY_CLIP: Final = "compares each clip with the real clip of its own example"
ALONE: Final = "one clip alone cannot be shuffled"
NATIVE: Final = "native clips differ in length, so sounds cannot change places"
UNPAIRED: Final = "its extractor does not measure picture and sound apart"
SOUNDLESS: Final = "compares no sound, so another clip's sound changes nothing"
SOUND_ALONE: Final = "judges sound alone, and the floor has the sounds of the set itself"

ClipLine = tuple[str, str, ClipScore]  # system, metric, clip


def floor_name(system: str) -> str:
    """Return the name of the row of a system's floor."""
    return f"{system}-shuffled"


def check_floor_names(systems: Iterable[str]) -> None:
    """Raise ConfigError where a set of clips has the name of another set's floor."""
    names = set(systems)
    for name in sorted(names):
        for floor in (floor_name(name), floor_title(name)):
            if floor in names:
                raise ConfigError(
                    f"GENERATED: found a set called {floor!r:.80}, which is what the floor of "
                    f"{name!r:.80} is called, expected another name"
                )


def floor_title(title: str) -> str:
    """Return the title of the row of a floor, as printed."""
    return f"{title}, shuffled (floor)"


def floor_steps(metrics: Sequence[Metric]) -> int:
    """Return how often `floor_row` reports progress: each re-pairing of each metric, at most."""
    return RE_PAIRINGS * sum(not without_floor(metric) for metric in metrics)


def without_floor(metric: Metric) -> str:
    """Return why a metric has no floor of shuffled sounds, whatever the clips; "" if it has one."""
    if is_paired(metric):
        return CLIP_BY_CLIP
    if metric.needs_reference:
        return WHOLE
    compared = frozenset(metric.settings.get("compares", ("audio", "video")))
    if "audio" not in compared:
        return SOUNDLESS
    if compared == {"audio"}:
        return SOUND_ALONE
    if not isinstance(metric.extractor, PairedExtractor):
        return UNPAIRED
    native = metric.extractor.view == "native" and not metric.extractor.joins_any_length
    return NATIVE if native else ""


def floor_row(
    own: Row,
    metrics: Sequence[Metric],
    features: Mapping[str, Features],
    seed: int,
    advance: Advance = lambda _done, _kept=0, /: None,
) -> tuple[Row, list[ClipLine]]:
    """Return the floor of a row, and its score of each clip.

    Parameters
    ----------
    own : Row
        the row of the set
    metrics : sequence of Metric
        those that the set was judged by
    features : mapping from extractor key to Features
        of the set
    seed : int
        draws the re-pairings
    advance : Advance
        called with re-pairings that are scored, of `floor_steps` in all: a thousand clips take
        some seconds by each metric (Default value: shows nothing)
    """
    name = floor_name(own.system)
    scores, absent, lines = dict[str, Score](), dict(own.absent), list[ClipLine]()
    for metric in metrics:
        if metric.name in own.absent:
            continue
        try:
            judged = shuffled(metric, features[metric.extractor.key], seed, advance)
        except ScoreError as error:
            absent[metric.name] = str(error)
            continue
        scores[metric.name] = judged.score
        lines += [(name, metric.name, clip) for clip in judged.clips]
    made = {FLOOR_OF: own.system, "re-pairings": f"up to {RE_PAIRINGS}, drawn by the seed"}
    row = Row(
        system=name,
        title=floor_title(own.title),
        asked=own.asked,
        settings={**made, "set": own.settings["set"]},
        scores=scores,
        absent=absent,
    )
    return row, lines


def shuffled(
    metric: Metric,
    features: Features,
    seed: int,
    advance: Advance = lambda _done, _kept=0, /: None,
) -> Judgement:
    """Return the judgement of the clips of a set with each other's sounds.

    Raises ScoreError where the metric has no such floor, e.g. since it compares no sound, or
    nothing else.
    """
    extractor = metric.extractor
    reason = without_floor(metric)
    if features.count < 2 and reason in ("", NATIVE):  # no other clip, whatever its length
        raise ScoreError(ALONE)
    if reason or not isinstance(extractor, PairedExtractor):
        raise ScoreError(reason or UNPAIRED)
    sounds = re_pairings(features.count, seed)
    values = _values(metric, extractor, features, sounds, advance)
    return _judged(metric, features, values, sounds)


def re_pairings(count: int, seed: int, most: int = RE_PAIRINGS) -> NDArray[np.int64]:
    """Return re-pairings of `count` >= 2 clips: whose sound each picture gets, shape (K, count).

    There are at most `most` of them, drawn by the seed.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(count)
    shifts = 1 + np.sort(rng.permutation(count - 1)[:most])
    sounds = np.empty((len(shifts), count), np.int64)
    sounds[:, order] = [np.roll(order, -shift) for shift in shifts]
    return sounds


def _values(
    metric: Metric,
    extractor: PairedExtractor,
    features: Features,
    sounds: NDArray[np.int64],
    advance: Advance,
) -> NDArray[np.float64]:
    """Return the score of each picture (column) in each re-pairing (row).

    NaN where the metric leaves the clip out.
    """
    edges = np.searchsorted(features.owner, np.arange(features.count + 1))
    blocks = [features.values[first:last] for first, last in pairwise(edges)]
    place = {request: i for i, request in enumerate(features.requests)}
    values = np.full(sounds.shape, np.nan)
    for row, chosen in zip(values, sounds, strict=True):
        pairs = zip(blocks, (blocks[i] for i in chosen), strict=True)
        paired = [extractor.joined(picture, sound) for picture, sound in pairs]
        owner = np.repeat(np.arange(len(paired)), [len(block) for block in paired])
        clips = Features(extractor.key, np.concatenate(list(paired)), owner, features.requests)
        for clip in metric.score(clips, None).clips:
            row[place[clip.request_id]] = clip.value
        advance(1)
    return values


def _judged(
    metric: Metric, features: Features, values: NDArray[np.float64], sounds: NDArray[np.int64]
) -> Judgement:
    by_sound = np.empty_like(values)
    np.put_along_axis(by_sound, sounds, values, axis=1)
    pictures, sounding = _means(values), _means(by_sound)
    kept = np.isfinite(pictures)
    if not kept.any():
        raise ScoreError("gives no value for a single clip")
    value = float(pictures[kept].mean())
    sounding = np.where(np.isfinite(sounding), sounding, np.nanmean(sounding))[kept]
    spread = pictures[kept] + sounding - sounding.mean()
    score = Score(
        metric=metric.name,
        value=value,
        better=metric.better,
        count=int(kept.sum()),
        interval=_interval(spread, metric.settings.get("bounds")),
        extractor=features.extractor,
    )
    names = (request for request, known in zip(features.requests, kept, strict=True) if known)
    clips = (ClipScore(n, float(v)) for n, v in zip(names, pictures[kept], strict=True))
    return Judgement(score, tuple(clips))


def _means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of each column over finite values; NaN where there are none."""
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    sums = np.where(known, values, 0).sum(axis=0)
    unknown = np.full(len(counts), np.nan)
    return np.asarray(np.divide(sums, counts, out=unknown, where=counts > 0))


def _interval(values: NDArray[np.float64], bounds: Sequence[float] | None) -> Interval | None:
    """Return the interval of the mean of values that may lie outside the bounds themselves."""
    if bounds is None:
        return mean_interval(values)
    low, high = bounds
    found = mean_interval(values, (low, high))
    return None if found is None else (max(low, found[0]), min(high, found[1]))
