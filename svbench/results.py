"""`results.json` and `scores.csv`: the two files that reports read.

The nouns of `svbench.types` are the schema; a file is validated whenever it is read. It holds
nothing that changes from run to run of the same work (no times, no paths), so the same work
gives the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

from pydantic import TypeAdapter, ValidationError

from svbench.errors import DataError
from svbench.types import ClipScore, ResultTable

ClipValues = Mapping[tuple[str, str], Mapping[str, float]]  # (system, metric) -> request -> value

SCORES = "scores"  # of a table's record: the digest of the scores.csv written with it
SCHEMA = 1  # raised when a reader of the old form would misread the new one


def dump_table(table: ResultTable) -> str:
    """Give the text of results.json."""
    record = TypeAdapter(ResultTable).dump_python(table, mode="json")
    return json.dumps({"schema": SCHEMA, **record}, indent=2, ensure_ascii=False) + "\n"


def load_table(path: Path) -> ResultTable:
    """Read and validate a results.json, or the one in a run folder."""
    file = path / "results.json" if path.is_dir() else path
    return table_of(_read_json(file, "a result file", "results"), file)


def table_of(record: Any, file: Path) -> ResultTable:
    """Validate the record of a table, as read from `file`."""
    found = record.pop("schema", None) if isinstance(record, dict) else None
    if found != SCHEMA:
        raise DataError(f"{file}: found schema {found}, expected {SCHEMA}")
    try:
        return TypeAdapter(ResultTable).validate_python(record)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DataError(f"{file}: {place}: {first['msg']}, found {first['input']!r:.60}") from error


def load_settings(run: Path) -> Mapping[str, Any]:
    """Read a run folder's run.json: its command, settings (`config`) and versions."""
    file = run / "run.json"
    found = _read_json(file, "the settings of a run", "settings")
    if not isinstance(found, dict) or not isinstance(found.get("config"), dict):
        raise DataError(f"{file}: found no `config` in it, expected the settings of a run")
    return found


def _read_json(file: Path, whole: str, content: str) -> Any:
    """Read a file of a run folder, or say in one line what was expected of it."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{file}: found nothing there, expected {whole}") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: found no readable JSON ({error}), expected {content}") from error


def dump_scores(rows: Sequence[tuple[str, str, ClipScore]]) -> str:
    """Give the text of scores.csv: one line per (system, metric, clip).

    Beside the score itself stand the numbers it came from; several numbers in one field (onset
    times, in seconds) are separated by blanks.
    """
    details = list(dict.fromkeys(name for _, _, clip in rows for name in clip.detail))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["system", "request", "metric", "value", *details])
    for system, metric, clip in rows:
        cells = [_cell(clip.detail.get(name)) for name in details]
        writer.writerow([system, clip.request_id, metric, repr(clip.value), *cells])
    return text.getvalue()


def load_scores(path: Path) -> ClipValues:
    """Read and validate a scores.csv, or the one in a run folder, without the details."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    with opened_scores(path) as (file, lines):
        reader = csv.DictReader(lines, strict=True)
        missing = {"system", "request", "metric", "value"}.difference(reader.fieldnames or ())
        if missing:
            raise DataError(f"{file}: found no column {min(missing)!r}, expected a scores.csv")
        for line in reader:
            values = found.setdefault((line["system"], line["metric"]), {})
            value = _finite(line["value"])
            if value is None or not line["request"] or line["request"] in values:
                raise DataError(
                    f"{file}: line {reader.line_num}: found request {line['request']!r} with "
                    f"value {line['value']!r}, expected each request once, with a finite number"
                )
            values[line["request"]] = value
    return found


@contextmanager
def opened_scores(path: Path) -> Iterator[tuple[Path, TextIO]]:
    """Open a scores.csv, or the one in a run folder; yield its path and its text.

    Where a results.json lies beside it, it must be the one that was written with it.
    """
    file = path / "scores.csv" if path.is_dir() else path
    try:
        with file.open("rb") as data:
            _check_scores(file, data)
            data.seek(0)
            with TextIOWrapper(data, encoding="utf-8", newline="") as lines:
                yield file, lines
    except FileNotFoundError as error:
        raise DataError(f"{file}: found nothing there, expected scores per clip") from error
    except (OSError, ValueError, csv.Error) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{file}: found no readable CSV ({error}), expected scores") from error


def _check_scores(file: Path, data: BufferedReader) -> None:
    """Raise DataError if a results.json beside a scores.csv was written with another one."""
    beside = file.with_name("results.json")
    if not beside.exists():
        return
    wanted = load_table(beside).record.get(SCORES)  # absent from tables of older versions
    if wanted is not None and wanted != hashlib.file_digest(data, "sha256").hexdigest():
        raise DataError(
            f"{file}: found other scores than were written with results.json, expected sha256 "
            f"{str(wanted)[:12]}; run the same command again"
        )


def judged_how(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a table's record says of how it was judged, without what came out."""
    return {name: value for name, value in record.items() if name != SCORES}


def _finite(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _cell(value: float | tuple[float, ...] | None) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " ".join(f"{number:.6g}" for number in value)
    return repr(value)
