"""Captions of clips in folders and lists: from a list by name, or from files beside the clips.

A list            of any form of `svbench.datasets.list_forms`: JSON objects (`id` or `file`, and
                  `caption`, `prompt` or `text`), CSV of two columns (file or id, caption), and the
                  lists of VGGSound, MMAudio, JavisBench and av-benchmark. The list of `--captions`
                  must have a caption for every clip.
Beside the clips  `captions.jsonl`, `captions.csv`, `metadata.jsonl` or `metadata.csv` (the forms of
                  Hugging Face's folders) at the top of a folder, and for each clip a `.txt` file of
                  its stem. They may leave clips out; a clip that is in the list takes its caption
                  from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from svbench.datasets.ids import CAPTION_KEYS, FILE_KEYS, check_ids, inside, text_field
from svbench.datasets.list_forms import Entry, read_list
from svbench.errors import DataError
from svbench.files.suffixes import is_sound, is_video
from svbench.files.text import read_lines
from svbench.types import Example

# read without --captions
LISTS: Final = ("captions.jsonl", "captions.csv", "metadata.jsonl", "metadata.csv")
WHAT: Final = "a list of captions"

Sets = Mapping[str, tuple[Example, ...]]


def beside(
    folder: Path, examples: Sequence[Example]
) -> tuple[tuple[Example, ...], tuple[str, ...]]:
    """Return the clips of a folder with the captions beside them, and notes on their source.

    Raises DataError where a list is malformed, or there are several.
    """
    listed = [folder / name for name in LISTS if (folder / name).is_file()]
    if len(listed) > 1:
        raise DataError(
            f"{folder}: found {' and '.join(file.name for file in listed)} in it, expected one "
            "list of captions; or name one by --captions"
        )
    of_list = dict(_listed(listed[0], every=False)) if listed else {}
    of_text = {e.id: text for e in examples if e.id not in of_list and (text := _text_beside(e))}
    captions = of_text | of_list
    captioned = tuple(replace(e, caption=captions.get(e.id, "")) for e in examples)
    notes = []
    if listed:
        count = sum(example.id in of_list for example in examples)
        more = len(of_list) - count
        absent = f", which has captions of {more} clips that are not there" if more else ""
        notes.append(f"captions of {count} of {len(examples)} clips from {listed[0].name}{absent}")
        if systems := _systems(listed[0]):
            notes.append(
                f"{listed[0].name} names {systems} systems: give it in place of its folder for a "
                "row of each"
            )
    if of_text:
        notes.append(f"captions of {len(of_text)} of {len(examples)} clips from .txt beside them")
    return captioned, tuple(notes)


def is_caption(file: Path) -> bool:
    """Return whether a file is a caption, provided that a clip of its stem lies beside it."""
    return file.suffix == ".txt" and file.is_file()


def _text_beside(example: Example) -> str:
    """Return the text of the file of a clip's stem in one line; "" without one."""
    file = example.recording.path.with_suffix(".txt")
    if not is_caption(file):
        return ""
    return " ".join(line.strip() for _, line in read_lines(file, "a caption")).strip()


def _systems(file: Path) -> int:
    """Return the number of systems in a list; 0 where it is one set."""
    named = {
        str(e.fields["system"]) for e in read_list(file, WHAT).entries if e.fields.get("system")
    }
    return len(named) if len(named) > 1 else 0


def with_captions(sets: Sets, path: Path) -> dict[str, tuple[Example, ...]]:
    """Return examples with the captions of a list, which may hold those of further clips.

    Raises DataError for a clip without caption.
    """
    captions = read_captions(path)
    ids = {example.id for examples in sets.values() for example in examples}
    bare = sorted(ids - captions.keys())
    if bare:
        raise DataError(
            f"{path}: found no caption of {len(bare)} clips (first: {bare[0]!r:.60}), expected all"
        )
    return {
        name: tuple(replace(e, caption=captions[e.id]) for e in examples)
        for name, examples in sets.items()
    }


def read_captions(path: Path) -> dict[str, str]:
    """Return captions by clip id from a list of any form."""
    return dict(_listed(path, every=True))


def _listed(path: Path, *, every: bool) -> list[tuple[str, str]]:
    """Return id and caption of each row; with `every`, raise DataError for a row without one."""
    found = []
    for entry in read_list(path, WHAT).entries:
        name, caption = _name_of(entry), text_field(entry.fields, CAPTION_KEYS, entry.where)
        if caption is None and not every:
            continue
        if name is None or caption is None:
            missing = "id or file" if name is None else "caption"
            raise DataError(
                f"{entry.where}: found no {missing}, expected an id or file, and a caption"
            )
        found.append((name, caption))
    check_ids((name for name, _ in found), str(path))
    return found


def _name_of(entry: Entry) -> str | None:
    """Return the id of the clip that an entry is about; None where it names none."""
    identifier = text_field(entry.fields, ("id",), entry.where)
    file = text_field(entry.fields, FILE_KEYS, entry.where)
    if identifier is not None or file is None:
        return identifier
    path = PurePosixPath(file)  # other points than that of a known ending belong to the name
    return inside(path.with_suffix("") if is_video(path) or is_sound(path) else path)
