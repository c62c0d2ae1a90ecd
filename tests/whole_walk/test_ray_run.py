"""Runs on a Ray cluster: the same bytes as of one process, whatever is lost on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import pytest

from svbench.files.writing import MARK
from tests.factories.commands import Command
from tests.factories.processes import PATIENCE, kill_before, until
from tests.factories.ray_clusters import actors, marked, ray_cluster

T = TypeVar("T")

pytestmark = [
    pytest.mark.xdist_group("ray"),  # one cluster at a time
    # It is not imported here: svbench sets its environment before.
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (extra: ray)"),
]

CHANGING = {"known-files.json", ".lock"}  # hold when files were written, and who wrote
RUN = (
    *("run", "--dataset", "greatesthits", "--limit", "6", "--steps", "2", "--gamma", "1"),
    *("--systems", "codec,shuffled,cross-attention,cmc-pe", "--batch", "2"),
)


def contents(folder: Path) -> dict[Path, bytes]:
    """Return files but partial ones, which a killed worker leaves and the next command removes."""
    files = (p for p in folder.rglob("*") if p.is_file() and p.name not in CHANGING)
    files = (path for path in files if not path.name.endswith(MARK))
    return {path.relative_to(folder): path.read_bytes() for path in files}


def when(happened: Callable[[], T], act: Callable[[T], None]) -> threading.Thread:
    """Act on what happened as soon as it did, beside what goes on."""

    def watch() -> None:
        while not (found := happened()):
            time.sleep(0.01)
        act(found)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def clips(folder: Path) -> int:
    return len(list((folder / "samples").rglob("*.mkv")))


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, bytes]:
    out = tmp_path_factory.mktemp("local") / "run"
    command = [sys.executable, "-m", "svbench", *RUN, "--out", str(out), "--workers", "1"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return contents(out)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    with marked() as mark, ray_cluster(2, 2) as cluster:
        cluster.mark = mark
        yield cluster


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_any_number_of_workers_on_two_nodes_gives_the_bytes_of_one_process(
    workers: int, nodes: Any, local: dict[Path, bytes], svbench: Command, tmp_path: Path
) -> None:
    cluster = ("--engine", "ray", "--ray-address", nodes.address, "--workers", workers)
    done = svbench(*RUN, "--out", tmp_path / "run", *cluster)
    assert done.code == 0, done.err
    assert contents(tmp_path / "run") == local


def test_killed_workers_and_a_lost_node_change_no_byte(
    nodes: Any,
    local: dict[Path, bytes],
    svbench: Command,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    out = tmp_path / "run"
    node = nodes.add_node(num_cpus=2)
    nodes.wait_for_nodes()
    killed: list[int] = []

    def at_work() -> list[int]:  # others have nothing that could be lost
        return actors(nodes.mark, "compute") if clips(out) >= 5 else []

    def kill(pids: list[int]) -> None:
        killed.append(pids[0])
        os.kill(pids[0], signal.SIGKILL)

    first = when(at_work, kill)
    second = when(lambda: clips(out) >= 14, lambda _: nodes.remove_node(node, allow_graceful=False))
    cluster = ("--engine", "ray", "--ray-address", nodes.address, "--workers", 6)
    done = svbench(*RUN, "--out", out, *cluster)
    assert done.code == 0, done.err
    first.join(PATIENCE)
    second.join(PATIENCE)
    assert killed
    assert "was lost; " in caplog.text  # its work, unless that ended as it was killed
    assert "raylet" not in done.out  # what Ray's daemons say
    assert contents(out) == local


def test_a_killed_driver_leaves_nothing_behind_and_the_command_resumes(
    local: dict[Path, bytes], tmp_path: Path
) -> None:
    """Of the cluster that it had started on this machine."""
    out = tmp_path / "run"
    words = (*RUN, "--out", str(out), "--engine", "ray")
    with marked() as mark:
        kill_before("manifest.jsonl", words)  # of the first row, while others are under way
    assert clips(out) >= 6
    until(lambda: not actors(mark))
    command = [sys.executable, "-m", "svbench", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert contents(out) == local
