"""A result table arranged for print, independent of the format.

Conventions
-----------
Models come first, then controls (real clips, and rows made of them): a ceiling is not a
competitor. An absent cell is a dash, and its reason is a footnote. Cells are marked best and second
best by `svbench.reports.analysis.ranking`. In every format the caption of a `Sheet` is its title,
its protocol and its footnotes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from svbench.files.results import ClipValues
from svbench.reports.analysis.ranking import Place, Ranks, marked_places, ranks_of, standings
from svbench.reports.tables.footnotes import VIEW, footnotes
from svbench.reports.tables.numbers import bounds, number, rank_range
from svbench.reports.tables.small_networks import small_networks
from svbench.types import ResultTable, Row, Score

ARROWS = {"higher": "↑", "lower": "↓"}
ABSENT = "–"
NATIVE = "every clip at its own size and frame rate"
NOT_COMPARABLE = "miniature data, models and networks: not comparable with published figures"
UNEQUAL = "distances between sets fall with n: compare at equal n only"
RECORDED = ("seed", "real clips")  # entries of a run's record that stand in the caption
ELSEWHERE = "elsewhere"  # the scale of `svbench score`, which does not know how clips were made


@dataclass(frozen=True, slots=True)
class Cell:
    """One printed cell."""

    value: str
    interval: str = ""
    count: str = ""  # of clips it rests on
    place: Place | None = None  # best or second best of the models, where intervals support it
    against: str = ""  # the count of real clips that a distance is measured from
    ranks: str = ""  # that the row may have among the models, where the format shows them


@dataclass(frozen=True, slots=True)
class Line:
    """One printed row."""

    title: str
    reference: bool  # made of real clips
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A printed table: headings, rows and footnotes."""

    title: str
    headings: tuple[str, ...]
    lines: tuple[Line, ...]
    footnotes: tuple[str, ...]
    protocol: str = ""  # scale, seed, clips, and the full name of each metric
    name: str = ""  # the short title, of a compact table
    brief: tuple[str, ...] = ()  # the notes of a compact table
    as_printed: bool = False  # the headings are names that others print: none is shortened


def arrange(table: ResultTable, scores: ClipValues | None = None) -> Sheet:
    """Return a table as it is printed: models first, then controls, each in given order.

    Parameters
    ----------
    table : ResultTable
        the table to print
    scores : ClipValues or None
        scores per clip, by which cells are marked best (Default value = None: none is marked)
    """
    table = replace(table, rows=tuple(sorted(table.rows, key=lambda r: r.made_of_real_clips)))
    found = () if scores is None else standings(table, scores)
    marked, ranks = marked_places(found), ranks_of(found)
    lines = tuple(_line(row, table, marked, ranks) for row in table.rows)
    return Sheet(
        title=f"{table.title} ({_format(table)})",
        headings=tuple(f"{c.title} {ARROWS[c.better]}" for c in table.columns),
        lines=lines,
        footnotes=tuple(footnotes(table, marked=bool(marked), scores=scores)),
        protocol=_protocol(table),
        name=table.title,
        brief=tuple(brief(table)),
    )


def _format(table: ResultTable) -> str:
    """Return the clip format that was scored."""
    views = {column.settings.get(VIEW) for column in table.columns}
    return NATIVE if views == {"native"} else str(table.spec)


def brief(table: ResultTable) -> Iterator[str]:
    """Yield the notes that even a compact table needs."""
    yield from table.random_notes
    if table.scale == "mini":
        yield NOT_COMPARABLE
    yield from small_networks(table)
    counts = {score.count for row in table.rows for score in row.scores.values()}
    if counts:
        least, most = min(counts), max(counts)
        yield f"n = {least}" if least == most else f"n = {least} to {most}"
    if any(len(_sizes(table, column.metric)) > 1 for column in table.columns):
        yield UNEQUAL


def _sizes(table: ResultTable, metric: str) -> set[tuple[int, int]]:
    """Return the counts of clips behind the distances of a column, as (generated, real)."""
    scores = [row.scores[metric] for row in table.rows if metric in row.scores]
    return {(s.count, s.reference_count) for s in scores if s.reference_count is not None}


def _protocol(table: ResultTable) -> str:
    """Return scale, record and metrics of a table in one line."""
    record = [f"{name}: {table.record[name]}" for name in RECORDED if name in table.record]
    judged = ", ".join(column.metric for column in table.columns)
    scale = scale_of(table)
    made = f"scale: {scale}" if scale == table.scale else scale
    return "; ".join([made, *record, *([f"judged by {judged}"] if judged else [])])


def _line(
    row: Row, table: ResultTable, marked: Mapping[tuple[str, str], Place], ranks: Ranks
) -> Line:
    cells = tuple(
        cell_of(
            row.scores.get(c.metric),
            row.asked,
            marked.get((row.system, c.metric)),
            ranks.get((row.system, c.metric)),
        )
        for c in table.columns
    )
    return Line(row.title, row.made_of_real_clips, cells)


def cell_of(
    score: Score | None,
    asked: int,
    place: Place | None = None,
    ranks: tuple[int, int] | None = None,
) -> Cell:
    """Return one score as it is printed; `asked` is the number of clips requested of the row."""
    if score is None:
        return Cell(ABSENT)
    interval = "" if score.interval is None else bounds(score.interval)
    against = "" if score.reference_count is None else f"vs {score.reference_count}"
    of = "" if score.count == asked else f" of {asked}"
    within = "" if ranks is None else rank_range(ranks)
    return Cell(number(score.value), interval, f"n = {score.count}{of}", place, against, within)


def counts_of(cells: Sequence[Cell]) -> tuple[str, tuple[str, ...]]:
    """Return the count that most cells of a row share, and for each cell what deviates from it.

    The first is printed once, beside the row's title, the others in their cells. An absent cell
    has no count.
    """
    counts = Counter(cell.count for cell in cells if cell.count)
    count = counts.most_common(1)[0][0] if counts else ""
    compared = {cell.against for cell in cells if cell.against}
    deviates = any(cell.count != count for cell in cells if cell.against)
    against = "" if deviates or len(compared) != 1 else compared.pop()
    return _joined(count, against), tuple(_deviating(cell, count, against) for cell in cells)


def _deviating(cell: Cell, count: str, against: str) -> str:
    if cell.count != count:
        return _joined(cell.count, cell.against)
    return "" if cell.against == against else cell.against


def _joined(*parts: str) -> str:
    return " ".join(filter(None, parts))


def scale_of(table: ResultTable) -> str:
    """Return the scale of a table as it is printed."""
    return "clips made elsewhere" if table.scale == ELSEWHERE else table.scale
