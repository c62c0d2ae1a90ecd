from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from svbench.doctor.processor import Limits, limits, memory, processor

MEMINFO = "MemTotal:       16000000 kB\nMemFree: 1 kB\nMemAvailable:    4000000 kB\n"


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def machine(tmp_path: Path, cgroup: str, **groups: Mapping[str, str]) -> tuple[Path, Path]:
    """Write what the kernel shows: /proc, and the control groups by folder."""
    cpuinfo = "processor : 0\nmodel name\t: Fast 9000\n"
    shown = {"self/cgroup": cgroup, "meminfo": MEMINFO, "cpuinfo": cpuinfo}
    proc, root = write(tmp_path / "proc", shown), tmp_path / "cgroup"
    root.mkdir()
    for folder, files in groups.items():
        write(root / folder.replace("__", "/"), files)
    return proc, root


def test_without_control_groups_nothing_is_limited(tmp_path: Path) -> None:
    assert limits(tmp_path / "nowhere", tmp_path / "nowhere") == Limits()


def test_version_2_takes_the_lowest_limit_of_a_group_and_those_above(tmp_path: Path) -> None:
    proc, root = machine(
        tmp_path,
        "0::/slurm/job\n",
        slurm={"cpu.max": "200000 100000\n", "memory.max": "max\n"},
        slurm__job={"cpu.max": "max 100000\n", "memory.max": "2000000000\n"},
    )
    assert limits(proc, root) == Limits(cores=2.0, memory=2_000_000_000)


def test_a_container_sees_its_own_group_as_the_root(tmp_path: Path) -> None:
    proc, root = machine(tmp_path, "0::/\n")
    write(root, {"cpu.max": "150000 100000\n", "memory.max": "max\n"})
    assert limits(proc, root) == Limits(cores=1.5)


@pytest.mark.parametrize("mounted", ["cpu,cpuacct", "cpu"])
def test_version_1_has_a_hierarchy_for_each_controller(tmp_path: Path, mounted: str) -> None:
    unlimited = {"memory.limit_in_bytes": "9223372036854771712\n"}
    proc, root = machine(
        tmp_path,
        "4:memory:/docker/a\n3:cpu,cpuacct:/docker/a\n1:name=systemd:/x\n",
        memory__docker__a={"memory.limit_in_bytes": "1000000000\n"},
        memory=unlimited,
    )
    write(
        root / mounted / "docker" / "a",
        {"cpu.cfs_quota_us": "300000\n", "cpu.cfs_period_us": "100000\n"},
    )
    write(root / mounted, {"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"})
    assert limits(proc, root) == Limits(cores=3.0, memory=1_000_000_000)


def test_usable_memory_is_the_least_of_what_is_known(tmp_path: Path) -> None:
    proc, root = machine(tmp_path, "0::/\n")
    found = memory(proc, root)
    assert (found.total, found.available, found.limit) == (16_384_000_000, 4_096_000_000, None)
    assert found.usable == 4_096_000_000
    write(root, {"memory.max": "1000\n"})
    assert memory(proc, root).usable == 1000


def test_a_quota_below_the_affinity_is_a_note_with_the_option_that_helps(tmp_path: Path) -> None:
    proc, root = machine(tmp_path, "0::/\n")
    cores, ram = processor(proc, root, cores=8, machine=16)
    assert (cores.state, cores.found) == ("ok", "8 of 16 cores, Fast 9000")
    assert "4.1 GB available" in ram.found
    write(root, {"cpu.max": "250000 100000\n", "memory.max": "8000000000\n"})
    cores, ram = processor(proc, root, cores=8, machine=16)
    assert cores.state == "note"
    assert cores.mend == "add --workers 2 to svbench's commands"
    assert cores.facts["quota"] == 2.5
    assert "limits it to 8.0 GB" in ram.found


def test_a_machine_that_shows_nothing_still_has_cores(tmp_path: Path) -> None:
    cores, ram = processor(tmp_path / "nowhere", tmp_path / "nowhere", cores=4, machine=4)
    assert cores.state == "ok"
    assert ram.facts["available"] is None
