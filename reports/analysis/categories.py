"""Scores by category: the table of the clips of each class, material or other kind of label.

Conventions
-----------
A table of a category is that of its clips alone: its scores are the means of their values in
scores.csv, with the interval that the metric's own score has (`svbench.intervals.clip_mean`), and
nothing is computed anew. A metric that compares whole sets (FVD, FAD) has no value per clip, so its
cells are absent; so are those of a row whose score is not the mean of its clips' values.

Clips of equal category form a `Group`; clips without a category of the kind form one of their own.
The clips of categories that are smaller than a given number form one group, too. The largest group
comes first, equal ones by name; then that of the small categories, and that of clips without.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from svbench.errors import ConfigError, DataError
from svbench.files.results import ClipValues, RequestIdentity
from svbench.intervals import clip_mean
from svbench.reports.analysis.paired import bounds_of
from svbench.types import Column, ResultTable, Row, Score

Members = Literal["category", "other", "without"]
Requests = Mapping[str, RequestIdentity]  # by example id
Values = dict[tuple[str, str], dict[str, float]]

SETS: Final = "compares whole sets of clips, and has no value of a single clip"
NO_MEAN: Final = "the score of the row is not the mean of its clips' values"
NO_CLIP: Final = "no clip of this category has a value"
UNKNOWN: Final = RequestIdentity("", "")  # of a request that is on no list
CLOSE: Final = 1e-9  # of a mean and a score, relative: sums of other order differ by less


@dataclass(frozen=True, slots=True)
class Group:
    """Clips that are averaged together."""

    name: str  # as printed
    members: Members
    categories: tuple[str, ...]  # that its clips have; none of clips without


@dataclass(frozen=True, slots=True)
class GroupTable:
    """The table of the clips of one group, and their scores."""

    group: Group
    table: ResultTable
    scores: ClipValues


def kinds(requests: Requests) -> tuple[str, ...]:
    """Return the kinds of categories that the requests have, in the order of the run."""
    return tuple(dict.fromkeys(kind for one in requests.values() for kind in one.categories))


def category_columns(requests: Requests, taken: Collection[str]) -> dict[str, str]:
    """Return the column of each kind of categories, in a table of clips with others of its names.

    A kind is the name of its own column, unless another column has it: then "<kind> (category)".
    """
    return {kind: f"{kind} (category)" if kind in taken else kind for kind in kinds(requests)}


def check_kind(kind: str, requests: Requests) -> None:
    """Raise ConfigError for a kind of categories that no request has."""
    known = kinds(requests)
    if kind not in known:
        raise ConfigError(
            f"--by: found {kind!r}, expected "
            + (
                f"one of {', '.join(known)}"
                if known
                else "a run whose clips have categories (the same "
                "command again adds them to an older folder of annotated or classed clips)"
            )
        )


def group_tables(
    table: ResultTable, scores: ClipValues, requests: Requests, kind: str, least: int = 1
) -> tuple[GroupTable, ...]:
    """Return the table of each category of a kind, computed from the scores of its clips.

    Parameters
    ----------
    table : ResultTable
        the table of the run
    scores : ClipValues
        the scores of its clips
    requests : mapping of str to RequestIdentity
        the categories of each example
    kind : str
        what clips are grouped by, e.g. "material"
    least : int
        categories of fewer requests are put together (Default value = 1: none is)

    Raises
    ------
    ConfigError
        if no clip has a category of this kind
    DataError
        if no metric of the table has scores per clip
    """
    check_kind(kind, requests)
    metrics = {metric for _, metric in scores}
    if not any(column.metric in metrics for column in table.columns):
        titles = ", ".join(column.title for column in table.columns) or "none"
        raise DataError(
            f"--by {kind}: found no metric with a value per clip ({titles}), expected one; FVD and "
            "FAD compare whole sets"
        )
    groups = _groups(table, scores, requests, kind, least)
    parts = _divided(scores, groups)
    absent = _absent(table, scores)
    return tuple(
        GroupTable(group, _table_of(table, part, absent, groups, group), part)
        for group, part in parts.items()
    )


# --- groups ------------------------------------------------------------------------------------


def _groups(
    table: ResultTable, scores: ClipValues, requests: Requests, kind: str, least: int
) -> dict[str, Group]:
    """Return the group of each request, in the order of the groups."""
    asked = dict.fromkeys(request for values in scores.values() for request in values)
    asked |= dict.fromkeys(request for row in table.rows for request in row.left_out)
    of = {request: _category(request, requests, kind) for request in asked}
    by_category: dict[str, list[str]] = {}
    for request, category in of.items():
        by_category.setdefault(category, []).append(request)
    without = by_category.pop("", [])
    order = sorted(by_category, key=lambda name: (-len(by_category[name]), name))
    rare = tuple(name for name in order if len(by_category[name]) < least)
    found = {
        request: Group(name, "category", (name,))
        for name in order
        if name not in rare
        for request in by_category[name]
    }
    other = Group(f"other ({len(rare)} categor{'y' if len(rare) == 1 else 'ies'})", "other", rare)
    found |= dict.fromkeys((request for name in rare for request in by_category[name]), other)
    return found | dict.fromkeys(without, Group(f"without {kind}", "without", ()))


def _category(request: str, requests: Requests, kind: str) -> str:
    return requests.get(request.rpartition("/")[0], UNKNOWN).categories.get(kind, "")


def _divided(scores: ClipValues, groups: Mapping[str, Group]) -> dict[Group, Values]:
    """Return the scores of the clips of each group."""
    parts: dict[Group, Values] = {group: {} for group in dict.fromkeys(groups.values())}
    for key, values in scores.items():
        for request, value in values.items():
            parts[groups[request]].setdefault(key, {})[request] = value
    return parts


# --- tables ------------------------------------------------------------------------------------


def _absent(table: ResultTable, scores: ClipValues) -> dict[tuple[str, str], str]:
    """Return the cells that no group of clips has, and why."""
    found = {}
    for row in table.rows:
        for metric in (column.metric for column in table.columns):
            score, values = row.scores.get(metric), scores.get((row.system, metric))
            if score is None:
                found[row.system, metric] = row.absent.get(metric, "")
            elif not values:
                found[row.system, metric] = SETS
            elif not _is_mean(score, values):
                found[row.system, metric] = NO_MEAN
    return found


def _is_mean(score: Score, values: Mapping[str, float]) -> bool:
    mean = math.fsum(values.values()) / len(values)
    return math.isclose(score.value, mean, rel_tol=CLOSE, abs_tol=CLOSE)


def _table_of(
    table: ResultTable,
    part: Values,
    absent: Mapping[tuple[str, str], str],
    groups: Mapping[str, Group],
    group: Group,
) -> ResultTable:
    rows = tuple(_row_of(row, table.columns, part, absent) for row in table.rows)
    left = ({r: why for r, why in row.left_out.items() if groups[r] == group} for row in rows)
    return replace(
        table,
        rows=tuple(
            replace(row, asked=row.asked + len(of), left_out=of)
            for row, of in zip(rows, left, strict=True)
        ),
    )


def _row_of(
    row: Row, columns: Sequence[Column], part: Values, absent: Mapping[tuple[str, str], str]
) -> Row:
    """Return a row of the clips of a group, `asked` counting those with a value."""
    values = {c.metric: part.get((row.system, c.metric), {}) for c in columns}
    found, missing = {}, {}
    for column in columns:
        key = row.system, column.metric
        if reason := absent.get(key, "" if values[column.metric] else NO_CLIP):
            missing[column.metric] = reason
        elif key not in absent:
            found[column.metric] = _mean(column, row, values[column.metric])
    asked = len({request for of in values.values() for request in of})
    return replace(row, asked=asked, scores=found, absent=missing)


def _mean(column: Column, row: Row, values: Mapping[str, float]) -> Score:
    value, interval = clip_mean(list(values), list(values.values()), bounds_of(column))
    return Score(
        metric=column.metric,
        value=value,
        better=column.better,
        count=len(values),
        interval=interval,
        extractor=row.scores[column.metric].extractor,
    )
