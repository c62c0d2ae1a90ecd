"""Numbers by name, as golden files of other networks define their inputs and weights.

Every number follows from a seed and a text: SHA-256 of "seed:key" seeds PCG64, which draws normal
numbers. So golden files need not hold inputs and weights.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SCALED = ("weight", "weight_v", "in_proj_weight")
SHIFTS = ("bias", "in_proj_bias", "running_mean")


def normal(key: str, shape: Sequence[int], seed: int) -> NDArray[np.float64]:
    """Return normal numbers of a shape."""
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    rng = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "little")))
    return rng.standard_normal(tuple(shape))


def numbers(key: str, shape: Sequence[int], seed: int, scale: float = 1.0) -> Tensor:
    """Return an input of a network, float32."""
    return torch.from_numpy((normal(key, shape, seed) * scale).astype(np.float32))


def filled(shapes: Mapping[str, Sequence[int]], seed: int, gain: float) -> dict[str, Tensor]:
    """Return a state dict of names and shapes, float32."""
    return {
        key: torch.from_numpy(np.asarray(_weight(key, shape, seed, gain), np.float32))
        for key, shape in shapes.items()
    }


def _weight(key: str, shape: Sequence[int], seed: int, gain: float) -> NDArray[np.float64]:
    name, x = key.rpartition(".")[2], normal(key, shape, seed)
    if name == "num_batches_tracked":
        return np.zeros(tuple(shape))
    if name == "running_var":
        return np.exp(0.2 * x)
    if name in SCALED and len(shape) > 1:
        return x * gain / math.sqrt(math.prod(shape[1:]))
    if name in ("weight", "weight_g"):
        return 1 + 0.1 * x
    return x * (0.1 if name in SHIFTS else 0.3)
