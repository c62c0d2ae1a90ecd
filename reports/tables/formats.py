"""The text formats of `svbench report`, by name; by category see `by_category`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from svbench.errors import ConfigError, DataError
from svbench.files.results import ClipValues
from svbench.reports.analysis.categories import Requests
from svbench.reports.tables.benchmark_rows import benchmark_sheet
from svbench.reports.tables.compact import compact
from svbench.reports.tables.exports import clips_csv, model_index, table_csv, table_json
from svbench.reports.tables.latex import latex
from svbench.reports.tables.markdown import markdown
from svbench.reports.tables.published_rows import published_sheet
from svbench.reports.tables.rank_sheet import rank_sheet
from svbench.reports.tables.sheet import Sheet, arrange
from svbench.reports.tables.text import text
from svbench.types import ResultTable

Scores = ClipValues | None  # None: there is no scores.csv


def sheets(table: ResultTable, scores: Scores) -> list[Sheet]:
    """Return the table, followed by what is published of its data set and of its protocol."""
    return [arrange(table, scores), *published_sheets(table)]


def published_sheets(table: ResultTable) -> list[Sheet]:
    """Return the paper's table of a data set, and others' figures by the protocol of a run."""
    found = (published_sheet(table), benchmark_sheet(table))
    return [sheet for sheet in found if sheet is not None]


def _clips(table: ResultTable, scores: Scores, requests: Requests) -> str:
    if scores is None:
        raise DataError(f"--format clips: {table.title}: found no scores.csv beside the results")
    return clips_csv(table, scores, requests)


FORMATS: Final[Mapping[str, Callable[[ResultTable, Scores], str]]] = {
    "text": lambda table, scores: text(sheets(table, scores)),
    "markdown": lambda table, scores: markdown(sheets(table, scores)),
    "latex": lambda table, scores: latex(sheets(table, scores), f"svbench-{table.dataset}"),
    "csv": table_csv,
    "json": table_json,
    "model-index": lambda table, _scores: model_index(table),
}

# Of single clips, which also need the captions and categories of a run:
CLIP_FORMATS: Final[Mapping[str, Callable[[ResultTable, Scores, Requests], str]]] = {
    "clips": _clips
}

COMPACT: Final[Mapping[str, Callable[[list[Sheet], str], str]]] = {
    "markdown": lambda sheets, _label: markdown(sheets),
    "latex": latex,
}


def compacted(name: str, table: ResultTable, scores: Scores, *, intervals: bool = True) -> str:
    """Return compact tables for a paper, in one of the formats of `COMPACT`."""
    short = [compact(sheet, intervals=intervals) for sheet in sheets(table, scores)]
    return COMPACT[name](short, f"svbench-{table.dataset}")


def _plain(sheets: list[Sheet], _label: str) -> str:
    return text(sheets)


RANKED: Final[Mapping[str, Callable[[list[Sheet], str], str]]] = {"text": _plain, **COMPACT}


def with_ranks(table: ResultTable, scores: Scores) -> list[Sheet]:
    """Return the sheets of a table, the ranks of its models below it."""
    first, *rest = sheets(table, scores)
    return [first, rank_sheet(table, scores), *rest]


def ranked(name: str, table: ResultTable, scores: Scores) -> str:
    """Return a table and the ranks of its models, in one of the formats of `RANKED`."""
    return RANKED[name](with_ranks(table, scores), f"svbench-{table.dataset}")


def select_columns(table: ResultTable, metrics: tuple[str, ...]) -> ResultTable:
    """Return a table of these metrics, in the given order; of all if none is named.

    Raises
    ------
    ConfigError
        if the table has no column of a metric
    """
    columns = {column.metric: column for column in table.columns}
    for name in metrics:
        if name not in columns:
            known = ", ".join(columns) or "none"
            raise ConfigError(f"--metrics: found {name!r}, expected some of {known}")
    if not metrics:
        return table
    rows = tuple(
        replace(
            row,
            scores={name: score for name, score in row.scores.items() if name in metrics},
            absent={name: why for name, why in row.absent.items() if name in metrics},
        )
        for row in table.rows
    )
    return replace(table, columns=tuple(columns[name] for name in metrics), rows=rows)
