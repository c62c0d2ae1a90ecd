"""VGGSound: from the authors' list, and clips of any spelling, to a folder that `run` reads.

What is written
---------------
`vggsound.csv`   ytid, start in s, label, split: the clips that are kept, in the order of the list
`left_out.csv`   the others, and why
`video`          a link to the folder in which the clips lie; with `--cut` a folder of clips of 4 s
                 at 4 frames/s and 256 px, `<ytid>_<start>.mp4`, cut from the start of each

Clips stay where they are unless they are cut: a list of 200,000 is prepared in seconds. The link is
absolute, so the clips may not move; the prepared folder may. Captions are the labels.

Which clips are kept
--------------------
In this order: training clips of videos that are also in the test split are left out; so are clips
that are listed twice, training clips of `--exclude`, and classes with fewer than `--min-clips`
(120) training clips, in both splits. TempoTokens trains on what is kept with its own list of 55,735
videos of weak alignment, as the paper does ("we filtered 60K videos in which audio-video alignment
is weak"). Classes are counted by what is listed, as there, and not by what is on disk, so that they
do not change as videos vanish from the web. Clips that are not on disk are an error, or left out
with `--allow-missing`.

References
----------
- H. Chen et al.: VGGSound. ICASSP 2020, arXiv:2004.14368.
- G. Yariv et al.: TempoTokens. AAAI 2024, arXiv:2309.16429.
- M. Ishii et al.: A simple but strong baseline for sounding video generation. arXiv:2409.17550.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from svbench.compute import digest_file
from svbench.datasets import vggsound
from svbench.datasets.lists import SPLITS, names, reached
from svbench.datasets.youtube_ids import SPELLINGS, ClipFile, clip_files, video_of
from svbench.engines.protocol import Engine
from svbench.errors import DataError
from svbench.files.text import csv_text
from svbench.limits import check
from svbench.pace import Progress
from svbench.preparation import selection
from svbench.preparation.clip_folder import CUTTING, Layout, link, write
from svbench.preparation.exclusion import read_exclusion
from svbench.preparation.listings import listed_settings, only_form, split_of
from svbench.preparation.selection import Clip, Selection
from svbench.preparation.settings import Preparation, PrepareConfig, Report
from svbench.types import Recording

MIN_CLIPS: Final = 120  # of TempoTokens
FORMS: Final = ((vggsound.LISTING,), ("train.csv", "test.csv"))
READS: Final = frozenset({"listing", "exclude", "min_clips", *CUTTING})


def prepare(config: PrepareConfig, engine: Engine, progress: Progress) -> Report:
    """Write the prepared folder, and return a report of what is in it.

    Raises
    ------
    ConfigError
        for an impossible setting, or a folder that cannot be written
    DataError
        where lists or clips are missing, malformed or ambiguous, or a split would be empty
    """
    check("min_clips", config.min_clips)
    lists = lists_of(config)
    listed = read_listed(lists)
    chosen = select(listed, config.exclude, least(config))
    files = find_files(chosen, config)
    chosen.check(lists[0])
    settings = {
        **listed_settings(config, lists),
        "exclude": config.exclude and digest_file(config.exclude, "a list of ids"),
        "min_clips": least(config),
    }
    layout = Layout(
        folder=vggsound.FOLDER,
        spec=vggsound.SPEC,
        link=lambda place: link(place, one_folder(files.values())),
        lists=lambda clips: {vggsound.LISTING: listing_text(clips)},
    )
    recordings = {clip: Recording(file.path) for clip, file in files.items()}
    return write(config, settings, chosen, recordings, layout, engine, progress)


def least(config: PrepareConfig) -> int:
    """Return how many training clips a class needs."""
    return MIN_CLIPS if config.min_clips is None else config.min_clips


def lists_of(config: PrepareConfig) -> tuple[Path, ...]:
    """Return the lists of clips: those that are named, or those in the archive."""
    found = config.listing or only_form(config.data_root, FORMS)
    if not found:
        raise DataError(
            f"{config.data_root}: found no list of clips in it, expected {vggsound.LISTING}, or "
            "train.csv and test.csv, or --listing"
        )
    return found


def read_listed(lists: Iterable[Path]) -> list[Clip]:
    """Return the clips of lists; one without splits is of that which it is named by."""
    return [
        Clip(row.id, video_of(row.id), row.label, _split(path, row.split))
        for path in lists
        for row in vggsound.read_clips(path)
    ]


def select(clips: Sequence[Clip], exclude: Path | None, min_clips: int) -> Selection:
    """Return which clips are kept by what the lists say of them."""
    chosen = Selection(list(clips))
    chosen.apply(selection.contaminated(clips))
    chosen.apply(selection.repeated())
    if exclude is not None:
        chosen.apply(selection.excluded(read_exclusion(exclude)))
    chosen.apply(selection.rare(chosen.clips, min_clips))
    return chosen


def find_files(chosen: Selection, config: PrepareConfig) -> dict[str, ClipFile]:
    """Return the files of the clips that are kept; those without one are left out.

    Raises DataError for clips without a file, unless the config allows that.
    """
    places = vggsound.places(config.data_root)
    with reached(config.data_root):
        there = clip_files(places).find(clip.id for clip in chosen.clips)
    missing = [clip.id for clip in chosen.clips if clip.id not in there]
    if missing and not config.allow_missing:
        raise DataError(
            f"{config.data_root}: {len(missing):,} of {len(chosen.clips):,} clips are not there: "
            f"{names(missing)}, expected {SPELLINGS} in {places[0]} or {places[1]}; leave them out "
            "with --allow-missing"
        )
    chosen.apply(selection.absent(there))
    return there


def listing_text(clips: Iterable[Clip]) -> bytes:
    """Return clips in the form of `vggsound.csv`."""
    rows = ((c.video, str(int(c.id[-6:])), c.label, c.split) for c in clips)
    return csv_text(rows, verbatim=True).encode()


def one_folder(files: Iterable[ClipFile]) -> Path:
    """Return the folder of all files; raise DataError where they lie in two."""
    first, *others = {file.folder: file for file in files}.values()
    if others:
        raise DataError(
            f"{first.path} and {others[0].path}: found clips in two folders, expected all in one "
            "of them, or --cut, which writes all into one"
        )
    return first.folder


def _split(path: Path, split: str) -> str:
    found = split or split_of(path)
    if found not in SPLITS:
        raise DataError(
            f"{path}: found {f'the split {split!r:.60}' if split else 'a list without splits'}, "
            f"expected ytid,start,label,split with {' or '.join(SPLITS)}, or a list that is named "
            "by its split, such as test.csv"
        )
    return found


PREPARATION: Final = Preparation(
    prepare, READS, "lists of clips without weak alignment and rare classes"
)
