"""Clips, their references and captions, and every column of them by small networks."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from svbench.catalog.plans import settings_of
from svbench.config import RunConfig
from svbench.datasets import manifest
from svbench.engines.local import Local
from svbench.protocols import Metric
from svbench.types import Example, Row
from svbench.walk.plan import Data, Plan
from svbench.walk.run import walk
from tests.factories.clips import make_clip, write_clip
from tests.factories.small_columns import SPEC, small_columns

CLIPS: Final = 10  # the fewest of which there is an inception score
MADE: Final = "made"
TOO_FEW: Final = ("fvd-inf", "fad-inf")  # columns that extrapolate from more clips

Folders = dict[str, tuple[Example, ...]]


def write_folders(root: Path) -> Folders:
    """Write clips and their references, with captions."""
    for seed, name in enumerate((MADE, "real")):
        for number in range(CLIPS):
            write_clip(root / name / f"c{number}.mp4", make_clip(100 * seed + number, SPEC))
        lines = [f"c{number}.mp4,a stick hits wood\n" for number in range(CLIPS)]
        (root / name / "captions.csv").write_text("file,caption\n" + "".join(lines))
    return {name: _examples(root / name) for name in (MADE, "real")}


def _examples(folder: Path) -> tuple[Example, ...]:
    (examples,) = manifest.load(folder, captions=folder / "captions.csv").values()
    return examples


def score(columns: tuple[Metric, ...], folders: Folders, out: Path, workers: int) -> Row:
    """Score the clips that were made, and return their row."""
    data = Data("All", SPEC, folders["real"], folders={MADE: folders[MADE]})
    settings = settings_of(RunConfig(dataset="all"))
    plan = Plan("all", "elsewhere", columns, lambda: data, settings)
    (row,) = (row for row in walk(plan, out, Local(workers)).rows if row.system == MADE)
    return row


def missing(row: Row) -> dict[str, str]:
    """Return the cells that are absent though there are enough clips, each with its reason."""
    return {n: why for n, why in row.absent.items() if n.partition("@")[0] not in TOO_FEW}


def judged(root: Path, workers: int) -> Row:
    """Write clips and networks below a folder, and return the row of the clips."""
    networks = root / "networks"
    networks.mkdir()
    return score(small_columns(networks), write_folders(root), root / "out", workers)
