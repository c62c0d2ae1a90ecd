"""`results.json`, `scores.csv` and `requests.jsonl`: the files that reports read.

The nouns of `svbench.types` are the schema; a file is validated whenever it is read. It holds
nothing that changes from run to run of the same work (no times, no paths), so the same work
gives the same bytes.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from svbench.compute import digest_file
from svbench.errors import DataError
from svbench.files.seals import seal_of
from svbench.files.text import (
    REASON,
    csv_text,
    read_json,
    read_jsonl,
    read_object,
    read_table,
    shown,
)
from svbench.types import ClipScore, ResultTable

ClipValues = Mapping[tuple[str, str], Mapping[str, float]]  # (system, metric) -> request -> value

SCORES = "scores"  # of a table's record: the digest of the scores.csv written with it
REQUESTS = "requests"  # and of what the requests.jsonl written with it holds
REQUESTS_FILE = "requests.jsonl"
FIXED = ("system", "request", "metric", "value")  # columns of scores.csv that are always there
SCHEMA = 1  # raised when a reader of the old form would misread the new one


@dataclass(frozen=True, slots=True)
class Asked:
    """What decides an example of a data set: requests of two runs are the same where it is."""

    caption: str  # "" where none is known
    source: str  # digest of the real clip's files and start, whatever format it is judged in


def dump_table(table: ResultTable) -> str:
    """Return the text of results.json."""
    record = TypeAdapter(ResultTable).dump_python(table, mode="json")
    return json.dumps({"schema": SCHEMA, **record}, indent=2, ensure_ascii=False) + "\n"


def load_table(path: Path) -> ResultTable:
    """Read and validate a results.json, or the one in a run folder."""
    file = path / "results.json" if path.is_dir() else path
    return table_of(read_json(file, "a result file"), file)


def table_of(record: Any, file: Path) -> ResultTable:
    """Validate the record of a table, as read from `file`."""
    found = record.pop("schema", None) if isinstance(record, dict) else None
    if found != SCHEMA:
        raise DataError(f"{file}: found schema {shown(found)}, expected {SCHEMA}")
    try:
        return TypeAdapter(ResultTable).validate_python(record)
    except ValidationError as error:
        first = error.errors()[0]
        place = shown(".".join(map(str, first["loc"])))
        raise DataError(
            f"{file}: {place}: {shown(first['msg'], REASON)}, found {first['input']!r:.60}"
        ) from error


def load_settings(run: Path) -> Mapping[str, Any]:
    """Read a run folder's run.json: its command, settings (`config`) and versions."""
    file = run / "run.json"
    found = read_object(file, "the settings of a run")
    for name, kind in (("command", str), ("config", dict)):
        if not isinstance(found.get(name), kind):
            raise DataError(f"{file}: found no `{name}` in it, expected the settings of a run")
    return found


def dump_scores(rows: Sequence[tuple[str, str, ClipScore]]) -> str:
    """Return the text of scores.csv: one line per (system, metric, clip).

    Beside the score itself stand the numbers it came from; several numbers in one field (onset
    times, in seconds) are separated by blanks.
    """
    details = list(dict.fromkeys(name for _, _, clip in rows for name in clip.detail))
    lines = (
        (system, clip.request_id, metric, clip.value, *(_cell(clip.detail.get(n)) for n in details))
        for system, metric, clip in rows
    )
    return csv_text(itertools.chain([(*FIXED, *details)], lines))


def load_scores(path: Path) -> ClipValues:
    """Load and validate a scores.csv, or the one in a run folder, without the details."""
    file = scores_file(path)
    found: dict[tuple[str, str], dict[str, float]] = {}
    for number, line in read_table(file, "scores per clip", FIXED, escaped=True):
        values = found.setdefault((line["system"], line["metric"]), {})
        value = _finite(line["value"])
        if value is None or not line["request"] or line["request"] in values:
            raise DataError(
                f"{file}, line {number}: found request {line['request']!r:.60} with value "
                f"{line['value']!r:.60}, expected each request once, with a finite number"
            )
        values[line["request"]] = value
    return found


def digest_requests(asked: Mapping[str, Asked]) -> str:
    """Hash what was asked for, by example id; the order does not count."""
    return seal_of({name: [one.caption, one.source] for name, one in asked.items()})


def load_requests(path: Path) -> dict[str, Asked] | None:
    """Load what a run was asked for, by example id; None in a run folder without requests.jsonl.

    `path` is the run folder, or its results.json. Raises DataError where the file is malformed, or
    is another than the one written with results.json.
    """
    folder = path if path.is_dir() else path.parent
    file = folder / REQUESTS_FILE
    if not file.exists():
        return None
    found = {}
    for number, entry in read_jsonl(file, "the requests of a run"):
        fields = [entry.get(key) for key in ("id", "caption", "source")]
        match fields:
            case [str() as name, str() as caption, str() as source] if name not in found:
                found[name] = Asked(caption, source)
            case _:
                raise DataError(
                    f"{file}, line {number}: found id {fields[0]!r:.60}, expected each id once, "
                    "with a caption and a source"
                )
    results = path / "results.json" if path.is_dir() else path
    wanted = load_table(results).record.get(REQUESTS) if results.exists() else None
    if wanted is not None and wanted != digest_requests(found):
        raise DataError(
            f"{file}: found other requests than were written with results.json, expected digest "
            f"{str(wanted)[:12]}; run the same command again"
        )
    return found


def scores_file(path: Path) -> Path:
    """Return a scores.csv, or the one in a run folder.

    Where a results.json lies beside it, it must be the one that was written with it.
    """
    file = path / "scores.csv" if path.is_dir() else path
    beside = file.with_name("results.json")
    # absent from tables of older versions
    wanted = load_table(beside).record.get(SCORES) if beside.exists() else None
    if wanted is not None and file.exists() and wanted != _sha256(file):
        raise DataError(
            f"{file}: found other scores than were written with results.json, expected sha256 "
            f"{str(wanted)[:12]}; run the same command again"
        )
    return file


def _sha256(file: Path) -> str:
    if not file.is_file():  # a pipe would wait for somebody to write
        raise DataError(f"{file}: found no regular file, expected scores")
    return digest_file(file, "scores")


def judged_how(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a table's record says of how it was judged, without what came out."""
    return {name: value for name, value in record.items() if name not in (SCORES, REQUESTS)}


def _finite(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _cell(value: float | tuple[float, ...] | None) -> str | float | None:
    if isinstance(value, tuple):
        return " ".join(f"{number:.6g}" for number in value)
    return value
