"""A validation as CSV, at full precision: one line per number.

| kind        | value                        | level             | people                       |
|-------------|------------------------------|-------------------|------------------------------|
| undistorted | score of the clips           |                   |                              |
| agreement   | Spearman, rated conditions   |                   |                              |
| correlation | Spearman over a distortion   |                   |                              |
| response    | score at a level             | the level         | mean rating there            |
| series      | 1: no better, mild to severe | noticed from here | level that people notice     |

`low` and `high` are the ends of the interval of a value; of a series, the mildest level noticed
were effects as large, or as small, as their intervals allow. `note` holds the verdict of an
agreement, and why a value is absent; "unaffected": each level has the scores of undistorted clips.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from svbench.files.text import csv_text
from svbench.files.validity import Correlation, Interval, Measured, Response, Validity
from svbench.reports.analysis.following import verdict

HEADINGS: Final = (
    *("kind", "metric", "title", "better", "distortion", "series", "unit", "level", "value"),
    *("low", "high", "people", "conditions", "count", "note"),
)
Record = Sequence[object]


def records_csv(found: Validity) -> str:
    """Return every number of a validation as CSV."""
    of_metrics = {one.metric: one for one in found.metrics}
    lines = [line for one in found.metrics for line in _of_metric(one)]
    for response in found.responses:
        lines += _of_response(of_metrics[response.metric], response)
    return csv_text([HEADINGS, *lines])


def _of_metric(one: Measured) -> Iterator[Record]:
    head = (one.metric, one.title, one.better, "", "", "", "")
    low, high = _ends(one.interval)
    yield "undistorted", *head, one.undistorted, low, high, None, None, one.count, one.absent
    if one.agreement is not None:
        words = verdict(one.agreement.value, one.agreement.interval)
        yield "agreement", *head, *_correlated(one.agreement), one.count, words


def _of_response(one: Measured, response: Response) -> Iterator[Record]:
    head = (one.metric, one.title, one.better, response.distortion)
    if response.correlation is not None:
        correlated = _correlated(response.correlation)
        yield "correlation", *head, "", response.unit, None, *correlated, one.count, ""
    people = response.people or (None,) * len(response.levels)
    counts = response.counts or (None,) * len(response.levels)
    rows = zip(response.levels, response.values, response.intervals, people, counts, strict=True)
    for level, value, interval, rated, count in rows:
        note = "" if value is not None else _reason(response, level)
        ends = _ends(interval)
        yield "response", *head, "", response.unit, level, value, *ends, rated, None, count, note
    for arm in response.arms:
        span = (arm.earliest, arm.latest)
        values = (arm.noticed, None if arm.unaffected else int(arm.monotone), *span)
        note = "unaffected" if arm.unaffected else ""
        behind = (arm.people_notice, None, None, note)
        yield "series", *head, arm.name, response.unit, *values, *behind


def _correlated(found: Correlation) -> Record:
    return found.value, *_ends(found.interval), None, found.conditions


def _ends(interval: Interval | None) -> Record:
    return interval or (None, None)


def _reason(response: Response, level: float) -> str:
    """Return why a level has no score, however its number is written."""
    return next((why for text, why in response.absent.items() if _same(text, level)), "")


def _same(text: str, level: float) -> bool:
    try:
        return float(text) == level
    except ValueError:
        return False
