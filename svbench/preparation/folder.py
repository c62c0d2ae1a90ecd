"""The folder that a preparation writes: locked, resumable, and apart from the archive.

Each file is written under a temporary name and renamed. What was written of an item (a recording,
say) is kept in `prepared.json` with the digests of the files that it was made from and of those
that it consists of; a command that is run again goes on behind what is there and whole. Other
settings, or other versions of what decides the bytes, are refused by name.

The folder must be new, empty, or one of ours: nothing of another program is overwritten.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from svbench.compute import digest_file, digest_settings
from svbench.datasets.prepared import COMPLETE, RECORD, SETTINGS, read_prepared
from svbench.errors import ConfigError, DataError
from svbench.files.destinations import check_folder
from svbench.files.locking import LOCK, locked, remove_partial_files
from svbench.files.seals import sealed
from svbench.files.text import shown
from svbench.files.writing import MARK, write_bytes, write_text
from svbench.pace import Saving

# {"read": {name: digest}, "written": {name: digest}, "whole": whether that is all of it}
Item = dict[str, Any]


@dataclass(slots=True)
class PreparedFolder:
    """A folder that is being prepared; its record holds what is there.

    Parameters
    ----------
    root : Path
        the folder
    settings : mapping
        what decides its files
    versions : mapping
        of the programs that decide the bytes
    items : dict
        what is there, by name of the item
    """

    root: Path
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    items: dict[str, Item] = field(default_factory=dict)
    _saving: Saving = field(default_factory=Saving)

    def add(self, name: str, item: Item) -> None:
        """Record what was written of an item; the record itself is written from time to time."""
        self.items[name] = item
        self._saving.perhaps(self.save)

    def copy(self, source: Path, name: str | None = None) -> None:
        """Copy a small file of the archive, byte by byte."""
        try:
            data = source.read_bytes()
        except OSError as error:
            raise DataError(f"{source}: cannot be read ({error.strerror})") from error
        self.write(name or source.name, data)

    def write(self, name: str, data: bytes) -> None:
        """Write a file, unless it is there with these bytes."""
        path = self.root / name
        if not (path.is_file() and path.read_bytes() == data):
            write_bytes(path, data, "--out")

    def save(self, counts: Mapping[str, Any] | None = None) -> None:
        """Write the record; with `counts` as that of a complete folder."""
        items = dict(sorted(self.items.items()))
        record = {
            SETTINGS: dict(self.settings),
            "versions": dict(self.versions),
            COMPLETE: counts is not None,
            "counts": dict(counts or {}),
            "digest": digest_settings(items, compact=True),
            "items": items,
        }
        write_text(self.root / RECORD, json.dumps(sealed(record), indent=1) + "\n", "--out")


@contextmanager
def prepared_folder(
    data_root: Path,
    out: Path,
    settings: Mapping[str, Any],
    versions: Mapping[str, str],
    folders: Sequence[str] = (),
) -> Iterator[PreparedFolder]:
    """Open a folder to prepare, and lock it; what was added is recorded whatever ends the work.

    Leftovers of a killed command are removed, also below the given `folders` in it.

    Raises
    ------
    ConfigError
        if it lies in the archive or holds it, is another program's, or was prepared otherwise
    """
    check_folder(out)
    check_outside(data_root, out)
    before = _before(out)
    with locked(out, (RECORD,), proof=RECORD if before is not None else ""):
        remove_partial_files(out, folders)
        before = _before(out)  # another command may have been at work there until now
        folder = PreparedFolder(out, settings, versions)
        if before is not None:
            _refuse_others(out, before, folder)
            folder.items = dict(before["items"])
        else:
            folder.save()  # from now on the folder is ours
        try:
            yield folder
        except BaseException:
            if before is None or folder.items != before["items"]:
                folder.save()
            raise
        remove_partial_files(out, folders)  # workers of a killed command may outlive it a little


def check_outside(data_root: Path, out: Path) -> None:
    """Raise ConfigError where one of the two folders lies in the other, links followed."""
    raw, place = (Path(os.path.realpath(path)) for path in (data_root, out))
    if place.is_relative_to(raw):
        raise ConfigError(
            f"--out {out}: found a place in --data-root {data_root}, expected one outside of it: "
            "nothing is written into an archive"
        )
    if raw.is_relative_to(place):
        raise ConfigError(
            f"--out {out}: found --data-root {data_root} in it, expected a folder apart from it"
        )


def are_there(root: Path, names: Mapping[str, str]) -> bool:
    """Return whether files of a folder are there, each with its digest."""
    try:
        return all(digest_file(root / name) == digest for name, digest in names.items())
    except OSError:
        return False


def _before(out: Path) -> dict[str, Any] | None:
    """Return the record of a folder prepared before; None in a new one; refuse all others."""
    try:
        entries = sorted(entry.name for entry in os.scandir(out))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"--out {out}: cannot be listed ({error.strerror})") from error
    found = read_prepared(out)
    strange = [name for name in entries if name != LOCK and not name.endswith(MARK)]
    if found is None and strange:
        raise ConfigError(
            f"--out {out}: found {shown(strange[0])} in it, but no {RECORD}, expected a new or "
            "empty folder, or one that was prepared before"
        )
    return found


def _refuse_others(out: Path, before: Mapping[str, Any], now: PreparedFolder) -> None:
    """Raise ConfigError, which names what differs, for a folder that was prepared otherwise."""
    for what, theirs, ours in (
        ("", before[SETTINGS], now.settings),
        ("version of ", before.get("versions", {}), now.versions),
    ):
        changed = [n for n in sorted({*theirs, *ours}) if theirs.get(n) != ours.get(n)]
        if changed:
            name = changed[0]
            was, now_is = _differing(theirs.get(name), ours.get(name))
            raise ConfigError(
                f"--out {out}: it was prepared otherwise ({what}{shown(name)} was {was!r:.80}, is "
                f"{now_is!r:.80}); choose another --out"
            )


def _differing(one: object, other: object) -> tuple[object, object]:
    """Return two values; of mappings, such as digests by file, the entries that differ."""
    if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
        return one, other
    names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    was, now_is = ({name: of[name] for name in names if name in of} for of in (one, other))
    return was, now_is
