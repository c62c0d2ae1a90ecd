"""What an audit is of: the splits of a data set that lie in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from svbench.audit.audit import Subject
from svbench.catalog.datasets import DATASETS, Dataset
from svbench.config import RunConfig
from svbench.datasets.lists import SPLITS, check_folder
from svbench.datasets.survey import Problem, Survey, problem_of, selected
from svbench.errors import ConfigError, DataError
from svbench.miniature.drawing.folders import MARKER
from svbench.types import Example

ALL: Final = "all"
REFERENCE: Final = "reference"  # a split that miniatures have


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be checked.

    Parameters
    ----------
    dataset : str
        a name of the catalog
    root : Path
        its folder: of the real set, or of a miniature
    captions : Path, optional
        list of clips or captions (Default value = those in the folder)
    split : str, optional
        "train", "test" or "all" (Default value = all that are there; beside `captions`: "test")
    limit : int, optional
        check the first so many clips of each split (Default value = all)
    decode : bool
        decode all clips (Default value = False)
    plugins : sequence of str
        modules that may offer the data set
    """

    dataset: str
    root: Path
    captions: Path | None = None
    split: str | None = None
    limit: int | None = None
    decode: bool = False
    plugins: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.split not in (None, ALL, *SPLITS):
            raise ConfigError(
                f"--split: found {self.split!r:.60}, expected {', '.join(SPLITS)} or {ALL}"
            )
        if self.split == ALL and self.captions is not None:
            raise ConfigError(
                f"--split: found {ALL} beside --captions, expected one split: a list is of one"
            )
        if os.path.isfile(self.root):  # noqa: PTH113 (which may raise)
            raise ConfigError(f"--data-root {self.root}: found a file, expected a folder")


def subject_of(wanted: Wanted) -> Subject:
    """Return what is to be checked.

    Raises
    ------
    ConfigError
        for an unknown data set, or a folder in place of a list
    DataError
        where the folder is not there, or has nothing of the data set
    """
    entry = DATASETS.known(wanted.dataset, wanted.plugins)
    check_folder(wanted.root, entry.title)
    small = entry.miniature if (wanted.root / MARKER).is_file() else None
    names = (*entry.splits, *((REFERENCE,) if small is not None else ()))
    whole = {name: _survey(entry, wanted, name, None) for name in names}
    if small is not None:  # it lists splits of which nothing was drawn
        whole = {name: s for name, s in whole.items() if s is not None and s.examples}
    chosen = _chosen(entry, wanted, whole)
    if not chosen:
        raise DataError(
            f"--data-root {wanted.root}: found no list or folder of the splits "
            f"{', '.join(_asked(wanted, names))} of {entry.title}, expected "
            f"{entry.surveying.form}"
        )
    return Subject(
        name=wanted.dataset,
        title=entry.title if small is None else f"{entry.title}, miniature",
        root=wanted.root,
        spec=entry.spec if small is None else small.spec,
        surveys=tuple(_limited(s, wanted.limit, entry.surveying.recording_of) for s in chosen),
        others=(*chosen, *(survey for survey in whole.values() if survey is not None)),
        selections={
            s.split: selected(entry.surveying, wanted.root, s.split, wanted.captions, wanted.limit)
            for s in chosen
        },
        recording_of=entry.surveying.recording_of,
        decode=wanted.decode,
    )


def _limited(survey: Survey, limit: int | None, recording_of: Callable[[str], str]) -> Survey:
    """Return the first clips of a survey, without the problems of those behind them alone."""
    kept, cut = survey.examples[:limit], survey.examples[len(survey.examples[:limit]) :]
    checked = {name for e in kept for name in (e.id, recording_of(e.id))}
    others = {name for e in cut for name in (e.id, recording_of(e.id))} - checked
    problems = tuple(problem for problem in survey.problems if problem.clip not in others)
    return replace(survey, examples=kept, problems=problems)


def _asked(wanted: Wanted, names: Iterable[str]) -> tuple[str, ...]:
    if wanted.split in (None, ALL):
        return tuple(names) if wanted.captions is None else ("test",)
    return (str(wanted.split),)


def _chosen(entry: Dataset, wanted: Wanted, whole: Mapping[str, Survey | None]) -> list[Survey]:
    """Return the splits that are checked, as far as they are there."""
    asked = _asked(wanted, whole)
    if wanted.captions is None:
        found = [whole.get(name) for name in asked]
    else:
        found = [_survey(entry, wanted, name, wanted.captions) for name in asked]
    return [survey for survey in found if survey is not None]


def _survey(entry: Dataset, wanted: Wanted, split: str, captions: Path | None) -> Survey | None:
    """Return what is listed; a list that cannot be read at all is the only problem then."""
    listed = captions or entry.surveying.list_of(wanted.root, split)
    try:
        if entry.surveying.read is not None:
            found = entry.surveying.read(wanted.root, split, captions)
        else:
            found = Survey(split, captions, _loaded(entry, wanted, split, captions))
    except DataError as error:
        return Survey(split, listed, (), (problem_of("bad-list", error, listed or wanted.root),))
    if found is None or found.examples or found.problems:
        return found
    empty = Problem("bad-list", "", listed or wanted.root, "an empty list", "clips")
    return replace(found, problems=(empty,))


def _loaded(
    entry: Dataset, wanted: Wanted, split: str, captions: Path | None
) -> tuple[Example, ...]:
    """Return the clips of a set without a survey of its own."""
    config = RunConfig.of(
        dataset=wanted.dataset,
        scale="paper",
        split=split,
        data_root=wanted.root,
        captions=captions,
        allow_missing=True,
        plugins=tuple(wanted.plugins),
    )
    return entry.load(wanted.root, config)[0]
