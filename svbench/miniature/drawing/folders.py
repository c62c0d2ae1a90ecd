"""Folders that hold drawn data: whole or not there, and grown where more clips are asked for.

A folder of clips that code draws is decided by a few numbers (seed, version of the code), and a
clip by these and its place in its split: the first 10 of 20 clips are those of a folder of 10.
The numbers stand in `MARKER` in the folder, with the count of clips of each split, so that the same
wish finds it again, another seed does not take it for its own, and nobody takes it for recorded
data. Beside them stands the digest of every file drawn, and a seal over it all: where a file is
missing or changed, or the seal does not fit, all are drawn again; where all fit, only clips that
are not there yet. The marker is written last, so a stop in between leaves the old one, and what it
says no longer fits.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from svbench.compute import digest_file
from svbench.errors import ConfigError, DataError
from svbench.files.seals import sealed, unsealed
from svbench.files.text import read_object
from svbench.files.writing import MARK, writing_to

Split = Literal["train", "test", "reference"]
Counts = dict[Split, int]  # clips of each
# Draws one split: the folder, the split, clips that are there already, clips. It writes the files
# of clips that are not there, and lists of all.
Fill = Callable[[Path, Split, int, int], None]

MARKER: Final = "MINIATURE.json"
# Their order is part of random seeds. With `reference`, sets of clips are compared.
SPLITS: Final[tuple[Split, ...]] = ("train", "test", "reference")


def draw_once(
    root: Path,
    fill: Fill,
    *,
    name: str,
    version: int,
    seed: int,
    train: int = 0,
    test: int = 0,
    reference: int = 0,
) -> None:
    """Draw so many clips of each split of the data set `name` into the folder `root`, at least.

    The folder appears when it is complete. One that is there already is kept if it was drawn by the
    same seed, holds enough clips and is whole; grown or mended if it was drawn by the same seed;
    and refused otherwise. A folder is never made smaller: who asks for fewer reads fewer.
    """
    asked: Counts = dict(zip(SPLITS, (train, test, reference), strict=True))
    if min(seed, *asked.values()) < 0 or not any(asked.values()):
        raise ConfigError(
            f"the miniature needs a seed from 0 on and at least one clip, got seed {seed}, "
            + ", ".join(f"{clips} {split}" for split, clips in asked.items())
        )
    facts = _facts(name, version, seed)
    found = _found(root, facts)
    record = None if found is None else unsealed(found)
    known = _counts(record)
    whole = record is not None and _is_whole(root, record)
    counts = {split: max(asked[split], known[split]) for split in SPLITS}
    if whole and counts == known:
        return
    kept = dict(record["files"]) if record is not None and whole else {}
    with writing_to(root):
        root.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{root.name}-", suffix=MARK, dir=root.parent))
        try:
            for split in SPLITS:
                fill(unfinished, split, known[split] if whole else 0, counts[split])
            _seal(unfinished, facts, counts, kept)
            unfinished.chmod(0o755)
            if found is not None:
                _mend(root, unfinished)
            elif not _moved_into_place(unfinished, root, facts):  # another process was faster
                draw_once(root, fill, name=name, version=version, seed=seed, **asked)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def _facts(name: str, version: int, seed: int) -> dict[str, Any]:
    return {
        "about": f"Miniature of the {name} data set, drawn and synthesised by svbench: "
        "not recorded, and not comparable with published figures.",
        "version": version,
        "seed": seed,
    }


def _counts(record: Mapping[str, Any] | None) -> Counts:
    """Return the clips of each split that a sealed record says, 0 where it says nothing."""
    return {split: 0 if record is None else int(record.get(split, 0)) for split in SPLITS}


def _seal(folder: Path, facts: Mapping[str, Any], counts: Counts, kept: Mapping[str, str]) -> None:
    """Write what decided the drawing, and the digests of files that were there and that are new."""
    drawn = [path for path in folder.rglob("*") if path.is_file()]
    new = {path.relative_to(folder).as_posix(): digest_file(path) for path in drawn}
    files = dict(sorted({**kept, **new}.items()))
    text = json.dumps(sealed({**facts, **dict(counts.items()), "files": files}), indent=2) + "\n"
    (folder / MARKER).write_text(text, encoding="utf-8")


def _is_whole(root: Path, record: Mapping[str, Any]) -> bool:
    """Compare every file with its digest in a record whose seal fits."""
    try:
        files = record["files"].items()
        return all((root / n).is_file() and digest_file(root / n) == digest for n, digest in files)
    except OSError:  # one that cannot be read cannot be learnt from, either
        return False


def _found(root: Path, facts: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the marker of a folder drawn alike, None if there is nothing; refuse any other."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return None
    marker = root / MARKER
    found = _read(marker)
    if found is not None and {name: found.get(name) for name in facts} == facts:
        return found
    what = "a miniature drawn with other settings" if marker.is_file() else "something else"
    wanted = ", ".join(f"{k} {v}" for k, v in facts.items() if k != "about")
    raise ConfigError(
        f"{root}: found {what}, expected nothing there or a miniature of {wanted}; "
        "remove it or name another folder"
    )


def _read(marker: Path) -> Mapping[str, Any] | None:
    try:
        return read_object(marker, "the marker of a miniature")
    except DataError:  # absent or damaged: the folder is not known to be ours
        return None


def _moved_into_place(unfinished: Path, root: Path, facts: Mapping[str, Any]) -> bool:
    """Rename a folder that is complete; return whether nothing was in its way meanwhile."""
    try:
        unfinished.replace(root)
    except OSError:
        if _found(root, facts) is None:
            raise
        return False
    return True


def _mend(root: Path, unfinished: Path) -> None:
    """Put all files drawn in the place of those that are there; what else is there stays."""
    for path in sorted(unfinished.rglob("*"), key=lambda path: path.name == MARKER):
        target = root / path.relative_to(unfinished)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            path.replace(target)
