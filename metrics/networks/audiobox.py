"""AudioBox-aesthetics: WavLM, and a head for each of four axes of how sound is judged.

The encoder is transformers' WavLM. For each axis its layers are weighted (a softmax of learned
weights), averaged over time and layers, brought to unit length, and given to a small perceptron.

Conventions
-----------
A window is float32 (160000,), mono at 16 kHz, -1..1, zero-padded behind its `length` samples.
Scores are float32 (N, 4), of the axes CE, CU, PC, PQ (`audiobox_config.AXES`), on the listeners'
scale.

Parameters have transformers' names; `published_names` gives them to those of a checkpoint.

Padding
-------
The published code makes the mask of frames from that of samples in groups of 320, so that a frame
is padding if all of its group is; transformers derives its own from the strides of the
convolutions, which counts one frame less. So the layers of WavLM are called one by one. Frames of
padding are zero where positions are embedded, and masked in the transformer, where they change no
other frame; they are left out of it, which is the same and costs less. The first norm is taken over
the whole window, so scores of a short clip depend on the padding, as in the published code.

References
----------
As of `audiobox_config`, and https://huggingface.co/docs/transformers/model_doc/wavlm.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from transformers import WavLMConfig, WavLMModel

from svbench.compute import CPU, Machine, load_weights
from svbench.metrics.networks.audiobox_config import AXES, PUBLISHED, WINDOW, AudioBoxSize

_KERNELS: Final = (10, 3, 3, 3, 3, 2, 2)  # of the convolutions
_STRIDES: Final = (5, 2, 2, 2, 2, 2, 2)
_PREFIX: Final = "model."  # of training
_RENAMES: Final = (
    ("wavlm_model.mask_emb", "wavlm.masked_spec_embed"),
    ("wavlm_model.post_extract_proj.", "wavlm.feature_projection.projection."),
    ("wavlm_model.layer_norm.", "wavlm.feature_projection.layer_norm."),
    ("wavlm_model.", "wavlm."),
    (".conv_layers.0.2.", ".conv_layers.0.layer_norm."),
    (".pos_conv.0.weight_g", ".pos_conv_embed.conv.parametrizations.weight.original0"),
    (".pos_conv.0.weight_v", ".pos_conv_embed.conv.parametrizations.weight.original1"),
    (".pos_conv.0.", ".pos_conv_embed.conv."),
    (".self_attn_layer_norm.", ".layer_norm."),
    (".self_attn.grep_a", ".attention.gru_rel_pos_const"),
    (".self_attn.grep_linear.", ".attention.gru_rel_pos_linear."),
    (".self_attn.relative_attention_bias.", ".attention.rel_attn_embed."),
    (".self_attn.", ".attention."),
    (".fc1.", ".feed_forward.intermediate_dense."),
    (".fc2.", ".feed_forward.output_dense."),
)


class AudioBox(nn.Module):
    """AudioBox-aesthetics.

    Parameters
    ----------
    size : AudioBoxSize
        its sizes (Default value = those of the published checkpoint)
    """

    def __init__(self, size: AudioBoxSize = PUBLISHED) -> None:
        super().__init__()
        self.targets = size.targets
        self.wavlm = WavLMModel(_config(size))
        self.proj_layer = nn.ModuleDict({axis: _head(size) for axis in AXES})
        self.layer_weights = nn.ParameterDict(
            {axis: nn.Parameter(torch.zeros(size.layers + 1)) for axis in AXES}
        )

    def forward(self, length: int, windows: Tensor) -> Tensor:
        """Compute the scores (N, 4) of windows (N, 160000) that hold `length` samples of sound."""
        raw = self.predictions(length, windows)
        means = raw.new_tensor([target.mean for target in self.targets])
        spreads = raw.new_tensor([target.spread for target in self.targets])
        return raw * spreads + means

    def predictions(self, length: int, windows: Tensor) -> Tensor:
        """Compute what the heads predict (N, 4), in units of the listeners' scores."""
        means = self.layers(length, windows).mean(dim=2)
        return torch.cat([self._prediction(axis, means) for axis in AXES], dim=1)

    def _prediction(self, axis: str, means: Tensor) -> Tensor:
        """Compute the prediction (N, 1) of an axis from the mean of each layer, (L, N, width)."""
        weights = self.layer_weights[axis].softmax(dim=0)
        embedding = F.normalize(torch.einsum("l,lnd->nd", weights, means), dim=-1)
        found: Tensor = self.proj_layer[axis](embedding)
        return found

    def layers(self, length: int, windows: Tensor) -> Tensor:
        """Compute the input and the output of each layer, without padding: (L, N, frames, D)."""
        features = self.wavlm.feature_extractor(windows).transpose(1, 2)
        hidden, _ = self.wavlm.feature_projection(features)
        count = sounding(length, hidden.shape[1])
        hidden = torch.cat([hidden[:, :count], torch.zeros_like(hidden[:, count:])], dim=1)
        encoder = self.wavlm.encoder
        hidden = encoder.layer_norm(hidden + encoder.pos_conv_embed(hidden))[:, :count]
        found, bias = [hidden], None
        for layer in encoder.layers:
            hidden, bias = layer(hidden, position_bias=bias)[:2]
            found.append(hidden)
        return torch.stack(found)


def sounding(length: int, frames: int) -> int:
    """Return how many of the frames of a window hold sound: those of which some samples do."""
    group = WINDOW // frames  # 320 samples; the rest at the end belongs to no frame
    return min(-(-length // group), frames)


def _config(size: AudioBoxSize) -> WavLMConfig:
    return WavLMConfig(
        hidden_size=size.width,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.hidden,
        conv_dim=(size.channels,) * len(_KERNELS),
        conv_kernel=_KERNELS,
        conv_stride=_STRIDES,
        conv_bias=False,
        feat_extract_norm="group",
        num_conv_pos_embeddings=size.position_kernel,
        num_conv_pos_embedding_groups=size.position_groups,
        num_buckets=size.buckets,
        max_bucket_distance=size.farthest,
        do_stable_layer_norm=False,
    )


def _head(size: AudioBoxSize) -> nn.Sequential:
    """Build the head of an axis."""
    before = [
        (nn.Linear(size.width, size.width), nn.LayerNorm(size.width), nn.GELU())
        for _ in range(size.head_layers - 1)
    ]
    return nn.Sequential(*chain.from_iterable(before), nn.Linear(size.width, 1))


def load(
    state: Mapping[str, Tensor],
    source: Path,
    size: AudioBoxSize = PUBLISHED,
    machine: Machine = CPU,
) -> AudioBox:
    """Build the network with the weights of a checkpoint, on a machine.

    Raises DataError, which names the file `source`, for the checkpoint of another network.
    """
    with torch.device("meta"):  # no time for random weights that are not kept
        network = AudioBox(size)
    return load_weights(network, published_names(state), source, machine=machine)


def published_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights of published names under ours."""
    return {_renamed(name.removeprefix(_PREFIX)): tensor for name, tensor in state.items()}


def _renamed(name: str) -> str:
    for old, new in _RENAMES:
        name = name.replace(old, new)
    # The convolutions' own weights are the first of three parts.
    whole, layer, part = name.partition("feature_extractor.conv_layers.")
    number, dot, rest = part.partition(".0.")
    return f"{whole}{layer}{number}.conv.{rest}" if layer and dot else name
