"""An autoencoder whose latents are projected to principal components: what both codecs share.

Each component is divided by the fourth root of its variance over the training clips of the codec,
and all of a kind by one number.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Components(nn.Module):
    """A projection of vectors to scaled principal components.

    Parameters
    ----------
    size : int
        length of a vector
    count : int
        number of components
    variance : float
        mean variance of the components (Default value = 1)
    """

    def __init__(self, size: int, count: int, variance: float = 1.0) -> None:
        super().__init__()
        self.variance = variance
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("axes", torch.eye(count, size))
        self.register_buffer("unit", torch.ones(count))

    def project(self, vectors: Tensor) -> Tensor:
        """Project vectors (..., size) to components (..., count)."""
        axes, mean = self.get_buffer("axes"), self.get_buffer("mean")
        return (vectors - mean) @ axes.T / self.get_buffer("unit")

    def reconstruct(self, components: Tensor) -> Tensor:
        """Reconstruct vectors (..., size) from components (..., count)."""
        axes, mean = self.get_buffer("axes"), self.get_buffer("mean")
        return (components * self.get_buffer("unit")) @ axes + mean

    def fit(self, vectors: Tensor) -> None:
        """Compute the components of vectors (N, size)."""
        exact = vectors.double()
        mean = exact.mean(0)
        variances, axes = torch.linalg.eigh((exact - mean).T @ (exact - mean) / len(exact))
        axes = axes.flip(1)[:, : len(self.get_buffer("axes"))].T
        # The sign of an axis is arbitrary: its largest entry is made positive.
        largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
        self.get_buffer("mean").copy_(mean)
        self.get_buffer("axes").copy_(axes * largest.sign())
        # Half way to equal variance: the first components, which are perceived most, stay larger
        # than the last.
        variances = variances.flip(0)[: len(axes)]
        scale = (variances.sqrt().mean() / self.variance).sqrt()
        self.get_buffer("unit").copy_(variances**0.25 * scale)


class Codec(nn.Module):
    """An autoencoder, and the components of its latents.

    Parameters
    ----------
    autoencoder : AutoencoderKL
        of latents (N, C, H, W)
    components : Components
        by their names in the file of weights
    """

    def __init__(self, autoencoder: Any, **components: Components) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        for name, projection in components.items():
            self.add_module(name, projection)

    def encode(self, inputs: Tensor) -> Tensor:
        """Return the autoencoder's latents (N, C, H, W)."""
        latents: Tensor = self.autoencoder.encode(inputs).latent_dist.mode()
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """Return the reconstruction from latents (N, C, H, W)."""
        outputs: Tensor = self.autoencoder.decode(latents).sample
        return outputs
