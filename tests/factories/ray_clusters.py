"""Ray clusters of several nodes on this machine, which are processes of their own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from svbench.engines.ray_resources import STORE, ray_module


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
        cluster.wait_for_nodes()
        yield cluster
    finally:
        if ray.is_initialized():
            ray.shutdown()
        cluster.shutdown()
        logging.getLogger("ray").setLevel(logging.ERROR)


def actors() -> list[int]:
    """Return the process ids of all workers on this machine; Ray gives them that name."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes().startswith(b"ray::RayActor"):
                found.append(int(folder.name))
        except OSError:  # it ended meanwhile
            continue
    return found
