"""Synchformer: how far the sound of a video is ahead of its picture, or behind.

Pictures and sound are encoded segment by segment, which do not see each other; a transformer over
the tokens of all segments of a window then classifies the offset. Written from the papers and the
shapes of the published checkpoint; the encoder of sound is transformers' `ASTModel`.

Conventions
-----------
- "video": float (N, 3, 16, side, side), -1..1 -> tokens (N, 8, D)
- "audio": float (N, bins, 66), normalised log-mel -> tokens (N, 6, D)
- "offset": float (N, segments * 14, D), the tokens of a window: first those of its pictures,
  segment by segment, then those of its sound -> logits (N, classes)

A checkpoint has the names of `synchformer_state_dict.pth`, in which the encoder of sound is called
as in transformers before version 5: `load` and `published_state` translate.

Architecture
------------
MotionFormer ViT-B/16 of 8 pairs of frames with divided attention, its tokens pooled over space;
AST over patches of 16 x 16 with stride 10, pooled over frequency; a projection of each; three
blocks of attention over all of them.

References
----------
- V. Iashin, W. Xie, E. Rahtu, A. Zisserman: Synchformer: Efficient synchronization from sparse
  cues. ICASSP 2024, arXiv:2401.16423; https://github.com/v-iashin/Synchformer (MIT)
- Y. Gong, Y.-A. Chung, J. Glass: AST: Audio spectrogram transformer. Interspeech 2021.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import torch
from torch import Tensor, nn

from svbench.compute import CPU, Machine, load_weights
from svbench.metrics.networks.synchformer_config import (
    MEL_FRAMES,
    MEL_STRIDE,
    PATCH,
    PUBLISHED,
    SynchformerConfig,
)
from svbench.metrics.networks.synchformer_parts import OffsetHead, Pooling, VideoEncoder

if TYPE_CHECKING:
    from transformers import ASTConfig

Part = Literal["video", "audio", "offset"]

AST: Final = "afeat_extractor.ast."
AST_TOKENS: Final = 2  # class and distillation, before the patches
# Names in the checkpoint, and in transformers from version 5 on; in this order.
RENAMED: Final = (
    (".encoder.layer.", ".layers."),
    (".attention.attention.query.", ".attention.q_proj."),
    (".attention.attention.key.", ".attention.k_proj."),
    (".attention.attention.value.", ".attention.v_proj."),
    (".attention.output.dense.", ".attention.o_proj."),
    (".intermediate.dense.", ".mlp.fc1."),
    (".output.dense.", ".mlp.fc2."),
)


def _ast_config(config: SynchformerConfig) -> ASTConfig:
    from transformers import ASTConfig

    return ASTConfig(
        hidden_size=config.width,
        num_hidden_layers=config.audio.layers,
        num_attention_heads=config.audio.heads,
        intermediate_size=config.hidden,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        patch_size=PATCH,
        frequency_stride=MEL_STRIDE,
        time_stride=MEL_STRIDE,
        max_length=MEL_FRAMES,
        num_mel_bins=config.bins,
    )


class AudioEncoder(nn.Module):
    """AST: one token per time step of the patches of a segment."""

    def __init__(self, config: SynchformerConfig) -> None:
        super().__init__()
        from transformers import ASTModel

        self.steps = config.audio_steps
        self.ast = ASTModel(_ast_config(config))
        self.freq_attn_agg = Pooling(config.width, config.audio.heads, config.hidden)

    def forward(self, mels: Tensor) -> Tensor:
        """Compute tokens (N, 6, D) of log-mel spectrograms (N, bins, 66)."""
        hidden = self.ast(mels.transpose(1, 2)).last_hidden_state[:, AST_TOKENS:]
        return self.freq_attn_agg.pooled(hidden.unflatten(1, (-1, self.steps)).transpose(1, 2))


class Synchformer(nn.Module):
    """Synchformer.

    Parameters
    ----------
    config : SynchformerConfig
        its sizes (Default value = PUBLISHED)
    """

    def __init__(self, config: SynchformerConfig = PUBLISHED) -> None:
        super().__init__()
        self.config = config
        self.vfeat_extractor = VideoEncoder(config)
        self.afeat_extractor = AudioEncoder(config)
        self.vproj = nn.Linear(config.width, config.width)
        self.aproj = nn.Linear(config.width, config.width)
        self.transformer = OffsetHead(config)

    def forward(self, part: Part, inputs: Tensor) -> Tensor:
        """Run one part of the network on a batch; see the module for shapes."""
        found: Tensor
        if part == "offset":
            seen = self.config.segments * self.config.video_steps
            found = self.transformer(self.vproj(inputs[:, :seen]), self.aproj(inputs[:, seen:]))
        else:
            encode = self.vfeat_extractor if part == "video" else self.afeat_extractor
            found = encode(inputs)
        return found


# --- checkpoints -------------------------------------------------------------------------------


def load(
    state: Mapping[str, Tensor],
    source: Path,
    config: SynchformerConfig = PUBLISHED,
    machine: Machine = CPU,
) -> Synchformer:
    """Build the network with the weights of a checkpoint, on a machine.

    Raises DataError, which names the file `source`, for the checkpoint of another network.
    """
    with torch.device("meta"):  # no time for random weights that are not kept
        network = Synchformer(config)
    named = {_to_ours(name, network): tensor for name, tensor in state.items()}
    return load_weights(network, named, source, machine=machine)


def published_state(network: Synchformer) -> dict[str, Tensor]:
    """Return the state of a network under the names of the published checkpoint."""
    return {_to_published(name, network): t for name, t in network.state_dict().items()}


def shapes(config: SynchformerConfig = PUBLISHED) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every tensor of a checkpoint, without allocating any."""
    with torch.device("meta"):
        network = Synchformer(config)
    return {name: tuple(tensor.shape) for name, tensor in published_state(network).items()}


def _to_ours(name: str, network: Synchformer) -> str:
    return _translated(name, network, [(theirs, ours) for theirs, ours in RENAMED])


def _to_published(name: str, network: Synchformer) -> str:
    return _translated(name, network, [(ours, theirs) for theirs, ours in RENAMED])


def _translated(name: str, network: Synchformer, pairs: list[tuple[str, str]]) -> str:
    """Return the other name of a weight of the encoder of sound; of any other its own."""
    if not name.startswith(AST) or not hasattr(network.afeat_extractor.ast, "layers"):
        return name
    for before, after in pairs:
        name = name.replace(before, after)
    return name
