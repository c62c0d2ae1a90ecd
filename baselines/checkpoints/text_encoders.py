"""Text embeddings of both U-Nets: by CLAP for the audio, by CLIP for the video.

Each caption is encoded alone and padded to the longest that its encoder takes, so its embedding
depends neither on other captions nor on their number. Longer captions are truncated, as in both
base models. Audio: CLAP's projected embedding, of norm 1 (AudioLDM). Video: CLIP's features of all
77 tokens behind its last norm (Stable Diffusion).

References
----------
Y. Wu et al.: Large-scale contrastive language-audio pretraining, ICASSP 2023. A. Radford et al.:
Learning transferable visual models from natural language supervision, ICML 2021.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

from svbench.baselines.joint.pair import Pair
from svbench.compute import return_memory
from svbench.errors import ConfigError

_LEADING_POSITIONS: Final = 2  # of RoBERTa's table, taken up by padding
_KEPT: Final = 64  # captions whose embeddings are kept: 15 MB of CLIP's


class TextEncoders:
    """CLAP's and CLIP's text encoders, each with its tokenizer.

    Parameters
    ----------
    tokenizers : Pair
        RoBERTa's for the audio, CLIP's for the video
    encoders : Pair
        ClapTextModelWithProjection, CLIPTextModel
    """

    def __init__(self, tokenizers: Pair[Any], encoders: Pair[Any]) -> None:
        self._tokenizers = tokenizers
        self._encoders = encoders
        positions = encoders.map(lambda encoder: encoder.config.max_position_embeddings)
        longest = Pair(positions.audio - _LEADING_POSITIONS, positions.video)
        self._lengths = longest.map(
            lambda length, tokenizer: min(length, tokenizer.model_max_length), tokenizers
        )

    @torch.no_grad()
    def __call__(self, captions: Sequence[str]) -> Pair[Tensor]:
        """Return audio (B, D) and video (B, L, D')."""
        if not captions:
            raise ConfigError("captions: found none, expected at least one")
        return Pair(
            torch.cat([self._clap(caption) for caption in captions]),
            torch.cat([self._clip(caption) for caption in captions]),
        )

    def _clap(self, caption: str) -> Tensor:
        tokens = _tokens(self._tokenizers.audio, caption, self._lengths.audio)
        encoder = self._encoders.audio
        embedding: Tensor = encoder(
            input_ids=tokens["input_ids"].to(encoder.device),
            attention_mask=tokens["attention_mask"].to(encoder.device),
        ).text_embeds
        return functional.normalize(embedding, dim=-1)

    def _clip(self, caption: str) -> Tensor:
        tokens = _tokens(self._tokenizers.video, caption, self._lengths.video)
        encoder = self._encoders.video
        features: Tensor = encoder(tokens["input_ids"].to(encoder.device)).last_hidden_state
        return features


class BriefTextEncoders:
    """Text encoders that take memory only while new captions are encoded.

    At the paper's size they take 1 GB in float32, and seconds to load: of no weight where a clip
    takes minutes and memory is short, as on a CPU. Embeddings of the last captions are kept, so
    that the negative caption is encoded once.

    Parameters
    ----------
    load : callable
        returns the encoders
    """

    def __init__(self, load: Callable[[], TextEncoders]) -> None:
        self._load = load
        self._known: OrderedDict[str, Pair[Tensor]] = OrderedDict()

    def __call__(self, captions: Sequence[str]) -> Pair[Tensor]:
        """Return audio (B, D) and video (B, L, D')."""
        if not captions:
            raise ConfigError("captions: found none, expected at least one")
        new = dict.fromkeys(caption for caption in captions if caption not in self._known)
        if new:
            encoders = self._load()
            self._known |= {caption: encoders([caption]) for caption in new}
            del encoders
            return_memory()  # before the sampler needs it
        found = [self._known[caption] for caption in captions]
        for caption in captions:
            self._known.move_to_end(caption)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return Pair.collate(found, torch.cat)


def _tokens(tokenizer: Any, caption: str, length: int) -> Any:
    return tokenizer(
        [caption], padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    )
