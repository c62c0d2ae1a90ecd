"""Landscape: from any of its lists, or its folders, to a folder that `run` reads.

What is written
---------------
`train.txt`, `test.txt`  a line `<class>/<file>` for each clip, with its caption where the list has
                         one; else the caption is the class
`left_out.csv`           clips of the list that are left out, and why
`videos`                 `<class>/<file>`: links to the clips; with `--cut`, clips of 4 s at 4
                         frames/s and 256 px, `<class>/<file>.mp4`, cut from the start of each

Lists
-----
TempoTokens   `landscape.csv` with the heading `ytid,start_time,class,set`: 1,178 rows, of which 7
              are listed before, 3 are training clips of videos of which the test split has another
              clip, which begins 1 or 2 s from it, and one names no YouTube video (`n4DEfAKk0&t`).
              These 11 are left out, so that the test split stays whole; 1,066 training and 101 test
              clips remain. Files have a name of `svbench.datasets.youtube_ids`, in any folder.
ASVA          `train.txt` and `test.txt` with lines `<class>/<file>`; a clip in both is left out of
              the training split. Files lie where the loader looks for them.
all clips     `flist.txt`, or any list of another name, with lines `<class>/<file>` or paths that
              end so: the test split is drawn from it.
none          the split is that of the folders `train` and `test`; where there are none, or with
              `--split-seed`, it is drawn from all clips, sorted by class and name.

A split is drawn as the authors of the paper do it: `numpy.random.seed(803)`, `numpy.random.shuffle`
of the lines, of which the first int(0.9 n) are for training. Their list was not published, and the
order of its lines decides the draw: no seed gives the paper's 93 test clips again.

References
----------
- G. Yariv et al.: TempoTokens. AAAI 2024, arXiv:2309.16429 (`datasets/landscape.csv`).
- L. Zhang et al.: Audio-synchronized visual animation (ASVA). ECCV 2024, arXiv:2403.05659.
- M. Ishii et al.: A simple but strong baseline for sounding video generation. arXiv:2409.17550;
  SonyResearch/SVG_baseline, `src/va_core/dataset/landscape/utils.py` (the draw).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from svbench.datasets import landscape
from svbench.datasets.ids import check_ids
from svbench.datasets.lists import names, reached
from svbench.engines.protocol import Engine
from svbench.errors import DataError
from svbench.files.text import csv_text
from svbench.limits import check
from svbench.pace import Progress
from svbench.preparation import selection
from svbench.preparation.clip_folder import CUTTING, Layout, link, write
from svbench.preparation.landscape_lists import ListedSet, find_files, not_of_youtube, read_listed
from svbench.preparation.listings import listed_settings, only_form
from svbench.preparation.selection import TEST, TRAIN, Clip, Selection
from svbench.preparation.settings import Preparation, PrepareConfig, Report
from svbench.types import Recording

SPLIT_SEED: Final = 803  # of the paper's authors
TRAIN_SHARE: Final = 0.9
FORMS: Final = (("landscape.csv",), ("train.txt", "test.txt"), ("flist.txt",))


def prepare(config: PrepareConfig, engine: Engine, progress: Progress) -> Report:
    """Write the prepared folder, and return a report of what is in it.

    Raises
    ------
    ConfigError
        for impossible settings, or a folder that cannot be written
    DataError
        where lists or clips are missing, malformed or ambiguous, or a split would be empty
    """
    check("split_seed", config.split_seed)
    lists = config.listing or only_form(config.data_root, FORMS)
    with reached(config.data_root):
        listed = read_listed(config.data_root, lists, pooled=config.split_seed is not None)
        seed = _seed(config, listed)
        clips = listed.clips if seed is None else draw(listed.clips, seed)
        chosen = Selection(list(clips))
        chosen.apply(not_of_youtube)
        chosen.apply(selection.contaminated(clips))
        chosen.apply(selection.repeated())
        files = find_files(config.data_root, chosen.clips, listed)
    _refuse_missing(config, chosen, files)
    chosen.apply(selection.absent(files))
    where = lists[0] if lists else config.data_root
    chosen.check(where)
    check_ids(map(stem, chosen.clips), str(where))
    layout = Layout(
        folder=landscape.FOLDER,
        spec=landscape.SPEC,
        link=lambda place: _link_all(place, chosen.clips, files),
        lists=lambda clips: _texts(clips, files, listed.captions, cut=config.cut),
        stem=stem,
    )
    recordings = {clip: Recording(path) for clip, path in files.items()}
    settings = {**listed_settings(config, lists), "split_seed": seed}
    report = write(config, settings, chosen, recordings, layout, engine, progress)
    return replace(report, lines=(f"split: {_origin(lists, seed)}", *report.lines))


def draw(clips: Sequence[Clip], seed: int) -> list[Clip]:
    """Return clips in the order of a draw, the first int(0.9 n) of them for training.

    It is the draw of the paper's authors. RandomState is numpy.random's own generator, whose
    numbers NumPy keeps for ever.
    """
    order = list(range(len(clips)))
    np.random.RandomState(seed).shuffle(order)
    split = int(len(order) * TRAIN_SHARE)
    return [
        clips[index]._replace(split=TRAIN if place < split else TEST)
        for place, index in enumerate(order)
    ]


def stem(clip: Clip) -> str:
    """Return the path of a clip's file in the prepared folder, without suffix."""
    return clip.id if "/" in clip.id else f"{clip.label.replace(' ', '_')}/{clip.id}"


def _seed(config: PrepareConfig, listed: ListedSet) -> int | None:
    """Return the seed of the split; None where a list or folders give it."""
    if listed.is_split:
        return None
    return SPLIT_SEED if config.split_seed is None else config.split_seed


def _origin(lists: Sequence[Path], seed: int | None) -> str:
    """Return in words what decides the split."""
    listed = " and ".join(path.name for path in lists)
    if seed is None:
        return f"as listed in {listed}" if lists else "of the folders train and test"
    return f"drawn by seed {seed} from the clips of {listed or 'all class folders, sorted'}"


def _refuse_missing(config: PrepareConfig, chosen: Selection, files: Mapping[str, Path]) -> None:
    missing = [clip.id for clip in chosen.clips if clip.id not in files]
    if missing and not config.allow_missing:
        raise DataError(
            f"{config.data_root}: {len(missing):,} of {len(chosen.clips):,} listed clips are not "
            f"there: {names(missing)}; leave them out with --allow-missing"
        )


def _link_all(place: Path, clips: Iterable[Clip], files: Mapping[str, Path]) -> None:
    """Make a link to each clip, and remove those that an earlier command made of others."""
    links = {place / f"{stem(clip)}{files[clip.id].suffix}": files[clip.id] for clip in clips}
    for path in place.glob("*/*"):
        if path.is_symlink() and path not in links:
            path.unlink()
    for path, file in links.items():
        link(path, file)


def _texts(
    clips: Sequence[Clip], files: Mapping[str, Path], captions: Mapping[str, str], *, cut: bool
) -> dict[str, bytes]:
    """Return the list of each split, by name."""
    rows: dict[str, list[list[str]]] = {TRAIN: [], TEST: []}
    for clip in clips:
        suffix = ".mp4" if cut else files[clip.id].suffix
        caption = captions.get(clip.id)
        rows[clip.split].append([f"{stem(clip)}{suffix}", *([caption] if caption else [])])
    return {f"{s}.txt": csv_text(lines, verbatim=True).encode() for s, lines in rows.items()}


PREPARATION: Final = Preparation(prepare, frozenset({"listing", "split_seed", *CUTTING}))
