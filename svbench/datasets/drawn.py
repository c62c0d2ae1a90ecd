"""Folders that hold drawn data: whole or not there, kept if drawn alike, refused otherwise.

A folder of clips that code draws is decided by a few numbers (seed, clips per split, version of
the code). They stand in `MARKER` in the folder, so that the same wish finds it again, another
wish does not take it for its own, and nobody takes it for recorded data. Beside them stands the
digest of every file drawn, and a seal over it all: where a file is missing or changed, or the seal
does not fit, all are drawn again.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from svbench.errors import ConfigError, DataError
from svbench.files.seals import SEAL, digest_file, sealed, unsealed
from svbench.files.text import read_object
from svbench.files.writing import MARK, writing_to

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
    appears when it is complete. One that is there already is kept if it was drawn alike and is
    whole, mended if it was drawn alike, and refused otherwise.
    """
    if min(seed, train, test) < 0 or train + test == 0:
        raise ConfigError(
            f"the miniature needs a seed from 0 on and at least one clip, "
            f"got seed {seed}, {train} training and {test} test clips"
        )
    facts = _facts(name, version, seed, train, test)
    found = _found(root, facts)
    if found is not None and _is_whole(root, found):
        return
    with writing_to(root):
        root.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{root.name}-", suffix=MARK, dir=root.parent))
        try:
            for split, clips in zip(SPLITS, (train, test), strict=True):
                fill(unfinished, split, clips)
            _seal(unfinished, facts)
            unfinished.chmod(0o755)
            if found is None:
                _move_into_place(unfinished, root, facts)
            else:
                _mend(root, unfinished)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def _facts(name: str, version: int, seed: int, train: int, test: int) -> dict[str, Any]:
    return {
        "about": f"Miniature of the {name} data set, drawn and synthesised by svbench: "
        "not recorded, and not comparable with published figures.",
        "version": version,
        "seed": seed,
        "train": train,
        "test": test,
    }


def _seal(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write what decided the drawing, and the digest of every file drawn."""
    drawn = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): digest_file(path) for path in drawn}
    text = json.dumps(sealed({**facts, "files": files}), indent=2) + "\n"
    (folder / MARKER).write_text(text, encoding="utf-8")


def _is_whole(root: Path, found: Mapping[str, Any]) -> bool:
    """Compare the marker with its seal and every file with its digest; older ones have none."""
    record = unsealed(found)
    if record is None:
        return False
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
    if found is not None and _said(found) == facts:
        return found
    what = "a miniature drawn with other settings" if marker.is_file() else "something else"
    wanted = ", ".join(f"{k} {v}" for k, v in facts.items() if k != "about")
    raise ConfigError(
        f"{root}: found {what}, expected nothing there or a miniature of {wanted}; "
        "remove it or name another folder"
    )


def _said(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what decided the drawing, without the digests."""
    return {key: value for key, value in found.items() if key not in ("files", SEAL)}


def _read(marker: Path) -> Mapping[str, Any] | None:
    try:
        return read_object(marker, "the marker of a miniature")
    except DataError:  # absent or damaged: the folder is not known to be ours
        return None


def _move_into_place(unfinished: Path, root: Path, facts: Mapping[str, Any]) -> None:
    try:
        unfinished.replace(root)
    except OSError:
        if _found(root, facts) is None:  # else another process was faster
            raise


def _mend(root: Path, unfinished: Path) -> None:
    """Put all files drawn in the place of those that are there; what else is there stays."""
    for path in sorted(unfinished.rglob("*"), key=lambda path: path.name == MARKER):
        target = root / path.relative_to(unfinished)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            path.replace(target)
