"""The tokenizer of CLAP's caption encoder: RoBERTa's byte pairs, from one file of the user.

Conventions
-----------
Ids are int64 (tokens,), from start of text `<s>` to end of text `</s>`, without padding. Longer
texts are truncated before the end.

References
----------
- Y. Liu et al.: RoBERTa: a robustly optimized BERT pretraining approach, 2019,
  https://arxiv.org/abs/1907.11692. The file is `tokenizer.json` of any RoBERTa on the Hugging Face
  hub; those of CLAP have the same vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from svbench.compute import digest_file
from svbench.errors import DataError
from svbench.files.text import REASON, shown
from svbench.files.weights.loading import WeightFile
from svbench.metrics.networks.clap_config import CAPTION_LONGEST
from svbench.metrics.networks.loading import Once

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# Part of the cache key: raise it whenever the code computes other ids for equal texts.
CODE_VERSION: Final = 1
KNOWN_BY: Final = 10  # letters of the file's digest in a key


@dataclass(frozen=True, slots=True)
class RobertaTokenizer:
    """Byte-pair encoding of RoBERTa, with its vocabulary in a file.

    Parameters
    ----------
    vocabulary : WeightFile
        `tokenizer.json`
    longest : int
        most ids of a text, those of start and end included
    """

    vocabulary: WeightFile
    longest: int = CAPTION_LONGEST
    _tokenizer: Once[PreTrainedTokenizerFast] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_tokenizer", Once(partial(_read, self.vocabulary)))

    @property
    def key(self) -> str:
        """Return the key of the vocabulary, the longest text and the code version."""
        return f"roberta-{self.longest}-{self.vocabulary.sha256[:KNOWN_BY]}-{CODE_VERSION}"

    def __call__(self, sentence: str) -> NDArray[np.int64]:
        """Return the token ids (tokens,) of a text."""
        found: Any = self._tokenizer.get()(sentence, truncation=True, max_length=self.longest)
        return np.array(found["input_ids"], np.int64)


def _read(file: WeightFile) -> PreTrainedTokenizerFast:
    """Load a tokenizer, if its file is still the one that was checked."""
    from transformers import PreTrainedTokenizerFast

    found = digest_file(file.path, "RoBERTa's tokenizer.json")
    if found != file.sha256:
        raise DataError(
            f"{file.path}: found sha256 {found}, expected {file.sha256} as when the work began; "
            "it was replaced meanwhile; run the same command again"
        )
    try:
        return PreTrainedTokenizerFast(tokenizer_file=str(file.path))
    except Exception as error:  # tokenizers raises plain exceptions; all mean the same here
        raise DataError(
            f"{file.path}: found no readable tokenizer ({shown(error, REASON)}), expected "
            "RoBERTa's tokenizer.json"
        ) from error
