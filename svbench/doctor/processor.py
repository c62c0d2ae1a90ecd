"""Cores and memory that this process may use: affinity, control groups, and what there is.

Control groups limit a container or a job of a cluster below what the machine has, and neither
`os.cpu_count` nor the total of /proc/meminfo shows it. A process is in a group and in all groups
above it; the lowest limit holds.

References
----------
- cgroup v2, `cpu.max` and `memory.max`: docs.kernel.org, admin-guide/cgroup-v2
- cgroup v1, `cpu.cfs_quota_us` and `memory.limit_in_bytes`: docs.kernel.org, admin-guide/cgroup-v1
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from svbench.doctor.findings import Finding, gigabytes
from svbench.limits import CORES

PROC: Final = Path("/proc")
CGROUPS: Final = Path("/sys/fs/cgroup")
UNLIMITED: Final = 1 << 60  # bytes; v1 states no limit as nearly 2^63
SUBJECT: Final = "processor"


@dataclass(frozen=True, slots=True)
class Limits:
    """The lowest limits of the control groups of this process; None: there is none."""

    cores: float | None = None
    memory: int | None = None  # bytes


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of the machine in bytes, as far as this process may use it; None: not known."""

    total: int | None
    available: int | None
    limit: int | None  # of the control groups

    @property
    def usable(self) -> int | None:
        """Return what this process may use at most now."""
        known = [size for size in (self.available, self.limit) if size is not None]
        return min(known, default=self.total)


def limits(proc: Path = PROC, root: Path = CGROUPS) -> Limits:
    """Return the limits of the control groups of this process, of either version.

    `proc` and `root` are where the kernel shows processes and groups.
    """
    quotas, sizes = [], []
    for controllers, group in _groups(proc):
        if not controllers:  # version 2
            folders = list(_upward(root, group)) or list(_upward(root / "unified", group))
            quotas += [_share(*_words(f / "cpu.max")) for f in folders]
            sizes += [_whole(*_words(f / "memory.max")) for f in folders]
        if "cpu" in controllers:
            for folder in _first(root, controllers, "cpu", group):
                quota, period = (folder / f"cpu.cfs_{name}_us" for name in ("quota", "period"))
                quotas.append(_share(*_words(quota), *_words(period)))
        if "memory" in controllers:
            folders = _first(root, controllers, "memory", group)
            sizes += [_whole(*_words(f / "memory.limit_in_bytes")) for f in folders]
    return Limits(
        min((quota for quota in quotas if quota is not None), default=None),
        min((size for size in sizes if size is not None), default=None),
    )


def memory(proc: Path = PROC, root: Path = CGROUPS) -> Memory:
    """Return the memory of the machine, and the limit of the control groups."""
    found = dict(_fields(proc / "meminfo"))
    total = _kilobytes(found.get("MemTotal"))
    if total is None and "SC_PHYS_PAGES" in os.sysconf_names:  # macOS
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Memory(total, _kilobytes(found.get("MemAvailable")), limits(proc, root).memory)


def processor(
    proc: Path = PROC, root: Path = CGROUPS, cores: int = CORES, machine: int | None = None
) -> list[Finding]:
    """Return what cores and memory there are.

    `cores` are those that this process may use by its affinity, `machine` those that there are.
    """
    machine = machine or os.cpu_count() or cores
    return [_cores(limits(proc, root).cores, cores, machine, proc), _memory(memory(proc, root))]


def _cores(quota: float | None, cores: int, machine: int, proc: Path) -> Finding:
    fields = dict(_fields(proc / "cpuinfo"))
    model = fields.get("model name") or platform.processor() or platform.machine()
    found = f"{cores} of {machine} cores, {model}"
    facts = {"model": model, "cores": machine, "affinity": cores, "quota": quota}
    if quota is not None and quota < cores:
        workers = max(1, int(quota))
        mend = f"add --workers {workers} to svbench's commands"
        found = f"{found}; a control group grants {quota:g} of them"
        return Finding(SUBJECT, "cores", "note", found, mend, facts)
    return Finding(SUBJECT, "cores", "ok", found, facts=facts)


def _memory(found: Memory) -> Finding:
    facts = {"total": found.total, "available": found.available, "limit": found.limit}
    if found.total is None:
        return Finding(SUBJECT, "memory", "note", "not known here", facts=facts)
    text = gigabytes(found.total)
    if found.available is not None:
        text += f", {gigabytes(found.available)} available"
    if found.limit is not None and found.limit < found.total:
        text += f"; a control group limits it to {gigabytes(found.limit)}"
    return Finding(SUBJECT, "memory", "ok", text, facts=facts)


def _groups(proc: Path) -> Iterator[tuple[list[str], str]]:
    """Yield the controllers of each hierarchy, none for version 2, and this process's group."""
    for line in _lines(proc / "self" / "cgroup"):
        _, controllers, group = [*line.split(":", 2), "", ""][:3]
        yield [name for name in controllers.split(",") if name], group


def _first(root: Path, controllers: list[str], name: str, group: str) -> list[Path]:
    """Return the groups of a hierarchy of version 1, which is mounted by one of several names."""
    for mounted in (",".join(controllers), name):
        if found := list(_upward(root / mounted, group)):
            return found
    return []


def _upward(root: Path, group: str) -> Iterator[Path]:
    """Yield the folders of a group and those above it, as far as they can be seen from here."""
    path = root / group.strip("/")
    for folder in (path, *path.parents):
        if folder.is_dir() and (folder == root or root in folder.parents):
            yield folder


def _share(quota: str = "max", period: str = "") -> float | None:
    """Return the cores that a quota in a period (both in microseconds) amounts to."""
    found, of = _whole(quota), _whole(period)
    return found / of if found is not None and of else None


def _whole(text: str = "max") -> int | None:
    number = int(text) if text.isdecimal() else None  # "max", and -1 in version 1
    return number if number is not None and 0 < number < UNLIMITED else None


def _kilobytes(text: str | None) -> int | None:
    number = (text or "").split()[:1]
    return int(number[0]) * 1024 if number and number[0].isdecimal() else None


def _fields(path: Path) -> Iterator[tuple[str, str]]:
    for line in _lines(path):
        name, _, value = line.partition(":")
        yield name.strip(), value.strip()


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()


def _lines(path: Path) -> list[str]:
    with suppress(OSError):  # no Linux, or not to be seen from a container
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    return []
