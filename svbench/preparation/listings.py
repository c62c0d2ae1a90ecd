"""Lists of clips as their authors publish them, and the split that each is of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from svbench.compute import digest_file
from svbench.datasets.lists import is_there
from svbench.errors import DataError
from svbench.preparation.selection import TEST, TRAIN
from svbench.preparation.settings import PrepareConfig


def listed_settings(config: PrepareConfig, lists: Sequence[Path]) -> dict[str, Any]:
    """Return the settings of a preparation by lists, for its record."""
    listed: dict[str, str] = {}
    for path in lists:
        name, number = path.name, 1
        while name in listed:  # of another folder
            number += 1
            name = f"{path.name} ({number})"
        listed[name] = digest_file(path, "a list of clips")
    return {"dataset": config.dataset, "listing": listed}


def split_of(path: Path) -> str:
    """Return the split that a list without splits is of, by its name; "" for that of neither."""
    words = path.stem.lower().replace("-", "_").split("_")
    found = [split for split in (TRAIN, TEST) if split in words]
    return found[0] if len(found) == 1 else ""


def only_form(root: Path, forms: Sequence[Sequence[str]]) -> tuple[Path, ...]:
    """Return the lists of the one form that lies in a folder; () if none does.

    Raises DataError where there are several, as each of them would give another data set.
    """
    found = [[root / name for name in form if is_there(root / name)] for form in forms]
    there = [lists for lists in found if lists]
    if len(there) > 1:
        listed = " and ".join(lists[0].name for lists in there)
        raise DataError(f"{root}: found {listed}, expected one list; name it by --listing")
    return tuple(there[0]) if there else ()
