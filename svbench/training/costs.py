"""What a training costs: logged once its first steps are over, and kept in its folder.

    <out>/costs.json    seconds a step, time left, hours of all processes, memory, disk

Conventions
-----------
Times are wall times in seconds, on the main process; a step waits for the slowest process. The
first `WARM_UP` steps after a start are not counted, as memory is allocated, kernels are chosen and
caches filled in them. A checkpoint or preview is no part of a step, so time left is a lower bound.
Hours are those of all processes together: of GPUs, or of CPU processes, however many threads
these have. Memory is the peak of the main process: of its GPU, or resident on a CPU.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final

import torch

from svbench.files.writing import write_text
from svbench.limits import GIB
from svbench.pace import duration

WARM_UP: Final = 3  # steps
COSTS: Final = "costs.json"


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs of a training, measured on its first steps after a start."""

    measured_steps: tuple[int, int]  # first and last, warm-up left out
    seconds_per_step: float  # median
    steps_left: int
    seconds_left: float
    ends: str  # ISO 8601, local time
    processes: int
    device: str  # "cuda", "cpu"
    hours: float  # of all processes, for all steps of the training
    peak_bytes: int
    checkpoint_bytes: int

    def __str__(self) -> str:
        """Return the line that is logged."""
        first, last = self.measured_steps
        unit = "GPU" if self.device == "cuda" else "CPU"
        ends = datetime.fromisoformat(self.ends)
        return (
            f"costs: {duration(self.seconds_per_step)} a step (median of steps {first} to {last}), "
            f"{duration(self.seconds_left)} left, ends {ends:%Y-%m-%d %H:%M}; "
            f"{self.hours:.3g} {unit}-hours in all on {self.processes} "
            f"process{'es' if self.processes > 1 else ''}; "
            f"{_size(self.peak_bytes)} of memory at most; a checkpoint takes "
            f"{_size(self.checkpoint_bytes)}, twice that while it is replaced"
        )

    def write(self, out: Path) -> None:
        """Write the costs into the folder of a training."""
        write_text(out / COSTS, json.dumps(asdict(self), indent=2) + "\n")


def costs(
    seconds: Sequence[float],
    done: int,
    steps: int,
    *,
    processes: int,
    device: torch.device,
    checkpoint_bytes: int,
    now: datetime,
) -> Costs:
    """Compute the costs of a training.

    Parameters
    ----------
    seconds : sequence of float
        of each step since the start, at least one
    done, steps : int
        steps that are done, those of earlier starts included, and steps in all
    processes : int
        how many compute each step
    device : torch.device
        of the main process
    checkpoint_bytes : int
        of a checkpoint
    now : datetime
        local time
    """
    warm_up = min(WARM_UP, len(seconds) - 1)
    each = median(seconds[warm_up:])
    left = (steps - done) * each
    return Costs(
        measured_steps=(done - len(seconds) + warm_up + 1, done),
        seconds_per_step=each,
        steps_left=steps - done,
        seconds_left=left,
        ends=(now + timedelta(seconds=left)).isoformat(timespec="seconds"),
        processes=processes,
        device=device.type,
        hours=processes * steps * each / 3600,
        peak_bytes=peak_memory(device),
        checkpoint_bytes=checkpoint_bytes,
    )


def peak_memory(device: torch.device) -> int:
    """Return the most memory in use so far: what torch reserved on a GPU, else resident bytes."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    kib = 1 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kib


def _size(number: int) -> str:
    return f"{number / GIB:.3g} GiB"
