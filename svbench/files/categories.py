"""Categories of clips in lists: the fields `category` and `categories` of a JSON object.

`categories` is an object, kind -> category, e.g. {"material": "wood", "action": "hit"}. `category`
is one text, short for a single kind of that name. What is null or blank counts as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from svbench.errors import DataError
from svbench.files.text import is_plain


def read_categories(entry: Mapping[str, Any], where: str) -> dict[str, str]:
    """Return the categories of an object of a list, by kind.

    Raises DataError where they are no text of one line.
    """
    several = entry.get("categories")
    several = {} if several is None else several
    if not isinstance(several, Mapping):
        raise DataError(
            f"{where}: found categories {several!r:.60}, expected an object of kinds and texts"
        )
    given = {"category": entry.get("category"), **several}
    found = {kind.strip(): _text(kind, value, where) for kind, value in given.items()}
    return {kind: text for kind, text in found.items() if text}


def _text(kind: str, value: object, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise DataError(f"{where}: found {kind!r:.60} {value!r:.60}, expected text")
    text = "" if value is None else str(value).strip()
    if not (kind.strip() and is_plain(kind) and is_plain(text)):
        raise DataError(
            f"{where}: found the category {text!r:.60} of kind {kind!r:.60}, expected one "
            "printable line each"
        )
    return text
