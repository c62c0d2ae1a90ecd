"""Which engine a command works with, checked before any work; none of it changes the result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from svbench.errors import ConfigError
from svbench.limits import CORES, check, flag

if TYPE_CHECKING:
    from svbench.engines.local import Local
    from svbench.engines.ray_cluster import RayCluster

ENGINES: Final = ("local", "ray")
OF_RAY: Final = ("gpus_per_worker", "cpus_per_worker", "ray_address")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineChoice:
    """An engine, and its workers.

    Parameters
    ----------
    engine : str
        "local": workers of this process; "ray": of a Ray cluster
    workers : int or None
        None: as many as this process may use cores, or as the cluster has room for
    gpus_per_worker, cpus_per_worker : float or None
        as of `svbench.engines.ray_resources.RaySettings`
    ray_address : str or None
        of a running cluster; None: the one that RAY_ADDRESS names, else one is started here

    Raises
    ------
    ConfigError
        for an unknown engine, a number out of range, and settings of Ray beside "local"
    """

    engine: str = "local"
    workers: int | None = None
    gpus_per_worker: float | None = None
    cpus_per_worker: float | None = None
    ray_address: str | None = None

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise ConfigError(f"--engine: found {self.engine!r}, expected {' or '.join(ENGINES)}")
        for name in ("workers", "gpus_per_worker", "cpus_per_worker"):
            check(name, getattr(self, name))
        for name in ("gpus_per_worker", "cpus_per_worker"):
            number = getattr(self, name)
            if number is not None and number > 1 and number != int(number):
                raise ConfigError(
                    f"{flag(name)}: found {number:g}, expected a whole number, or a share below 1"
                )
        for name in OF_RAY:
            if self.engine == "local" and getattr(self, name) is not None:
                raise ConfigError(
                    f"{flag(name)}: found it where it has no effect, expected it only beside "
                    "--engine ray"
                )
        address = self.ray_address
        if address is not None and (not isinstance(address, str) or not address.strip()):
            raise ConfigError(f"--ray-address: found {address!r:.80}, expected HOST:PORT or auto")

    def start(self, *, device: str = "auto", proof: Path | None = None) -> Local | RayCluster:
        """Return the engine, which must be closed.

        Parameters
        ----------
        device : str
            of all networks, as `svbench.compute.Machine` takes it (Default value = "auto")
        proof : Path or None
            a file of the run folder, by which nodes find out that they share it

        Raises
        ------
        ConfigError
            where the cluster cannot be joined or has no room for a worker
        """
        if self.engine == "local":
            from svbench.engines.local import Local

            return Local(self.workers or CORES)
        from svbench.engines.ray_cluster import RayCluster
        from svbench.engines.ray_resources import RaySettings

        if ":" in device:
            raise ConfigError(
                f"--device: found {device!r} beside --engine ray, expected auto, cpu or cuda: each "
                "worker sees GPUs of its own alone"
            )
        gpus = 0.0 if device == "cpu" and self.gpus_per_worker is None else self.gpus_per_worker
        settings = RaySettings(
            workers=self.workers,
            gpus_per_worker=gpus,
            cpus_per_worker=self.cpus_per_worker,
            address=self.ray_address,
        )
        return RayCluster(settings, proof)
