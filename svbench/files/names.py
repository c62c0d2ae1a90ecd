"""Names that stand in other people's files, and become paths below a folder of ours."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from svbench.errors import DataError
from svbench.files.text import is_plain

LONGEST_NAME: Final = 1000  # characters of an id or the name of a system


def check_name(name: str, what: str, where: str) -> None:
    """Raise DataError if a name could lead out of a folder, or cannot be printed."""
    parts = PurePosixPath(name).parts
    stays = bool(parts) and not name.startswith("/") and ".." not in parts
    if not (stays and name.strip() and is_plain(name) and len(name) <= LONGEST_NAME):
        raise DataError(
            f"{where}: found the {what} {name!r:.60}, expected a name that stays inside its "
            f"folder, of at most {LONGEST_NAME:,} printable characters"
        )
