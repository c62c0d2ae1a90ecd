"""A small ImageBind with random weights, which takes milliseconds for a clip of 32 x 32 px."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from svbench.compute import digest_file
from svbench.files.weights.loading import WeightFile
from svbench.metrics.imagebind_scores import ImageBindEmbeddings
from svbench.metrics.networks.imagebind import ImageBind
from svbench.metrics.networks.imagebind_config import ImageBindConfig, Size
from svbench.metrics.networks.imagebind_inputs import PROTOCOLS
from svbench.metrics.networks.imagebind_text import WordTokenizer

WORDS = WordTokenizer(("a", "dog", "barks", "stick", "hits", "wood"), context=8)
SMALL = ImageBindConfig(
    embedding=12,
    vision=Size(16, 2, 2),
    text=Size(8, 1, 2),
    audio=Size(12, 2, 3),
    image=32,
    image_patch=16,
    bins=32,
    context=WORDS.context,
    vocabulary=WORDS.vocabulary,
)


def random_state(config: ImageBindConfig = SMALL, seed: int = 0) -> dict[str, Tensor]:
    """Return a state dict of random weights; the mask of the text encoder is kept."""
    numbers = torch.Generator().manual_seed(seed)
    state = ImageBind(config).state_dict()
    return {
        name: value.clone()
        if name.endswith(("mask", "log_logit_scale"))
        else torch.randn(value.shape, generator=numbers) * 0.3
        for name, value in state.items()
    }


def random_weights(folder: Path, config: ImageBindConfig = SMALL, seed: int = 0) -> WeightFile:
    """Write a checkpoint of random weights."""
    path = folder / f"small-{seed}.safetensors"
    save_file(random_state(config, seed), path)
    return WeightFile("small", path, digest_file(path))


def small_extractor(folder: Path, protocol: str = "published") -> ImageBindEmbeddings:
    """Return an extractor with random weights, which are written into the folder."""
    return ImageBindEmbeddings(random_weights(folder), PROTOCOLS[protocol], WORDS, SMALL)
