"""Locations of golden data: numbers computed by reference implementations, and their input clips.

SVBENCH_GOLDEN names the folder; by default it is shared/golden beside the repository. A folder of
the same layout may hold other clips, seeds and counts, and may lack some parts. Absent files are
taken from this folder, which holds the numbers: so a plain checkout verifies parity with reference
implementations. Media and large state dicts are outside only; a test that needs them is skipped,
with the reason.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = Path(__file__).resolve().parent


def golden_root() -> Path:
    """Return the folder of golden data outside the repository; it may be absent."""
    named = os.environ.get("SVBENCH_GOLDEN")
    return Path(named) if named else REPOSITORY.parent / "shared" / "golden"


def golden(path: str) -> Path:
    """Return a file or folder of the golden data; skip the test if it is absent."""
    return _first(golden_root() / path, SHIPPED / "golden" / path)


def fact(name: str) -> Path:
    """Return a list extracted from reference implementations; skip the test if it is absent."""
    return _first(golden_root().parent / "facts" / name, SHIPPED / "facts" / name)


def real_clips() -> Path:
    """Return the folder of real clips, beside the golden data; skip the test if it is absent."""
    return _first(golden_root().parent / "clips" / "real")


def _first(*places: Path) -> Path:
    """Return the first path that exists, or skip the test."""
    found = next((place for place in places if place.exists()), None)
    if found is None:
        pytest.skip(f"no golden data at {places[0]} (set SVBENCH_GOLDEN)")
    return found
