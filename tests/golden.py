"""Where golden data lie: numbers that other implementations gave, and the clips they read.

SVBENCH_GOLDEN names the folder; by default it is shared/golden beside the repository. A
folder of the same form holds other clips, seeds and counts, and may lack some parts: a test
reads from the files what there is, and skips, with the reason, what is absent.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def golden_root() -> Path:
    """Give the folder of golden data, whether it is there or not."""
    named = os.environ.get("SVBENCH_GOLDEN")
    return Path(named) if named else REPOSITORY.parent / "shared" / "golden"


def golden(path: str) -> Path:
    """Give a file or folder of the golden data; skip the test if it is absent."""
    return _there(golden_root() / path)


def real_clips() -> Path:
    """Give the folder of whole real clips, beside the golden data; skip if it is absent."""
    return _there(golden_root().parent / "clips" / "real")


def _there(path: Path) -> Path:
    """Give the path, or skip the test."""
    if not path.exists():
        pytest.skip(f"no golden data at {path} (set SVBENCH_GOLDEN)")
    return path
