"""Folders of empty files, and lists of clips: finding clips opens none of them."""

from __future__ import annotations

import json
from pathlib import Path


def touch(folder: Path, *names: str) -> Path:
    """Make empty files, and return their folder."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def listed(path: Path, *entries: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    return path
