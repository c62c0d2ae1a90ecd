"""VGGSound: ten-second videos from the open web in 309 classes; 15,446 of them are for tests.

`load` turns a folder into Examples of 4 s. It never writes into the folder.

Form on disk
------------
`vggsound.csv`, without header: ytid, start in s, label, split. A label that holds a comma stands
in quotes. The clip of a row is `<ytid>_<start>.mp4`, start with six digits, in `video/` or in the
folder itself. Another list may be given, in the same form or with two columns: name of the clip
(with or without `.mp4`), label, as in the `test.csv` that the authors publish. A list of
two columns has no splits and is taken whole.

Videos vanish from the web, so hardly anybody has every clip that is listed. Missing clips
are counted in one error: list those that are there, or run with `--allow-missing`.

Conventions
-----------
The id of a clip is `<ytid>_<start>`, its caption the label, as in the paper. A clip is judged
from its start.

References
----------
- H. Chen et al.: VGGSound. ICASSP 2020, arXiv:2004.14368.
- M. Ishii et al.: A simple but strong baseline for sounding video generation. arXiv:2409.17550.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from svbench.datasets.ids import check_ids
from svbench.datasets.lists import SPLITS, check_folder, check_settings, names, reached, read_rows
from svbench.datasets.survey import Problem, Survey, bad_line, bare, listed_once
from svbench.errors import DataError
from svbench.types import ClipSpec, Example, Recording

SPEC: Final = ClipSpec(16, 4.0, (256, 256), 16000)
NAME: Final = "VGGSound"
CAPTIONS: Final = "the label of a clip, or of --captions"
LISTING: Final = "vggsound.csv"
FOLDER: Final = "video"
YTID: Final = re.compile(r"[\w-]{11}", re.ASCII)
CLIP: Final = re.compile(rf"({YTID.pattern}_\d{{6}})(?:\.mp4)?", re.ASCII)
EXPECTED: Final = (
    "ytid,start,label,split or <ytid>_<start>.mp4,label (no header; start in s; a label with "
    "commas in quotes)"
)
NO_LABEL: Final = "?"  # in place of an empty one, for a survey
START: Final = re.compile(r"\d{1,6}", re.ASCII)  # s


def load(
    root: Path,
    *,
    split: str = "test",
    limit: int | None = None,
    listing: Path | None = None,
    allow_missing: bool = False,
) -> tuple[Example, ...]:
    """Load the examples of a split, in list order.

    Parameters
    ----------
    root : Path
        data folder; only read
    split : str
        "train" or "test", as the list's fourth column has it
    limit : int, optional
        take the first so many (Default value = all)
    listing : Path, optional
        list of clips (Default value = `vggsound.csv` in `root`)
    allow_missing : bool
        keep listed clips that are not there, for a run that leaves them out; otherwise they are
        an error (Default value = False)

    Raises
    ------
    ConfigError
        for an impossible split or limit
    DataError
        where the folder, the list or clips are missing, or a row is malformed
    """
    check_settings(split, limit)
    check_folder(root, NAME)
    listed = listing or root / LISTING
    rows = _of_split(listed, split)[:limit]
    with reached(root):
        inside = _videos(root / FOLDER)
        there = inside | _videos(root)
    examples = [_example(root, name, label, inside) for name, label in rows]
    missing = [example.id for example in examples if example.id not in there]
    if missing and not allow_missing:
        raise DataError(
            f"{listed}: {len(missing)} of {len(rows)} listed clips are not there: "
            f"{names(missing)}, expected <ytid>_<start>.mp4 in {root / FOLDER} or {root}; "
            "list only those that are there, or leave the others out with --allow-missing"
        )
    return tuple(examples)


def survey(root: Path, split: str, listing: Path | None = None) -> Survey | None:
    """Return what the list has of a split, also where clips are missing; None if it has none.

    A list without splits counts as one of test clips.
    """
    check_settings(split, None)
    check_folder(root, NAME)
    listed = listing or root / LISTING
    if listing is None and not listed.is_file():
        return None
    problems: list[Problem] = []
    rows = [row for number, row in read_rows(listed) if _is_readable(row, number, listed, problems)]
    clips = [parsed for row in rows if (parsed := _parse(_filled(row))) is not None]
    whole = listing is not None or split == SPLITS[-1]
    with reached(root):
        inside = _videos(root / FOLDER)
    chosen = [
        _example(root, name, "" if label == NO_LABEL else label, inside)
        for name, label, of in clips
        if of == split or (whole and not of)
    ]
    examples = tuple(listed_once(chosen, listed, problems))
    problems += [bare(listed, example.id) for example in examples if not example.caption]
    return Survey(split, listed, examples, tuple(problems)) if examples else None


def list_of(root: Path, split: str) -> Path | None:
    """Return the list of clips in a folder; None without one."""
    del split  # one list has them all
    return root / LISTING if (root / LISTING).is_file() else None


def recording_of(example: str) -> str:
    """Return the video that a clip was cut from, by its id."""
    return example.rpartition("_")[0]


def category(example: str, caption: str) -> str:
    """Return the label of a clip, which is its caption."""
    del example
    return caption


def _example(root: Path, name: str, label: str, inside: set[str]) -> Example:
    folder = root / FOLDER if name in inside else root
    return Example(name, label, Recording(folder / f"{name}.mp4"))


def _videos(folder: Path) -> set[str]:
    """Return the stems of a folder's clips: one listing serves a list of many thousands."""
    if not folder.is_dir():
        return set()
    return {path.stem for path in folder.iterdir() if path.suffix == ".mp4"}


def _of_split(path: Path, split: str) -> list[tuple[str, str]]:
    """Return names and labels of the clips of one split."""
    rows = read_rows(path)
    parsed = [(number, _parse(row)) for number, row in rows]
    bad = [str(number) for number, row in parsed if row is None]
    if bad:
        raise DataError(f"{path}: line {names(bad)} cannot be read, expected {EXPECTED}")
    clips = [row for _, row in parsed if row is not None]
    if not clips:
        raise DataError(f"{path}: found an empty list, expected ytid,start,label,split")
    chosen = [(name, label) for name, label, of in clips if of in (split, "")]
    if not chosen:
        splits = sorted({of for _, _, of in clips})
        raise DataError(f"{path}: found no clip of split {split!r}, expected {names(splits)}")
    check_ids((name for name, _ in chosen), str(path))
    return chosen


def _parse(row: Sequence[str]) -> tuple[str, str, str] | None:
    """Return name, label and split ("": any) of a row; None for a malformed one."""
    fields = [field.strip() for field in row]
    if len(fields) == 2 and (named := CLIP.fullmatch(fields[0])) and fields[1]:
        return named[1], fields[1], ""
    if len(fields) == 4 and YTID.fullmatch(fields[0]) and START.fullmatch(fields[1]) and fields[2]:
        return f"{fields[0]}_{int(fields[1]):06d}", fields[2], fields[3]
    return None


def _filled(row: Sequence[str]) -> list[str]:
    """Return a row whose empty fields hold `NO_LABEL`, which is no name and no start."""
    return [field.strip() or NO_LABEL for field in row]


def _is_readable(row: Sequence[str], number: int, path: Path, problems: list[Problem]) -> bool:
    """Return whether a row names a clip; if not, it is a problem."""
    if _parse(_filled(row)) is not None:
        return True
    problems.append(bad_line(path, number, row, EXPECTED))
    return False
