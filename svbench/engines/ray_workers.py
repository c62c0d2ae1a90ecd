"""The workers of a Ray cluster: actors that start, are found to be alike, and may be lost."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from svbench.engines.pickled_work import result_of
from svbench.engines.processes import THREADS
from svbench.engines.ray_actor import RayActor, Site, site
from svbench.engines.ray_resources import Size, ray_module, reason
from svbench.errors import ConfigError, StoppedError

PASSED_ON: Final = ("SVBENCH_", "HF_")  # beginnings of names of variables
TRIALS: Final = 3  # starts in a row that may fail, for each worker
PING: Final = 10.0  # s that idle workers have to answer

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Worker:
    """An actor, as the driver sees it."""

    actor: Any
    node: str = ""
    busy: int = 0  # shards that it has
    alone: bool = False  # whether it is to have no other beside the one it has


@dataclass(eq=False, slots=True)
class Workers:
    """As many workers as there should be, some of them not there yet.

    Parameters
    ----------
    size : Size
        how many, and what each has
    proof : Path or None
        a file of the run folder, which every node must find as it is here
    """

    size: Size
    proof: Path | None
    _here: Site | None = None
    _ready: list[Worker] = field(default_factory=list)
    _starting: dict[Any, Worker] = field(default_factory=dict)  # by reference to its site
    _failed_starts: int = 0
    _hardware: set[str] = field(default_factory=set)

    @property
    def capacity(self) -> int:
        """Return how many shards all workers may have at a time."""
        return self.size.workers * self.size.places

    @property
    def starting(self) -> list[Any]:
        """Return the references that are ready once a worker is."""
        return list(self._starting)

    def fill(self) -> None:
        """Have as many workers as there should be; `starting` says when they are ready."""
        gpus = self.size.gpus > 0
        self._here = self._here or site(self.proof, gpus=gpus)
        actors = ray_module().remote(RayActor)
        while len(self._ready) + len(self._starting) < self.size.workers:
            actor = actors.options(
                num_cpus=self.size.cpus,
                num_gpus=self.size.gpus,
                max_concurrency=self.size.places + 1,  # and a ping
                scheduling_strategy="SPREAD",
                runtime_env={"env_vars": _environment(gpus=gpus)},
            ).remote(self.proof, str(Path.cwd()), gpus=gpus)
            self._starting[actor.site.remote()] = Worker(actor)

    def started(self, reference: Any) -> None:
        """Check what a worker found where it is; then it may have shards.

        Raises ConfigError where it differs from what is here, or if workers end as they begin.
        """
        ray = ray_module()
        worker = self._starting.pop(reference)
        try:
            found: Site = result_of(ray.get(reference))
        except ray.exceptions.RayError as error:
            self._failed_starts += 1
            if self._failed_starts < TRIALS * self.size.workers:  # a node may be gone, with several
                log.warning("a worker was lost as it began; another takes its place")
                return
            raise StoppedError(
                f"--engine ray: found {self._failed_starts} workers in a row that ended as they "
                f"began ({reason(error)}), expected nodes that can run svbench"
            ) from error
        assert self._here is not None
        if other := found.differs_from(self._here):
            raise ConfigError(f"--engine ray: node {found.node}: found {other}")
        self._failed_starts = 0
        self._compare_hardware(found)
        worker.node = found.node
        self._ready.append(worker)

    def free(self, *, alone: bool) -> Worker | None:
        """Return the worker with the fewest shards that can have another; None if there is none."""
        most = 1 if alone else self.size.places
        found = [worker for worker in self._ready if worker.busy < most and not worker.alone]
        return min(found, key=lambda worker: worker.busy, default=None)

    def drop_lost(self) -> None:
        """Have workers replaced that ended while they had nothing to do."""
        ray = ray_module()
        pings = {w.actor.ping.remote(): w for w in self._ready if not w.busy}
        if not pings:
            return
        ready, _ = ray.wait(list(pings), num_returns=len(pings), timeout=PING)
        for reference in ready:
            try:
                ray.get(reference)
            except ray.exceptions.RayError:
                worker = pings[reference]
                log.warning("an idle worker on %s was lost; another takes its place", worker.node)
                self.lose(worker)

    def lose(self, worker: Worker) -> None:
        """Have a worker replaced that ended."""
        if worker in self._ready:  # each of its shards says so
            self._ready.remove(worker)

    def end(self) -> None:
        """End all workers, and what they are at work on."""
        for worker in (*self._ready, *self._starting.values()):
            ray_module().kill(worker.actor)
        self._ready.clear()
        self._starting.clear()

    def _compare_hardware(self, found: Site) -> None:
        known = len(self._hardware)
        self._hardware.add(found.hardware)
        if (known, len(self._hardware)) == (1, 2):
            named = " and ".join(sorted(self._hardware))
            log.warning("workers differ (%s): last digits may be rounded otherwise", named)


def _environment(*, gpus: bool) -> dict[str, str]:
    """Return the environment of workers: our import path, settings and caches, one thread each."""
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    settings = {name: text for name, text in os.environ.items() if name.startswith(PASSED_ON)}
    without = {} if gpus else {"CUDA_VISIBLE_DEVICES": ""}
    return {**settings, "PYTHONPATH": path, **dict.fromkeys(THREADS, "1"), **without}
