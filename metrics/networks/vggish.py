"""VGGish: a convolutional network pretrained on YouTube-8M, the feature extractor of FAD.

Sound is split into examples of 0.96 s, each a log-mel spectrogram of 96 frames x 64 bands, which a
small VGG maps to a 128-dimensional embedding.

Conventions
-----------
Sound is (S,), mono, at 16 kHz, -1..1. Log-mel examples are float32 (n, 96, 64), embeddings
(n, 128). Examples do not overlap, and the remainder at the end is dropped, so
n = floor(frames / 96) with frames = 1 + floor((S - 400) / 160): the first example needs 15600
samples, 240 more than 0.96 s.

Parameters have torchvggish's names. Embeddings are those before the last ReLU, as
audioldm_eval (and so the paper's FAD) takes them. AudioSet's post-processing is an option:
ReLU, PCA with whitening, clipped to +-2 and rounded to 256 steps.

References
----------
- S. Hershey et al.: CNN architectures for large-scale audio classification. ICASSP 2017.
- https://github.com/tensorflow/models/tree/master/research/audioset/vggish
- https://github.com/harritaylor/torchvggish
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from svbench.compute import CPU, Machine, load_weights
from svbench.errors import DataError, ScoreError
from svbench.files.weights.loading import load_state
from svbench.metrics.networks.vggish_inputs import BANDS, EMBEDDING, FRAMES

_ROUND: Final = 4  # channels are a multiple of this at any width
_CHANNELS: Final = ((64,), (128,), (256, 256), (512, 512))  # a pool follows each group
_HIDDEN: Final = 4096
_CLIP: Final = 2.0  # whitened values are clipped to +-2 ...
_STEPS: Final = 255.0  # ... and spread over 8 bits
_PCA_SHAPES: Final = {
    "pca_eigen_vectors": ((EMBEDDING, EMBEDDING),),
    "pca_means": ((EMBEDDING, 1), (EMBEDDING,)),
}
_NUMPY_HOMES: Final = "numpy.core", "numpy._core"  # modules that a pickled array names


class VGGish(nn.Module):
    """VGGish.

    Parameters
    ----------
    width : float
        factor of channels and hidden units (Default value = 1, the published network)
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()

        def scaled(channels: int) -> int:
            return max(_ROUND, round(channels * width / _ROUND) * _ROUND)

        features: list[nn.Module] = []
        channels = 1
        for group in _CHANNELS:
            for outputs in group:
                features += [nn.Conv2d(channels, scaled(outputs), 3, padding=1), nn.ReLU(True)]
                channels = scaled(outputs)
            features.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*features)
        places = (FRAMES >> len(_CHANNELS)) * (BANDS >> len(_CHANNELS))
        hidden = scaled(_HIDDEN)
        self.embeddings = nn.Sequential(
            nn.Linear(places * channels, hidden),
            nn.ReLU(True),
            nn.Linear(hidden, hidden),
            nn.ReLU(True),
            nn.Linear(hidden, EMBEDDING),
        )

    def forward(self, examples: Tensor) -> Tensor:
        """Compute embeddings (n, 128) of log-mel examples (n, 96, 64), before the last ReLU."""
        if examples.shape[1:] != (FRAMES, BANDS):
            raise ScoreError(
                f"VGGish reads examples (n, {FRAMES}, {BANDS}), got shape {tuple(examples.shape)}"
            )
        maps = self.features(examples[:, None])
        # the published weights count places first, channels last
        embeddings: Tensor = self.embeddings(maps.permute(0, 2, 3, 1).flatten(1))
        return embeddings


def load(
    state: Mapping[str, Tensor], source: Path, *, width: float = 1.0, machine: Machine = CPU
) -> VGGish:
    """Build the network with the weights of a checkpoint, on a machine.

    Raises DataError, which names the file `source`, for the checkpoint of another network.
    """
    with torch.device("meta"):  # no time for random weights that are not kept
        network: VGGish = VGGish(width).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return load_weights(network, state, source, machine=machine)


@dataclass(frozen=True, slots=True, eq=False)
class PostProcessing:
    """AudioSet's post-processing: PCA with whitening, quantised to 8 bits."""

    vectors: NDArray[np.float32]  # (128, 128), one component per row
    means: NDArray[np.float32]  # (128,)

    def __call__(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Compute integers 0..255 (n, 128) from embeddings (n, 128) before the last ReLU."""
        whitened = (np.maximum(embeddings, 0.0) - self.means) @ self.vectors.T
        steps = (np.clip(whitened, -_CLIP, _CLIP) + _CLIP) * (_STEPS / (2 * _CLIP))
        whole: NDArray[np.float32] = np.round(steps).astype(np.float32)
        return whole


def read_post_processing(path: Path) -> PostProcessing:
    """Load torchvggish's PCA file, the arrays `pca_eigen_vectors` and `pca_means`.

    Raises
    ------
    DataError
        if the file lacks one of them, or it has another shape
    """
    state = load_state(path) if path.suffix == ".safetensors" else _read_arrays(path)
    arrays = {}
    for name, shapes in _PCA_SHAPES.items():
        if name not in state:
            raise DataError(f"{path}: found {sorted(state)}, expected an array {name!r}")
        arrays[name] = np.asarray(state[name], dtype=np.float32)
        if arrays[name].shape not in shapes:
            raise DataError(f"{path}: {name} has shape {arrays[name].shape}, expected {shapes[0]}")
    return PostProcessing(arrays["pca_eigen_vectors"], arrays["pca_means"].reshape(-1))


def _read_arrays(path: Path) -> Mapping[str, Any]:
    """Load a torch file of NumPy arrays; only arrays are unpickled."""
    rebuild = np.empty(0).__reduce__()[0]
    allowed: list[Any] = [(rebuild, f"{home}.multiarray._reconstruct") for home in _NUMPY_HOMES]
    allowed += [np.ndarray, np.dtype, type(np.dtype(np.float32)), type(np.dtype(np.float64))]
    try:
        with torch.serialization.safe_globals(allowed):
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds; all mean the same here
        raise DataError(
            f"{path}: found no readable arrays ({type(error).__name__}), expected "
            f"{' and '.join(_PCA_SHAPES)}"
        ) from error
    if not isinstance(state, dict):
        raise DataError(f"{path}: found {type(state).__name__}, expected a dict of arrays")
    return state
