"""Summary of a run in plain words: what was scored, the main result, and cautions.

Sentences are generated from the numbers of the table; each states its count and its interval. The
headline is a comparison, as a score means little alone: the two best models, paired by clip; the
models that stand clear of their floor; and without any model, the ceiling against the floor. No
model is called the best unless the table marks it so (`svbench.reports.analysis.ranking`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from svbench.errors import DataError
from svbench.files.results import ClipValues
from svbench.reports.analysis.clip_scores import ClipScores
from svbench.reports.analysis.floors import SHUFFLED, verdict
from svbench.reports.analysis.paired import Paired, bounds_of, paired
from svbench.reports.analysis.pairwise import LEAST
from svbench.reports.analysis.ranking import compare_places
from svbench.reports.page.clip_choice import headline_column, ranked_rows
from svbench.reports.tables.footnotes import CAVEAT, FEW
from svbench.reports.tables.numbers import number
from svbench.reports.tables.small_networks import small_networks
from svbench.types import Column, ResultTable, Row, Score

CEILING = "real"  # the control of unchanged real clips
APART = "their intervals do not overlap."
TOGETHER = (
    "their intervals overlap or lie too close for so many comparisons, or rest on unequal counts "
    f"or fewer than {LEAST} clips."
)
NOT_COMPARABLE = "miniature: not comparable with published figures"


@dataclass(frozen=True, slots=True)
class Summary:
    """The opening of a page, before its first table."""

    judged: str  # models, clips and metrics
    headline: tuple[str, ...]  # the main result; empty without any score
    cautions: tuple[str, ...]  # limits of the result


def summarise(table: ResultTable, scores: ClipScores) -> Summary:
    """Return the summary of a table."""
    column = headline_column(table, scores)
    headline = () if column is None else _headline(table, scores, column)
    return Summary(_judged(table), headline or _set_level(table), _cautions(table))


def _judged(table: ResultTable) -> str:
    models = [row for row in table.rows if row.competes]
    floors = [row for row in table.rows if row.floor_of is not None]
    asked = [row for row in table.rows if row.asked]
    others = len(asked) - len(models) - len(floors)
    parts = [_counted(len(models), "model") if models else "No model"]
    if floors:
        whose = "its" if len(models) == 1 else "their"
        parts.append(f"{_counted(len(floors), 'floor')} made from {whose} clips")
    if others:
        parts.append(f"{_counted(others, 'control')} made of real clips")
    counts = sorted({row.asked for row in asked})
    if not counts:
        return "No row was judged."
    clips = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    metrics = _counted(len(table.columns), "metric")
    each = f"{clips} clip{'' if counts == [1] else 's'} each"
    seconds = f"{table.spec.duration:g} s"
    return f"{_and(parts)}, {each}, judged by {metrics}. A clip lasts {seconds}: {table.spec}."


def _headline(table: ResultTable, scores: ClipScores, column: Column) -> tuple[str, ...]:
    rows = [row for row in table.rows if scores.values(row.system, column.metric) is not None]
    sign = -1 if column.better == "higher" else 1
    order = sorted(rows, key=lambda row: sign * row.scores[column.metric].value)
    models = [row for row in order if row.competes]
    named = {row.system: row for row in rows if row.made_of_real_clips}
    if models:
        by_request = scores.by_request()
        sentences = [
            *_first(table, column, models, by_request),
            _against_floors(table, column, by_request),
            _ceiling(named.get(CEILING), column),
        ]
    else:
        sentences = _controls(column, order, named, scores.by_request())
    caveat = str(column.settings.get(CAVEAT, ""))
    return tuple(filter(None, (*sentences, caveat and f"{_first_up(caveat)}.")))


def _first(
    table: ResultTable, column: Column, models: Sequence[Row], scores: ClipValues
) -> list[str]:
    """Return the best of the models, if the table marks one, and its difference from the next."""
    opening = f"{column.title}, {column.better} is better"
    if len(models) == 1:
        return [f"{opening}: {_named(models[0], column)}."]
    place, *_ = compare_places(replace(table, columns=(column,)), scores)
    named = {row.system: _named(row, column) for row in table.rows if column.metric in row.scores}
    first, second = named[place.system], named[place.following]
    if place.evidence is not None:
        gap = _gap(place.evidence, stands=place.stands, comparisons=place.comparisons)
    elif scores:
        gap = "no clip in both."
    else:
        gap = APART if place.stands else TOGETHER
    if place.stands:
        return [f"{opening}: the best of the models is {first}.", f"Against {second}: {gap}"]
    return [f"{opening}: no model is clearly the best. Between {first}, and {second}: {gap}"]


def _against_floors(table: ResultTable, column: Column, scores: ClipValues) -> str:
    """Return which rows stand clear of their floors, or why a floor made from a row is absent."""
    if sentence := verdict(table, column, scores):
        return f"{sentence}."
    absent = [row.absent.get(column.metric) for row in table.rows if row.floor_of is not None]
    reason = next(filter(None, absent), "")
    return f"No row has a floor in {column.title}: {reason}." if reason else ""


def _ceiling(ceiling: Row | None, column: Column) -> str:
    return "" if ceiling is None else f"{_first_up(ceiling.title)}: {_score(ceiling, column)}."


def _controls(
    column: Column, order: Sequence[Row], named: Mapping[str, Row], scores: ClipValues
) -> list[str]:
    """Return the result of a table without models: ceiling against floor, or each row's score."""
    opening = f"{column.title}, {column.better} is better"
    floor, ceiling = named.get(SHUFFLED), named.get(CEILING)
    if floor is None or ceiling is None:
        return [f"{opening}: {'; '.join(_named(row, column) for row in order)}."] if order else []
    scored = f"{opening}. {_first_up(_named(ceiling, column))}; {_named(floor, column)}."
    try:
        gain = paired(scores, column.metric, ceiling.system, floor.system, bounds=bounds_of(column))
    except DataError:
        return [scored]
    between = f"Between the two: {_gap(gain, stands=gain.excludes_zero)}"
    return [scored, between, "A model's score is worth what it gains on the floor."]


