"""VGGSound: ten-second videos from the open web in 309 classes; 15,446 of them are for tests.

`load` turns a folder into Examples of 4 s. It never writes into the folder.

Form on disk
------------
`vggsound.csv`: ytid, start in s, label, split, without header or with the one of TempoTokens
(`ytid,start_time,class,set`). A label that holds a comma stands in quotes. The clip of a row is
`<ytid>_<start>.mp4`, start with six digits, in `video/` or in the folder itself; the other
spellings of `svbench.datasets.youtube_ids` and the suffix of any video will do. Another list may
be given, in the same form or with two columns: name of the clip (with or without suffix), label, as
in the `test.csv` that the authors publish. A list of two columns has no splits and is taken whole.

Videos vanish from the web, so hardly anybody has every clip that is listed. Missing clips
are counted in one error: list those that are there, or run with `--allow-missing`.

Conventions
-----------
The id of a clip is `<ytid>_<start>`, its caption the label, as in the paper. Its one category is
the `class`: its label in `vggsound.csv`, also where another list has captions; without that file
the label of the list. A clip is judged from its start.

References
----------
- H. Chen et al.: VGGSound. ICASSP 2020, arXiv:2004.14368.
- M. Ishii et al.: A simple but strong baseline for sounding video generation. arXiv:2409.17550.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Final, NamedTuple

from svbench.datasets.ids import check_ids
from svbench.datasets.lists import (
    SPLITS,
    check_folder,
    check_settings,
    is_there,
    names,
    reached,
    read_rows,
)
from svbench.datasets.prepared import prepared_settings
from svbench.datasets.survey import Problem, Survey, bad_line, bare, listed_once, problem_of
from svbench.datasets.youtube_ids import (
    HEADING,
    SPELLINGS,
    START,
    YTID,
    ClipFile,
    clip_files,
    clip_id,
    clip_of,
    video_of,
)
from svbench.errors import DataError
from svbench.files.suffixes import is_video
from svbench.types import ClipSpec, Example, Recording

SPEC: Final = ClipSpec(16, 4.0, (256, 256), 16000)
NAME: Final = "VGGSound"
CAPTIONS: Final = "the label of a clip, or of --captions"
LISTING: Final = "vggsound.csv"
FOLDER: Final = "video"
FORM: Final = f"a list {LISTING} (others: svbench data prepare)"
EXPECTED: Final = (
    "ytid,start,label,split or <ytid>_<start>.mp4,label (start in s; a label with commas in quotes)"
)


class ListedClip(NamedTuple):
    """A row of a list: the clip, its label, and its split ("": the list has none)."""

    id: str
    label: str
    split: str


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
    prepared_settings(root)  # refuses a folder whose preparation was stopped
    listed = listing or root / LISTING
    rows = _of_split(listed, split)[:limit]
    classes = _classes(root) if listing else {}
    with reached(root):
        there = clip_files(places(root)).find(row.id for row in rows)
    examples = [_example(root, row, there, classes.get(row.id)) for row in rows]
    missing = [row.id for row in rows if row.id not in there]
    if missing and not allow_missing:
        raise DataError(
            f"{listed}: {len(missing)} of {len(rows)} listed clips are not there: "
            f"{names(missing)}, expected {SPELLINGS} in {root / FOLDER} or {root}; "
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
    if listing is None and not is_there(listed):
        return None
    problems: list[Problem] = []
    rows = list(_survey_rows(listed, problems))
    whole = listing is not None or split == SPLITS[-1]
    chosen = [row for row in rows if row.split == split or (whole and not row.split)]
    ambiguous: dict[str, DataError] = {}
    with reached(root):
        on_disk = clip_files(places(root))
        there = on_disk.survey((row.id for row in chosen), ambiguous)
    problems += [problem_of("several-files", e, listed, clip) for clip, e in ambiguous.items()]
    doubled = frozenset(file.path for clip in ambiguous for file in on_disk.named(clip))
    found = (_example(root, row, there) for row in chosen)
    examples = tuple(listed_once(found, listed, problems))
    problems += [bare(listed, example.id) for example in examples if not example.caption]
    if not examples:
        return None
    return Survey(split, listed, examples, tuple(problems), files=doubled)


def list_of(root: Path, split: str) -> Path | None:
    """Return the list of clips in a folder; None without one."""
    del split  # one list has them all
    return root / LISTING if is_there(root / LISTING) else None


def recording_of(example: str) -> str:
    """Return the video that a clip was cut from, by its id."""
    return video_of(example)


def categories(example: str, caption: str) -> dict[str, str]:
    """Return the class of a clip, whose caption is its label."""
    del example
    return {"class": caption} if caption else {}


def _example(
    root: Path, row: ListedClip, there: Mapping[str, ClipFile], label: str | None = None
) -> Example:
    """Return the example of a row; `label` is that of the set's own list, where it has one."""
    file = there.get(row.id, ClipFile(root / FOLDER, f"{row.id}.mp4"))
    found = categories(row.id, row.label if label is None else label)
    return Example(row.id, row.label, Recording(file.path), categories=found)


