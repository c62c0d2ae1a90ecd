"""Scores per clip that other programs computed: the forms of their files.

| form        | file                                                                            |
|-------------|---------------------------------------------------------------------------------|
| vbench      | JSON {dimension: [mean, [{"video_path", "video_results"}, ...]]}                |
| avgen-bench | JSON {"results": [{"video_path", score, ...}]}, or CSV with `video_path`        |
| dover       | CSV with `path`, `aesthetic score`, `technical score` and `overall/final score` |
| plain       | JSON {id: value} or {id: {name: value}}, or CSV with `id`                       |

Conventions
-----------
A file holds one clip an entry, called by its id or path. Of a file of several fields those are
columns whose direction is known: by the name under which a program publishes them (`BETTER`), or
because the caller states it. Fields besides (folders, judges' texts) are no scores and are left.
An entry of AVGen-Bench whose status is not "ok" has no score: it is kept by its status.

References
----------
- Z. Huang et al.: VBench: comprehensive benchmark suite for video generative models. CVPR 2024,
  https://github.com/Vchitect/VBench
- H. Wu et al.: Exploring video quality assessment on user generated contents from aesthetic and
  technical perspectives (DOVER). ICCV 2023, https://github.com/VQAssessment/DOVER
- AVGen-Bench: https://github.com/microsoft/AVGen-Bench (commit 1049eab)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from svbench.compute import digest_file
from svbench.errors import ConfigError, DataError
from svbench.files.text import is_plain, read_csv, read_json, shown
from svbench.types import Better

EXPECTED: Final = "scores per clip of VBench, DOVER or AVGen-Bench, or {id: value}"
NAMES: Final = ("video_path", "path", "video", "file", "id")  # of the field that names a clip
LONGEST: Final = 80  # characters of the name of a column
_VBENCH: Final = (
    *("subject_consistency", "background_consistency", "temporal_flickering", "motion_smoothness"),
    *("dynamic_degree", "aesthetic_quality", "imaging_quality", "object_class", "multiple_objects"),
    *("human_action", "color", "spatial_relationship", "scene", "temporal_style"),
    *("appearance_style", "overall_consistency"),
)
_DOVER: Final = ("aesthetic score", "technical score", "overall/final score")
_AVGEN: Final[Mapping[str, Better]] = {
    **dict.fromkeys(("score", "CE", "CU", "PQ", "plot_alignment_score", "final_score"), "higher"),
    "abs_pred_offset_sec_cont": "lower",
    "abs_pred_offset_sec_argmax": "lower",
}
# PC of AudioBox, production complexity, is read in either direction: the caller has to state it.
BETTER: Final[Mapping[str, Better]] = {
    **dict.fromkeys(_VBENCH, "higher"),
    **dict.fromkeys(_DOVER, "higher"),
    **_AVGEN,
}

STATUS, OK = "status", "ok"  # of an entry of AVGen-Bench

Entries = Iterable[tuple[str, str, Any]]  # where in the file, the clip's name, its value
Fields = dict[str, list[tuple[str, str, Any]]]  # name of a column -> its entries


@dataclass(frozen=True, slots=True, eq=False)
class ForeignColumn:
    """One column of a file of scores that another program computed."""

    name: str
    form: str
    better: Better
    values: tuple[tuple[str, float], ...]  # name of a clip as in the file, and its score


@dataclass(frozen=True, slots=True, eq=False)
class ForeignScores:
    """A file of such scores."""

    file: Path
    sha256: str
    columns: tuple[ForeignColumn, ...]
    failed: Mapping[str, str] = field(default_factory=dict)  # name of a clip -> its status


def read_foreign_scores(file: Path, better: Mapping[str, Better]) -> ForeignScores:
    """Load the scores of a file in any of the forms.

    Parameters
    ----------
    file : Path
        JSON, or CSV where its name ends in .csv
    better : mapping of str to "lower" or "higher"
        direction of columns, also in place of that in `BETTER`

    Raises
    ------
    DataError
        if the file has another form or no scores, a score is no finite number, or a clip is named
        twice
    ConfigError
        if no column has a known direction
    """
    is_csv = file.suffix.lower() == ".csv"
    form, fields, failed = _csv_fields(file) if is_csv else _json_fields(file)
    _check_scored(file, fields, failed)
    known = {**BETTER, **better}
    columns = tuple(
        ForeignColumn(name, form, known[name], _numbers(name, entries))
        for name, entries in fields.items()
        if name in known
    )
    if not columns:
        names = ", ".join(map(shown, list(fields)[:5])) or "none"
        raise ConfigError(
            f"{file}: found the columns {names}, expected one whose better direction is known; "
            "state it by --import-better NAME=higher or NAME=lower"
        )
    return ForeignScores(file, digest_file(file, EXPECTED), columns, failed)


def _check_scored(file: Path, fields: Mapping[str, Sized], failed: Mapping[str, str]) -> None:
    """Raise DataError if a file, or a column of it, has no clip at all."""
    if failed and not fields:
        clip, status = next(iter(failed.items()))
        raise DataError(
            f"{file}: found {len(failed)} entries, all without a score ({clip}: status {status}), "
            f'expected some of status "{OK}"'
        )
    bare = [f" in {shown(name)}" for name, entries in fields.items() if not entries]
    if bare or not fields:
        where = bare[0] if bare else ""
        raise DataError(f"{file}: found no scored clip{where}, expected {EXPECTED}")


# --- forms -------------------------------------------------------------------------------------


def _json_fields(file: Path) -> tuple[str, Fields, Mapping[str, str]]:
    """Return the form of a JSON file, its entries by column, and clips that have none."""
    content = read_json(file, EXPECTED)
    if not isinstance(content, dict):
        raise DataError(f"{file}: found {type(content).__name__}, expected {EXPECTED}")
    if isinstance(content.get("results"), list):
        return "avgen-bench", *_by_field(content["results"], f"{file}: results")
    if all(isinstance(one, list) for one in content.values()):
        return "vbench", {name: _dimension(file, name, one) for name, one in content.items()}, {}
    return "plain", _plain(file, content), {}


def _failed(entry: Any) -> bool:
    return isinstance(entry, dict) and (entry.get(STATUS) or OK) != OK


def _dimension(file: Path, name: str, found: list[Any]) -> list[tuple[str, str, Any]]:
    """Return the entries of a dimension of VBench: [mean, [{video_path, video_results}, ...]]."""
    where = f"{file}: {shown(name)}"
    if len(found) != 2 or not isinstance(found[1], list):
        raise DataError(f"{where}: found no [mean, clips], expected {EXPECTED}")
    entries = []
    for number, one in enumerate(found[1], 1):
        match one:
            case {"video_path": str() as path, "video_results": value}:
                entries.append((f"{where}, entry {number}", path, value))
            case _:
                raise DataError(
                    f"{where}, entry {number}: found no video_path and video_results, "
                    f"expected {EXPECTED}"
                )
    return entries


def _plain(file: Path, content: Mapping[str, Any]) -> Fields:
    """Return the entries of {id: value}, a column called like the file, or {id: {name: value}}."""
    fields: Fields = {}
    for clip, value in content.items():
        for name, one in (value if isinstance(value, dict) else {file.stem: value}).items():
            fields.setdefault(name, []).append((f"{file}: {shown(clip)}", clip, one))
    return fields


def _csv_fields(file: Path) -> tuple[str, Fields, Mapping[str, str]]:
    """Return what `_json_fields` does of a CSV file; blanks round fields are dropped."""
    rows = [(number, [f.strip() for f in row]) for number, row in read_csv(file, EXPECTED)]
    heading = rows[0][1] if rows else []
    if len(set(heading)) != len(heading):
        raise DataError(f"{file}: found a column twice in its heading, expected each once")
    records = []
    for number, row in rows[1:]:
        if len(row) != len(heading):
            raise DataError(
                f"{file}, line {number}: found {len(row)} fields, expected {len(heading)} as in "
                "its heading"
            )
        records.append(dict(zip(heading, row, strict=True)))
    form = "dover" if set(_DOVER) <= set(heading) else "plain"
    if "video_path" in heading:
        return "avgen-bench", *_by_field(records, f"{file}: rows")
    return form, *_by_field(records, f"{file}: rows", failing=False)


def _by_field(
    records: list[Any], where: str, *, failing: bool = True
) -> tuple[Fields, Mapping[str, str]]:
    """Return the entries of records by field, each with the name of its clip, and failed clips.

    With `failing`, a record of a status that is not "ok" has no score; the field itself is none.
    """
    fields: Fields = {}
    failed: dict[str, str] = {}
    for number, record in enumerate(records, 1):
        place, clip = f"{where}, entry {number}", _clip(record)
        if not clip:
            raise DataError(f"{place}: found no clip, expected {' or '.join(NAMES)}")
        if failing and _failed(record):
            failed[clip] = shown(str(record[STATUS]))
            continue
        for name, value in record.items():
            if name not in NAMES:
                fields.setdefault(name, []).append((place, clip, value))
    return fields, failed


def _clip(record: Any) -> str:
    """Return the name of a record's clip; "" without one."""
    keys = [key for key in NAMES if isinstance(record, dict) and key in record]
    return record[keys[0]] if keys and isinstance(record[keys[0]], str) else ""


# --- values ------------------------------------------------------------------------------------


def _numbers(name: str, entries: Entries) -> tuple[tuple[str, float], ...]:
    """Return name and score of each clip; a yes or no, as of VBench, counts 1 or 0."""
    if not is_plain(name) or len(name) > LONGEST:
        raise DataError(f"found a column {shown(name)}, expected a short name")
    found: dict[str, float] = {}
    for where, clip, value in entries:
        number = _number(value)
        if number is None:
            raise DataError(f"{where}: found {name} {shown(repr(value))}, expected a finite number")
        if clip in found:
            raise DataError(f"{where}: found {shown(clip)} twice, expected each clip once")
        found[clip] = number
    return tuple(found.items())


def _number(value: Any) -> float | None:
    """Return a finite number, also of its text; None for anything else."""
    try:
        number = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
