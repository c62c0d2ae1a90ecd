"""Stand-ins for the checkouts of shipped systems: their files, names and quirks, no networks.

What stands for a library that is not installed here (or is slow to import) lies in the checkout as
well, which is on the path of a driver. What stands for a quirk of upstream fails as that does.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from svbench.baselines.external.given import GivenClips
from svbench.baselines.external.places import Place, shipped_place
from svbench.baselines.external.system import External
from svbench.compute import CPU
from svbench.files import media
from svbench.files.store import file_name
from tests.factories.stub_joint_checkouts import CODI
from tests.factories.stub_picture_checkouts import TEMPOTOKENS
from tests.factories.stub_sound_checkouts import DIFF_FOLEY, MMAUDIO, SPECVQGAN

CHECKOUTS: Mapping[str, Mapping[str, str]] = {
    "codi": CODI,
    "diff-foley": DIFF_FOLEY,
    "mmaudio": MMAUDIO,
    "specvqgan": SPECVQGAN,
    "tempotokens": TEMPOTOKENS,
}


def stub_place(name: str, folder: Path, **settings: Any) -> Place:
    """Write the stub checkout of a shipped system below a folder; return its place.

    Its files of weights hold "weights"; a test that loads them writes others.
    """
    place = shipped_place(name)
    described = replace(place.description, settings={**place.description.settings, **settings})
    write_checkout(name, folder)
    for weight in described.weights:
        path = folder / "weights" / weight.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("weights")
    return Place(described, place.file, folder)


def write_checkout(name: str, folder: Path) -> None:
    """Write the stub checkout of a shipped system and its Python, which is that of the tests."""
    for file, text in CHECKOUTS[name].items():
        path = folder / "checkout" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"))
    python = folder / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)


def stub_system(place: Place, mode: str = "", given: GivenClips | None = None) -> External:
    """Return a system of a place, which completes the clips that are given."""
    mode = mode or place.description.usual_mode
    return External(place, mode, CPU, media, {}, file_name, given=given)
