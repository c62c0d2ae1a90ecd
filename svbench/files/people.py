"""What people prefer, beside a run: people.json, and the columns that tables get of it.

results.json holds what a run computed, and the same run writes the same bytes. Answers of people
are not of it: `svbench study --collect` writes them into people.json beside it, and whoever loads
results to show them joins both. There is one study for each question. The row of a system whose
clips changed since people saw them has no score, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from svbench.files.text import counted
from svbench.files.versioned_lists import dump_list, load_list
from svbench.types import Column, ResultTable, Row, Score

PEOPLE_FILE: Final = "people.json"
METRIC: Final = "people"  # of columns: people@sync
VERSION: Final = 1
EXPECTED: Final = "what svbench study --collect wrote"
CHANGED: Final = "its clips changed since people compared them"
NOT_COMPARED: Final = "not compared by people"


@dataclass(frozen=True, slots=True)
class Preferred:
    """How often people preferred one system."""

    system: str
    set: str  # digest of its set when the study was made
    share: float  # of wins against the other systems of the study, 0..1
    interval: tuple[float, float] | None  # 95 %, over raters and requests
    count: int  # examples whose clips were compared
    wins: int
    ties: int
    losses: int


@dataclass(frozen=True, slots=True)
class People:
    """What came out of one study."""

    question: str  # "sync"
    text: str  # as raters read it
    study: str  # identity
    raters: int  # that count
    excluded: tuple[str, ...]  # codes of raters who do not
    rule: str  # by which they do not
    answers: int  # that count, without attention checks
    separated: bool  # a system won or lost against all others
    alpha: float | None  # Krippendorff's, of raters
    shared: int  # pairs of clips that several of them answered
    circular: int  # triples of systems that beat each other in a circle
    triples: int
    systems: tuple[Preferred, ...]

    @property
    def metric(self) -> str:
        """Return the name of its column."""
        return f"{METRIC}@{self.question}"

    @property
    def title(self) -> str:
        """Return the title of its column."""
        return f"People ({self.question}, Bradley-Terry, {counted(self.raters, 'rater')})"

    @property
    def caveat(self) -> str:
        """Return how the numbers are to be read."""
        parts = [
            f"“{self.text}”, share of wins against the other systems (ties half) by the "
            f"Bradley-Terry model; {counted(self.answers, 'answer')} of "
            f"{counted(self.raters, 'rater')}, {len(self.excluded)} more excluded",
            self._intervals,
            self._agreement,
        ]
        if self.separated:
            parts.append("a system won or lost all: one tie added to every pair")
        if self.circular:
            parts.append(f"{self.circular} of {self.triples} triples beat each other in a circle")
        return "; ".join(parts)

    @property
    def _intervals(self) -> str:
        if any(one.interval for one in self.systems):
            return "intervals over raters and requests"
        few = "rater" if self.raters == 1 else "request"
        return f"no intervals: they need more than one {few}"

    @property
    def _agreement(self) -> str:
        """Return how far raters agree, or why that is not known."""
        if self.alpha is not None:
            pairs = counted(self.shared, "pair")
            return (
                f"agreement of raters on {pairs} of clips (Krippendorff's alpha) {self.alpha:.2f}"
            )
        if self.shared:
            why = "all answers to the same pair of clips are ties"
        elif self.raters == 1:
            why = "it needs more than one rater"
        else:
            why = "no two raters answered the same pair of clips (more answers, or --overlap, help)"
        return f"agreement of raters (Krippendorff's alpha) not known: {why}"

    def column(self) -> Column:
        """Return its column."""
        kept = ("systems", "separated", "triples")
        settings = {name: value for name, value in asdict(self).items() if name not in kept}
        model = {"model": "Bradley-Terry, ties half a win", "bounds": [0.0, 1.0]}
        return Column(
            self.metric, self.title, "higher", {**settings, **model, "caveat": self.caveat}
        )


_ADAPTER: Final = TypeAdapter(People)


def dump_people(studies: Sequence[People]) -> str:
    """Return the text of people.json."""
    return dump_list("studies", VERSION, studies)


def load_people(folder: Path) -> tuple[People, ...]:
    """Load the studies beside a run; none where there is no people.json.

    Raises
    ------
    DataError
        if the file holds something else
    """
    return load_list(folder / PEOPLE_FILE, "studies", VERSION, _ADAPTER, EXPECTED)


def with_study(studies: Sequence[People], new: People) -> tuple[People, ...]:
    """Return studies with one more; one of the same question is replaced."""
    others = (one for one in studies if one.question != new.question)
    return tuple(sorted((*others, new), key=lambda one: one.question))


def with_people(table: ResultTable, studies: Sequence[People]) -> ResultTable:
    """Return a table with a column for each study."""
    for people in studies:
        found = {one.system: one for one in people.systems}
        rows = tuple(_joined(row, people, found) for row in table.rows)
        table = replace(table, columns=(*table.columns, people.column()), rows=rows)
    return table


def _joined(row: Row, people: People, found: Mapping[str, Preferred]) -> Row:
    """Return a row with its cell of a study."""
    name, one = people.metric, found.get(row.system)
    if one is None or one.set != row.settings.get("set"):
        why = NOT_COMPARED if one is None else CHANGED
        return replace(row, absent={**row.absent, name: why})
    score = Score(name, one.share, "higher", one.count, one.interval)
    return replace(row, scores={**row.scores, name: score})
