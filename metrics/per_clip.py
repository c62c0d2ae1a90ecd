"""The score of a set by a metric that looks at each clip alone: the mean over its clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from svbench.intervals import Interval, example_means, mean_interval
from svbench.protocols import Metric
from svbench.types import ClipScore, Judgement, Score


def mean_of_clips(
    metric: Metric, clips: Sequence[ClipScore], extractor: str, bounds: Interval, note: str = ""
) -> Judgement:
    """Return the mean of the scores of clips with its interval.

    Parameters
    ----------
    metric : Metric
        whose scores they are
    clips : sequence of ClipScore
        one at least
    extractor : str
        key of the features that they rest on
    bounds : (float, float)
        lowest and highest score that a clip can have
    note : str
        what a reader must know beside the number (Default value = "")
    """
    values = np.array([clip.value for clip in clips])
    requests = [clip.request_id for clip in clips]
    score = Score(
        metric=metric.name,
        value=float(values.mean()),
        better=metric.better,
        count=len(clips),
        interval=mean_interval(example_means(requests, values), bounds),
        extractor=extractor,
        note=note,
    )
    return Judgement(score, tuple(clips))
