"""The plan of further runs as tables: a line per column of the run that it rests on."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Final

from svbench.power import POWER
from svbench.reports.analysis.planning import SAMPLES, ColumnPlan, Needed, Plan
from svbench.reports.tables.numbers import number
from svbench.reports.tables.sheet import ABSENT, Cell, Line, Sheet

SHARES: Final = ("n for this gap", "n for half of it", "n for a quarter")
EXPLANATION: Final = (
    "n: captions that both rows have; scatter: standard deviation of a caption's paired "
    "difference, which three in four pairs of {rows} do not exceed; detectable: its interval "
    "excludes 0 in {power:.0%} of runs, at level {level:.2g}"
)
UNCERTAIN: Final = (
    "a gap observed on few clips is uncertain: rather plan for the difference that matters, by "
    "--difference"
)
HOLM: Final = "the level is 0.05 over the {pairs} pairs of {rows} rows, Holm's first step"
DISTANCES: Final = (
    "{titles}: n counts clips; scatter is that of the difference of two bootstraps, which is "
    "expected to fall with the root of n"
)
ONE_SAMPLE: Final = (
    "every caption has one sample; a run with --repeats 2 measures how much more samples help"
)
CONTROLS: Final = (
    "fewer than two models: differences of rows made of real clips are a first guess only"
)
CORRELATED: Final = (
    "ICC: how alike the paired differences of a caption's samples are (one-way analysis of "
    "variance); with an ICC of 1 more samples add nothing, with 0 or less they count as captions"
)


def sheets(plan: Plan) -> list[Sheet]:
    """Return the plan, and the captions needed with several samples where these were measured."""
    repeated = [column for column in plan.columns if column.by_samples]
    return [_planned(plan), *([_by_samples(repeated)] if repeated else [])]


def plan_json(plan: Plan) -> str:
    """Return the plan as JSON."""
    record = {**asdict(plan), "power": POWER, "samples": SAMPLES}
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def _planned(plan: Plan) -> Sheet:
    given = any(column.power is not None for column in plan.columns)
    at = sorted({column.at for column in plan.columns if column.at != column.n})
    detectable = f"detectable at n = {at[0]}" if at else "detectable"
    asked = ("power for the difference", "n for it") if given else ("observed gap", *SHARES)
    return Sheet(
        title=f"Planning by {plan.run}",
        headings=("n", "scatter", detectable, *asked),
        lines=tuple(_line(column, len(asked)) for column in plan.columns),
        footnotes=tuple(_notes(plan)),
    )


def _line(column: ColumnPlan, asked: int) -> Line:
    first = _shown(column.gap) if column.power is None else f"{column.power:.2f}"
    needed = [_count(one) for one in column.needed]
    cells = [str(column.n), number(column.deviation), number(column.detectable), first, *needed]
    cells += [ABSENT] * (3 + asked - len(cells))
    return Line(column.title, False, tuple(map(Cell, cells)))


def _by_samples(columns: Sequence[ColumnPlan]) -> Sheet:
    headings = ("ICC", "difference", *(f"{m} sample{'s' * (m > 1)}" for m in SAMPLES))
    lines = (
        Line(
            column.title,
            False,
            tuple(
                map(
                    Cell,
                    (
                        _shown(column.icc),
                        number(column.by_samples[0].difference),
                        *map(_count, column.by_samples),
                    ),
                )
            ),
        )
        for column in columns
    )
    return Sheet("Captions needed, by samples per caption", headings, tuple(lines), (CORRELATED,))


def _notes(plan: Plan) -> Iterator[str]:
    rows = f"{len(plan.rows)} {'models' if plan.models else 'rows'}"
    yield EXPLANATION.format(rows=rows, power=POWER, level=plan.level)
    if plan.compared > 2:
        yield HOLM.format(rows=plan.compared, pairs=math.comb(plan.compared, 2))
    if all(column.power is None for column in plan.columns):
        yield UNCERTAIN
    if not plan.models:
        yield CONTROLS
    if titles := [column.title for column in plan.columns if not column.paired]:
        yield DISTANCES.format(titles=" and ".join(titles))
    if not any(column.icc is not None for column in plan.columns):
        yield ONE_SAMPLE
    for title, reason in plan.absent.items():
        yield f"{title}: {reason}"


def _count(needed: Needed) -> str:
    return ABSENT if needed.n is None else f"{needed.n:,}"


def _shown(value: float | None) -> str:
    return ABSENT if value is None else number(value)