def _classes(root: Path) -> dict[str, str]:
    """Return the labels of the data set's own list by clip; none without that list."""
    own = root / LISTING
    return {row.id: row.label for row in read_clips(own)} if is_there(own) else {}


def listed_name(example: Example) -> str:
    """Return what a list of two columns calls a clip."""
    return f"{example.id}.mp4"


def places(root: Path) -> tuple[Path, Path]:
    """Return the folders in which clips are looked for."""
    return root / FOLDER, root


def read_clips(path: Path) -> list[ListedClip]:
    """Return the rows of a list in any of the forms above.

    Raises DataError where the list is absent or empty, or rows are malformed.
    """
    parsed = [(number, _parse(row)) for number, row in _rows(path)]
    bad = [str(number) for number, row in parsed if row is None or not row.label]
    if bad:
        raise DataError(f"{path}: line {names(bad)} cannot be read, expected {EXPECTED}")
    clips = [row for _, row in parsed if row is not None]
    if not clips:
        raise DataError(f"{path}: found an empty list, expected ytid,start,label,split")
    return clips


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the rows of a list, each with its line number, without its heading."""
    rows = read_rows(path)
    headed = bool(rows) and tuple(name.strip().lower() for name in rows[0][1]) == HEADING
    return rows[headed:]


def _of_split(path: Path, split: str) -> list[ListedClip]:
    """Return the clips of one split."""
    clips = read_clips(path)
    chosen = [clip for clip in clips if clip.split in (split, "")]
    if not chosen:
        splits = sorted({clip.split for clip in clips})
        raise DataError(f"{path}: found no clip of split {split!r}, expected {names(splits)}")
    check_ids((clip.id for clip in chosen), str(path))
    return chosen


def _parse(row: Sequence[str]) -> ListedClip | None:
    """Return what a row says, "" for an absent label; None for a malformed one."""
    fields = [field.strip() for field in row]
    if len(fields) == 2 and (clip := _named_clip(fields[0])):
        return ListedClip(clip, fields[1], "")
    if len(fields) == 4 and YTID.fullmatch(fields[0]) and START.fullmatch(fields[1]):
        return ListedClip(clip_id(fields[0], int(fields[1])), fields[2], fields[3])
    return None


def _named_clip(field: str) -> str | None:
    """Return the id of the clip that a file is named by; None without one, or without its start."""
    file = PurePath(field)
    return clip_of(file.stem if is_video(file) else field)


def _survey_rows(path: Path, problems: list[Problem]) -> Iterator[ListedClip]:
    """Yield the rows that name a clip; others are problems."""
    for number, row in _rows(path):
        clip = _parse(row)
        if clip is None:
            problems.append(bad_line(path, number, row, EXPECTED))
        else:
            yield clip
