"""Figures that other benchmarks and their readers published, by the protocol that they rest on.

Conventions
-----------
`benchmarks.csv` has a line per figure: the protocol (a name of `svbench --protocol`), whose clips
were judged and by whom, the column as it is printed, which direction is better, the beginning of
the name of our column ("" where svbench has none), the figure as it is printed (to four decimals at
most), and where it stands (a repository and commit, an issue, or a paper). `mark` says how it was
read: R, in the repository at that commit; P, in the main table of that paper; E, in an excerpt of a
thread. Nothing is copied from memory. A column in another unit than ours says so in its name:
"100 IB-score" is a cosine times 100.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from svbench.files.text import read_table
from svbench.reports.published import FOLDER
from svbench.types import Better

FILE: Final = FOLDER / "benchmarks.csv"
COLUMNS: Final = (*("protocol", "system", "column", "better", "metric", "value", "source", "mark"),)
MARKS: Final[Mapping[str, str]] = {
    "R": "read in the repository at that commit",
    "P": "read in the main table of that paper",
    "E": "read in an excerpt of the thread",
}


@dataclass(frozen=True, slots=True)
class PublishedFigure:
    """One published figure, as printed."""

    protocol: str
    system: str  # and who judged it
    column: str  # as printed
    better: Better
    metric: str  # how the name of our column begins; "" if svbench has none
    value: str
    source: str
    mark: str  # a key of MARKS


def figures_of(protocol: str | None = None) -> tuple[PublishedFigure, ...]:
    """Load the figures of a protocol, or all of them, in the order of the file."""
    lines = (line for _, line in read_table(FILE, "published figures", COLUMNS))
    return tuple(_figure(line) for line in lines if protocol in (None, line["protocol"]))


def _figure(line: Mapping[str, str]) -> PublishedFigure:
    cells = {name: line[name] for name in COLUMNS if name != "better"}
    return PublishedFigure(better=cast("Better", line["better"]), **cells)
