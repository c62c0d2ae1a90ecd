"""PANNs' Cnn14: a convolutional network pretrained to tag sounds with the 527 classes of AudioSet.

Six blocks of two 3 x 3 convolutions, each block but the last followed by average pooling that
halves time and frequency; the map is averaged over frequency, and its mean and maximum over time
are added. A hidden layer gives the embedding, a linear one the logits.

Conventions
-----------
Spectrograms are float32 (n, frames, 64) in dB (`panns_inputs`); outputs are (n, 2048 + 527): the
embedding ("2048" of panns-inference and av-benchmark, behind its ReLU) and then the logits, before
any sigmoid. Dropout is of training alone.

Parameters have the published names. The published file also holds the Fourier and mel matrices of
its front end (`FRONT_END`), which `panns_inputs` computes.

References
----------
- Q. Kong et al.: PANNs: large-scale pretrained audio neural networks for audio pattern recognition.
  IEEE/ACM TASLP 28, 2020, https://arxiv.org/abs/1912.10211 (table II, Cnn14).
- https://github.com/qiuqiangkong/audioset_tagging_cnn
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from svbench.compute import CPU, Machine, load_weights
from svbench.metrics.networks.panns_inputs import BANDS, POOLINGS

CLASSES: Final = 527
FRONT_END: Final = (
    "spectrogram_extractor.stft.conv_real.weight",
    "spectrogram_extractor.stft.conv_imag.weight",
    "logmel_extractor.melW",
)
MAY_LACK: Final = ("*.num_batches_tracked",)
_CHANNELS: Final = (64, 128, 256, 512, 1024, 2048)
_ROUND: Final = 4  # channels are a multiple of this at any width


class ConvBlock(nn.Module):
    """Two convolutions, each with batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, maps: Tensor) -> Tensor:
        """Compute maps (n, outputs, T, F) of maps (n, inputs, T, F)."""
        maps = F.relu_(self.bn1(self.conv1(maps)))
        return F.relu_(self.bn2(self.conv2(maps)))


class Cnn14(nn.Module):
    """Cnn14.

    Parameters
    ----------
    width : float
        factor of channels and hidden units (Default value = 1, the published network)
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        channels = [1, *(max(_ROUND, round(c * width / _ROUND) * _ROUND) for c in _CHANNELS)]
        self.bn0 = nn.BatchNorm2d(BANDS)
        for number, (inputs, outputs) in enumerate(pairwise(channels), 1):
            self.add_module(f"conv_block{number}", ConvBlock(inputs, outputs))
        self.fc1 = nn.Linear(channels[-1], channels[-1])
        self.fc_audioset = nn.Linear(channels[-1], CLASSES)

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Compute embeddings and logits (n, D + 527) of log-mel spectrograms (n, frames, 64)."""
        # batch norm counts bands as channels
        maps = self.bn0(spectrograms[:, None].transpose(1, 3)).transpose(1, 3)
        for number in range(1, len(_CHANNELS) + 1):
            maps = self.get_submodule(f"conv_block{number}")(maps)
            if number <= POOLINGS:
                maps = F.avg_pool2d(maps, 2)
        over_time = maps.mean(3)
        embedding = F.relu_(self.fc1(over_time.amax(2) + over_time.mean(2)))
        return torch.cat([embedding, self.fc_audioset(embedding)], 1)


def load(
    state: Mapping[str, Tensor], source: Path, *, width: float = 1.0, machine: Machine = CPU
) -> Cnn14:
    """Build the network with the weights of a checkpoint, on a machine.

    Raises DataError, which names the file `source`, for the checkpoint of another network.
    """
    with torch.device("meta"):  # no time for random weights that are not kept
        network: Cnn14 = Cnn14(width).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    own = {name: tensor for name, tensor in state.items() if name not in FRONT_END}
    return load_weights(network, own, source, may_lack=MAY_LACK, machine=machine)
