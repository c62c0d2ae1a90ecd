"""Vocabularies of byte pairs of true size that no text was counted for, for random text encoders.

They have as many tokens as those of CLIP and RoBERTa, in the same order and with the same special
ids, so that transformers' tokenizers read them and every id has its row in a true text encoder.
What differs: pairs of lower-case letters in alphabetical order stand for the frequent pairs of
English, so a caption is cut elsewhere, into about twice as many tokens.

Conventions
-----------
A merge is a pair of tokens that are letters or merges before it; no two give the same token. Bytes
are written as GPT-2 writes them: the printable ones as they are, the others from U+0100 on.

References
----------
A. Radford et al.: Language models are unsupervised multitask learners, 2019 (byte-level BPE).
R. Sennrich et al.: Neural machine translation of rare words with subword units, ACL 2016.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice, product
from string import ascii_lowercase
from typing import Any, Final

Pair = tuple[str, str]

WORD_END: Final = "</w>"  # behind the last letter of a word (CLIP)
SPACE: Final = "Ġ"  # before the first letter of a word (GPT-2, RoBERTa)
CLIP_MERGES: Final = 48_894
CLIP_SPECIAL: Final = ("<|startoftext|>", "<|endoftext|>")
ROBERTA_MERGES: Final = 50_000
ROBERTA_FIRST: Final = ("<s>", "<pad>", "</s>", "<unk>")
ROBERTA_LAST: Final = ("<|endoftext|>", *(f"madeupword{i:04}" for i in range(3)), "<mask>")
_SPARE: Final = ROBERTA_LAST[-2]  # a token that no text has


def clip_merges() -> list[Pair]:
    """Return as many merges as CLIP's vocabulary has; a word's end is part of its last letter."""
    ends = [f"{letter}{WORD_END}" for letter in ascii_lowercase]
    return list(islice(_merges([""], ends), CLIP_MERGES))


def roberta_merges() -> list[Pair]:
    """Return as many merges as RoBERTa's vocabulary has; a space is part of the first letter."""
    spaced = [(SPACE, letter) for letter in ascii_lowercase]
    return list(islice(chain(spaced, _merges(["", SPACE], [])), ROBERTA_MERGES))


def clip_vocabulary() -> dict[str, int]:
    """Return CLIP's 49,408 tokens: bytes, bytes at a word's end, merges, special tokens."""
    signs = byte_signs()
    ends = [f"{sign}{WORD_END}" for sign in signs]
    return _numbered([*signs, *ends, *map("".join, clip_merges()), *CLIP_SPECIAL])


def roberta_vocabulary() -> dict[str, int]:
    """Return RoBERTa's 50,265 tokens: special tokens, bytes, merges, and the mask at the end."""
    merged = map("".join, roberta_merges())
    return _numbered([*ROBERTA_FIRST, *byte_signs(), *merged, *ROBERTA_LAST])


def roberta_tokenizer(mark: str) -> dict[str, Any]:
    """Return RoBERTa's tokenizer in the form of tokenizers' JSON files.

    `mark` stands in the place of a token that no text has.
    """
    tokens = [mark if token == _SPARE else token for token in roberta_vocabulary()]
    begin, pad, end, unknown = ROBERTA_FIRST
    places = {"single_word": False, "rstrip": False, "normalized": False, "special": True}
    special = (begin, pad, end, unknown, ROBERTA_LAST[-1])
    splitting = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": tokens.index(one), "content": one, "lstrip": one == special[-1], **places}
            for one in special
        ],
        "normalizer": None,
        "pre_tokenizer": splitting,
        "post_processor": {
            "type": "RobertaProcessing",
            "cls": [begin, tokens.index(begin)],
            "sep": [end, tokens.index(end)],
            "trim_offsets": True,
            "add_prefix_space": False,
        },
        "decoder": splitting,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "vocab": _numbered(tokens),
            "merges": [" ".join(pair) for pair in roberta_merges()],
        },
    }


def byte_signs() -> list[str]:
    """Return the 256 characters that stand for bytes: the printable ones, then replacements."""
    printing = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(byte) for byte in printing] + [chr(256 + i) for i in range(256 - len(printing))]


def _merges(starts: list[str], ends: list[str]) -> Iterator[Pair]:
    """Yield pairs of letters, then letters behind pairs, then pairs behind pairs.

    `starts` stand before a token, `ends` are what may be its last letter beside plain letters.
    """
    lasts = [*ascii_lowercase, *ends]
    firsts = [f"{start}{letter}" for start in starts for letter in ascii_lowercase]
    yield from product(firsts, lasts)
    plain = ["".join(pair) for pair in product(ascii_lowercase, repeat=2)]
    twos = [f"{start}{pair}" for start in starts for pair in plain]
    yield from product(twos, lasts)
    yield from product(twos, ["".join(pair) for pair in product(ascii_lowercase, lasts)])


def _numbered(tokens: list[str]) -> dict[str, int]:
    return {token: i for i, token in enumerate(tokens)}
