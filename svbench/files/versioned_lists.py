"""Lists of records in a JSON file beside a run, with the version of their form.

The form is `{"version": V, NAME: [record, ...]}`; records are those of a dataclass.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from svbench.errors import DataError
from svbench.files.text import REASON, read_object, shown

T = TypeVar("T")


def dump_list(name: str, version: int, records: Sequence[Any]) -> str:
    """Return the text of the file of records, which are instances of a dataclass."""
    record = {"version": version, name: [asdict(one) for one in records]}
    return json.dumps(record, indent=1, ensure_ascii=False) + "\n"


def load_list(
    file: Path, name: str, version: int, adapter: TypeAdapter[T], expected: str
) -> tuple[T, ...]:
    """Load the records of a file; none where there is no such file.

    Parameters
    ----------
    file : Path
        the file
    name : str
        of the list in it
    version : int
        of its form
    adapter : TypeAdapter
        of a record
    expected : str
        what the file should hold, for messages

    Raises
    ------
    DataError
        if the file holds something else
    """
    if not file.exists():
        return ()
    record = read_object(file, expected)
    records = record.get(name)
    if record.get("version") != version or not isinstance(records, list):
        found = shown(record.get("version"))
        raise DataError(f"{file}: found version {found}, expected {version}: {expected}")
    return tuple(_validated(one, file, adapter, expected) for one in records)


def _validated(record: Any, file: Path, adapter: TypeAdapter[T], expected: str) -> T:
    try:
        return adapter.validate_python(record)
    except ValidationError as error:
        first = error.errors()[0]
        place = shown(".".join(map(str, first["loc"])))
        raise DataError(
            f"{file}: {place}: {shown(first['msg'], REASON)}, expected {expected}"
        ) from error
