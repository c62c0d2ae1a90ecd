"""Folders of empty files, and lists of clips, for code that finds clips without opening them."""

from __future__ import annotations

import json
from pathlib import Path


def touch(folder: Path, *names: str) -> Path:
    """Create empty files below a folder, and return it."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def listed(path: Path, *entries: dict[str, object]) -> Path:
    """Write a list of clips in JSON lines."""
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    return path
