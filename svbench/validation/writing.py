"""scores.csv of a validation: the value of every clip by every metric under every condition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from svbench.files.text import csv_text
from svbench.validation.scores import MetricScores

FIXED: Final = ("distortion", "level", "request", "metric", "value")


def dump_clip_scores(scored: Sequence[MetricScores], requests: Sequence[str]) -> str:
    """Return the text of scores.csv; distances between sets have no values of clips."""
    return csv_text([FIXED, *(line for one in scored for line in _lines(one, requests))])


def _lines(scored: MetricScores, requests: Sequence[str]) -> Iterator[tuple[object, ...]]:
    if scored.clips is None:
        return
    for condition, row in zip(scored.conditions, scored.clips, strict=True):
        level = repr(condition.level) if condition.distortion else ""
        for request, value in zip(requests, row.tolist(), strict=True):
            if np.isfinite(value):
                yield condition.distortion, level, request, scored.metric.name, value
