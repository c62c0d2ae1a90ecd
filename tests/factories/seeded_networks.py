"""The seeded random weights with which the golden data were computed, by their recipe."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from svbench.compute import digest_file
from svbench.files.weights.loading import WeightFile

SEEDS = (0, 1000)  # of the golden data, and of the held-out ones: see their README


def seeded_i3d(network: nn.Module, seed: int) -> dict[str, Tensor]:
    """Return seeded weights for I3D."""
    return {name: _i3d(name, tuple(t.shape), seed) for name, t in network.state_dict().items()}


def seeded_vggish(network: nn.Module, seed: int) -> dict[str, Tensor]:
    """Return seeded weights for VGGish."""
    return {name: _vggish(name, tuple(t.shape), seed) for name, t in network.state_dict().items()}


def seeded_imagebind(network: nn.Module, seed: int) -> dict[str, Tensor]:
    """Return seeded weights for ImageBind, which may be on the meta device; masks are its own.

    Layers keep the size of what passes them, so that a deep network neither saturates nor
    multiplies rounding errors.
    """
    random = torch.Generator().manual_seed(seed)
    state = network.state_dict()
    return {name: _imagebind(name, tensor, random) for name, tensor in state.items()}


def write_weights(path: Path, state: Mapping[str, Tensor]) -> WeightFile:
    """Write a safetensors file."""
    save_file(dict(state), path)
    return WeightFile(path.stem, path, digest_file(path))


def _i3d(name: str, shape: tuple[int, ...], seed: int) -> Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.tensor(0)
    random = _random(name, seed)
    if name.endswith("conv3d.weight"):
        return _tensor(random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:])))
    if name.endswith(("running_var", "bn.weight")):
        return _tensor(random.uniform(0.5, 1.5, shape))
    return _tensor(random.standard_normal(shape) * 0.1)


def _vggish(name: str, shape: tuple[int, ...], seed: int) -> Tensor:
    random = _random(name, seed)
    if name.endswith("weight"):
        scale = np.float32(np.sqrt(2 / np.prod(shape[1:])))
        return _tensor(random.standard_normal(shape).astype(np.float32) * scale)
    return _tensor(random.standard_normal(shape) * 0.1)


def _imagebind(name: str, like: Tensor, random: torch.Generator) -> Tensor:
    if name.endswith("mask"):
        return torch.full(like.shape, -torch.inf).triu_(1)
    values = torch.randn(like.shape, generator=random)
    if name.endswith("log_logit_scale"):
        return values * 0.1 + 3
    if like.ndim == 1:
        return values * 0.1 + (1.0 if "norm" in name and name.endswith("weight") else 0.0)
    return values * (like[0].numel() ** -0.5)


def _random(name: str, seed: int) -> np.random.RandomState:
    return np.random.RandomState((zlib.crc32(name.encode()) + seed) % 2**32)


def _tensor(values: NDArray[np.floating]) -> Tensor:
    return torch.from_numpy(np.asarray(values, dtype=np.float32))