def _set_level(table: ResultTable) -> tuple[str, ...]:
    """Return the result of the first column with scores, if no metric has scores per clip."""
    for column in table.columns:
        rows = ranked_rows([row for row in table.rows if column.metric in row.scores])
        sign = -1 if column.better == "higher" else 1
        order = sorted(rows, key=lambda row: sign * row.scores[column.metric].value)
        if order and order[0].competes:
            return tuple(_first(table, column, order, {}))
        if order:
            return tuple(_controls(column, order, {}, {}))
    return ()


def _gap(found: Paired, *, stands: bool, comparisons: int = 1) -> str:
    """Return a paired difference in words, one of several comparisons that are judged together."""
    pairs = f"over {_counted(found.count, 'clip')} in both"
    if found.interval is None:
        return f"{_signed(found.value)} {pairs}."
    low, high = map(_signed, found.interval)
    beyond, within = "more than the draw of clips explains", "no significant difference in this run"
    if found.excludes_zero and not stands:
        within += f", corrected for {_counted(comparisons, 'comparison')}"
    return (
        f"{_signed(found.value)} [{low}, {high}], clip by clip {pairs}: "
        f"{beyond if stands else within}."
    )


def _cautions(table: ResultTable) -> tuple[str, ...]:
    cautions = list(table.random_notes)
    if table.scale == "mini":
        cautions.append(NOT_COMPARABLE)
    cautions += small_networks(table)
    counts = [score.count for row in table.rows for score in row.scores.values()]
    few = min(counts, default=FEW)
    if few < FEW:
        cautions.append(f"some scores rest on {_counted(few, 'clip')} only: read them as a trial")
    left = [f"{len(row.left_out)} of {row.asked} clips of {row.title}" for row in _leaving(table)]
    if left:
        cautions.append(f"left out, as they could not be judged: {'; '.join(left)}")
    empty = [c.title for c in table.columns if all(c.metric in row.absent for row in table.rows)]
    if empty and table.rows:
        cautions.append(f"absent: {', '.join(empty)}; the notes below say why")
    return tuple(cautions)


def _leaving(table: ResultTable) -> Sequence[Row]:
    return [row for row in table.rows if row.left_out]


def _score(row: Row, column: Column) -> str:
    score: Score = row.scores[column.metric]
    if score.interval is None:
        return number(score.value)
    low, high = score.interval
    return f"{number(score.value)} [{number(low)}, {number(high)}]"


def _named(row: Row, column: Column) -> str:
    return f"{row.title}, {_score(row, column)}"


def _and(parts: Sequence[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _signed(value: float) -> str:
    return f"{'+' if value >= 0 else '−'}{number(abs(value))}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]
