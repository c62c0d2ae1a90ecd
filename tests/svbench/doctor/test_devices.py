from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from svbench.doctor.devices import devices
from svbench.doctor.findings import Finding


@contextmanager
def chosen(_number: int) -> Iterator[None]:
    yield


def fake_torch(*gpus: tuple[str, int, int, bool], mps: bool = False, **version: Any) -> Any:
    """Return what `devices` asks of torch; each GPU is name, free, total, bfloat16."""

    def memory(number: int) -> tuple[int, int]:
        if gpus[number][1] < 0:
            raise RuntimeError("CUDA error: all devices are busy\nmore lines")
        return gpus[number][1], gpus[number][2]

    cuda = SimpleNamespace(
        is_available=lambda: bool(gpus),
        device_count=lambda: len(gpus),
        get_device_properties=lambda number: SimpleNamespace(name=gpus[number][0]),
        mem_get_info=memory,
        device=chosen,
        is_bf16_supported=lambda *, including_emulation: gpus[0][3] and not including_emulation,
    )
    return SimpleNamespace(
        __version__="2.9.0",
        version=SimpleNamespace(**version),
        cuda=cuda,
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps)),
        get_num_threads=lambda: 4,
    )


def found(
    torch: Any, tmp_path: Path, flags: str = "", tools: tuple[str, ...] = ()
) -> list[Finding]:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"flags\t\t: fpu {flags}\n", encoding="utf-8")
    return devices(torch, cpuinfo, lambda name: name if name in tools else None)


def test_a_build_for_the_cpu_is_fine_where_there_is_no_driver(tmp_path: Path) -> None:
    torch, cpu = found(fake_torch(cuda=None), tmp_path)
    assert (torch.state, torch.found) == ("ok", "2.9.0 (CPU only)")
    assert cpu.found == "4 threads of torch, bfloat16 emulated"


def test_a_driver_without_a_gpu_in_torch_is_a_note(tmp_path: Path) -> None:
    torch, _ = found(fake_torch(cuda=None), tmp_path, tools=("nvidia-smi",))
    assert torch.state == "note"
    assert "driver of NVIDIA" in torch.found
    assert torch.mend


def test_each_gpu_is_listed_with_its_memory(tmp_path: Path) -> None:
    gpus = ("H100", 70_000_000_000, 85_000_000_000, True), ("H100", 10**9, 85 * 10**9, True)
    torch, first, second, _ = found(fake_torch(*gpus, cuda="12.8"), tmp_path, tools=("nvidia-smi",))
    assert torch.found == "2.9.0 (CUDA 12.8)"
    assert (first.name, first.found) == ("cuda:0", "H100, 70.0 GB of 85.0 GB free; bfloat16")
    assert (second.name, second.facts["free"]) == ("cuda:1", 10**9)


def test_a_build_for_amd_is_called_hip(tmp_path: Path) -> None:
    torch, _gpu, _cpu = found(fake_torch(("MI300", 1, 2, True), cuda=None, hip="6.2"), tmp_path)
    assert torch.found == "2.9.0 (HIP 6.2)"


def test_a_gpu_without_bfloat16_and_a_busy_one_say_what_to_do(tmp_path: Path) -> None:
    gpus = ("T4", 10**9, 2 * 10**9, False), ("T4", -1, 0, False)
    _, old, busy, _ = found(fake_torch(*gpus, cuda="12.8"), tmp_path)
    assert (old.state, old.mend) == ("note", "use --dtype float16 there")
    assert (busy.state, busy.found) == ("missing", "CUDA error: all devices are busy")


@pytest.mark.parametrize("flags", ["avx512_bf16", "amx_bf16"])
def test_the_processor_and_mps_are_devices_too(tmp_path: Path, flags: str) -> None:
    *_, mps, cpu = found(fake_torch(mps=True), tmp_path, flags=flags)
    assert mps.name == "mps"
    assert cpu.facts["bf16"] is True


def test_the_torch_of_this_machine_is_described() -> None:
    first, *others = devices()
    assert first.name == "torch"
    assert others[-1].name == "cpu"
