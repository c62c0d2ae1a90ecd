"""Speed, deviation and share of the roofline of a network on any device."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import nn

from svbench.compute import Dtype, Machine, inference
from tests.factories.measuring import (
    bandwidth,
    best,
    flops,
    gemm_ceiling,
    roofline,
    weight_bytes,
)

COMPARED = 2  # inputs whose outputs are compared with those of float32 on the CPU


@dataclass(frozen=True, slots=True)
class OnDevice:
    """What a batch takes on a device."""

    seconds: float  # of the batch
    deviation: float  # largest, as a share of the largest value
    share: float  # of the roofline


def measure(
    network: nn.Module,
    shape: tuple[int, ...],
    batch: int,
    device: str,
    dtype: Dtype,
    side: int = 4096,
) -> OnDevice:
    """Time a copy of a network (float32, on the CPU) on a device, and compare its outputs.

    Parameters
    ----------
    network : nn.Module
        maps (batch, ...) to (batch, ...)
    shape : tuple of int
        of one input; inputs are uniform in 0..1
    batch : int
        inputs of a pass
    side : int
        of the matrices whose product is the ceiling (Default value = 4096)
    """
    machine = Machine(device, dtype)
    inputs = torch.rand(batch, *shape, generator=torch.Generator().manual_seed(0))
    moved = copy.deepcopy(network).to(machine.place, machine.torch_dtype)
    given = inputs.to(machine.place, machine.torch_dtype)
    with inference(machine):
        expected = network(inputs[:COMPARED]).float()
        found = moved(given)[:COMPARED].float().cpu()
        seconds = best(lambda: moved(given), device)
        ceiling = gemm_ceiling(device, machine.torch_dtype, side)
    least = roofline(
        flops(moved, given),
        weight_bytes(moved),
        ceiling=ceiling,
        bytes_per_second=bandwidth(device, side**2),
    )
    deviation = float((found - expected).abs().max() / expected.abs().max())
    return OnDevice(seconds, deviation, least / seconds)
