"""The record beside a list, `<list>.json`: how its captions were made, of which clips.

`settings` holds all that decides a caption; `clips` the id, digest and caption of each clip, in the
order of the list; `list` the digest of the list's bytes. A finished list grows by further clips; it
is never overwritten where anything else differs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from svbench.errors import ConfigError, DataError
from svbench.files.text import read_object, shown
from svbench.files.writing import write_text

ENDING: Final = ".json"
CONTENT: Final = "the record of a list of captions"


def record_of(out: Path) -> Path:
    """Return the record's path."""
    return out.with_name(out.name + ENDING)


def digest_list(out: Path) -> str:
    """Return the SHA-256 of a list; "" where there is none."""
    try:
        return hashlib.sha256(out.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise DataError(f"{out}: cannot be read ({error.strerror}), expected a list") from error


def write_record(
    out: Path,
    settings: Mapping[str, Any],
    names: Mapping[str, str],
    clips: Sequence[tuple[str, str, str]],
) -> None:
    """Write the record of a list that was written.

    Parameters
    ----------
    out : Path
        the list
    settings : mapping
        all that decides a caption
    names : mapping
        of the model and the data, as they were given
    clips : sequence of (id, digest, caption)
        in the order of the list
    """
    record = {
        **names,
        "settings": dict(settings),
        "list": digest_list(out),
        "count": len(clips),
        "clips": [dict(zip(("id", "digest", "caption"), clip, strict=True)) for clip in clips],
    }
    write_text(record_of(out), json.dumps(record, indent=1, ensure_ascii=False) + "\n", "--out")


def read_finished(out: Path, settings: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return digest and caption by id of a finished list; nothing where there is none.

    Raises
    ------
    ConfigError
        where a list is there that was not made by `svbench caption`, was changed since, or was
        made by other settings
    """
    there = digest_list(out)
    if not there:
        return {}
    if not record_of(out).is_file():
        raise ConfigError(
            f"--out {out}: found a list without {record_of(out).name} beside it, expected a new "
            "file, or one that svbench caption wrote"
        )
    record = read_object(record_of(out), CONTENT)
    if record.get("list") != there:
        raise ConfigError(
            f"--out {out}: found a list that was changed after svbench caption wrote it, expected "
            "a new file"
        )
    check_settings(record.get("settings"), settings, f"--out {out}")
    return _clips(record, out)


def check_settings(found: object, settings: Mapping[str, Any], where: str) -> None:
    """Raise ConfigError where captions were made by other settings; the first one is named."""
    made = found if isinstance(found, dict) else {}
    for name in sorted(made.keys() | settings.keys()):
        if made.get(name) != settings.get(name):
            raise ConfigError(
                f"{where}: found captions made with {name} {shown(made.get(name))}, expected "
                f"{shown(settings.get(name))} as now; name a new file"
            )


def _clips(record: Mapping[str, Any], out: Path) -> dict[str, tuple[str, str]]:
    try:
        return {
            str(clip["id"]): (str(clip["digest"]), str(clip["caption"])) for clip in record["clips"]
        }
    except (KeyError, TypeError) as error:
        raise DataError(f"{record_of(out)}: found no clips in it, expected {CONTENT}") from error
