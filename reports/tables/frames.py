"""Tables as data frames of pandas, which is imported when the first is made.

Conventions
-----------
One row per value ("tidy"), in the order of the table: by system, then by metric. A cell without a
score has a missing value and a reason. Times of the numbers and their units are those of
`svbench.types`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from svbench.files.results import ClipValues
from svbench.reports.analysis.categories import UNKNOWN, GroupTable, Requests, category_columns
from svbench.reports.analysis.paired import Paired
from svbench.types import Column, ResultTable, Row

if TYPE_CHECKING:
    import pandas as pd

# Dtypes that hold missing values as such: whole numbers stay whole beside them.
TABLE_TYPES: Mapping[str, str] = {
    "system": "string",
    "title": "string",
    "metric": "string",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "count": "Int64",
    "reference_count": "Int64",
    "better": "string",
    "absent": "string",
    "note": "string",
    "settings": "object",
}
GROUP_TYPES: Mapping[str, str] = {"group": "string", "category": "string", **TABLE_TYPES}
CLIP_TYPES: Mapping[str, str] = {
    "request": "string",
    "system": "string",
    "metric": "string",
    "value": "float64",
    "caption": "string",
}
PAIR_TYPES: Mapping[str, str] = {
    "metric": "string",
    "first": "string",
    "second": "string",
    "value": "float64",
    "low": "float64",
    "high": "float64",
    "count": "Int64",
    "excludes_zero": "boolean",
    "stands": "boolean",
}


def table_frame(table: ResultTable) -> pd.DataFrame:
    """Return a row per system and metric, with the columns of `TABLE_TYPES`."""
    return _frame((_cell(row, c) for row in table.rows for c in table.columns), TABLE_TYPES)


def groups_frame(groups: Sequence[GroupTable]) -> pd.DataFrame:
    """Return the rows of `table_frame` of each group, with the columns of `GROUP_TYPES`."""
    cells = (
        (one.group.members, one.group.name, *_cell(row, column))
        for one in groups
        for row in one.table.rows
        for column in one.table.columns
    )
    return _frame(cells, GROUP_TYPES)


def clips_frame(scores: ClipValues, requests: Requests) -> pd.DataFrame:
    """Return a row per clip and metric, with the columns of `CLIP_TYPES` and a column per category.

    Parameters
    ----------
    scores : ClipValues
        Values by (system, metric) and request.
    requests : mapping of str to RequestIdentity
        Captions and categories by example id; the caption of an example that is not among them is
        empty, and its categories are missing.
    """
    columns = category_columns(requests, CLIP_TYPES)
    types = {**CLIP_TYPES, **dict.fromkeys(columns.values(), "string")}
    return _frame(_clips(scores, requests, tuple(columns)), types)


def differences_frame(pairs: Sequence[Paired]) -> pd.DataFrame:
    """Return a row per pair of systems and metric, with the columns of `PAIR_TYPES`.

    `value` is the mean of `first` minus `second` over the requests that both have; `excludes_zero`
    is that of its 95 % interval, `stands` is corrected over the rows of a metric.
    """
    return _frame(map(_difference, pairs), PAIR_TYPES)


def _frame(lines: Iterator[Sequence[Any]], types: Mapping[str, str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(list(lines), columns=list(types)).astype(dict(types))


def _cell(row: Row, column: Column) -> Sequence[Any]:
    score = row.scores.get(column.metric)
    named = (row.system, row.title, column.metric)
    settings = dict(column.settings)
    if score is None:
        reason = row.absent.get(column.metric, "")
        return (*named, None, None, None, None, None, column.better, reason, "", settings)
    low, high = score.interval or (None, None)
    counts = (score.count, score.reference_count)
    return (*named, score.value, low, high, *counts, column.better, "", score.note, settings)


def _clips(scores: ClipValues, requests: Requests, kinds: Sequence[str]) -> Iterator[Sequence[Any]]:
    for (system, metric), values in scores.items():
        for request, value in values.items():
            known = requests.get(request.rpartition("/")[0], UNKNOWN)
            of_kinds = (known.categories.get(kind) for kind in kinds)
            yield (request, system, metric, value, known.caption, *of_kinds)


def _difference(pair: Paired) -> Sequence[Any]:
    low, high = pair.interval or (None, None)
    named = (pair.metric, pair.first, pair.second)
    return (*named, pair.value, low, high, pair.count, pair.excludes_zero, pair.stands)
