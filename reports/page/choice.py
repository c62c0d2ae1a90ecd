"""Which requests a report shows with pictures and sound: the best, the worst, and some between.

A third are those with the highest scores, a third those with the lowest, and the rest lie at
equal steps of rank between them, so that what is shown is not only what is extreme. The score
is AV-Align's, the mean over the models of the table (over its reference rows where it has no
model). Ties are broken by the order of the requests.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from svbench.errors import ConfigError
from svbench.reports.tables.clip_scores import VALUE, ClipScores, Numbers
from svbench.types import Column, ResultTable, Row

Why = Literal["best", "between", "worst", "all"]
AV_ALIGN, ADJUSTED = "av-align", "av-align-adjusted"
USUAL = 24  # requests
MOST_CLIPS = 120  # copies that are made unasked: at 256 x 256 px some 25 MB, and half a minute


@dataclass(frozen=True, slots=True)
class Choice:
    """The requests that are shown, in their own order, and why each is."""

    metric: str | None  # what ranked them; None: no metric told anything of single clips
    rows: tuple[str, ...]  # the systems whose mean ranked them
    why: Mapping[str, Why]  # request -> reason


def headline_column(table: ResultTable, scores: ClipScores) -> Column | None:
    """Return the column a reader should look at first: AV-Align if there is one, by clip.

    Corrected for chance where it is: plain AV-Align is mostly chance on general clips.
    """
    told = set(scores.metrics())
    columns = [column for column in table.columns if column.metric in told]
    adjusted = [column for column in columns if column.metric.startswith(ADJUSTED)]
    aligned = [column for column in columns if column.metric.startswith(AV_ALIGN)]
    return next(iter([*adjusted, *aligned, *columns]), None)


def ranked_rows(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return the models among rows, or all of them where there is none."""
    models = tuple(row for row in rows if row.competes)
    return models or tuple(rows)


def choose(table: ResultTable, scores: ClipScores, count: int | None = None) -> Choice:
    """Choose `count` requests, or all if there are no more.

    Unasked there are 24, and fewer where a table has so many rows that 24 of each are too many.
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
    """Return the mean over rows by request, so signed that more is better."""
    sign = 1.0 if column.better == "higher" else -1.0
    found = [scores.numbers[system, column.metric][VALUE] for system in systems]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice")  # a request no row was judged on
        return sign * np.asarray(np.nanmean(found, axis=0), np.float64)


def _spaced(length: int, count: int) -> list[int]:
    """Return `count` places at equal steps of `length`, each in the middle of its step."""
    return [int((i + 0.5) * length / count) for i in range(count)]
