"""`kill -9` at any moment, then the same command: the same bytes as without interruption."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from svbench.files.writing import MARK
from tests.factories.commands import Command
from tests.factories.processes import kill_before

COMMAND = ("run", "--dataset", "greatesthits", "--limit", "6", "--workers", "2")
COMMAND += ("--systems", "real,shuffled,lagged", "--metrics", "fvd,av-align-corrected@published")

# Moments to kill at: just before the first, second ... file of such a path is there. Left behind
# are the partial file that was to have its name, and what the other worker was writing.
MOMENTS = [
    ("*data*/*_times.txt", 4),
    ("run.json", 1),
    ("samples/real/*/*.mkv", 4),
    ("samples/real/manifest.jsonl", 1),
    ("samples/lagged/*/*.mkv", 2),
    ("features/*/*/*.npz", 1),
    ("features/*/*/*.npz", 20),
    ("scores.csv", 1),
    ("results.json", 1),
]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_run_killed_again_and_again_ends_in_the_same_bytes(
    svbench: Command, tmp_path: Path
) -> None:
    assert svbench(*COMMAND, "--out", tmp_path / "whole").code == 0
    for pattern, times in MOMENTS:
        kill_before(pattern, (*COMMAND, "--out", tmp_path / "killed"), times)
    assert list((tmp_path / "killed").rglob(f"*{MARK}"))
    assert svbench(*COMMAND, "--out", tmp_path / "killed").code == 0
    for name in ("results.json", "scores.csv", *_manifests(tmp_path / "whole")):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not list((tmp_path / "killed").rglob(f"*{MARK}"))


def _manifests(out: Path) -> list[str]:
    found = [str(path.relative_to(out)) for path in out.glob("samples/*/manifest.jsonl")]
    assert len(found) == 3
    return found
