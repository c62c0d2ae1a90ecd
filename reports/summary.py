"""A run in plain words: what was judged, what came out, and what a reader must not conclude.

Sentences are made from numbers of the table alone; each names its count and its interval. The
headline is a comparison, since a score means little alone: the two best models, clip by clip; one
model against the floor; and where there is no model, the ceiling against the floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from svbench.intervals import paired_difference
from svbench.reports.choice import headline_column, ranked_rows
from svbench.reports.clip_scores import VALUE, ClipScores
from svbench.reports.paired import bounds_of
from svbench.reports.table import FEW, number
from svbench.types import Column, ResultTable, Row, Score

CEILING, FLOOR = "real", "shuffled"  # reference rows, as `svbench run` names them
NOT_COMPARABLE = "miniature: not comparable with published figures"


@dataclass(frozen=True, slots=True)
class Summary:
    """What a page says before its first table."""

    judged: str  # what was judged
    headline: tuple[str, ...]  # what came out; empty if nothing was
    cautions: tuple[str, ...]  # what a reader must know first


def summarise(table: ResultTable, scores: ClipScores) -> Summary:
    """Say in words what a table says in numbers."""
    column = headline_column(table, scores)
    said = () if column is None else _headline(table, scores, column)
    return Summary(_judged(table), said or _set_level(table), _cautions(table))


def _judged(table: ResultTable) -> str:
    models = [row for row in table.rows if not row.made_of_real_clips]
    others = len(table.rows) - len(models)
    made = _counted(len(models), "model") if models else "No model"
    parts = [made, f"{_counted(others, 'reference row')} made of real clips"]
    counts = sorted({row.asked for row in table.rows})
    if not counts:
        return "No row was judged."
    clips = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    metrics = _counted(len(table.columns), "metric")
    each = f"{clips} clip{'' if counts == [1] else 's'} each"
    seconds = f"{table.spec.duration:g} s"
    return (
        f"{' and '.join(parts[: 1 + bool(others)])}, {each}, judged by {metrics}. "
        f"A clip lasts {seconds}: {table.spec}."
    )


def _headline(table: ResultTable, scores: ClipScores, column: Column) -> tuple[str, ...]:
    rows = [row for row in table.rows if scores.values(row.system, column.metric) is not None]
    sign = -1 if column.better == "higher" else 1
    order = sorted(rows, key=lambda row: sign * row.scores[column.metric].value)
    models = [row for row in order if not row.made_of_real_clips]
    named = {row.system: row for row in rows if row.made_of_real_clips}
    floor, ceiling = named.get(FLOOR), named.get(CEILING)
    opening = f"{column.title}, {column.better} is better"
    said = []
    if models:
        best = models[0]
        which = "the best of the models is" if len(models) > 1 else "the model is"
        said.append(f"{opening}: {which} {best.title}, {_score(best, column)}.")
        against = [row for row in (*models[1:2], floor) if row is not None]
        said += [
            f"Against {row.title}, {_score(row, column)}: {_gap(best, row, scores, column)}"
            for row in against
        ]
        if ceiling is not None:
            said.append(f"{_first_up(ceiling.title)}: {_score(ceiling, column)}.")
    elif floor is not None and ceiling is not None:
        ends = [f"{row.title}, {_score(row, column)}" for row in (ceiling, floor)]
        said.append(f"{opening}. {_first_up(ends[0])}; {ends[1]}.")
        said.append(f"Between the two: {_gap(ceiling, floor, scores, column)}")
        said.append("A model's score is worth what it gains on the floor.")
    elif order:
        said.append(f"{opening}: the best row is {order[0].title}, {_score(order[0], column)}.")
    return tuple(said)


def _set_level(table: ResultTable) -> tuple[str, ...]:
    """Name the best row of the first column, where no metric tells anything of single clips."""
    for column in table.columns:
        rows = ranked_rows([row for row in table.rows if column.metric in row.scores])
        if rows:
            sign = -1 if column.better == "higher" else 1
            best = min(rows, key=lambda row: sign * row.scores[column.metric].value)
            what = f"{column.title}, {column.better} is better"
            return (f"{what}: the best row is {best.title}, {_score(best, column)}.",)
    return ()


def _gap(one: Row, other: Row, scores: ClipScores, column: Column) -> str:
    """Say by how much one row lies above another, on the requests that both were judged on."""
    a = scores.numbers[one.system, column.metric][VALUE]
    b = scores.numbers[other.system, column.metric][VALUE]
    both = ~(np.isnan(a) | np.isnan(b))
    if not both.any():
        return "no clip in both."
    found = paired_difference(a[both], b[both], bounds_of(column))
    pairs = f"over {_counted(found.count, 'clip')} in both"
    if found.interval is None:
        return f"{_signed(found.value)} {pairs}."
    low, high = found.interval
    told = (
        "this run does not tell them apart"
        if low <= 0 <= high
        else "more than the draw of clips explains"
    )
    bounds = f"[{_signed(low)}, {_signed(high)}]"
    return f"{_signed(found.value)} {bounds}, clip by clip {pairs}: {told}."


def _cautions(table: ResultTable) -> tuple[str, ...]:
    said = []
    if table.scale == "mini":
        said.append(NOT_COMPARABLE)
    counts = [score.count for row in table.rows for score in row.scores.values()]
    few = min(counts, default=FEW)
    if few < FEW:
        said.append(f"some scores rest on {_counted(few, 'clip')} only: read them as a trial")
    left = [f"{len(row.left_out)} of {row.asked} clips of {row.title}" for row in _leaving(table)]
    if left:
        said.append(f"left out, as they could not be judged: {'; '.join(left)}")
    empty = [c.title for c in table.columns if all(c.metric in row.absent for row in table.rows)]
    if empty and table.rows:
        said.append(f"not computed here: {', '.join(empty)}; the notes below say why")
    return tuple(said)


def _leaving(table: ResultTable) -> Sequence[Row]:
    return [row for row in table.rows if row.left_out]


def _score(row: Row, column: Column) -> str:
    score: Score = row.scores[column.metric]
    if score.interval is None:
        return number(score.value)
    low, high = score.interval
    return f"{number(score.value)} [{number(low)}, {number(high)}]"


def _signed(value: float) -> str:
    return f"{'+' if value >= 0 else '−'}{number(abs(value))}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]
