"""Metrics that score each clip by itself: the features of each clip, and the mean of the scores.

Conventions
-----------
A set's score is the mean over its clips, its interval one of `svbench.intervals` over examples
(repeats of one caption are not independent).

References
----------
- E. Miller: Adding error bars to evals. https://arxiv.org/abs/2411.00640 (clustered samples).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from svbench.errors import ScoreError
from svbench.intervals import Interval, clip_mean
from svbench.protocols import Metric
from svbench.types import ClipScore, Features, Judgement, Score, Values


def rows_by_clip(features: Features) -> list[Values]:
    """Return the feature rows of each clip, shape (k, D) each, in the order of the requests."""
    edges = np.searchsorted(features.owner, np.arange(features.count + 1))
    return [features.values[first:end] for first, end in pairwise(edges)]


def mean_of_clips(
    metric: Metric,
    clips: Sequence[ClipScore],
    extractor: str,
    bounds: Interval | None,
    note: str = "",
) -> Judgement:
    """Compute the mean of the scores of clips and its interval.

    Parameters
    ----------
    metric : Metric
        whose scores they are
    clips : sequence of ClipScore
        one per clip
    extractor : str
        key of the features behind them
    bounds : (float, float) or None
        lowest and highest score that a clip can have; None: there are no such
    note : str
        what a reader must know beside the number (Default value = "")

    Raises
    ------
    ScoreError
        if there is no clip
    """
    if not clips:
        raise ScoreError(f"{metric.name} needs at least one clip, got none")
    requests = [clip.request_id for clip in clips]
    value, interval = clip_mean(requests, [clip.value for clip in clips], bounds)
    score = Score(
        metric=metric.name,
        value=value,
        better=metric.better,
        count=len(clips),
        interval=interval,
        extractor=extractor,
        note=note,
    )
    return Judgement(score, tuple(clips))
