"""A Synchformer of random weights, small enough for tests."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from svbench.compute import digest_file
from svbench.files.weights.loading import WeightFile
from svbench.metrics.networks.synchformer import shapes
from svbench.metrics.networks.synchformer_config import Size, SynchformerConfig

# Windows of 3 segments, 1.28 s
CONFIG = SynchformerConfig(
    width=16,
    video=Size(1, 2),
    audio=Size(1, 2),
    head=Size(1, 2),
    hidden=32,
    segments=3,
    image=32,
    bins=32,
)


def small_synchformer(folder: Path) -> WeightFile:
    """Write the weights, under their published names."""
    rng = torch.Generator().manual_seed(0)
    state = {name: torch.randn(shape, generator=rng) / 4 for name, shape in shapes(CONFIG).items()}
    path = folder / "synchformer.safetensors"
    save_file(state, path)
    return WeightFile("small", path, digest_file(path))
