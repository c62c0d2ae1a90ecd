"""`svbench compare`: the table of several runs, and paired differences from a baseline row.

Where rows were judged unlike, the settings that may explain their gap are named. Where rows are
trainings of one model with several seeds, also its mean over them, and differences of models whose
intervals hold the scatter of trainings.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

from svbench.errors import DataError
from svbench.files.results import ClipValues
from svbench.reports.analysis.paired import Paired
from svbench.reports.compare.differences import all_differences, baseline_row, differences
from svbench.reports.compare.gaps import DATA_KIND, Gap, gap_record, gap_sheet, gaps, note
from svbench.reports.compare.merge import Merged, alone, merge
from svbench.reports.compare.seed_sheets import (
    SeedComparison,
    baseline_of,
    compare_seeds,
    trainings_of,
)
from svbench.reports.compare.shared_requests import Run
from svbench.reports.tables.exports import table_csv, table_json
from svbench.reports.tables.formats import select_columns
from svbench.reports.tables.frames import differences_frame, table_frame
from svbench.reports.tables.latex import latex
from svbench.reports.tables.markdown import markdown
from svbench.reports.tables.sheet import Sheet, arrange
from svbench.reports.tables.text import text
from svbench.types import ResultTable

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several runs as one table, and the paired differences of their rows."""

    table: ResultTable
    scores: ClipValues
    sheets: tuple[Sheet, ...]
    pairs: tuple[Paired, ...]
    seeds: SeedComparison | None = None  # of models that have several trainings
    # Of runs that were judged unlike the first: name of the run -> gaps, and what may explain them.
    gaps: Mapping[str, tuple[Gap, ...]] = field(default_factory=dict)

    def to_pandas(self) -> pd.DataFrame:
        """Return the merged table, a row per system and metric (see `frames.table_frame`)."""
        return table_frame(self.table)

    def differences_to_pandas(self) -> pd.DataFrame:
        """Return the paired differences, a row per pair and metric (`frames.differences_frame`)."""
        return differences_frame(self.pairs)

    def __str__(self) -> str:
        """Return the table and the differences as text, 100 characters wide."""
        return text(self.sheets)


def compare(
    runs: Sequence[Run],
    metrics: tuple[str, ...] = (),
    against: str | None = None,
    training_seeds: Mapping[str, Sequence[str]] | None = None,
) -> Comparison:
    """Merge runs, and compute paired differences of every row from a baseline.

    Parameters
    ----------
    runs : Sequence[Run]
        the runs; the first decides what is comparable
    metrics : tuple of str
        the columns to keep (Default value = (): all)
    against : str or None
        the baseline row, or a model of `training_seeds` (Default value = None: the first model)
    training_seeds : mapping of str to sequence of str, optional
        name of a model -> the rows that are trainings of it; no rows: all of that name
        (Default value = None: every row is a model of its own)
    """
    merged = _merged(runs) if len(runs) > 1 else alone(runs[0])
    table, scores = select_columns(merged.table, metrics), merged.scores
    models = trainings_of(training_seeds or {}, table, merged.run_names)
    named = {model.name: model.systems[0] for model in models}
    row = baseline_row(table, named.get(against or "", against), scores, merged.run_names)
    below = differences(table, scores, row)
    baseline = baseline_of(models, against, row) if models else None
    seeds = compare_seeds(table, scores, models, baseline) if baseline else None
    unlike = {run.name: tuple(gaps(runs[0], run)) for run in runs[1:]}
    between = [gap_sheet(runs[0], run, unlike[run.name]) for run in runs[1:]]
    sheets = (
        arrange(table, scores),
        *(() if below is None else (below,)),
        *(sheet for sheet in between if sheet is not None),
        *(() if seeds is None else seeds.sheets),
    )
    pairs = all_differences(table, scores, row)
    found = {name: of for name, of in unlike.items() if of}
    return Comparison(table, scores, sheets, pairs, seeds, found)


def _merged(runs: Sequence[Run]) -> Merged:
    """Merge runs; an error also says which settings may explain the gaps between them."""
    try:
        return merge(runs)
    except DataError as error:
        found = [gap for run in runs[1:] for gap in gaps(runs[0], run)]
        explained = [
            note(gap, most=None) for gap in found if gap.kinds != (DATA_KIND,)
        ]  # else said already
        raise DataError.of([*str(error).split("\n"), *dict.fromkeys(explained)]) from error


def _json(found: Comparison) -> str:
    record = json.loads(table_json(found.table, found.scores))
    record["differences"] = [asdict(pair) for pair in found.pairs]
    if found.gaps:
        record["gaps"] = {run: [gap_record(gap) for gap in of] for run, of in found.gaps.items()}
    if found.seeds is not None:
        of = {"means": found.seeds.means, "differences": found.seeds.differences}
        record["training_seeds"] = {
            name: [asdict(one) for one in ones] for name, ones in of.items()
        }
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


FORMATS: Final[Mapping[str, Callable[[Comparison], str]]] = {
    "text": lambda found: text(found.sheets),
    "markdown": lambda found: markdown(found.sheets),
    "latex": lambda found: latex(found.sheets, f"svbench-{found.table.dataset}-runs"),
    "csv": lambda found: table_csv(found.table, found.scores),
    "json": _json,
}
