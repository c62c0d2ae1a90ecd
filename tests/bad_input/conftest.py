"""Bad input through the command line, with clips of one second.

Each problem is one clear line: the file, what was found, and what was expected. Nothing computed
before is lost.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from svbench.types import Clip
from svbench.walk import extract_shard
from tests.factories.clips import write_folder
from tests.factories.commands import Command, Outcome


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `real` (2 clips) and `made` (6 clips: two shards of work)."""
    root = tmp_path_factory.mktemp("originals")
    write_folder(root / "real", 2)
    write_folder(root / "made", 6, first_seed=10)
    return root


@pytest.fixture
def real(originals: Path) -> Path:
    """Return the real clips, which no test may change."""
    return originals / "real"


@pytest.fixture
def made(originals: Path, tmp_path: Path) -> Path:
    """Return a copy of the generated clips, which a test may damage."""
    return Path(shutil.copytree(originals / "made", tmp_path / "made"))


@pytest.fixture
def score(svbench: Command, real: Path, tmp_path: Path) -> Command:
    """Return a command that runs `svbench score` on clips of one second; later options win."""

    def run(*words: object) -> Outcome:
        usual = ["--frames", 8, "--fps", 8, "--size", 32, "--workers", 1]
        metric = ["--metrics", "av-align-corrected@published"]
        where = ["--reference", real, "--out", tmp_path / "run"]
        return svbench("score", *usual, *metric, *where, *words)

    return run


@pytest.fixture
def extracted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a growing list of the clips decoded for feature extraction, e.g. made/c0.mp4."""
    names: list[str] = []
    read = extract_shard.read_sample

    def reading(sample: Any, *rest: Any) -> Clip:
        names.append(f"{sample.recording.path.parent.name}/{sample.recording.path.name}")
        return read(sample, *rest)

    monkeypatch.setattr(extract_shard, "read_sample", reading)
    return names
