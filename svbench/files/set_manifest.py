"""The manifest of a sealed set of stored clips: one JSON object a line for each clip, and a seal.

The last line holds the digest of the set (`sealed`), how many clips there are (`count`), and a
digest of all other lines (`seal`): where that fits, what the manifest says of a clip whose file has
the listed size and digest is known without opening the clip. Of an edited manifest, or one of an
older version, the digests of files alone are of use, and the rest is read from the clips.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from svbench.files.seals import SEAL, seal_of
from svbench.files.text import read_jsonl
from svbench.types import Request, Sample

MANIFEST: Final = "manifest.jsonl"
SEALED: Final = "sealed"


@dataclass(frozen=True, slots=True)
class Kept:
    """A clip in the store: the sample, and size and digest of its file."""

    sample: Sample
    size: int  # bytes
    sha256: str
    made_by: str = ""  # digest of the settings that it was made with

    def entry(self, file: str) -> dict[str, Any]:
        """Return the line of a manifest that lists it under the name of its file."""
        return {
            "id": self.sample.request_id,
            "caption": self.sample.caption,
            "file": file,
            "digest": self.sample.digest,
            "size": self.size,
            "sha256": self.sha256,
            "made_by": self.made_by,
        }


@dataclass(frozen=True, slots=True)
class Listed:
    """A clip as a manifest lists it."""

    size: int  # bytes
    sha256: str
    request: str = ""
    made_by: str = ""  # "": unknown, as is the digest
    digest: str = ""

    def answers(self, request: Request, made_by: str) -> bool:
        """Return whether it is known to answer a request, and to be made so."""
        return bool(self.made_by) and (self.request, self.made_by) == (request.id, made_by)


def dump_manifest(entries: Sequence[Mapping[str, Any]], digest: str) -> str:
    """Return the text of a manifest, from its lines and the digest of the set."""
    last = {SEALED: digest, "count": len(entries), SEAL: seal_of(entries)}
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in [*entries, last])


def read_manifest(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a complete manifest, without the last; [] if there is none.

    They hold no `made_by` unless the seal fits.
    """
    try:
        if not path.is_file():
            return []
        *lines, last = (entry for _, entry in read_jsonl(path, "a manifest of samples"))
        if last["count"] != len(lines):
            return []
        if last.get(SEAL) != seal_of(lines):
            lines = [{k: v for k, v in line.items() if k != "made_by"} for line in lines]
        return lines
    except (OSError, ValueError, KeyError, TypeError):
        return []


def read_listed(path: Path) -> dict[str, Listed]:
    """Return what a manifest lists, by file; {} if there is none."""
    try:
        return {line["file"]: _listed(line) for line in read_manifest(path)}
    except (KeyError, TypeError):
        return {}  # of an older version or damaged: clips are decoded instead


def _listed(line: Mapping[str, Any]) -> Listed:
    if "made_by" not in line:
        return Listed(line["size"], line["sha256"])
    return Listed(line["size"], line["sha256"], line["id"], line["made_by"], line["digest"])
