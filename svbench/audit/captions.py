"""Findings on captions: absent, repeated, or longer than text encoders read.

repeated    Where at least `SHARED` of the clips share captions with others, captions are of classes
            or constant, which is no finding: how many there are is part of the summary.
length      CLIP's text encoder, which ImageBind has as well, reads 77 tokens, CLAP's 512, start and
            end of text among them. Tokens of CLIP are counted by its own vocabulary if that is in
            the folder of weights (`svbench weights fetch clip-bpe`). Otherwise there are bounds: a
            token lies within a word, a number's digit or a run of other signs, so these are the
            fewest; no token is shorter than a byte of UTF-8, so these are the most. Only what is
            too long for certain is a finding. Tokens of CLAP are bounded from below by words.

References
----------
- A. Radford et al.: Learning transferable visual models from natural language supervision.
  ICML 2021, arXiv:2103.00020.
- Y. Wu et al.: Large-scale contrastive language-audio pretraining. ICASSP 2023, arXiv:2211.06687.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from svbench.audit.kinds import CLAP_TOKENS, CLIP_TOKENS, Finding
from svbench.datasets.survey import Survey
from svbench.types import Example

SHARED: Final = 0.5  # of the clips
ENDS: Final = 2  # tokens: start and end of text
VOCABULARY: Final = "clip-bpe"  # of svbench weights
COUNTED: Final = 4096  # tokens up to which they are counted


@dataclass(frozen=True, slots=True)
class Length:
    """The number of a caption's tokens for CLIP, or bounds of it."""

    least: int
    most: int

    def __str__(self) -> str:
        """Return it as a finding shows it."""
        return f"{self.least}" if self.least == self.most else f"at least {self.least}"


class Counting:
    """Counts the tokens of captions for CLIP, each caption once."""

    def __init__(self) -> None:
        from svbench.files.weights.folder import find
        from svbench.metrics.networks.imagebind_text import ClipTokenizer

        found = find(VOCABULARY)
        self._tokenizer = None if found is None else ClipTokenizer(found, COUNTED)
        self._known: dict[str, Length] = {}

    @property
    def about(self) -> str:
        """Return how they are counted."""
        return "estimated by words" if self._tokenizer is None else "counted by CLIP's vocabulary"

    def __call__(self, caption: str) -> Length:
        """Return the number of a caption's tokens, with start and end of text."""
        if caption not in self._known:
            self._known[caption] = self._count(caption)
        return self._known[caption]

    def _count(self, caption: str) -> Length:
        if self._tokenizer is None:
            return bounds(caption)
        row = self._tokenizer([caption])[0]
        count = int(row.argmax()) + 1  # the end of text has the largest id
        return Length(count, count)


def bounds(caption: str) -> Length:
    """Return bounds of the number of tokens, with start and end of text."""
    import regex  # type: ignore[import-untyped]

    from svbench.metrics.networks.imagebind_text import PIECES

    pieces = regex.findall(PIECES, caption, regex.IGNORECASE)
    return Length(len(pieces) + ENDS, len("".join(caption.split()).encode()) + ENDS)


@dataclass(frozen=True, slots=True)
class Captions:
    """A summary of the captions of a split."""

    distinct: int
    shared: bool  # of classes, or constant: most clips share theirs
    perhaps_long: int  # too long for CLIP or not: the estimate cannot tell


def summarise(examples: Sequence[Example], count: Counting) -> Captions:
    """Return a summary of captions, without empty ones."""
    times = Counter(example.caption for example in examples if example.caption.strip())
    lengths = ((count(caption), number) for caption, number in times.items())
    perhaps = sum(number for n, number in lengths if n.least <= CLIP_TOKENS < n.most)
    return Captions(len(times), _is_shared(times), perhaps)


def _is_shared(times: Counter[str]) -> bool:
    alike = sum(number for number in times.values() if number > 1)
    return alike > 0 and alike >= SHARED * times.total()


def check(survey: Survey, count: Counting) -> Iterator[Finding]:
    """Yield the captions of a split with problems."""
    reported = {problem.clip for problem in survey.problems if problem.kind == "no-caption"}
    shared = summarise(survey.examples, count).shared
    first: dict[str, str] = {}
    for example in survey.examples:
        text = example.caption
        if not text.strip():
            if example.id not in reported:
                yield _finding("no-caption", survey, example, "no caption", "a text")
            continue
        if first.setdefault(text, example.id) != example.id and not shared:
            found = f"the caption of {first[text]}"
            yield _finding("same-caption", survey, example, found, "one of its own")
        yield from _long(survey, example, count(text))


def _long(survey: Survey, example: Example, length: Length) -> Iterator[Finding]:
    words = len(example.caption.split()) + ENDS
    if words > CLAP_TOKENS:
        expected = f"at most {CLAP_TOKENS} for CLAP, {CLIP_TOKENS} for CLIP and ImageBind"
        yield _finding("long-caption", survey, example, f"{length} tokens", expected)
    elif length.least > CLIP_TOKENS:
        expected = f"at most {CLIP_TOKENS} for CLIP and ImageBind"
        yield _finding("long-caption", survey, example, f"{length} tokens", expected)


def _finding(kind: str, survey: Survey, example: Example, found: str, expected: str) -> Finding:
    file = survey.listing or example.recording.path
    return Finding(kind, survey.split, example.id, file, found, expected)
