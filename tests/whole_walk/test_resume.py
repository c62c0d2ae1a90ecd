"""`kill -9` at any moment, then the same command: the same bytes as without a stop."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from svbench.files.writing import MARK

COMMAND = ["run", "--dataset", "greatesthits", "--limit", "6", "--workers", "2"]
COMMAND += ["--systems", "real,shuffled,lagged"]
PATIENCE = 120  # s; far more than such a run takes

# Moments to kill at, recognised by what lies in the folder.
MOMENTS: list[Callable[[Path], bool]] = [
    lambda out: (out / "run.json").exists(),
    lambda out: any(out.glob("*data*/*_denoised.wav")),
    lambda out: any(out.glob("samples/real/*/*")),
    lambda out: len(list(out.glob("samples/real/*/*.mkv"))) >= 4,
    lambda out: (out / "samples/real/manifest.jsonl").exists(),
    lambda out: any(out.glob(f"samples/lagged/*/.*{MARK}")),
    lambda out: any(out.glob("features/*/*/*")),
    lambda out: len(list(out.glob("features/*/*/*.npz"))) >= 3,
    lambda out: (out / "scores.csv").exists(),
]


def start(out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "svbench", *COMMAND, "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(out: Path) -> None:
    process = start(out)
    _, output = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, output.decode()


def kill_at(out: Path, moment: Callable[[Path], bool]) -> bool:
    """Start the command and kill it at the moment; return whether it was still at work."""
    with start(out) as process:
        end = time.monotonic() + PATIENCE
        while process.poll() is None and not moment(out) and time.monotonic() < end:
            time.sleep(0.001)
        process.kill()
        process.communicate()
        return process.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_run_killed_again_and_again_ends_in_the_same_bytes(tmp_path: Path) -> None:
    finish(tmp_path / "whole")
    killed = [kill_at(tmp_path / "killed", moment) for moment in MOMENTS]
    assert sum(killed) >= 5, "most of the moments must come before the command ends"
    finish(tmp_path / "killed")
    for name in ("results.json", "scores.csv", *_manifests(tmp_path / "whole")):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not list((tmp_path / "killed").rglob(f"*{MARK}"))


def _manifests(out: Path) -> list[str]:
    found = [str(path.relative_to(out)) for path in out.glob("samples/*/manifest.jsonl")]
    assert len(found) == 3
    return found
