"""Tokenizers of ImageBind's text encoder.

`ClipTokenizer` is the byte-pair encoding of CLIP; its vocabulary is a file of the user, svbench
ships none. `WordTokenizer` has a list of words, for the small network. Both are a `Tokenizer`.

Conventions
-----------
A row is int64 (context,): the id of start of text, those of the tokens, that of end of text, zeros.
End of text has the largest id, by which the network finds it. Longer texts are truncated before it.
An empty text is start and end.

A text that contains `<|startoftext|>` or `<|endoftext|>` has their ids in that place, as with
CLIP's own tokenizer. The network pools at the first end of text, so tokens after `<|endoftext|>`
have no effect.

References
----------
- A. Radford et al.: Learning transferable visual models from natural language supervision.
  ICML 2021, https://arxiv.org/abs/2103.00020. Vocabulary: `bpe_simple_vocab_16e6.txt.gz` of
  https://github.com/openai/CLIP (MIT), or `merges.txt` of any CLIP on the Hugging Face hub.
- R. Sennrich, B. Haddow, A. Birch: Neural machine translation of rare words with subword
  units. ACL 2016, https://arxiv.org/abs/1508.07909.
"""

from __future__ import annotations

import gzip
import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from svbench.errors import DataError
from svbench.files.weights.loading import WeightFile

CONTEXT: Final = 77  # ids in a row of CLIP
MERGES: Final = 48894  # merges of CLIP; its file holds more
WORD_END: Final = "</w>"
MARKS: Final = ("<|startoftext|>", "<|endoftext|>")  # special tokens
# Special tokens, contractions, letters, one digit, or anything else but white space.
PIECES: Final = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"
)
# Part of the cache key: raise it whenever the code computes other ids for equal texts.
CODE_VERSION: Final = 2

Pair = tuple[str, str]


class Tokenizer(Protocol):
    """Converts texts to rows of token ids."""

    @property
    def key(self) -> str:
        """Return the key of everything that decides the ids."""
        ...

    def __call__(self, sentences: Sequence[str]) -> NDArray[np.int64]:
        """Return token ids (N, context)."""
        ...


@dataclass(frozen=True)
class WordTokenizer:
    """Tokenizer of whole words: 0 padding, 1 unknown, then the words, start and end of text."""

    words: tuple[str, ...]
    context: int

    @property
    def vocabulary(self) -> int:
        """Return the number of ids: padding, unknown, words, start, end."""
        return len(self.words) + 4

    @property
    def key(self) -> str:
        """Return the key of the words and the context."""
        digest = sha256("\n".join(self.words).encode()).hexdigest()
        return f"words-{self.context}-{digest[:10]}"

    def __call__(self, sentences: Sequence[str]) -> NDArray[np.int64]:
        """Return token ids (N, context)."""
        number = {word: i for i, word in enumerate(self.words, start=2)}
        begin = len(self.words) + 2
        found = [
            [number.get(word, 1) for word in re.findall(r"\w+", sentence.lower())]
            for sentence in sentences
        ]
        return _rows(found, begin, begin + 1, self.context)


@dataclass(frozen=True)
class ClipTokenizer:
    """Byte-pair encoding of CLIP, with its vocabulary in a file."""

    vocabulary: WeightFile
    context: int = CONTEXT
    _known: dict[str, tuple[str, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def key(self) -> str:
        """Return the key of the vocabulary, the context and the code version."""
        return f"clip-bpe-{self.context}-{self.vocabulary.sha256[:10]}-{CODE_VERSION}"

    def __call__(self, sentences: Sequence[str]) -> NDArray[np.int64]:
        """Return token ids (N, context)."""
        begin, end = (self._ids[mark] for mark in MARKS)
        found = [[self._ids[part] for part in self._parts(s)] for s in sentences]
        return _rows(found, begin, end, self.context)

    @cached_property
    def _ranks(self) -> dict[Pair, int]:
        """Return the rank of each merge, the most frequent first."""
        return {pair: rank for rank, pair in enumerate(_read_merges(self.vocabulary))}

    @cached_property
    def _ids(self) -> dict[str, int]:
        """Return the id of each token: bytes, bytes at a word's end, merges, special tokens."""
        signs = list(_byte_signs().values())
        parts = [*signs, *(sign + WORD_END for sign in signs), *map("".join, self._ranks)]
        return {part: i for i, part in enumerate([*parts, *MARKS])}

    def _parts(self, sentence: str) -> Iterable[str]:
        """Yield the tokens of a sentence."""
        # Unlike `re` it has the classes of letters and digits of every script.
        import regex  # type: ignore[import-untyped]

        signs = _byte_signs()
        for word in regex.findall(PIECES, _cleaned(sentence), regex.IGNORECASE):
            if word in MARKS:
                yield word
                continue
            spelled = "".join(signs[byte] for byte in word.encode())
            if spelled not in self._known:
                self._known[spelled] = _join_pairs(spelled, self._ranks)
            yield from self._known[spelled]


def _rows(found: Sequence[Sequence[int]], begin: int, end: int, context: int) -> NDArray[np.int64]:
    """Return rows with start and end of text, truncated or zero-padded to the context."""
    rows = np.zeros((len(found), context), dtype=np.int64)
    for row, ids in zip(rows, found, strict=True):
        whole = [begin, *ids[: context - 2], end]
        row[: len(whole)] = whole
    return rows


def _cleaned(sentence: str) -> str:
    """Return a text as CLIP cleans it: encoding and HTML repaired, single spaces, lower case."""
    import ftfy

    repaired = html.unescape(html.unescape(ftfy.fix_text(sentence)))
    return re.sub(r"\s+", " ", repaired).strip().lower()


def _join_pairs(spelled: str, ranks: dict[Pair, int]) -> tuple[str, ...]:
    """Merge pairs of neighbours, the most frequent first, until no merge applies."""
    parts = (*spelled[:-1], spelled[-1] + WORD_END)
    while len(parts) > 1:
        best = min(pairwise(parts), key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        parts = _joined(parts, best)
    return parts


def _joined(parts: tuple[str, ...], pair: Pair) -> tuple[str, ...]:
    """Merge every occurrence of a pair, from left to right."""
    out: list[str] = []
    i = 0
    while i < len(parts):
        here = parts[i : i + 2] == pair
        out.append("".join(pair) if here else parts[i])
        i += 2 if here else 1
    return tuple(out)


def _byte_signs() -> dict[int, str]:
    """Return a printable character for each byte: itself, or one from U+0100 on."""
    shown = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), 256)]
    other = [byte for byte in range(256) if byte not in shown]
    return {byte: chr(byte) for byte in shown} | {b: chr(256 + i) for i, b in enumerate(other)}


def _read_merges(file: WeightFile) -> list[Pair]:
    """Load the merges, one a line after a header, from plain or gzipped text."""
    try:
        raw = file.path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{file.path}: found no readable vocabulary ({error})") from error
    pairs = [tuple(line.split()) for line in text.split("\n")[1 : MERGES + 1] if line]
    wrong = [i for i, pair in enumerate(pairs, start=2) if len(pair) != 2]
    if wrong or not pairs:
        raise DataError(
            f"{file.path}: found no pair in line {wrong[0] if wrong else 2}, expected CLIP's "
            "bpe_simple_vocab_16e6.txt.gz or merges.txt"
        )
    return [(pair[0], pair[1]) for pair in pairs]
