"""Rows of docs/performance.md: which are of the same work, and which machine measured them."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

PACKAGES: Final = ("torch", "numpy", "scipy", "opencv-python-headless", "av", "librosa", "numba")
ELSEWHERE: Final = ("devices", "true_size", "engines")  # tables that say where they were measured
KEYS: Final[Mapping[str, Sequence[str]]] = {  # by which rows of a table are one and the same work
    "peers": ("what", "against", "threads"),
    "runs": ("what", "workers"),
    "growth": ("what", "few", "many"),
    "devices": ("what", "device", "dtype", "batch"),
    "true_size": ("what", "cores"),
    "engines": ("what", "workers"),
    "others": ("benchmark", "quantity"),
}
APART: Final = "apart"  # of a row that --from brought: the machine that measured it

Row = Mapping[str, Any]


def without(table: str, rows: Sequence[Row], others: Sequence[Row]) -> list[Row]:
    """Return the rows of a table whose work is not that of one of some others."""
    found = {_key(table, row) for row in others}
    return [row for row in rows if _key(table, row) not in found]


def replaced(table: str, rows: Sequence[Row], others: Sequence[Row]) -> list[Row]:
    """Return rows with others in the place of those of the same work, the rest of them behind."""
    found = {_key(table, row): row for row in rows}
    return list((found | {_key(table, row): row for row in others}).values())


def _key(table: str, row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in KEYS[table])


def machine_of(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return the machine of a report: what it noted itself, else what pytest-benchmark notes."""
    if "svbench" in info:
        return dict(info["svbench"])
    cpu = info.get("cpu", {})
    return {
        "cpu": cpu.get("brand_raw") or info.get("machine", "a CPU that is not named"),
        "cores": cpu.get("count", "?"),
        "system": info.get("system", "?"),
        "packages": {"Python": info.get("python_version", "?")},
    }


def machine(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of this machine: no name, no address, but what its speed depends on.

    `tests/conftest.py` notes it in every report, beside what pytest-benchmark does.
    """
    cpu = info.get("cpu", {})
    return {
        "cpu": cpu.get("brand_raw") or platform.machine(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": platform.system(),
        "packages": {"Python": platform.python_version(), **_versions()},
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def described(of: Mapping[str, Any]) -> str:
    """Return a machine and its packages in words."""
    packages = ", ".join(f"{name} {release}" for name, release in of["packages"].items())
    return f"{of['cpu']}, {of['cores']} cores, {of['system']}; {packages}"
