"""Forms of lists of clips: how each is recognised, and what a row of it stands for.

`read_list` is the one place that decides which form a list has, by its content and heading and
never by its name. Clip lists (`svbench.datasets.clip_lists`) and lists of captions
(`svbench.datasets.captions`) are read through it alike. To read a further form, add it to `FORMS`.

Conventions
-----------
A list whose first character is `{` or `[` holds one JSON object a line; any other is CSV, or has
tabs between its fields where its heading has them. Columns are found by name, in any case of
letters and any order; others are passed over, as are rows without any text. A field that is empty
counts as absent, but for a caption. What text files may hold (byte order marks, line ends, quotes)
is decided in `svbench.files.text`.

References
----------
Each as of the commit that was read.

- Hugging Face datasets: AudioFolder and VideoFolder, `metadata.csv` and `metadata.jsonl`.
  https://huggingface.co/docs/datasets/video_dataset
- JavisVerse/JavisDiT b505b37, eval/javisbench/main.py: columns `text`, `path`, `audio_path`,
  `audio_text`, `cat0_ind` to `cat4_ind`; the prediction of row i is `sample_%04d.{mp4,wav}`.
- hkchengrex/MMAudio 974010a, sets/vgg-test.tsv: `id` and `label`, the id `<ytid>_<start>`.
- hkchengrex/av-benchmark 050a5cd, extract_text.py: columns `name` (the stem of a file), `caption`.
- H. Chen et al.: VGGSound. ICASSP 2020: `vggsound.csv` and `test.csv`, both without heading.
- G. Yariv et al.: TempoTokens. AAAI 2024, arXiv:2309.16429: `ytid,start_time,class,set`.
- M. Ishii et al.: arXiv:2409.17550, the authors' code: `flist_*.csv`, a path and a caption, and
  `gen_flist.txt`, a video, its sound and a caption.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from svbench.datasets.ids import CAPTION_KEYS, FILE_KEYS
from svbench.datasets.youtube_ids import HEADING, START, YTID, clip_id, clip_of
from svbench.errors import DataError
from svbench.files.suffixes import is_sound, is_video
from svbench.files.text import read_csv, read_jsonl, read_lines, shown

WHAT: Final = "a list of clips"
JAVIS_KEYS: Final = frozenset(
    {"audio_path", "audio_text", "video_text", *(f"cat{aspect}_ind" for aspect in range(5))}
)
TEST: Final = "test"  # the split that is scored, where a list has several
_LABELS: Final = (*CAPTION_KEYS, "label")

Columns = Mapping[str, str | None]  # of one row, by lower-case name; None: empty


@dataclass(frozen=True, slots=True)
class Entry:
    """What one row of a list stands for."""

    where: str  # for messages
    fields: Mapping[str, Any]  # as of a line of JSON: file, id, caption, audio, start, system
    name: str = ""  # the stem of its file, where that decides, not `file`
    split: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A form of lists in CSV.

    Parameters
    ----------
    title : str
        whose it is, for messages
    example : str
        its heading or a row, for messages
    fits : callable
        whether the fields of a first row, lower case, are those of this form
    entry : callable
        number of a row, from 0 on, and its columns -> what it stands for, without `where`
    columns : sequence of str
        of a form without heading (Default value = (): the first row names them)
    """

    title: str
    example: str
    fits: Callable[[Sequence[str]], bool]
    entry: Callable[[int, Columns], Mapping[str, Any]]
    columns: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ClipList:
    """A list of a known form; its entries are read while they are iterated over."""

    title: str
    entries: Iterator[Entry] = field(repr=False)


# --- what a row stands for ---------------------------------------------------------------------


def _by_file(_number: int, row: Columns) -> Mapping[str, Any]:
    start = row.get("start")
    return {"fields": row if start is None else {**row, "start": float(start)}}


def _by_name(key: str) -> Callable[[int, Columns], Mapping[str, Any]]:
    def entry(_number: int, row: Columns) -> Mapping[str, Any]:
        name, caption = row[key], _first(row, _LABELS)
        return {"fields": {"id": name, "caption": caption}, "name": name or ""}

    return entry


def _javisbench(number: int, row: Columns) -> Mapping[str, Any]:
    name = f"sample_{number:04d}"
    known = {"file": row["path"], "audio": row.get("audio_path"), "caption": row["text"]}
    return {"fields": {"id": name, **known}, "name": name}


def _vggsound(_number: int, row: Columns) -> Mapping[str, Any]:
    ytid, start, label, split = ((row[name] or "").strip() for name in HEADING)
    if not (YTID.fullmatch(ytid) and START.fullmatch(start)):
        raise ValueError
    name = clip_id(ytid, int(start))
    return {"fields": {"id": name, "caption": label}, "name": name, "split": split}


def _pair(_number: int, row: Columns) -> Mapping[str, Any]:
    name = PurePosixPath(row["file"] or "")
    if not is_video(name):
        return {"fields": {**row, "id": row["file"]}, "name": row["file"] or ""}
    if clip_of(name.stem) and name.name == row["file"]:  # of VGGSound, in any spelling
        return {"fields": {"id": name.stem, "caption": row["caption"]}, "name": name.stem}
    return {"fields": row}


def _first(row: Columns, keys: Sequence[str]) -> str | None:
    return next((row[key] for key in keys if row.get(key) is not None), None)


# --- the table of forms ------------------------------------------------------------------------


