"""Files and folders without permission to read or write."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.factories.clips import write_clip
from tests.factories.commands import Command, hint


@contextmanager
def like_anybody() -> Iterator[None]:
    """Drop root's capability to read and write everything, if we have it."""
    overrides = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH; see capset(2)
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    powers = (ctypes.c_uint32 * 6)()
    if not hasattr(libc, "capset") or libc.capget(header, powers):
        pytest.skip("root may read everything, and this system gives no way to lay that down")
    fewer = (ctypes.c_uint32 * 6)(*powers)
    fewer[0] &= ~overrides  # of the effective powers only: the permitted ones give them back
    libc.capset(header, fewer)
    try:
        yield
    finally:
        libc.capset(header, powers)


@contextmanager
def forbidden(path: Path) -> Iterator[None]:
    """Remove all permissions of a path, and restore them in the end."""
    before = path.stat().st_mode
    path.chmod(0)
    try:
        with like_anybody():
            if os.access(path, os.R_OK, effective_ids=True):
                pytest.skip("this user may read everything")
            yield
    finally:
        path.chmod(before)


def test_a_clip_without_permission(made: Path, score: Command) -> None:
    with forbidden(made / "c4.mp4"):
        outcome = score(made)
    assert outcome.code == 3
    assert outcome.problems[0] == (
        f"{made / 'c4.mp4'}: found a file without permission to read, expected a readable clip"
    )
    assert outcome.problems[1:] == [hint(1, 6)]


def test_a_folder_without_permission(made: Path, score: Command) -> None:
    with forbidden(made):
        problem = score(made).problem(3)
    assert problem.startswith(f"{made}: ")
    assert "permission denied" in problem.lower()


def test_a_folder_inside_without_permission_is_not_passed_over(made: Path, score: Command) -> None:
    write_clip(made / "more" / "d0.mp4")
    with forbidden(made / "more"):
        problem = score(made).problem(3)
    assert problem.startswith(f"{made / 'more'}: ")
    assert "permission denied" in problem.lower()


@pytest.mark.parametrize("dataset", ["greatesthits", "landscape", "vggsound"])
@pytest.mark.parametrize("command", ["check", "prepare"])
@pytest.mark.parametrize("closed", ["", ".."])
def test_an_archive_without_permission(
    tmp_path: Path, svbench: Command, dataset: str, command: str, closed: str
) -> None:
    raw = tmp_path / "closed" / "raw"
    raw.mkdir(parents=True)
    words = ("data", command, "--dataset", dataset, "--data-root", raw, "--out", tmp_path / "out")
    with forbidden(raw / closed):
        problem = svbench(*words).problem(3)
    assert problem.startswith(f"{raw}: found no way into it (Permission denied), expected the fold")


def test_an_export_of_clips_behind_a_closed_folder(
    made: Path, svbench: Command, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("out")
    with forbidden(made.parent):
        problem = svbench("data", "export", made, out, "--as", "fastvideo").problem(3)
    assert problem == f"{made}: cannot be reached (Permission denied), expected clips"


def test_clips_that_cannot_be_reached_are_missing(tmp_path: Path, svbench: Command) -> None:
    clip = tmp_path / "raw/video/aaaaaaaaaaa_000001.mp4"
    write_clip(clip)
    (tmp_path / "raw/vggsound.csv").write_text("aaaaaaaaaaa,1,rain,test\n")
    clip.parent.chmod(0o444)  # it may be listed
    words = ("--dataset", "vggsound", "--data-root", tmp_path / "raw", "--out", tmp_path / "out")
    with like_anybody():
        outcome = svbench("data", "check", *words)
    clip.parent.chmod(0o755)
    assert outcome.code == 3
    assert "missing,fault,test,aaaaaaaaaaa_000001" in (tmp_path / "out/audit.csv").read_text()


def test_a_list_without_permission(made: Path, score: Command) -> None:
    path = made.parent / "clips.jsonl"
    path.write_text('{"file": "made/c0.mp4"}\n')
    with forbidden(path):
        problem = score(path).problem(3)
    assert problem.startswith(f"{path}: ")
    assert "permission denied" in problem.lower()


def test_a_run_folder_that_may_not_be_written(made: Path, score: Command, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    with forbidden(tmp_path / "closed"):
        problem = score(made, "--out", tmp_path / "closed" / "run").problem(2)
    assert problem.startswith(f"--out {tmp_path / 'closed' / 'run'}: cannot be written")


def test_a_folder_behind_a_closed_one(made: Path, score: Command) -> None:
    write_clip(made / "more" / "d0.mp4")
    with forbidden(made):
        problem = score(made / "more").problem(3)
    assert problem.startswith(f"{made / 'more'}: ")
    assert "permission denied" in problem.lower()
