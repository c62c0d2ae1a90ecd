"""Bad input goes through the command line, on clips of one second.

What svbench has to say is one clear line for each problem: which file, what was found, and what
was expected. Nothing that was computed before is lost.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from svbench.types import Clip
from svbench.walk import extract
from tests.factories.clips import write_folder
from tests.factories.commands import Command, Outcome


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with `real` (2 clips) and `made` (6 clips: two shards of work)."""
    root = tmp_path_factory.mktemp("originals")
    write_folder(root / "real", 2)
    write_folder(root / "made", 6, first_seed=10)
    return root


@pytest.fixture
def real(originals: Path) -> Path:
    """Give real clips that no test may change."""
    return originals / "real"


@pytest.fixture
def made(originals: Path, tmp_path: Path) -> Path:
    """Give generated clips of which a test may spoil some."""
    return Path(shutil.copytree(originals / "made", tmp_path / "made"))


@pytest.fixture
def score(svbench: Command, real: Path, tmp_path: Path) -> Command:
    """Run `svbench score` on one-second clips; later words win over earlier ones."""

    def run(*words: object) -> Outcome:
        usual = ["--frames", 8, "--fps", 8, "--size", 32, "--workers", 1]
        metric = ["--metrics", "av-align-corrected@published"]
        where = ["--reference", real, "--out", tmp_path / "run"]
        return svbench("score", *usual, *metric, *where, *words)

    return run


@pytest.fixture
def described(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the names of the clips that are decoded to be described, e.g. made/c0.mp4."""
    names: list[str] = []
    read = extract.read_sample

    def reading(sample: Any, *rest: Any) -> Clip:
        names.append(f"{sample.recording.path.parent.name}/{sample.recording.path.name}")
        return read(sample, *rest)

    monkeypatch.setattr(extract, "read_sample", reading)
    return names
