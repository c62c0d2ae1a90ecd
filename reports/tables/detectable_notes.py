"""Footnotes on what a table cannot tell: the smallest differences that it finds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import Final

from svbench.files.results import ClipValues
from svbench.reports.analysis.detectable import POWER, Detectable, detectable
from svbench.reports.tables.numbers import number
from svbench.types import ResultTable

BELOW: Final = (
    "at n = {count}, differences of two models below these are mostly missed (power "
    f"{POWER:g}, 5 % for {{pairs}} of models{{lead}}): {{columns}}"
)
LEAD: Final = "; in brackets: the lead that marks the best of them"
ANY: Final = "any"  # in place of a size: even the largest difference is missed
NO_LEAD: Final = "none"  # in place of a lead: not even the largest marks a best


def detectable_notes(table: ResultTable, scores: ClipValues) -> Iterator[str]:
    """Yield which differences columns cannot tell, once for all columns of equal counts."""
    found = (detectable(table, column, scores) for column in table.columns)
    size = attrgetter("count", "comparisons")
    known = sorted((one for one in found if one is not None), key=size)
    for (count, comparisons), group in groupby(known, size):
        yield BELOW.format(
            count=count,
            pairs="1 pair" if comparisons == 1 else f"{comparisons} pairs",
            lead="" if comparisons == 1 else LEAD,
            columns="; ".join(map(_sizes, group)),
        )


def _sizes(found: Detectable) -> str:
    if found.pair is None:
        return f"{found.column.title} {ANY}"
    lead = NO_LEAD if found.lead is None else number(found.lead)
    in_brackets = f" ({lead})" if found.comparisons > 1 else ""
    return f"{found.column.title} {number(found.pair)}{in_brackets}"
