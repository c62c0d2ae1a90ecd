"""An autoencoder whose latents are told by principal components: what both codecs share.

Each component is divided by the fourth root of its variance over the clips that the codec learned
from, and all of a kind by one number.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Components(nn.Module):
    """The principal components that tell vectors of numbers.

    Parameters
    ----------
    size : int
        numbers of a vector
    count : int
        components that tell it
    variance : float
        mean variance of the components (Default value = 1)
    """

    def __init__(self, size: int, count: int, variance: float = 1.0) -> None:
        super().__init__()
        self.variance = variance
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("axes", torch.eye(count, size))
        self.register_buffer("unit", torch.ones(count))

    def told(self, vectors: Tensor) -> Tensor:
        """Tell vectors (..., size) by components (..., count)."""
        axes, mean = self.get_buffer("axes"), self.get_buffer("mean")
        return (vectors - mean) @ axes.T / self.get_buffer("unit")

    def vectors(self, told: Tensor) -> Tensor:
        """Undo `told`, as far as the components go."""
        axes, mean = self.get_buffer("axes"), self.get_buffer("mean")
        return (told * self.get_buffer("unit")) @ axes + mean

    def settle(self, vectors: Tensor) -> None:
        """Take the components from vectors (N, size)."""
        exact = vectors.double()
        mean = exact.mean(0)
        spread, axes = torch.linalg.eigh((exact - mean).T @ (exact - mean) / len(exact))
        axes = axes.flip(1)[:, : len(self.get_buffer("axes"))].T
        # The sign of an axis is anybody's guess: its largest entry is made positive.
        largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
        self.get_buffer("mean").copy_(mean)
        self.get_buffer("axes").copy_(axes * largest.sign())
        # Half way to equal variance: the first components, which are seen and heard most, stay
        # larger than the last.
        spread = spread.flip(0)[: len(axes)]
        self.get_buffer("unit").copy_(spread**0.25 * (spread.sqrt().mean() / self.variance).sqrt())


class Codec(nn.Module):
    """An autoencoder, and the components that tell its latents.

    Parameters
    ----------
    autoencoder : AutoencoderKL
        gives latents (N, C, H, W)
    components : Components
        by the names of what they tell
    """

    def __init__(self, autoencoder: Any, **components: Components) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        for name, told in components.items():
            self.add_module(name, told)

    def encode(self, inputs: Tensor) -> Tensor:
        """Give the autoencoder's latents (N, C, H, W)."""
        found: Tensor = self.autoencoder.encode(inputs).latent_dist.mode()
        return found

    def decode(self, latents: Tensor) -> Tensor:
        """Give what has these latents (N, C, H, W)."""
        found: Tensor = self.autoencoder.decode(latents).sample
        return found
