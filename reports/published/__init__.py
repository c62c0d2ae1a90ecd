"""The paper's Tables 1 to 3 as printed, and the rows of ours that their lines describe.

Conventions
-----------
Beside this module lie, named by data set, a JSON file with the number of the table and its caption,
and a CSV file with a line per line and a column per column of the printed table. Cells are the
printed text: "> 3000" is not a number, and a gap in the paper (a modality that a system does not
generate, or a caption that it does not use) is an empty cell. In Table 1 each method also has the
mixer and the gamma of the system that it describes: the paper's cross-attention has no adjusted
time steps, so its gamma is 1. Tables 2 and 3 name no gamma, so none of our rows is matched.

The text of the paper that these files were copied from drops empty cells and the raised dagger.
The columns of the gaps follow from the systems: TempoToken generates video from given audio,
SpecVQGAN and DiffFoley generate audio from given video, and MM-Diffusion has no caption; the dagger
belongs where the caption of Table 3 puts it.

References
----------
M. Ishii et al.: A simple but strong baseline for sounding video generation, arXiv:2409.17550,
Tables 1 to 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from svbench.files.text import read_object, read_table
from svbench.types import Better, Column, ResultTable, Row

FOLDER: Final = Path(__file__).parent
SOURCE: Final = "Ishii et al., arXiv:2409.17550"
HALVES: Final = "+halves"  # suffix of a distance between two halves of the clips
BETTER: Final[Mapping[str, Better]] = {
    "FVD": "lower",
    "FAD": "lower",
    "AV-Align": "higher",
    "IB-AV": "higher",
    "IB-TA": "higher",
    "IB-TV": "higher",
}
# printed column -> prefix of the names of our metrics; the network stands behind a "+"
OURS: Final[Mapping[str, str]] = {
    "FVD": "fvd@",
    "FAD": "fad@",
    "AV-Align": "av-align-corrected@published",  # Eq. 14-15, the detectors of every public code
    "IB-AV": "ib-av@",
    "IB-TA": "ib-ta@",
    "IB-TV": "ib-tv@",
}


# printed column -> caveat on comparing it with ours
CAVEATS: Final[Mapping[str, str]] = {
    "AV-Align": (
        "the paper says that it tuned its detectors on annotated hits (A.4.1) and gives no values; "
        "its released code has the defaults that @published has, so that is what stands beside it"
    ),
    "FVD": (
        "the paper's comes from StyleGAN-V's script (network of tf.hub, real windows drawn without "
        "a seed, so it spreads from call to call)"
    ),
}


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One line of a table of the paper."""

    method: str  # as printed
    cells: Mapping[str, str]  # column -> as printed; a gap of the paper is absent
    mixer: str = ""  # of our system; "" if the paper does not identify one
    gamma: float | None = None

    def describes(self, row: Row) -> bool:
        """Return whether a row of ours is the model that this line describes."""
        gamma = row.settings.get("gamma")
        same = self.mixer != "" and row.settings.get("mixer") == self.mixer
        return same and gamma is not None and float(gamma) == self.gamma


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """One table of the paper."""

    number: int
    dataset: str  # our name of it
    caption: str
    columns: tuple[str, ...]
    rows: tuple[PublishedRow, ...]

    @property
    def source(self) -> str:
        """Return the citation: table and paper."""
        return f"Table {self.number} of {SOURCE}"

    def column_of(self, name: str, table: ResultTable) -> Column | None:
        """Return the first column of ours that corresponds to a printed one, or None."""
        whole = (c for c in table.columns if not c.metric.endswith(HALVES))
        return next((c for c in whole if c.metric.startswith(OURS[name])), None)


def published(dataset: str) -> PublishedTable | None:
    """Load the paper's table of a data set; None if it has none."""
    if dataset not in {file.stem for file in FOLDER.glob("*.json")}:
        return None
    about = read_object(FOLDER / f"{dataset}.json", "number and caption of a table of the paper")
    file = FOLDER / f"{dataset}.csv"
    lines = [line for _, line in read_table(file, "a table of the paper", ("method",))]
    columns = tuple(name for name in lines[0] if name in BETTER)
    rows = tuple(_row(line, columns) for line in lines)
    return PublishedTable(about["number"], dataset, about["caption"], columns, rows)


def _row(line: Mapping[str, str], columns: tuple[str, ...]) -> PublishedRow:
    cells = {name: line[name] for name in columns if line[name]}
    gamma = line.get("gamma")
    return PublishedRow(
        line["method"], cells, line.get("mixer", ""), float(gamma) if gamma else None
    )
