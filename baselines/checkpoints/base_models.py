"""The base models of joint weights that were saved without them: which, and where they lie.

`bases.json` beside the joint weights holds {"audio": ..., "video": ..., "motion": ...}, each a
folder or the name of a repository on the Hugging Face hub; without that file they are the paper's.
Nothing is downloaded: a hub's repository must be in the local cache.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from svbench.errors import DataError
from svbench.files.text import read_object

BASES: Final = "bases.json"
# The base models of the paper (section 4.1 and the released scripts).
PAPER_BASES: Final = {
    "audio": "cvssp/audioldm-m-full",
    "video": "SG161222/Realistic_Vision_V5.1_noVAE",
    "motion": "guoyww/animatediff-motion-adapter-v1-5-2",
}
HOW_TO_GET: Final = (
    "--weights FOLDER: a pipeline saved by the released code (github.com/SonyResearch/"
    "SVG_baseline), or joint weights that svbench trained over base models got by: "
    + "; ".join(f"hf download {base}" for base in PAPER_BASES.values())
)


def read_bases(folder: Path) -> dict[str, str]:
    """Return the base models of the joint weights in a folder, each a folder or a repository."""
    path = folder / BASES
    if not path.is_file():
        return dict(PAPER_BASES)
    bases = read_object(path, f"where the base models lie ({', '.join(PAPER_BASES)})")
    if set(bases) != set(PAPER_BASES):
        raise DataError(f"{path}: found {sorted(bases)}, expected {sorted(PAPER_BASES)}")
    # Folders are relative to the file; a repository's name stays as it is.
    return {k: str(folder / v) if (folder / v).is_dir() else str(v) for k, v in bases.items()}


def local_folder(name: str, expected: str = "a base model") -> Path:
    """Return the folder of a model: itself, or its snapshot in the hub's local cache.

    `expected` says what it should be, in a DataError where there is neither.
    """
    from huggingface_hub import snapshot_download

    if os.path.isdir(name):  # noqa: PTH112 (which may raise)
        return Path(name)
    try:
        return Path(snapshot_download(name, local_files_only=True))
    except Exception as error:  # no such folder, no such name, no cache: all mean the same here
        raise DataError(
            f"{name}: found neither a folder of that name nor a copy in the Hugging Face cache, "
            f"expected {expected}; get it by: hf download {name}"
        ) from error
