"""The miniature's captions: words of a known list, and a small text encoder of CLIP's form.

Conventions
-----------
A caption becomes `WORDS` numbers: begin, its words, end, filler. Words that are not on the list
share one number. Sound is told one vector of length 1, video one vector per number; each caption
is read alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

from svbench.baselines.joint.pair import Modal
from svbench.baselines.miniature.nets import WORDS, text_encoder

FILLER, BEGIN, END, UNKNOWN = range(4)
SPECIAL: Final = 4  # numbers that are no words


class Captioner:
    """One encoder for both U-Nets.

    Parameters
    ----------
    words : sequence of str
        the known words, in lower case
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        encoder: Any = text_encoder(SPECIAL + len(self.words))
        self.encoder = encoder.eval()
        self._numbers = {word: SPECIAL + i for i, word in enumerate(self.words)}

    def numbers(self, caption: str) -> list[int]:
        """Give the numbers of a caption; what is too long is cut."""
        said = [self._numbers.get(word, UNKNOWN) for word in split(caption)][: WORDS - 2]
        return [BEGIN, *said, END, *[FILLER] * (WORDS - 2 - len(said))]

    def __call__(self, captions: Sequence[str]) -> Modal[Tensor]:
        """Give sound (B, D) and video (B, L, D)."""
        with torch.inference_mode():
            found = [self.encoder(torch.tensor([self.numbers(c)])) for c in captions]
        pooled = torch.cat([each.text_embeds for each in found])
        features = torch.cat([each.last_hidden_state for each in found])
        return Modal(functional.normalize(pooled, dim=-1).clone(), features.clone())


def split(caption: str) -> list[str]:
    """Give the words of a caption, in lower case."""
    return re.findall(r"\w+", caption.lower())
