"""Choice of the requests whose clips a report shows: the best, the worst, and some between.

A third has the highest scores, a third the lowest, and the rest lies at equal steps of rank between
them, so that not only extremes are shown. The score is AV-Align, averaged over the models of the
table (over its controls if it has no model). Ties are broken by the order of the requests.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from svbench.errors import ConfigError
from svbench.reports.analysis.clip_scores import VALUE, ClipScores, Numbers
from svbench.types import Column, ResultTable, Row

Why = Literal["best", "between", "worst", "all"]
AV_ALIGN, ADJUSTED = "av-align", "av-align-adjusted"
USUAL = 24  # requests
MOST_CLIPS = 120  # copies made by default: at 256 x 256 px some 25 MB, and half a minute


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen requests, in the order of the run, and the reason for each."""

    metric: str | None  # by which they are ranked; None: no metric has scores per clip
    rows: tuple[str, ...]  # the systems over which the scores are averaged
    why: Mapping[str, Why]  # request -> reason


def headline_column(table: ResultTable, scores: ClipScores) -> Column | None:
    """Return the main column of a table among those with scores per clip; None without any.

    It is AV-Align if there is one, adjusted for chance if possible: on general clips, plain
    AV-Align is mostly chance.
    """
    per_clip = set(scores.metrics())
    columns = [column for column in table.columns if column.metric in per_clip]
    adjusted = [column for column in columns if column.metric.startswith(ADJUSTED)]
    aligned = [column for column in columns if column.metric.startswith(AV_ALIGN)]
    return next(iter([*adjusted, *aligned, *columns]), None)


def ranked_rows(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return the models among rows, or all rows if there is no model."""
    models = tuple(row for row in rows if row.competes)
    return models or tuple(rows)


def choose(table: ResultTable, scores: ClipScores, count: int | None = None) -> Choice:
    """Choose `count` requests, or all if the run has no more.

    The default is `USUAL`, or fewer, so that all rows together show at most `MOST_CLIPS` clips.
    """
    if count is None:
        count = max(3, min(USUAL, MOST_CLIPS // max(1, len(table.rows))))
    if count < 0:
        raise ConfigError(f"--gallery: got {count}, expected 0 or more requests")
    column, metric = headline_column(table, scores), None
    names: tuple[str, ...] = ()
    if column is not None:
        metric = column.metric
        judged = [row for row in table.rows if scores.values(row.system, metric) is not None]
        names = tuple(row.system for row in ranked_rows(judged))
    if count >= len(scores.requests) or column is None:
        kept = scores.requests[:count]
        return Choice(metric, names, dict.fromkeys(kept, "all"))
    mean = _mean(scores, names, column)
    rank = [int(i) for i in np.argsort(-mean, kind="stable") if not np.isnan(mean[i])]
    ends = min(len(rank), count) // 3
    best, worst = rank[:ends], rank[len(rank) - ends :]
    middle = rank[ends : len(rank) - ends]
    between = _spaced(len(middle), min(len(middle), count - 2 * ends))
    why: dict[int, Why] = dict.fromkeys(best, "best")
    why |= dict.fromkeys(worst, "worst")
    why |= dict.fromkeys((middle[i] for i in between), "between")
    return Choice(metric, names, {scores.requests[i]: why[i] for i in sorted(why)})


def _mean(scores: ClipScores, systems: tuple[str, ...], column: Column) -> Numbers:
    """Return the mean over rows by request, (R,), signed so that more is better."""
    sign = 1.0 if column.better == "higher" else -1.0
    found = [scores.numbers[system, column.metric][VALUE] for system in systems]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice")  # a request without any score
        return sign * np.asarray(np.nanmean(found, axis=0), np.float64)


def _spaced(length: int, count: int) -> list[int]:
    """Return the centres of `count` equal steps of `length`, as indices."""
    return [int((i + 0.5) * length / count) for i in range(count)]
