"""Landscape's lists in the forms that are about, and the files of their clips.

See `svbench.preparation.landscape` for the forms. A row of TempoTokens' list is a YouTube clip,
whose file is known by its name wherever it lies; other rows are `<class>/<file>`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from svbench.datasets import landscape
from svbench.datasets.lists import SPLITS, read_rows
from svbench.datasets.youtube_ids import HEADING, START, YTID, clip_files, clip_id
from svbench.errors import ConfigError, DataError
from svbench.files.folders import Stems, list_files
from svbench.files.suffixes import is_video
from svbench.files.text import read_table, shown
from svbench.preparation.listings import split_of
from svbench.preparation.selection import Clip, Reason

HEADED: Final = "a list with the heading ytid,start_time,class,set"


@dataclass(frozen=True, slots=True)
class ListedSet:
    """The clips of lists or folders; a split of "" is not yet drawn.

    Parameters
    ----------
    clips : list of Clip
        in the order of the list
    files : dict
        id -> name of the file as it is listed, with or without suffix; of YouTube clips none
    captions : dict
        id -> caption, of clips whose list has one
    """

    clips: list[Clip]
    files: dict[str, str] = field(default_factory=dict)
    captions: dict[str, str] = field(default_factory=dict)

    @property
    def is_split(self) -> bool:
        """Return whether lists or folders give the split."""
        return any(clip.split for clip in self.clips)


def read_listed(root: Path, lists: Sequence[Path], *, pooled: bool) -> ListedSet:
    """Return the clips of lists; without one, those of the folders of the data set.

    Parameters
    ----------
    root : Path
        folder of the archive
    lists : sequence of Path
        the lists, in one form
    pooled : bool
        leave the split to a draw, where it is that of folders

    Raises
    ------
    ConfigError
        for a draw beside lists that give the split
    DataError
        for a malformed list, one of a split without the other, or no clips
    """
    if not lists:
        return _of_folders(root, pooled=pooled)
    if any(_is_headed(path) for path in lists):
        found = ListedSet([clip for path in lists for clip in _of_videos(path)])
    else:
        found = _of_lines(lists)
    splits = {clip.split for clip in found.clips}
    if "" in splits and len(splits) > 1:
        raise DataError(
            f"{lists[0]}: found lists with a split beside such without, expected train.txt and "
            "test.txt, or one list of all clips"
        )
    if pooled and splits != {""}:
        raise ConfigError(f"--split-seed: found it beside {lists[0]}, which gives the split")
    return found


def find_files(root: Path, clips: Iterable[Clip], listed: ListedSet) -> dict[str, Path]:
    """Return the file of each clip that has one; raise DataError where it has several."""
    of_videos = [clip.id for clip in clips if clip.id not in listed.files]
    if of_videos:
        folders = sorted({file.parent for file in list_files(root).files})
        return {clip: file.path for clip, file in clip_files(folders).find(of_videos).items()}
    stems = Stems()
    splits = None if listed.is_split else SPLITS  # where it is drawn, a folder of any split
    found = (
        (clip.id, _find(root, clip, listed.files[clip.id], splits or (clip.split,), stems))
        for clip in clips
    )
    return {clip: file for clip, file in found if file is not None}


def _find(root: Path, clip: Clip, name: str, splits: Sequence[str], stems: Stems) -> Path | None:
    """Return the file of a clip; None without one."""
    folder, stem = PurePosixPath(clip.id).parent, PurePosixPath(clip.id).name
    places = dict.fromkeys(place for split in splits for place in landscape.places_of(root, split))
    beside = (file for place in places for file in stems.beside(place / folder, stem))
    named = (file for file in beside if is_video(file) and name in (file.name, file.stem))
    found = [file for file in named if file.is_file()]  # and no link to nothing
    if len(found) > 1:
        raise DataError(
            f"{' and '.join(map(str, found))}: found {len(found)} files of the clip {clip.id}, "
            "expected one"
        )
    return found[0] if found else None


# --- lists of videos ---------------------------------------------------------------------------


def _is_headed(path: Path) -> bool:
    rows = read_rows(path)
    return bool(rows) and tuple(rows[0][1]) == HEADING


def _of_videos(path: Path) -> Iterator[Clip]:
    """Yield the rows of a list of YouTube clips; `not_of_youtube` is applied to them later."""
    for number, row in read_table(path, HEADED, HEADING):
        video, start, label, split = (row[column].strip() for column in HEADING)
        if not (video and START.fullmatch(start) and label and split in SPLITS):
            found = shown(",".join(row.values()))
            raise DataError(
                f"{path}, line {number}: found {found!r}, expected ytid,start,class,"
                f"{' or '.join(SPLITS)} (start in s)"
            )
        yield Clip(clip_id(video, int(start)), video, label, split)


def not_of_youtube(clip: Clip) -> Reason | None:
    """Leave out a clip whose video has no YouTube id: the list of TempoTokens holds one."""
    of_class = "/" in clip.id
    return None if of_class or YTID.fullmatch(clip.video) else Reason("its video has no YouTube id")


# --- lists of classes and files, and folders -----------------------------------------------------


def _of_lines(lists: Sequence[Path]) -> ListedSet:
    found = ListedSet([])
    for path in lists:
        split = split_of(path)
        for line, caption in landscape.read_list(path):
            named = PurePosixPath(line)
            clip = _add(found, named.parent.name, named.name, split)
            if caption:
                found.captions.setdefault(clip.id, caption)
    return found


def _of_folders(root: Path, *, pooled: bool) -> ListedSet:
    """Return the clips of class folders, sorted by split, class and name; pooled, without split."""
    base = next(place for place in (root / landscape.FOLDER, root) if place.is_dir())
    splits = [split for split in SPLITS if (base / split).is_dir()]
    found = ListedSet([])
    for split in splits or [""]:
        for place in _folders(base / split):
            for file in sorted(landscape.clips_in(place)):
                _add(found, place.name, file.stem, "" if pooled else split)
    if not found.clips:
        raise DataError(
            f"{base}: found no clips <class>/<file>.mp4 in it and no list, expected either"
        )
    if pooled:
        found.clips.sort(key=lambda clip: clip.id)
    return found


def _folders(folder: Path) -> list[Path]:
    return sorted(
        place for place in folder.iterdir() if place.is_dir() and not place.name.startswith(".")
    )


def _add(found: ListedSet, folder: str, name: str, split: str) -> Clip:
    """Add a clip `<folder>/<name>` to a set, and return it."""
    stem = PurePosixPath(name).stem if is_video(PurePosixPath(name)) else name
    clip = Clip(f"{folder}/{stem}", f"{folder}/{stem}", folder.replace("_", " "), split)
    found.clips.append(clip)
    found.files.setdefault(clip.id, name)
    return clip
