"""The processes of a training: how many there are, and how they end together.

    svbench train ...                                              one process
    accelerate launch -m svbench train ...                         one on each GPU
    accelerate launch --multi_gpu --num_processes N -m svbench train --cpu ...
    torchrun --nproc-per-node N -m svbench train --cpu ...         N on a CPU (gloo)

accelerate starts several processes with `--multi_gpu` alone, which it sets itself where it finds
several GPUs: with `--cpu` of its own it starts one, whatever `--num_processes` is.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import torch
from accelerate import PartialState

from svbench.errors import ConfigError, StoppedError

# How long processes wait for each other: some may encode clips for hours while others have theirs.
# That a process has ended is found at once, by its connections and by the launcher.
PATIENCE: Final = timedelta(days=1)
# Where accelerate has several processes meet by default; it sets this for several alone.
MEETING: Final = "127.0.0.1"
RANKS: Final = (
    "LOCAL_RANK",
    "WORLD_SIZE",
    "PMI_SIZE",
    "OMPI_COMM_WORLD_SIZE",
    "MV2_COMM_WORLD_SIZE",
)
LOST: Final = (
    "training: another process of it ended (its own line says why, unless it was killed); the same "
    "command goes on from the last checkpoint"
)
log = logging.getLogger(__name__)


def processes(cpu: bool) -> Any:
    """Return accelerate's state of this process, which joins the others when it is first asked for.

    Parameters
    ----------
    cpu : bool
        train on the CPU even where there is a GPU

    Returns
    -------
    here : PartialState
        number of this process and of all, and its device

    Raises
    ------
    ConfigError
        where several were asked for and only one was started
    """
    if not PartialState._shared_state:
        _check_launched(os.environ)
    return PartialState(cpu=cpu, timeout=PATIENCE)


def _check_launched(environment: Any) -> None:
    """Refuse to be the only one of several processes that accelerate was asked for.

    It hands no number on. An address other than its own may be exported by a script of Slurm, for
    one process as for several: then the training goes on, with a warning.
    """
    by_accelerate = {"ACCELERATE_MIXED_PRECISION", "MASTER_ADDR"} <= environment.keys()
    if not by_accelerate or any(name in environment for name in RANKS):
        return
    address = environment["MASTER_ADDR"]
    if address != MEETING:
        log.warning(
            "accelerate launch: found MASTER_ADDR=%s and a single process, which trains alone; "
            "for several add --multi_gpu, or use torchrun",
            address,
        )
        return
    raise ConfigError(
        "accelerate launch: found --num_processes above 1 and a single process started, "
        "expected --multi_gpu beside it (on a CPU too, with --cpu behind `train`), or torchrun "
        f"--nproc-per-node; for one process, no MASTER_ADDR={MEETING} in the environment"
    )


@contextmanager
def ending_together(here: Any) -> Iterator[None]:
    """Map the errors of a broken connection to one line: another process has ended.

    Raises StoppedError for these; a launcher then ends all that are left.
    """
    try:
        yield
    except RuntimeError as error:
        if here.num_processes == 1 or not _of_connection(error):
            raise
        raise StoppedError(LOST) from error


def _of_connection(error: RuntimeError) -> bool:
    """Return whether an error is of NCCL, gloo or the store; gloo raises no type of its own."""
    return isinstance(error, torch.distributed.DistError) or "gloo" in str(error)
