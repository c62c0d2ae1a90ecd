"""Tables of a validation: an overview of all metrics, and what is noticed of each distortion.

Conventions
-----------
A line is a metric, in the order of the command. Correlations have two decimals. A dash is what does
not exist: a correlation with ratings where people rated nothing, a score that could not be
computed, a finding on a distortion that leaves a metric as it is; the notes give the
reason. "not noticed" is a finding: no level is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from svbench.files.validity import Arm, Correlation, Measured, Response, Validity, dump_validity
from svbench.reports.analysis.following import verdict
from svbench.reports.tables.latex import latex
from svbench.reports.tables.markdown import markdown
from svbench.reports.tables.numbers import bounds, number
from svbench.reports.tables.sheet import ABSENT, ARROWS, Cell, Line, Sheet
from svbench.reports.tables.text import text
from svbench.reports.validity.notes import (
    BRACKETS,
    CORRECTED,
    MARK,
    MONOTONE,
    ORIENTED,
    WORDS,
    absences,
    absences_at_levels,
    compared,
    fitted,
    general_notes,
    incomparable,
    noticing,
    subject,
    unaffected,
    unbiased,
)
from svbench.reports.validity.records import records_csv
from svbench.reports.validity.selection import (
    arm_of,
    arms_of,
    by_distortion,
    level_text,
    named,
    words_of,
)

LABEL: Final = "svbench-validity"
NOTHING: Final = "not noticed"
NEVER: Final = "none"  # as an end of the range of a level
UNRATED: Final = "not rated"
DASH: Final = Cell(ABSENT)


def sheets(found: Validity) -> list[Sheet]:
    """Return all tables of a validation, the overview first."""
    return [*comparisons(found), *levels_noticed(found)]


def comparisons(found: Validity) -> list[Sheet]:
    """Return the tables that hold all distortions: the overview, and correlations with people."""
    rated = {name: of for name, of in by_distortion(found).items() if _is_rated(of)}
    return [overview(found), *([correlations(found, rated)] if rated else [])]


def levels_noticed(found: Validity) -> list[Sheet]:
    """Return a table for each distortion: the levels noticed, and whether metrics are monotone."""
    return [noticed(found, name, of) for name, of in by_distortion(found).items()]


def overview(found: Validity) -> Sheet:
    """Return the table of all metrics: whether they follow people over the rated conditions."""
    return Sheet(
        title=f"Do metrics follow people? ({subject(found)})",
        headings=("undistorted", "Spearman with people", "verdict", "monotone series"),
        lines=tuple(
            Line(one.title, reference=False, cells=_overview_of(found, one))
            for one in found.metrics
        ),
        footnotes=(
            *(BRACKETS, ORIENTED, CORRECTED, *compared(found), WORDS, MONOTONE),
            *(*unbiased(found), *fitted(found), *general_notes(found), *absences(found)),
        ),
        protocol=_protocol(found),
        name="Do metrics follow people?",
    )


def correlations(found: Validity, rated: Mapping[str, Mapping[str, Response]]) -> Sheet:
    """Return the table of rank correlations with people, a column for each rated distortion."""

    def cell(one: Measured, name: str) -> Cell:
        response = rated[name].get(one.metric)
        if response is None or response.correlation is None:
            return DASH
        shown = _correlation(response.correlation)
        return replace(shown, value=shown.value + MARK) if name in one.fitted_on else shown

    return Sheet(
        title=f"Spearman with people, by distortion ({subject(found)})",
        name="Spearman with people, by distortion",
        headings=tuple(map(words_of, rated)),
        lines=_lines(found, [partial(cell, name=name) for name in rated]),
        footnotes=(BRACKETS, CORRECTED, *fitted(found)),
    )


def noticed(found: Validity, name: str, responses: Mapping[str, Response]) -> Sheet:
    """Return the table of the mildest level of a distortion that metrics and people notice."""
    columns = [
        (named(heading, arm), partial(cell, responses, arm=arm))
        for arm in arms_of(responses)
        for heading, cell in _OF_AN_ARM.items()
    ]
    unit = next(iter(responses.values())).unit
    of_levels = (
        note
        for one in found.metrics
        if one.metric in responses
        for note in absences_at_levels(one, responses[one.metric])
    )
    return Sheet(
        title=f"Mildest {words_of(name)} noticed{f' ({unit})' if unit else ''}",
        headings=tuple(heading for heading, _ in columns),
        lines=_lines(found, [column for _, column in columns]),
        footnotes=(
            *(noticing(found), MONOTONE, *incomparable(found, responses)),
            *(*unaffected(found, responses), *of_levels),
        ),
    )


def _overview_of(found: Validity, one: Measured) -> tuple[Cell, ...]:
    of_metric = (arm for of in found.responses if of.metric == one.metric for arm in of.arms)
    arms = [arm for arm in of_metric if not arm.unaffected]
    monotone = sum(arm.monotone for arm in arms)
    agreement = one.agreement
    return (
        _undistorted(one),
        _correlation(agreement),
        DASH if agreement is None else Cell(verdict(agreement.value, agreement.interval)),
        Cell(f"{monotone} of {len(arms)}") if arms else DASH,
    )


def _undistorted(one: Measured) -> Cell:
    if one.undistorted is None:
        return DASH
    interval = "" if one.interval is None else bounds(one.interval)
    return Cell(f"{number(one.undistorted)} {ARROWS[one.better]}", interval, f"n = {one.count}")


def _correlation(found: Correlation | None) -> Cell:
    if found is None:
        return DASH
    interval = found.interval
    ends = "" if interval is None else f"[{interval[0]:z.2f}, {interval[1]:z.2f}]"
    return Cell(f"{found.value:z.2f}", ends)


def _noticed(responses: Mapping[str, Response], one: Measured, *, arm: str) -> Cell:
    found = _arm(responses, one, arm)
    if found is None or not found.comparable or found.unaffected:
        return DASH
    known = (found.noticed, found.earliest, found.latest)
    if len(set(known)) == 1 or (found.earliest is None and found.latest is None):
        return _level(found.noticed)
    earliest, latest = (NEVER if end is None else level_text(end) for end in known[1:])
    return replace(_level(found.noticed), interval=f"[{earliest}, {latest}]")


def _people(responses: Mapping[str, Response], _one: Measured, *, arm: str) -> Cell:
    """Return what people notice, the same for every metric: of any response that has ratings."""
    rated = [of for of in responses.values() if of.people is not None]
    found = next(filter(None, (arm_of(of, arm) for of in rated)), None)
    if found is None:
        return Cell(UNRATED)
    return _level(found.people_notice)


def _monotone(responses: Mapping[str, Response], one: Measured, *, arm: str) -> Cell:
    found = _arm(responses, one, arm)
    return DASH if found is None or found.unaffected else Cell("yes" if found.monotone else "no")


_OF_AN_ARM: Final = {"by the metric": _noticed, "by people": _people, "monotone": _monotone}


def _level(level: float | None) -> Cell:
    return Cell(NOTHING if level is None else level_text(level))


def _arm(responses: Mapping[str, Response], one: Measured, name: str) -> Arm | None:
    return arm_of(responses.get(one.metric), name)


def _lines(found: Validity, columns: Sequence[Callable[[Measured], Cell]]) -> tuple[Line, ...]:
    return tuple(
        Line(one.title, reference=False, cells=tuple(column(one) for column in columns))
        for one in found.metrics
    )


def _is_rated(responses: Mapping[str, Response]) -> bool:
    return any(one.people is not None for one in responses.values())


def _protocol(found: Validity) -> str:
    names = ", ".join(one.metric for one in found.metrics)
    return "; ".join([f"seed: {found.seed}", *([f"judged by {names}"] if names else [])])


FORMATS: Final[Mapping[str, Callable[[Validity], str]]] = {
    "text": lambda found: text(sheets(found)),
    "markdown": lambda found: markdown(sheets(found)),
    "latex": lambda found: latex(sheets(found), LABEL),
    "csv": records_csv,
    "json": dump_validity,
}
