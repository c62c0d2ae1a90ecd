"""A tiny training in several processes of this machine, as torchrun starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.factories.processes import PATIENCE, reserved_port
from tests.goldens.places import REPOSITORY

# A package of the peers' may install a folder `tests`, which a plain import would find.
SCRIPT = """
import sys, types
sys.modules["tests"] = types.ModuleType("tests")
sys.modules["tests"].__path__ = ["tests"]
import torch
torch.set_num_threads(1)
from pathlib import Path
from dataclasses import replace
from svbench.baselines.training.processes import ending_together, processes
from svbench.errors import SvbenchError
from tests.baselines.training.test_loop import SHORT, Log, run
try:
    with ending_together(processes(True)):
        log, _ = run(Path({folder!r}), replace(SHORT, **{changes!r}), alone=False)
except SvbenchError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
if processes(True).is_main_process:
    print(log.first[0], *(loss for pair in log.losses for loss in pair))
"""


def start(folder: Path, processes: int, **changes: Any) -> list[subprocess.Popen[str]]:
    """Start the processes of a training, which find each other by their environment."""
    script = SCRIPT.format(folder=str(folder), changes=changes)
    started = []
    # The processes hold the port too, and only the first one listens: the kernel gives it to no
    # other process before that.
    with reserved_port() as (port, holding):
        for rank in range(processes):
            own = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes}
            own |= {"LOCAL_WORLD_SIZE": processes, "OMP_NUM_THREADS": 1, "PYTHONPATH": REPOSITORY}
            own |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            started.append(
                subprocess.Popen(
                    [sys.executable, "-c", script],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    cwd=REPOSITORY,
                    env={**os.environ, **{name: str(value) for name, value in own.items()}},
                    pass_fds=[holding],
                )
            )
    return started


def finished(
    started: list[subprocess.Popen[str]],
) -> list[tuple[int, str, str]]:
    """Return exit code, output and errors of each process; what is left at the end is killed."""
    try:
        ended = []
        for process in started:
            out, err = process.communicate(timeout=PATIENCE)
            ended.append((process.returncode, out, err))
        return ended
    finally:
        for process in started:
            process.kill()


def launched(folder: Path, processes: int, **changes: Any) -> tuple[int, list[float]]:
    """Train; return the steps that were done before, and the losses of both modalities in turn."""
    ended = finished(start(folder, processes, **changes))
    assert [code for code, _, _ in ended] == [0] * processes, ended
    first, *losses = ended[0][1].split()
    return int(first), [float(loss) for loss in losses]
