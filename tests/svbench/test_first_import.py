"""Librosa is imported first by one process at a time."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from svbench.first_import import import_librosa, one_at_a_time
from tests.goldens.places import REPOSITORY

HOLD = """
import sys
from svbench.first_import import one_at_a_time
with one_at_a_time("x"):
    print("in", flush=True)
    sys.stdin.read()
"""


def test_librosa_comes_with_its_kernels() -> None:
    found = import_librosa()
    assert found is import_librosa()
    assert {"librosa.onset", "librosa.util.utils"} <= sys.modules.keys()


def test_another_process_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    words = [sys.executable, "-c", HOLD]
    place = {"TMPDIR": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(words, **pipes, env=place, text=True) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "in\n"
        (lock,) = tmp_path.iterdir()
        with lock.open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        other.stdin.close()
        with one_at_a_time("x"):  # as soon as the other has left
            pass
    assert other.returncode == 0


def test_where_no_file_can_be_made_there_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    with one_at_a_time("x"):
        pass
