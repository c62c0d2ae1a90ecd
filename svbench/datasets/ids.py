"""The ids of clips that were made elsewhere, and the fields of lists that hold them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import dropwhile
from pathlib import PurePosixPath
from typing import Any, Final

from svbench.errors import DataError
from svbench.files.names import check_name

FILE_KEYS: Final = ("file", "file_name", "path", "video")
CAPTION_KEYS: Final = ("caption", "prompt", "text")


def check_ids(ids: Iterable[str], where: str) -> None:
    """Raise DataError if an id appears twice or could lead out of a folder."""
    counts = Counter(ids)
    for name, count in counts.items():
        if count > 1:
            raise DataError(f"{where}: found the id {name!r:.60} {count} times, expected once")
        check_name(name, "id", where)


def inside(name: PurePosixPath) -> str:
    """Return a name as an id, which stays inside a folder: from where the path leads down."""
    parts = dropwhile(lambda part: part in (name.root, ".."), name.parts)
    return "/".join(parts) or str(name)  # which names no file, and is refused as an id


def text_field(entry: Mapping[str, Any], keys: Sequence[str], where: str) -> str | None:
    """Return the first of these fields that is there and not null; a whole number is text too."""
    for key in keys:
        value = entry.get(key)
        if isinstance(value, bool) or not isinstance(value, str | int | None):
            raise DataError(f"{where}: found {key} {value!r:.60}, expected text")
        if value is not None:
            return str(value)
    return None
