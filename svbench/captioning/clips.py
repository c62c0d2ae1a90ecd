"""The clips to caption: those of a data set, or of a folder, list or file of somebody's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from svbench.catalog.checks import check_data, real_root
from svbench.catalog.datasets import DATASETS
from svbench.config import RunConfig
from svbench.datasets.manifest import find
from svbench.errors import ConfigError
from svbench.types import Example

USUAL_SECONDS: Final = 4.0  # of every data set of the paper, and what `svbench score` judges
SIZE: Final = (256, 256)  # pixels, likewise


@dataclass(frozen=True, slots=True)
class Clips:
    """The clips to caption.

    Parameters
    ----------
    name : str
        of the data set and its split, or of the folder, for the record
    examples : sequence of Example
        the clips, in the order of the list
    seconds : float
        length of each judged clip
    size : (int, int)
        height and width that its frames are brought to, pixels
    listed_name : callable or None
        what a list of the data set calls a clip; None: they are no data set's
    notes : sequence of str
        on what is not captioned
    """

    name: str
    examples: Sequence[Example]
    seconds: float
    size: tuple[int, int]
    listed_name: Callable[[Example], str] | None = None
    notes: Sequence[str] = ()


def of_dataset(dataset: str, **settings: Any) -> Clips:
    """Return the clips of a data set; settings as of `svbench.config.RunConfig`.

    Raises
    ------
    ConfigError
        for wrong settings, and a data set whose loader reads no list of captions
    DataError
        where the data cannot be read
    """
    config = RunConfig.of(dataset=dataset, scale="paper", **settings)
    entry = DATASETS.known(config.dataset, config.plugins)
    check_data(config)
    if entry.listed_name is None:
        raise ConfigError(
            f"--dataset {dataset}: it states no form of caption lists, expected a folder or list "
            "of its clips in its place"
        )
    examples, _ = entry.load(real_root(config), config)  # its notes are on captions and hits
    name = f"{dataset} {config.split}"
    return Clips(name, examples, entry.spec.duration, entry.spec.size, entry.listed_name)


def of_folder(path: Path, *, seconds: float = USUAL_SECONDS, limit: int | None = None) -> Clips:
    """Return the clips of a folder, list or file, as `svbench score` finds them.

    Raises
    ------
    ConfigError
        where a list holds several sets
    DataError
        where there are no clips, or names are malformed
    """
    found = find(path)
    name, examples = found.only(str(path))
    return Clips(name, examples[:limit], seconds, SIZE, notes=found.notes)
