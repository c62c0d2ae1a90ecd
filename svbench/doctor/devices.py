"""Devices that torch computes on: GPUs of CUDA and HIP, Apple's MPS, and the CPU.

bfloat16 computes on every device of torch; noted is where it is emulated, and so slower than
float32.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from svbench.doctor.findings import Finding, gigabytes

SUBJECT: Final = "devices"
CPU_BF16: Final = ("avx512_bf16", "amx_bf16", "bf16")  # flags of x86; the last is that of ARM
DRIVERS: Final = {"nvidia-smi": "NVIDIA", "rocm-smi": "AMD"}


def devices(
    torch: Any = None,
    cpuinfo: Path = Path("/proc/cpuinfo"),
    which: Callable[[str], str | None] = shutil.which,
) -> list[Finding]:
    """Return the build of torch, and each device with its memory.

    `torch` is the module (None: imported here), `cpuinfo` and `which` show processor and drivers.
    """
    if torch is None:
        try:
            import torch
        except (ImportError, OSError) as error:  # a library of its own may not load
            reason = str(error).partition("\n")[0]
            return [Finding(SUBJECT, "torch", "missing", reason, "pip install torch")]
    return [_build(torch, which), *_gpus(torch), *_mps(torch), _cpu(torch, cpuinfo)]


def _build(torch: Any, which: Callable[[str], str | None]) -> Finding:
    """Return the build of torch; a note where there is a GPU's driver that it cannot use."""
    version = torch.version
    cuda, hip = getattr(version, "cuda", None), getattr(version, "hip", None)
    platform = f"HIP {hip}" if hip else f"CUDA {cuda}" if cuda else "CPU only"
    facts = {"version": torch.__version__, "cuda": cuda, "hip": hip}
    text = f"{torch.__version__} ({platform})"
    drivers = [maker for tool, maker in DRIVERS.items() if which(tool)]
    if drivers and not torch.cuda.is_available():
        text += f"; there is a driver of {drivers[0]}, and torch reaches no GPU"
        mend = "install a build of torch for it, and check the driver by nvidia-smi or rocm-smi"
        return Finding(SUBJECT, "torch", "note", text, mend, facts)
    return Finding(SUBJECT, "torch", "ok", text, facts=facts)


def _gpus(torch: Any) -> Iterator[Finding]:
    if not torch.cuda.is_available():
        return
    for number in range(torch.cuda.device_count()):
        name = f"cuda:{number}"
        try:
            yield _gpu(torch, number, name)
        except RuntimeError as error:  # in use by one process alone, or out of memory
            reason = str(error).partition("\n")[0]
            mend = f"free it, or take another by --device (not {name})"
            yield Finding(SUBJECT, name, "missing", reason, mend)


def _gpu(torch: Any, number: int, name: str) -> Finding:
    about = torch.cuda.get_device_properties(number)
    free, total = torch.cuda.mem_get_info(number)
    with torch.cuda.device(number):
        bf16 = bool(torch.cuda.is_bf16_supported(including_emulation=False))
    facts = {"name": about.name, "total": total, "free": free, "bf16": bf16}
    text = f"{about.name}, {gigabytes(free)} of {gigabytes(total)} free"
    if not bf16:
        return Finding(
            SUBJECT, name, "note", f"{text}; no bfloat16", "use --dtype float16 there", facts
        )
    return Finding(SUBJECT, name, "ok", f"{text}; bfloat16", facts=facts)


def _mps(torch: Any) -> Iterator[Finding]:
    if torch.backends.mps.is_available():
        found = "Apple's GPU; taken by --device mps, not by auto"
        yield Finding(SUBJECT, "mps", "ok", found, facts={"name": "mps"})


def _cpu(torch: Any, cpuinfo: Path) -> Finding:
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    flags = {
        flag
        for line in text.splitlines()
        if line.startswith(("flags", "Features"))
        for flag in line.partition(":")[2].split()
    }
    bf16 = bool(flags & {*CPU_BF16})
    facts = {"threads": torch.get_num_threads(), "bf16": bf16 if flags else None}
    words = "bfloat16 in hardware" if bf16 else "bfloat16 emulated" if flags else ""
    parts = [f"{facts['threads']} threads of torch", *([words] if words else [])]
    return Finding(SUBJECT, "cpu", "ok", ", ".join(parts), facts=facts)
