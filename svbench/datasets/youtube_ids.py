"""Ids of clips that were cut from YouTube videos, and the files that are named by them.

Conventions
-----------
The id of a clip is `<ytid>_<start>`: the eleven characters of the video, and the start of the clip
in whole seconds with six digits. Files and lists spell it in several ways:

official    `---g-f_I2yQ_000030`          start in s, six digits (VGGSound's test.csv, MMAudio)
unpadded    `---g-f_I2yQ_30`              start in s
SpecVQGAN   `---g-f_I2yQ_30000_40000`     start and end in ms
bare        `---g-f_I2yQ`                 the one clip of its video that a list holds

Lists of rows name them by `HEADING`, or have no heading and the same columns.

A file of any of these names, with the suffix of any video, is the clip, cut beforehand: it is never
a whole video out of which a clip would have to be cut.

References
----------
- H. Chen et al.: VGGSound. ICASSP 2020, arXiv:2004.14368 (the official spelling).
- V. Iashin, E. Rahtu: Taming visually guided sound generation (SpecVQGAN). BMVC 2021,
  arXiv:2110.08791 (milliseconds).
- G. Yariv et al.: TempoTokens. AAAI 2024, arXiv:2309.16429 (the heading).
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from svbench.datasets.lists import names
from svbench.errors import DataError
from svbench.files.suffixes import VIDEO_SUFFIXES

YTID: Final = re.compile(r"[\w-]{11}", re.ASCII)
START: Final = re.compile(r"\d{1,6}", re.ASCII)  # s
NAME: Final = re.compile(
    rf"(?P<video>{YTID.pattern})(?:_(?P<start>\d{{1,6}})|_(?P<begin>\d{{1,9}})_(?P<end>\d{{1,9}}))?",
    re.ASCII,
)
HEADING: Final = ("ytid", "start_time", "class", "set")
SPELLINGS: Final = "<ytid>_<start in s>, <ytid>_<start in ms>_<end in ms> or <ytid>"


class Name(NamedTuple):
    """What a name says: the video, and where the clip starts in it (None: left out)."""

    video: str
    start: int | None  # s

    @property
    def clip(self) -> str | None:
        """Return the id of the clip; None without a start."""
        return None if self.start is None else clip_id(self.video, self.start)


def clip_id(video: str, start: int) -> str:
    """Return the id of the clip of a video that starts at a second."""
    return f"{video}_{start:06d}"


def video_of(clip: str) -> str:
    """Return the YouTube id in the id of a clip."""
    return clip.rpartition("_")[0]


def read_name(stem: str) -> Name | None:
    """Return what a name without suffix says in any spelling; None for any other name."""
    if not (found := NAME.fullmatch(stem)):
        return None
    video, start, begin, end = found.groups()
    if begin is None:
        return Name(video, None if start is None else int(start))
    seconds, rest = divmod(int(begin), 1000)
    return Name(video, seconds) if rest == 0 and int(begin) < int(end) else None


def clip_of(stem: str) -> str | None:
    """Return the id of the clip that a name without suffix stands for; None without a start."""
    name = read_name(stem)
    return None if name is None else name.clip


class ClipFile(NamedTuple):
    """A file of a folder; paths are made of a few of many thousands."""

    folder: Path
    name: str

    @property
    def path(self) -> Path:
        """Return the path of the file."""
        return self.folder / self.name


@dataclass(frozen=True, slots=True)
class ClipFiles:
    """The video files of some folders, by the clips that their names stand for."""

    of_clips: dict[str, list[ClipFile]]  # by id
    of_videos: dict[str, list[ClipFile]]  # of bare names, by YouTube id

    def find(self, clips: Iterable[str]) -> dict[str, ClipFile]:
        """Return the file of each of these clips that has one.

        Raises
        ------
        DataError
            where a clip has two files, or a bare name could stand for several of the clips
        """
        ambiguous: dict[str, DataError] = {}
        found = self.survey(clips, ambiguous)
        for error in ambiguous.values():
            raise error
        return found

    def survey(self, clips: Iterable[str], ambiguous: dict[str, DataError]) -> dict[str, ClipFile]:
        """Return the file of each clip that has one, the first of several.

        The errors that `find` raises are put into `ambiguous`, by clip.
        """
        asked = list(clips)
        bare = self._bare(asked, ambiguous)
        found = {}
        for clip in asked:
            files = [*self.of_clips.get(clip, ()), *bare.get(clip, ())]
            if len(files) > 1:
                files.sort(key=lambda file: str(file.path))
                ambiguous[clip] = DataError(
                    f"{' and '.join(str(file.path) for file in files)}: found {len(files)} files "
                    f"of the clip {clip}, expected one"
                )
            if files:
                found[clip] = files[0]
        return found

    def named(self, clip: str) -> list[ClipFile]:
        """Return the files whose names could stand for a clip."""
        return [*self.of_clips.get(clip, ()), *self.of_videos.get(video_of(clip), ())]

    def _bare(
        self, clips: Iterable[str], ambiguous: dict[str, DataError]
    ) -> dict[str, list[ClipFile]]:
        """Return the files of bare names by the one clip that each of them stands for."""
        if not self.of_videos:
            return {}
        of_video: dict[str, list[str]] = defaultdict(list)
        for clip in clips:
            if (video := video_of(clip)) in self.of_videos:
                of_video[video].append(clip)
        for video, several in of_video.items():
            if len(several) > 1:
                error = DataError(
                    f"{self.of_videos[video][0].path}: found a name without start, and "
                    f"{names(several)} in the list, expected <ytid>_<start>"
                )
                ambiguous.update(dict.fromkeys(several, error))
        return {of[0]: self.of_videos[video] for video, of in of_video.items() if len(of) == 1}


def clip_files(folders: Iterable[Path]) -> ClipFiles:
    """Return the video files of these folders, each listed once; a folder may be absent.

    Nothing but names, and what links lead to, is looked at: a folder of 200,000 clips is read in a
    second.
    """
    of_clips: dict[str, list[ClipFile]] = defaultdict(list)
    of_videos: dict[str, list[ClipFile]] = defaultdict(list)
    for folder in {os.path.realpath(folder): folder for folder in folders}.values():
        for stem, file in _videos(folder):
            if name := read_name(stem):
                (of_videos[name.video] if name.clip is None else of_clips[name.clip]).append(file)
    return ClipFiles(dict(of_clips), dict(of_videos))


def _videos(folder: Path) -> Iterator[tuple[str, ClipFile]]:
    """Yield stem and file of a folder's video files."""
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            stem, _, suffix = entry.name.rpartition(".")
            if f".{suffix.lower()}" in VIDEO_SUFFIXES and entry.is_file():
                yield stem, ClipFile(folder, entry.name)