def _holds(*any_of: Sequence[str], none_of: Sequence[str] = ()) -> Callable[[Sequence[str]], bool]:
    """Return whether a heading holds one column of each group, and none of others."""

    def fits(heading: Sequence[str]) -> bool:
        there = set(heading)
        return all(there.intersection(group) for group in any_of) and not there & set(none_of)

    return fits


def _is_javisbench(heading: Sequence[str]) -> bool:
    return {"text", "path"} <= set(heading) and bool(JAVIS_KEYS.intersection(heading))


def _is_table(heading: Sequence[str]) -> bool:
    return bool(set(FILE_KEYS).intersection(heading)) and not _is_javisbench(heading)


def _is_vggsound(row: Sequence[str]) -> bool:
    return len(row) == 4 and bool(YTID.fullmatch(row[0].strip()))


def _is_triple(row: Sequence[str]) -> bool:
    return len(row) == 3 and is_video(PurePosixPath(row[0])) and is_sound(PurePosixPath(row[1]))


def _is_pair(row: Sequence[str]) -> bool:
    """Return whether a row is a clip and a caption, and no heading of unknown columns."""
    headed = row[-1].strip().lower() in _LABELS and not is_video(PurePosixPath(row[0]))
    return len(row) == 2 and not headed


FORMS: Final = (
    Form("a table of files, as Hugging Face's metadata.csv", "file_name,caption,.. (heading)",
         _is_table, _by_file),
    Form("JavisBench's CSV", "path,text,audio_text,.. (heading)", _is_javisbench, _javisbench),
    Form("av-benchmark's CSV", "name,caption (heading)",
         _holds(["name"], _LABELS, none_of=FILE_KEYS), _by_name("name")),
    Form("MMAudio's TSV", "id<tab>label (heading)",
         _holds(["id"], _LABELS, none_of=FILE_KEYS), _by_name("id")),
    Form("TempoTokens' CSV", "ytid,start_time,class,set (heading)",
         _holds(*([name] for name in HEADING), none_of=FILE_KEYS), _vggsound),
    Form("VGGSound's CSV", "ytid,start,label,split", _is_vggsound, _vggsound, HEADING),
    Form("a list of videos, sounds and captions", "clip.mp4,clip.wav,caption", _is_triple,
         _by_file, ("file", "audio", "caption")),
    Form("a list of clips and captions", "clip,caption", _is_pair, _pair, ("file", "caption")),
)  # fmt: skip
EXPECTED: Final = "one JSON object a line, or CSV of " + " | ".join(f.example for f in FORMS)


# --- reading -----------------------------------------------------------------------------------


def read_list(path: Path, what: str = WHAT) -> ClipList:
    """Recognise the form of a list, and return its entries.

    Parameters
    ----------
    path : Path
        the list
    what : str
        what it is read as, for messages (Default value = "a list of clips")

    Raises
    ------
    DataError
        where the list cannot be read, has no form of `FORMS` or two of them, or a row is malformed
    """
    begin = next((line for _, line in read_lines(path, what) if line.strip()), "")
    if path.suffix.lower() == ".jsonl" or begin.lstrip().startswith(("{", "[")):
        return ClipList("a list of JSON objects", _json_entries(path, what))
    if not begin:
        raise DataError(f"{path}: found no line in it, expected {EXPECTED}")
    if "\t" in begin and (form := _headed(begin.split("\t"), path)):
        return ClipList(form.title, _entries(path, what, "\t", form))
    number, first = next(_rows(path, what, ","))
    form = _headed(first, path) or next((f for f in FORMS if f.columns and f.fits(first)), None)
    if form is None:
        found = shown(",".join(first))
        raise DataError(f"{path}, line {number}: found {found!r}, expected {EXPECTED}")
    return ClipList(form.title, _entries(path, what, ",", form))


def _json_entries(path: Path, what: str) -> Iterator[Entry]:
    for number, fields in read_jsonl(path, f"{what}, one JSON object a line"):
        yield Entry(f"{path}, line {number}", fields)


def _rows(path: Path, what: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and fields of each row that is not a blank line."""
    for number, row in read_csv(path, what, delimiter=delimiter):
        if len(row) > 1 or row[0].strip():
            yield number, row


def _headed(row: Sequence[str], path: Path) -> Form | None:
    """Return the form whose heading this row is, if there is one."""
    columns = _columns(row)
    fitting = [form for form in FORMS if not form.columns and form.fits(columns)]
    if len(fitting) > 1:
        titles = " and of ".join(form.title for form in fitting)
        raise DataError(f"{path}: found the columns of {titles}, expected those of one")
    if fitting and len(set(columns)) < len(columns):
        raise DataError(f"{path}: found a column twice in its heading, expected each once")
    return next(iter(fitting), None)


def _columns(heading: Sequence[str]) -> list[str]:
    return [name.strip().lower() for name in heading]


def _entries(path: Path, what: str, delimiter: str, form: Form) -> Iterator[Entry]:
    rows = _rows(path, what, delimiter)
    columns = form.columns or _columns(next(rows)[1])
    for count, (number, row) in enumerate(rows):
        if not any(text.strip() for text in row):
            continue  # as spreadsheets write behind the last; it counts as a row
        where = f"{path}, line {number}"
        if len(row) != len(columns):
            raise DataError(
                f"{where}: found {len(row)} fields, expected {len(columns)}: {form.example}"
            )
        fields = {
            name: text if text or name in CAPTION_KEYS else None
            for name, text in zip(columns, row, strict=True)
        }
        try:
            yield Entry(where, **form.entry(count, fields))
        except ValueError as error:
            found = shown(",".join(row))
            raise DataError(f"{where}: found {found!r}, expected {form.example}") from error
