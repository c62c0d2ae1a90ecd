"""Links from a prepared folder to what stays in the archive."""

from __future__ import annotations

from pathlib import Path

from svbench.files.writing import replacing


def link(path: Path, target: Path) -> None:
    """Make a symbolic link to the absolute path of a file or folder, in place of another link."""
    absolute = target.resolve()
    if path.is_symlink() and path.readlink() == absolute:
        return
    with replacing(path, "--out", wait=False) as temporary:
        temporary.symlink_to(absolute)
