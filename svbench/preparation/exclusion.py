"""Lists of ids to leave out of a training split, such as TempoTokens' filter of weak alignment.

A text file holds an id a line; blank lines are skipped. TempoTokens publishes its filter as a
pickle of 55,735 YouTube ids (`constants/unmatch_videos.pkl`): pickles are read, too, without being
executed (see `svbench.files.pickled_strings`).

An id is that of a video, which stands for all of its clips, or that of a clip in any spelling of
`svbench.datasets.youtube_ids`.
"""

from __future__ import annotations

from pathlib import Path

from svbench.datasets.youtube_ids import SPELLINGS, read_name
from svbench.errors import DataError
from svbench.files.pickled_strings import is_pickle, read_strings
from svbench.files.text import read_lines, shown


def read_exclusion(path: Path) -> frozenset[str]:
    """Return the ids of videos and clips in a list; raise DataError for anything else in it."""
    if is_pickle(path):
        entries = [(f"entry {number}", text) for number, text in enumerate(read_strings(path), 1)]
    else:
        lines = read_lines(path, "a list of ids, one a line")
        entries = [(f"line {number}", line.strip()) for number, line in lines if line.strip()]
    if not entries:
        raise DataError(f"{path}: found an empty list, expected ids, one a line")
    return frozenset(_id(path, where, text) for where, text in entries)


def _id(path: Path, where: str, text: str) -> str:
    name = read_name(text)
    if name is None:
        raise DataError(f"{path}, {where}: found {shown(text)!r}, expected {SPELLINGS}")
    return name.clip or name.video
