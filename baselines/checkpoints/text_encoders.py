"""What the two U-Nets are told of a caption: by CLAP for the sound, by CLIP for the video.

Each caption is read alone and filled up to the longest that its encoder knows, so what is said of
it depends neither on other captions nor on their number. Longer captions are cut, as in both base
models. Sound: CLAP's projected embedding, of length 1 (AudioLDM). Video: CLIP's features of all
77 tokens behind its last norm (Stable Diffusion).

References
----------
Y. Wu et al.: Large-scale contrastive language-audio pretraining, ICASSP 2023. A. Radford et al.:
Learning transferable visual models from natural language supervision, ICML 2021.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

from svbench.baselines.joint.pair import Modal
from svbench.errors import ConfigError

_LEADING_POSITIONS: Final = 2  # of RoBERTa's table, taken up by padding


class Captioner:
    """CLAP's and CLIP's text encoders, each with its tokenizer.

    Parameters
    ----------
    tokenizers : Modal
        RoBERTa's for the sound, CLIP's for the video
    encoders : Modal
        ClapTextModelWithProjection, CLIPTextModel
    """

    def __init__(self, tokenizers: Modal[Any], encoders: Modal[Any]) -> None:
        self._tokenizers = tokenizers
        self._encoders = encoders
        positions = encoders.map(lambda encoder: encoder.config.max_position_embeddings)
        known = Modal(positions.audio - _LEADING_POSITIONS, positions.video)
        self._lengths = known.map(
            lambda most, tokenizer: min(most, tokenizer.model_max_length), tokenizers
        )

    @torch.no_grad()
    def __call__(self, captions: Sequence[str]) -> Modal[Tensor]:
        """Give sound (B, D) and video (B, L, D')."""
        if not captions:
            raise ConfigError("captions: found none, expected at least one")
        return Modal(
            torch.cat([self._heard(caption) for caption in captions]),
            torch.cat([self._seen(caption) for caption in captions]),
        )

    def _heard(self, caption: str) -> Tensor:
        tokens = _tokens(self._tokenizers.audio, caption, self._lengths.audio)
        encoder = self._encoders.audio
        told = {name: tokens[name].to(encoder.device) for name in ("input_ids", "attention_mask")}
        embedding: Tensor = encoder(**told).text_embeds
        return functional.normalize(embedding, dim=-1)

    def _seen(self, caption: str) -> Tensor:
        tokens = _tokens(self._tokenizers.video, caption, self._lengths.video)
        encoder = self._encoders.video
        features: Tensor = encoder(tokens["input_ids"].to(encoder.device)).last_hidden_state
        return features


def _tokens(tokenizer: Any, caption: str, length: int) -> Any:
    return tokenizer(
        [caption], padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    )
