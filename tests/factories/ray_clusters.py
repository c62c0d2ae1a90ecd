"""Ray clusters of several nodes on this machine, which are processes of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from svbench.engines.ray_resources import STORE, ray_module

PATIENCE: Final = 180  # s that a node has to start, beside other tests
MARK: Final = "SVBENCH_TEST_CLUSTER"  # in the environment of all processes of a cluster


@contextmanager
def marked() -> Iterator[str]:
    """Mark the processes that are started meanwhile, and those that they start."""
    before, mark = os.environ.get(MARK), uuid4().hex
    os.environ[MARK] = mark
    try:
        yield mark
    finally:
        del os.environ[MARK]
        if before is not None:
            os.environ[MARK] = before


@contextmanager
def ray_cluster(*nodes: float, gpus: float = 0) -> Iterator[Any]:
    """Start a cluster of nodes of so many processors, and end it.

    Parameters
    ----------
    *nodes : float
        the processors of each; the first one is the head, where the driver is
    gpus : float
        logical GPUs of the head, of which there need be none (Default value = 0)
    """
    ray = ray_module()
    from ray.cluster_utils import Cluster

    head = {"num_cpus": nodes[0], "num_gpus": gpus, "object_store_memory": STORE // 2}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        for processors in nodes[1:]:
            cluster.add_node(num_cpus=processors, object_store_memory=STORE // 2)
        cluster.wait_for_nodes(timeout=PATIENCE)
        yield cluster
    finally:
        if ray.is_initialized():
            ray.shutdown()
        cluster.shutdown()


def actors(mark: str, method: str = "") -> list[int]:
    """Return the process ids of the marked workers on this machine; Ray gives them that name.

    With a method, of those that run it now: Ray adds its name while they do.
    """
    title = f"ray::RayActor{'.' * bool(method)}{method}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            ours = f"{MARK}={mark}".encode() in (folder / "environ").read_bytes()
            if ours and (folder / "cmdline").read_bytes().startswith(title):
                found.append(int(folder.name))
        except OSError:  # it ended meanwhile
            continue
    return found
