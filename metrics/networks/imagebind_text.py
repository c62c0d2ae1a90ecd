"""How ImageBind reads a sentence: as a row of token ids.

A `Tokenizer` is anything that makes such rows. `ClipTokenizer` cuts words into the byte pairs
of CLIP; its vocabulary is a file that the user has, svbench ships none. `WordTokenizer` knows
a list of words, which is enough for the small network.

Conventions
-----------
A row is int64 (context,): the id for the beginning, the ids of the sentence, the id for the
end, zeros. The end has the largest id of all, which is how the network finds it. What does
not fit is cut off before the end. An empty sentence is beginning and end.

A sentence that spells `<|startoftext|>` or `<|endoftext|>` gets the id of the beginning or the end
in that place, as CLIP's own tokenizer has it. The network looks for the first end, so it reads
nothing behind `<|endoftext|>`.

References
----------
- A. Radford et al.: Learning transferable visual models from natural language supervision.
  ICML 2021, arXiv:2103.00020. Vocabulary: `bpe_simple_vocab_16e6.txt.gz` of
  https://github.com/openai/CLIP (MIT), or `merges.txt` of any CLIP on the Hugging Face hub.
- R. Sennrich, B. Haddow, A. Birch: Neural machine translation of rare words with subword
  units. ACL 2016, arXiv:1508.07909.
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

CONTEXT: Final = 77  # ids in a row, of CLIP
MERGES: Final = 48894  # pairs that CLIP joins; its file holds more
WORD_END: Final = "</w>"
MARKS: Final = ("<|startoftext|>", "<|endoftext|>")  # spelt in a sentence: beginning and end
# Marks, contractions, letters, one digit, or what is neither.
PIECES: Final = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"
)
# Part of the cache key: raise it whenever the code gives other ids for equal sentences.
CODE_VERSION: Final = 2

Pair = tuple[str, str]


class Tokenizer(Protocol):
    """Makes rows of token ids of sentences."""

    @property
    def key(self) -> str:
        """Name everything that decides its ids."""
        ...

    def __call__(self, sentences: Sequence[str]) -> NDArray[np.int64]:
        """Give (N, context)."""
        ...


@dataclass(frozen=True)
class WordTokenizer:
    """Knows whole words: ids from 2 in their order, 1 for every other word, then begin and end."""

    words: tuple[str, ...]
    context: int

    @property
    def vocabulary(self) -> int:
        """Count the ids: filling, unknown word, words, begin, end."""
        return len(self.words) + 4

    @property
    def key(self) -> str:
        """Name the words."""
        digest = sha256("\n".join(self.words).encode()).hexdigest()
        return f"words-{self.context}-{digest[:10]}"

    def __call__(self, sentences: Sequence[str]) -> NDArray[np.int64]:
        """Give (N, context)."""
        number = {word: i for i, word in enumerate(self.words, start=2)}
        begin = len(self.words) + 2
        found = [
            [number.get(word, 1) for word in re.findall(r"\w+", sentence.lower())]
            for sentence in sentences
        ]
        return _rows(found, begin, begin + 1, self.context)


@dataclass(frozen=True)
class ClipTokenizer:
    """Cuts words into byte pairs, by the vocabulary of CLIP that lies in a file."""

    vocabulary: WeightFile
    context: int = CONTEXT
    _known: dict[str, tuple[str, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def key(self) -> str:
        """Name the vocabulary."""
        return f"clip-bpe-{self.context}-{self.vocabulary.sha256[:10]}-{CODE_VERSION}"

    def __call__(self, sentences: Sequence[str]) -> NDArray[np.int64]:
        """Give (N, context)."""
        begin, end = (self._ids[mark] for mark in MARKS)
        found = [[self._ids[part] for part in self._parts(s)] for s in sentences]
        return _rows(found, begin, end, self.context)

    @cached_property
    def _ranks(self) -> dict[Pair, int]:
        """Read which pairs are joined, the most frequent first."""
        return {pair: rank for rank, pair in enumerate(_read_merges(self.vocabulary))}

    @cached_property
    def _ids(self) -> dict[str, int]:
        """Number all parts: bytes, bytes that end a word, joined pairs, beginning, end."""
        signs = list(_byte_signs().values())
        parts = [*signs, *(sign + WORD_END for sign in signs), *map("".join, self._ranks)]
        return {part: i for i, part in enumerate([*parts, *MARKS])}

    def _parts(self, sentence: str) -> Iterable[str]:
        """Cut a sentence into parts that have an id."""
        # It knows letters and digits of every script, which `re` does not.
        import regex  # type: ignore[import-untyped]

        signs = _byte_signs()
        for word in regex.findall(PIECES, _tidy(sentence), regex.IGNORECASE):
            if word in MARKS:
                yield word
                continue
            spelled = "".join(signs[byte] for byte in word.encode())
            if spelled not in self._known:
                self._known[spelled] = _join_pairs(spelled, self._ranks)
            yield from self._known[spelled]


def _rows(found: Sequence[Sequence[int]], begin: int, end: int, context: int) -> NDArray[np.int64]:
    """Put sentences between begin and end, cut to fit, and fill up with zeros."""
    rows = np.zeros((len(found), context), dtype=np.int64)
    for row, ids in zip(rows, found, strict=True):
        whole = [begin, *ids[: context - 2], end]
        row[: len(whole)] = whole
    return rows


def _tidy(sentence: str) -> str:
    """Mend broken encodings and HTML, put one space between words, write small letters."""
    import ftfy

    mended = html.unescape(html.unescape(ftfy.fix_text(sentence)))
    return re.sub(r"\s+", " ", mended).strip().lower()


def _join_pairs(spelled: str, ranks: dict[Pair, int]) -> tuple[str, ...]:
    """Join pairs of neighbours, the most frequent first, until no known pair is left."""
    parts = (*spelled[:-1], spelled[-1] + WORD_END)
    while len(parts) > 1:
        best = min(pairwise(parts), key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        parts = _joined(parts, best)
    return parts


def _joined(parts: tuple[str, ...], pair: Pair) -> tuple[str, ...]:
    """Join every occurrence of a pair, from left to right."""
    out: list[str] = []
    i = 0
    while i < len(parts):
        here = parts[i : i + 2] == pair
        out.append("".join(pair) if here else parts[i])
        i += 2 if here else 1
    return tuple(out)


def _byte_signs() -> dict[int, str]:
    """Give each byte a sign that can be seen: itself, or one from U+0100 on."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), 256)]
    unseen = [byte for byte in range(256) if byte not in seen]
    return {byte: chr(byte) for byte in seen} | {b: chr(256 + i) for i, b in enumerate(unseen)}


def _read_merges(file: WeightFile) -> list[Pair]:
    """Read the pairs, one a line after a heading, from plain or gzipped text."""
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
