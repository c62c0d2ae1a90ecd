"""The result files: `results.json`, `scores.csv` and `requests.jsonl`.

The dataclasses of `svbench.types` are the schema; files are validated when they are loaded. They
hold nothing that changes between runs of the same work (no times, no paths), so equal work gives
equal bytes.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from svbench.compute import digest_file
from svbench.errors import DataError
from svbench.files.categories import read_categories
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
REQUESTS = "requests"  # and that of the requests of the requests.jsonl written with it
PROTOCOL = "protocol"  # and the protocol of another benchmark that the run followed
PADDING = "padding"  # and what became of clips that are too short, where they are not refused
DATA = "data"  # and the identity of the data set, as `svbench data check` prints it
REQUESTS_FILE = "requests.jsonl"
FIXED = ("system", "request", "metric", "value")  # the columns that every scores.csv has
SCHEMA = 1  # increased when readers of the old form would misread the new one


@dataclass(frozen=True, slots=True)
class RequestIdentity:
    """The identity of an example: requests of two runs are the same if theirs is equal."""

    caption: str  # "" if unknown
    # digest of the real clip's files and start, independent of the clip format; "" without one
    source: str
    # kind -> category; a label, by which no request is told from another
    categories: Mapping[str, str] = field(default_factory=dict, compare=False)


def dump_table(table: ResultTable) -> str:
    """Return the text of results.json; what is not known of a column is left out.

    These are `detection` without annotated events, and `validity` of older versions.
    """
    record = TypeAdapter(ResultTable).dump_python(table, mode="json")
    for column in record["columns"]:
        for finding in ("detection", "validity"):
            if not column[finding]:
                del column[finding]
    return json.dumps({"schema": SCHEMA, **record}, indent=2, ensure_ascii=False) + "\n"


def load_table(path: Path) -> ResultTable:
    """Load and validate a results.json, or the one in a run folder."""
    file = path / "results.json" if path.is_dir() else path
    return table_of(read_json(file, "a result file"), file)


def table_of(record: Any, file: Path) -> ResultTable:
    """Return the table of a record loaded from `file`; raise DataError if it is invalid."""
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
    """Load a run folder's run.json: its command, settings (`config`) and versions."""
    file = run / "run.json"
    found = read_object(file, "the settings of a run")
    for name, kind in (("command", str), ("config", dict)):
        if not isinstance(found.get(name), kind):
            raise DataError(f"{file}: found no `{name}` in it, expected the settings of a run")
    return found


def dump_scores(rows: Sequence[tuple[str, str, ClipScore]]) -> str:
    """Return the text of scores.csv: one line per (system, metric, clip).

    Columns after the score hold the numbers behind it; several numbers in one field (onset times,
    in seconds) are separated by blanks.
    """
    details = list(dict.fromkeys(name for _, _, clip in rows for name in clip.detail))
    lines = (
        (system, clip.request_id, metric, clip.value, *(_cell(clip.detail.get(n)) for n in details))
        for system, metric, clip in rows
    )
    return csv_text(itertools.chain([(*FIXED, *details)], lines))


def load_scores(path: Path) -> ClipValues:
    """Load and validate the scores of a scores.csv, or of the one in a run folder."""
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


def digest_requests(requests: Mapping[str, RequestIdentity]) -> str:
    """Return the digest of requests, by example id; their order does not count."""
    return seal_of({name: [one.caption, one.source] for name, one in requests.items()})


def digest_clips(requests: Mapping[str, RequestIdentity]) -> str:
    """Return the identity of a data set: the digest of its clips, in their order.

    Ids, captions, starts and the bytes of the files count; where these lie and the format in which
    clips are judged do not.
    """
    return seal_of([[name, one.caption, one.source] for name, one in requests.items()])


def load_requests(path: Path) -> dict[str, RequestIdentity] | None:
    """Load the requests of a run by example id; None if there is no requests.jsonl.

    Parameters
    ----------
    path : Path
        the run folder, or its results.json

    Raises
    ------
    DataError
        if the file is malformed, or not the one written with results.json
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
                categories = read_categories(entry, f"{file}, line {number}")
                found[name] = RequestIdentity(caption, source, categories)
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
    """Return the path of a scores.csv, or of the one in a run folder.

    Raises
    ------
    DataError
        if a results.json lies beside it that was not written with it
    """
    file = path / "scores.csv" if path.is_dir() else path
    beside = file.with_name("results.json")
    # tables of older versions have no digest
    wanted = load_table(beside).record.get(SCORES) if beside.exists() else None
    if wanted is not None and file.exists() and wanted != _sha256(file):
        raise DataError(
            f"{file}: found other scores than were written with results.json, expected sha256 "
            f"{str(wanted)[:12]}; run the same command again"
        )
    return file


def _sha256(file: Path) -> str:
    if not file.is_file():  # reading a pipe would block
        raise DataError(f"{file}: found no regular file, expected scores")
    return digest_file(file, "scores")


def protocol_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table's record without the digests of its results: the protocol alone."""
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
