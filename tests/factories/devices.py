"""Speed, deviation and share of the roofline of a network on any device."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from svbench.baselines.joint.ddim import PAPER_SCHEDULES
from svbench.baselines.joint.pair import Pair
from svbench.baselines.joint.sampler_settings import SamplerSettings
from svbench.baselines.joint.sampling import sample
from svbench.baselines.joint.system import compile_blocks
from svbench.baselines.joint.unet import JointUNet
from svbench.compute import Dtype, Machine, inference
from tests.alternatives.straightforward_joint import plainly, sample_plainly
from tests.factories.measuring import (
    bandwidth,
    best,
    flops,
    gemm_ceiling,
    roofline,
    weight_bytes,
)

STEPS = 3  # of a sampling that is timed
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


def _plainly_timed(joint: JointUNet, arguments: tuple[Any, ...], device: str) -> float:
    """Return the seconds of sampling written plainly; its copy of the model is let go."""
    straight = plainly(joint)
    return best(lambda: sample_plainly(straight, *arguments).audio, device, rounds=3)


@dataclass(frozen=True, slots=True)
class Sampling:
    """What a step of the joint sampler takes on a device."""

    seconds: float  # of a step, of the whole batch
    plain: float  # of the same, written plainly
    share: float  # of the ceiling of a product of matrices
    peak: int  # bytes on the device; 0 on a CPU


def measure_sampling(
    joint: JointUNet,
    shapes: Pair[tuple[int, ...]],
    text: Pair[tuple[int, ...]],
    batch: int,
    device: str,
    dtype: Dtype,
    *,
    compiled: bool = False,
    side: int = 4096,
) -> Sampling:
    """Time steps of sampling with guidance, ours and written plainly, on a joint model.

    Parameters
    ----------
    joint : JointUNet
        on the CPU; it is moved
    shapes : Pair of tuple
        of latents of one clip
    text : Pair of tuple
        of text embeddings of one caption
    batch : int
        clips sampled together
    compiled : bool
        whether ours is compiled by block
    side : int
        of the matrices whose product is the ceiling (Default value = 4096)
    """
    machine = Machine(device, dtype)
    settings = SamplerSettings(STEPS)
    joint = joint.to(machine.place, machine.torch_dtype).eval()
    start = shapes.map(lambda shape: torch.randn(batch, *shape, device=machine.place))
    given = text.map(
        lambda shape: torch.randn(
            2 * batch, *shape, device=machine.place, dtype=machine.torch_dtype
        )
    )
    arguments = (start, given, PAPER_SCHEDULES, settings)
    with inference(machine):
        with FlopCounterMode(display=False) as counter:
            sample(joint, *arguments)
        plain = _plainly_timed(joint, arguments, device)
        if device != "cpu":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        if compiled:
            compile_blocks(joint)
        seconds = best(lambda: sample(joint, *arguments).audio, device, rounds=3)
        ceiling = gemm_ceiling(device, machine.torch_dtype, side)
    least = counter.get_total_flops() / ceiling
    peak = 0 if device == "cpu" else torch.cuda.max_memory_allocated()
    return Sampling(seconds / STEPS, plain / STEPS, least / seconds, peak)
