"""Landscape: nine natural scenes with their sound, 928 clips in the paper's rendition.

`load` turns a folder into Examples of 4 s. It never writes into the folder.

Forms on disk
-------------
folders     `videos/<split>/<class>/<file>.mp4` (ASVA's layout), or the same without `videos/`.
            Every video below the split is taken, one of each class in turn, so that the first
            few cover all classes.
with a list a text file with a line `<class>/<file>` for each clip, or a CSV file without header
            with a caption in the second column. Its clips, in its order, are then the data set.
            `<split>.txt` in the folder is such a list; another one may be given. A listed file
            is looked for below `videos/<split>`, `<split>`, `videos` and the folder itself; its
            ending may be left out.

The test clips of the paper are unknown: they were drawn at random from a list that was not
published. Name the list that was used when you compare with its figures.

Conventions
-----------
The id of a clip is `<class>/<file>` without ending. Without a caption in the list, it is the
class, with blanks for underscores, as in the paper. Its one category is the `class`. A clip is
judged from its start.

References
----------
- L. Ruan et al.: MM-Diffusion. CVPR 2023, arXiv:2212.09478 (the clips).
- L. Zhang et al.: Audio-synchronized visual animation (ASVA). ECCV 2024, arXiv:2403.05659.
- M. Ishii et al.: A simple but strong baseline for sounding video generation. arXiv:2409.17550.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from pathlib import Path, PurePosixPath
from typing import Final

from svbench.datasets.ids import check_ids
from svbench.datasets.lists import check_folder, check_settings, is_there, names, reached, read_rows
from svbench.datasets.prepared import prepared_settings
from svbench.datasets.survey import Problem, Survey, bad_line, bare, listed_once, problem_of
from svbench.errors import DataError
from svbench.files.folders import Stems
from svbench.files.suffixes import is_video
from svbench.types import ClipSpec, Example, Recording

SPEC: Final = ClipSpec(16, 4.0, (256, 256), 16000)
NAME: Final = "Landscape"
EXPECTED: Final = "lines <class>/<file>.mp4, or <class>/<file>.mp4,caption"
CAPTIONS: Final = "the class of a clip, or of --captions"
FORM: Final = "lists train.txt and test.txt, or clips <split>/<class>/<file>.mp4"
FOLDER: Final = "videos"


def load(
    root: Path,
    *,
    split: str = "test",
    limit: int | None = None,
    listing: Path | None = None,
    allow_missing: bool = False,
) -> tuple[Example, ...]:
    """Load the examples of a split.

    Parameters
    ----------
    root : Path
        data folder; only read
    split : str
        "train" or "test"
    limit : int, optional
        take the first so many (Default value = all)
    listing : Path, optional
        list of clips, a line `<class>/<file>` or `<class>/<file>,<caption>` each (Default value =
        `<split>.txt` in `root`, if it is there; else every clip in the split's folder)
    allow_missing : bool
        keep listed clips that are not there, for a run that leaves them out; otherwise they are
        an error (Default value = False)

    Raises
    ------
    ConfigError
        for an impossible split or limit
    DataError
        where the folder, the list or clips are missing, or a line is malformed
    """
    check_settings(split, limit)
    check_folder(root, NAME)
    prepared_settings(root)  # refuses a folder whose preparation was stopped
    listed = listing or root / f"{split}.txt"
    if listing is None and not is_there(listed):
        with reached(root):
            return tuple(_found(root, split))[:limit]
    rows = read_list(listed)[:limit]
    places = places_of(root, split)
    with reached(listed):
        stems = Stems()
        examples = [_listed_example(line, caption, places, stems) for line, caption in rows]
        check_ids((example.id for example in examples), str(listed))
        missing = [e.id for e in examples if not e.recording.path.is_file()]
    if missing and not allow_missing:
        raise DataError(
            f"{listed}: {len(missing)} of {len(rows)} listed clips are not there: "
            f"{names(missing)}, expected them in {_shown(places)}; "
            "list only those that are there, or leave the others out with --allow-missing"
        )
    return tuple(examples)


def survey(root: Path, split: str, listing: Path | None = None) -> Survey | None:
    """Return what a list or folder has of a split, also where clips are missing; None if nothing.

    Where a list has a caption for some clips, an empty one is a problem, and not the class.
    """
    check_settings(split, None)
    check_folder(root, NAME)
    listed = listing or list_of(root, split)
    if listed is None:
        return _survey_folder(root, split)
    problems: list[Problem] = []
    with reached(listed):
        found = tuple(_survey_list(root, split, listed, problems))
    examples = tuple(listed_once(found, listed, problems))
    return Survey(split, listed, examples, tuple(problems))


def list_of(root: Path, split: str) -> Path | None:
    """Return the list of a split's clips in a folder; None without one."""
    return listed if is_there(listed := root / f"{split}.txt") else None


def recording_of(example: str) -> str:
    """Return the recording of a clip, which its name does not tell: the clip itself."""
    return example


def categories(example: str, caption: str) -> dict[str, str]:
    """Return the class of a clip from its id, with blanks for underscores."""
    del caption  # its list may have one of its own
    return {"class": example.partition("/")[0].replace("_", " ")}


def _survey_list(
    root: Path, split: str, listed: Path, problems: list[Problem]
) -> Iterator[Example]:
    places, stems = places_of(root, split), Stems()
    for number, row in read_rows(listed):
        fields = [field.strip() for field in row]
        if not any(fields):
            continue
        if not _is_row([field or "?" for field in fields]):
            problems.append(bad_line(listed, number, row, EXPECTED))
            continue
        try:
            example = _listed_example(fields[0], "".join(fields[1:]), places, stems)
        except DataError as error:  # several files fit
            problems.append(problem_of("several-files", error, listed, fields[0]))
            continue
        if len(fields) == 2 and not fields[1]:
            problems.append(bare(listed, example.id))
        yield example


def _survey_folder(root: Path, split: str) -> Survey | None:
    folder = next((place for place in places_of(root, split)[:2] if place.is_dir()), None)
    if folder is None:
        return None
    problems: list[Problem] = []
    with reached(folder):
        examples = tuple(listed_once(_turns(folder), folder, problems))
    return Survey(split, None, examples, tuple(problems)) if examples else None


def listed_name(example: Example) -> str:
    """Return what a list calls a clip: `<class>/<file>` with its ending."""
    return f"{example.id}{example.recording.path.suffix}"


def places_of(root: Path, split: str) -> tuple[Path, ...]:
    """Return the folders below which the clips of a split are looked for."""
    return root / FOLDER / split, root / split, root / FOLDER, root


def _shown(places: tuple[Path, ...]) -> str:
    return " or ".join(str(place) for place in places if place.is_dir())


def _listed_example(line: str, caption: str, places: tuple[Path, ...], stems: Stems) -> Example:
    """Return a listed clip; the path of a missing one is that of its first place."""
    named = PurePosixPath(line)
    ended = is_video(named)
    stem = named.stem if ended else named.name
    files = (_find(place / named, stem, ended, stems) for place in places)
    usual = places[0] / (line if ended else f"{line}.mp4")
    path = next((file for file in files if file is not None), usual)
    return _example(path, stem, named.parent.name, caption)


def _find(file: Path, stem: str, ended: bool, stems: Stems) -> Path | None:
    """Return a file by its name, or by its stem where its ending was left out; None without one."""
    beside = [path for path in stems.beside(file.parent, stem) if is_video(path)]
    if ended:
        return file if file in beside else None
    if len(beside) > 1:
        raise DataError(
            f"{file}: found {names([path.name for path in beside])}, expected one video of this "
            "name, or its ending in the list"
        )
    return next(iter(beside), None)


def _example(path: Path, stem: str, folder: str, caption: str = "") -> Example:
    name, scene = f"{folder}/{stem}", folder.replace("_", " ")
    found = categories(name, caption)
    return Example(name, caption or scene, Recording(path), categories=found)


def read_list(path: Path) -> list[tuple[str, str]]:
    """Return clips `<class>/<file>` (further folders may precede) and captions, "" without one."""
    stripped = ([field.strip() for field in row] for _, row in read_rows(path))
    rows = [row for row in stripped if any(row)]
    if not rows:
        raise DataError(f"{path}: found an empty list, expected {EXPECTED}")
    bad = [",".join(row) for row in rows if not _is_row(row)]
    if bad:
        raise DataError(f"{path}: found {names(bad)}, expected {EXPECTED}")
    check_ids((row[0] for row in rows), str(path))
    return [(row[0], row[1] if len(row) == 2 else "") for row in rows]


def _is_row(row: Sequence[str]) -> bool:
    return len(row) <= 2 and all(row) and len(PurePosixPath(row[0]).parts) >= 2


def _found(root: Path, split: str) -> Iterator[Example]:
    """Yield every clip of the split's folder, one of each class in turn."""
    folder = next((place for place in places_of(root, split)[:2] if place.is_dir()), None)
    if folder is None:
        inside = sorted(path.name for path in root.iterdir())
        raise DataError(
            f"{root}: found {names(inside) or 'nothing'} in it, expected the folder "
            f"videos/{split} with a folder for each class, or the list {split}.txt"
        )
    examples = _turns(folder)
    if not examples:
        raise DataError(f"{folder}: found no clip in it, expected files <class>/<file>.mp4")
    check_ids((example.id for example in examples), str(folder))
    yield from examples


def _turns(folder: Path) -> list[Example]:
    """Return the clips below the folder of a split, one of each class in turn."""
    classes = [sorted(clips_in(place)) for place in sorted(folder.iterdir()) if place.is_dir()]
    turns = chain.from_iterable(zip_longest(*classes))
    return [_example(path, path.stem, path.parent.name) for path in turns if path]


def clips_in(folder: Path) -> Iterator[Path]:
    """Yield the videos of a folder, in any order; hidden files are passed over."""
    for path in folder.iterdir():
        if is_video(path) and not path.name.startswith("."):
            yield path
