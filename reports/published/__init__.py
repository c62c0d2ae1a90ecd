"""The paper's Tables 1 to 3 as printed, and which of our rows each line of them speaks of.

Beside this module lie, named by data set, a JSON file with the number of the table and what is
printed above it, and a CSV file with one line for each of its lines and one column for each of its
columns. Cells are the printed text: "> 3000" is no number, and a gap in the paper
(what a system does not make, or makes from no caption) is an empty cell. Beside the method stand,
in Table 1, the mixer and the gamma of ours that it describes: the paper's cross-attention has no
adjusted time steps, so its gamma is 1. Tables 2 and 3 tell no gamma, so no row of ours is matched.

The text of the paper that these files were read from keeps no empty cells and drops the raised
dagger. Which columns the gaps are in follows from what each system makes: TempoToken makes the
video to our sound, SpecVQGAN and DiffFoley the sound to our video, and MM-Diffusion reads no
caption; the dagger stands where the caption of Table 3 says.

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
HALVES: Final = "+halves"  # behind the name of a distance of half of the clips
BETTER: Final[Mapping[str, Better]] = {
    "FVD": "lower",
    "FAD": "lower",
    "AV-Align": "higher",
    "IB-AV": "higher",
    "IB-TA": "higher",
    "IB-TV": "higher",
}
# which of our metrics a printed column is: names begin so, whatever network stands behind the +
OURS: Final[Mapping[str, str]] = {
    "FVD": "fvd@",
    "FAD": "fad@",
    "AV-Align": "av-align-corrected@published",  # Eq. 14-15, the detectors of every public code
    "IB-AV": "ib-av@",
    "IB-TA": "ib-ta@",
    "IB-TV": "ib-tv@",
}


# what a reader must know of a printed column beside ours
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
    mixer: str = ""  # of ours; "" if the paper does not say enough to tell
    gamma: float | None = None

    def speaks_of(self, row: Row) -> bool:
        """Tell whether a row of ours is the model this line describes."""
        gamma = row.settings.get("gamma")
        same = self.mixer != "" and row.settings.get("mixer") == self.mixer
        return same and gamma is not None and float(gamma) == self.gamma


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """One table of the paper."""

    number: int
    dataset: str  # by our name
    caption: str
    columns: tuple[str, ...]
    rows: tuple[PublishedRow, ...]

    @property
    def source(self) -> str:
        """Name the table and the paper."""
        return f"Table {self.number} of {SOURCE}"

    def column_of(self, name: str, table: ResultTable) -> Column | None:
        """Return the column of ours that is the printed one, the first if several are."""
        whole = (c for c in table.columns if not c.metric.endswith(HALVES))
        return next((c for c in whole if c.metric.startswith(OURS[name])), None)


def published(dataset: str) -> PublishedTable | None:
    """Return the paper's table of a data set, or None if it has none."""
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
