"""Folders that hold drawn data: complete or not there, kept if drawn alike, refused otherwise.

A folder of clips that code draws is decided by a few numbers (seed, clips per split, version of
the code). They stand in `MARKER` in the folder, so that the same wish finds it again, another
wish does not take it for its own, and nobody takes it for recorded data.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from svbench.errors import ConfigError
from svbench.files.text import read_text

Split = Literal["train", "test"]

MARKER: Final = "MINIATURE.json"
SPLITS: Final[tuple[Split, ...]] = ("train", "test")  # their order is part of random seeds


def draw_once(
    root: Path,
    fill: Callable[[Path, Split, int], None],
    *,
    name: str,
    version: int,
    seed: int,
    train: int,
    test: int,
) -> None:
    """Draw `train` and `test` clips of the data set `name` into the folder `root`.

    `fill` draws one split: it gets the folder, the split and the number of clips. The folder
    appears when it is complete. One that is there already is kept if it was drawn alike, and
    refused otherwise.
    """
    if min(seed, train, test) < 0 or train + test == 0:
        raise ConfigError(
            f"the miniature needs a seed from 0 on and at least one clip, "
            f"got seed {seed}, {train} training and {test} test clips"
        )
    marker = _marker(name, version, seed, train, test)
    if _already_drawn(root, marker):
        return
    root.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{root.name}-", dir=root.parent))
    try:
        for split, clips in zip(SPLITS, (train, test), strict=True):
            fill(unfinished, split, clips)
        (unfinished / MARKER).write_text(marker, encoding="utf-8")
        unfinished.chmod(0o755)
        _move_into_place(unfinished, root, marker)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _marker(name: str, version: int, seed: int, train: int, test: int) -> str:
    facts = {
        "about": f"Miniature of the {name} data set, drawn and synthesised by svbench: "
        "not recorded, and not comparable with published figures.",
        "version": version,
        "seed": seed,
        "train": train,
        "test": test,
    }
    return json.dumps(facts, indent=2) + "\n"


def _already_drawn(root: Path, marker: str) -> bool:
    """Tell whether `root` holds what is wanted; refuse a folder that holds anything else."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    found = root / MARKER
    if found.is_file() and read_text(found, "the marker of a miniature") == marker:
        return True
    what = "a miniature drawn with other settings" if found.is_file() else "something else"
    wanted = ", ".join(f"{k} {v}" for k, v in json.loads(marker).items() if k != "about")
    raise ConfigError(
        f"{root}: found {what}, expected nothing there or a miniature of {wanted}; "
        "remove it or name another folder"
    )


def _move_into_place(unfinished: Path, root: Path, marker: str) -> None:
    try:
        unfinished.replace(root)
    except OSError:
        if not _already_drawn(root, marker):  # another process was faster
            raise
