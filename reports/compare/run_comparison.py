"""`svbench compare`: the table of several runs, and paired differences from a baseline row."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from svbench.files.results import ClipValues
from svbench.reports.analysis.paired import Paired
from svbench.reports.compare.differences import all_differences, baseline_row, differences
from svbench.reports.compare.merge import merge
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
    runs: Sequence[Run], metrics: tuple[str, ...] = (), against: str | None = None
) -> Comparison:
    """Merge runs, and compute paired differences of every row from a baseline.

    Parameters
    ----------
    runs : Sequence[Run]
        the runs; the first decides what is comparable
    metrics : tuple of str
        the columns to keep (Default value = (): all)
    against : str or None
        the baseline row (Default value = None: the first model)
    """
    merged = merge(runs)
    table = select_columns(merged.table, metrics)
    row = baseline_row(table, against, merged.scores, merged.run_names)
    below = differences(table, merged.scores, row)
    sheets = (arrange(table, merged.scores), *(() if below is None else (below,)))
    return Comparison(table, merged.scores, sheets, all_differences(table, merged.scores, row))


def _json(found: Comparison) -> str:
    record = json.loads(table_json(found.table, found.scores))
    record["differences"] = [asdict(pair) for pair in found.pairs]
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


FORMATS: Final[Mapping[str, Callable[[Comparison], str]]] = {
    "text": lambda found: text(found.sheets),
    "markdown": lambda found: markdown(found.sheets),
    "latex": lambda found: latex(found.sheets, f"svbench-{found.table.dataset}-runs"),
    "csv": lambda found: table_csv(found.table, found.scores),
    "json": _json,
}
