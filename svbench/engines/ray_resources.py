"""Joining or starting a Ray cluster, and how many workers it has room for."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from svbench.early_stops import STOPS
from svbench.errors import ConfigError
from svbench.limits import CORES

INSTALL: Final = "pip install 'svbench[ray]'"
ADDRESS: Final = "RAY_ADDRESS"  # Ray's own variable
PLACES: Final = 8  # shards at most that a worker with a GPU prepares while that is busy
COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
TELLING: Final = ("Error:", "memory", "node", "exit")  # in the lines of an error that say why
ANSWER: Final = 5.0  # s that the head of a cluster has to answer
STORE: Final = 2**28  # bytes of the object store of a cluster of this machine; results are small


@dataclass(frozen=True, slots=True, kw_only=True)
class RaySettings:
    """How many workers there are, what each has, and where.

    Parameters
    ----------
    workers : int or None
        None: as many as the cluster has room for
    gpus_per_worker : float or None
        below 1: workers share a GPU; None: one where the cluster has any
    cpus_per_worker : float or None
        None: of a node's processors, as many as fall to each GPU, at most 8; without GPUs one
    address : str or None
        of a cluster, as `ray.init` takes it; None: one is started on this machine
    """

    workers: int | None = None
    gpus_per_worker: float | None = None
    cpus_per_worker: float | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Size:
    """How many workers there are, and what each has."""

    workers: int
    gpus: float
    cpus: float
    places: int  # shards that a worker may have at a time


def ray_module() -> Any:
    """Return Ray; raise ConfigError if it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to Ray's makers
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".*")  # its daemons print to our output
    try:
        import ray
    except ImportError as error:
        raise ConfigError(f"--engine ray: Ray is not installed, expected {INSTALL}") from error
    return ray


def connect(address: str | None) -> bool:
    """Join a cluster, or start one of this machine; return whether that was done here.

    Raises ConfigError if there is none at the address.
    """
    ray = ray_module()
    if ray.is_initialized():
        _check_joined(address)
        return False
    address = address or os.environ.get(ADDRESS)
    check_listens(address)
    alone = {"include_dashboard": False, "object_store_memory": STORE, "num_cpus": CORES}
    options: dict[str, Any] = {} if address else alone
    handlers = {number: signal.getsignal(number) for number in STOPS}
    try:
        logging.getLogger("ray").setLevel(logging.ERROR)
        ray.init(address or "local", log_to_driver=False, configure_logging=False, **options)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        found = f"{address}: " if address else ""
        raise ConfigError(
            f"--ray-address: {found}found no cluster ({reason(error)}), expected the address of "
            "one, as `ray start --head` prints it"
        ) from error
    finally:  # Ray has a handler of its own, which would end the process without our line
        _restore(handlers)
    return True


def _check_joined(address: str | None) -> None:
    """Raise ConfigError if this process is in another cluster than it is asked to join."""
    joined = str(ray_module().get_runtime_context().gcs_address)
    if address not in (None, "auto", joined):
        raise ConfigError(
            f"--ray-address: found {address}, expected {joined}, which this process has joined"
        )


def check_listens(address: str | None) -> None:
    """Raise ConfigError where nothing listens at HOST:PORT: Ray would wait for minutes."""
    host, _, port = (address or "").rpartition(":")
    if not host or not port.isdigit():  # auto, local or ray://
        return
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER).close()
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"--ray-address: {address}: found no cluster ({why}), expected the address of one, as "
            "`ray start --head` prints it"
        ) from error


def _restore(handlers: Mapping[signal.Signals, Any]) -> None:
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():
            signal.signal(number, handler)


def size_of(settings: RaySettings) -> Size:
    """Return how many workers a cluster has room for; raise ConfigError if it has none."""
    nodes = [node["Resources"] for node in ray_module().nodes() if node["Alive"]]
    gpus = settings.gpus_per_worker
    if gpus is None:
        gpus = 1.0 if any(node.get("GPU", 0) for node in nodes) else 0.0
    cpus = settings.cpus_per_worker
    if cpus is None:
        share = [node.get("CPU", 0) * gpus / node["GPU"] for node in nodes if node.get("GPU", 0)]
        cpus = max(1.0, min(PLACES, *map(float, map(int, share)))) if gpus and share else 1.0
    room = [_room(node, gpus, cpus) for node in nodes]
    if not any(room):
        raise ConfigError(
            f"--engine ray: found no node with {gpus:g} GPUs and {cpus:g} CPUs, which each worker "
            "is to have; see --gpus-per-worker, --cpus-per-worker"
        )
    return Size(settings.workers or sum(room), gpus, cpus, max(1, int(cpus)) if gpus else 1)


def _room(node: Mapping[str, float], gpus: float, cpus: float) -> int:
    """Return how many workers fit on a node."""
    by_cpu = int(node.get("CPU", 0) / cpus + 1e-9)
    return min(by_cpu, int(node.get("GPU", 0) / gpus + 1e-9)) if gpus else by_cpu


def reason(error: BaseException) -> str:
    """Return the line of an error of Ray that says why; they are many lines long."""
    lines = [COLOURS.sub("", line).strip() for line in str(error).splitlines()]
    lines = [line for line in lines if line]
    telling = [line for line in lines if any(word in line for word in TELLING)]
    chosen = telling[-1:] or lines[-1:] if len(lines) > 1 else lines
    return f"{chosen[0]:.200}" if chosen else type(error).__name__
