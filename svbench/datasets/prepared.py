"""`prepared.json`: the record of a folder that `svbench data prepare` wrote.

It holds the settings that decided the files, the versions of what wrote them, whether all were
written (`complete`), counts, and of each item (a recording) the digests of what was read and
written. It is sealed; it holds no paths outside its folder and no times, so equal archives and
settings give equal bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from svbench.errors import DataError
from svbench.files.seals import unsealed
from svbench.files.text import read_object, shown

RECORD: Final = "prepared.json"
SETTINGS: Final = "settings"
COMPLETE: Final = "complete"


def read_prepared(root: Path) -> dict[str, Any] | None:
    """Return the record of a prepared folder; None in any other folder.

    Raises DataError where the record was edited or damaged.
    """
    path = root / RECORD
    if not path.is_file():
        return None
    record = unsealed(read_object(path, "the record of a prepared data set"))
    if record is None or not isinstance(record.get(SETTINGS), dict):
        raise DataError(
            f"{path}: found an edited or damaged record, expected it as svbench data prepare "
            "wrote it"
        )
    return record


def prepared_settings(root: Path) -> dict[str, Any] | None:
    """Return the settings by which a folder was prepared; None in any other folder.

    Raises DataError where the record is damaged, or not all files are there yet.
    """
    record = read_prepared(root)
    if record is None:
        return None
    if record.get(COMPLETE) is not True:
        raise DataError(
            f"{root / RECORD}: found a preparation that was stopped, expected a complete one; run "
            "svbench data prepare again to go on"
        )
    settings: dict[str, Any] = record[SETTINGS]
    return settings


def cut_timing(root: Path) -> str | None:
    """Return by which timing the clips of a folder were cut when it was prepared; None if not.

    Raises DataError where the record is damaged, or not all files are there yet.
    """
    settings = prepared_settings(root) or {}
    how = settings.get("cut", settings)  # recordings are always cut, clips if that is asked
    timing = how.get("timing") if isinstance(how, dict) else None
    return None if timing is None else shown(timing)


def cutting_notes(root: Path) -> tuple[str, ...]:
    """Return a note on the timing of clips that were cut when their folder was prepared.

    Raises DataError where the record is damaged, or not all files are there yet.
    """
    timing = cut_timing(root)
    if timing is None:
        return ()
    return (
        f"clips as svbench data prepare cut them: timing {timing}; "
        "--frame-choice and --channels change nothing about them",
    )
