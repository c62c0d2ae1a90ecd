"""Everything that the doctor looks at on a machine, subject by subject."""

from __future__ import annotations

from pathlib import Path

from svbench.doctor.cluster import cluster
from svbench.doctor.devices import devices
from svbench.doctor.findings import Finding
from svbench.doctor.networks import base_models, networks
from svbench.doctor.places import folders
from svbench.doctor.processor import processor
from svbench.doctor.software import ffmpeg, software


def examine(out: Path, ray_address: str | None = None) -> list[Finding]:
    """Return what this machine has.

    Parameters
    ----------
    out : Path
        where results would lie
    ray_address : str, optional
        of a Ray cluster that must answer

    Raises
    ------
    ConfigError
        for an address that is none
    """
    return [
        *software(),
        *ffmpeg(),
        *processor(),
        *devices(),
        *networks(),
        *base_models(),
        *folders(out),
        *cluster(ray_address),
    ]
