"""Stand-ins for the checkouts of shipped systems: their files, names and quirks, no networks.

What stands for a library that is not installed here (or is slow to import) lies in the checkout as
well, which is on the path of a driver. What stands for a quirk of upstream fails as that does.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml

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


def write_own(place: Place) -> Path:
    """Write a stub's description and driver beside its checkout, as one's own; return the former.

    It names no repository, as the stand-in is of no commit of it, and has a name of its own.
    """
    description = place.root / "system.yaml"
    whole = yaml.safe_load(place.file.read_text())
    del whole["repository"]
    whole["name"] = f"own-{whole['name']}"
    whole["settings"] = dict(place.description.settings)
    description.write_text(yaml.safe_dump(whole))
    shutil.copyfile(place.driver, place.root / place.driver.name)
    return description


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


def diff_foley(folder: Path, without: str = "") -> Place:
    """Write a stub of Diff-Foley with weights, `without` one of them; return its place."""
    place = stub_place("diff-foley", folder / "with a blank")
    shape = {"weight": torch.zeros(1, 1), "bias": torch.zeros(1)}
    for weight in place.description.weights:
        cavp = "cavp" in weight.file
        parts = ("module.video_encoder",) if cavp else ("weight",)
        state = {f"{part}.{name}": value for part in parts for name, value in shape.items()}
        state = {name: value for name, value in state.items() if name != without}
        torch.save({"state_dict": state}, place.weight(weight))
    return place


def tempotokens(folder: Path) -> Place:
    """Write a stub of TempoTokens with weights, others of each data set; return its place."""
    place = stub_place("tempotokens", folder, size=32)
    for n, name in enumerate(("vggsound", "landscape"), 1):
        state = {"weight": torch.full((1, 1), float(n)), "bias": torch.zeros(1)}
        torch.save(state, folder / "weights" / "models" / name / "learned_embeds.pth")
    return place
