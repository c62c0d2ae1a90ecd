"""The miniature's text encoder: a small one of CLIP's form, over a vocabulary of whole words.

Conventions
-----------
A caption becomes `WORDS` tokens: begin, its words, end, padding. Words out of the vocabulary share
one token. The audio's embedding is one vector of norm 1, the video's one vector per token; each
caption is encoded alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

from svbench.baselines.joint.pair import Pair
from svbench.baselines.miniature.nets import WORDS, text_encoder

PADDING, BEGIN, END, UNKNOWN = range(4)
SPECIAL: Final = 4  # tokens that are no words


class TextEncoder:
    """One text encoder for both U-Nets.

    Parameters
    ----------
    words : sequence of str
        the vocabulary, in lower case
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        encoder: Any = text_encoder(SPECIAL + len(self.words))
        self.encoder = encoder.eval()
        self._tokens = {word: SPECIAL + i for i, word in enumerate(self.words)}

    def tokens(self, caption: str) -> list[int]:
        """Return the tokens of a caption; a longer one is truncated."""
        words = [self._tokens.get(word, UNKNOWN) for word in split(caption)][: WORDS - 2]
        return [BEGIN, *words, END, *[PADDING] * (WORDS - 2 - len(words))]

    def __call__(self, captions: Sequence[str]) -> Pair[Tensor]:
        """Return audio (B, D) and video (B, L, D)."""
        with torch.inference_mode():
            outputs = [self.encoder(torch.tensor([self.tokens(c)])) for c in captions]
        pooled = torch.cat([output.text_embeds for output in outputs])
        features = torch.cat([output.last_hidden_state for output in outputs])
        return Pair(functional.normalize(pooled, dim=-1).clone(), features.clone())


def split(caption: str) -> list[str]:
    """Return the words of a caption, in lower case."""
    return re.findall(r"\w+", caption.lower())
