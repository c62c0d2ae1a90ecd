"""Short titles of columns, for tables without room for full ones.

A title is a name and, in brackets, its qualifiers: `AV-Align (adjusted, corrected, published
detectors)`. Only qualifiers that the columns of one name do not share are kept, each as its first
word, abbreviated: `Align adj`, where another column is `Align` (not `AV-A`, by which Verse-Bench
calls an offset of Synchformer). What stands behind the brackets is kept whole: `FAD, halves`. A
number is kept only where nothing else tells columns apart: `FD PANNs`, not `FD PANNs 16`. The rule
applies to any metric, also of a plug-in; the abbreviations of names are in `USUAL`. Different
titles have different short titles.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

USUAL: Final[Mapping[str, str]] = {
    "AV-Align": "Align",
    "AVHScore": "AVH",
    "JavisScore": "Javis",
    "adjusted": "adj",
    "corrected": "corr",
    "miniature": "mini",
    "tempotokens-2023": "TT-23",
    "tempotokens-2025": "TT-25",
}
# A network whose axes are columns, and words of tables of validity:
WHOLE: Final = frozenset({"AudioBox", "Spearman", "monotone", "undistorted"})
LONGEST: Final = 7  # characters of a word that is not abbreviated; the width of an interval's end
KEPT: Final = 4  # characters of a longer one
_TITLE: Final = re.compile(
    r"(?P<name>.+?)(?: \((?P<parts>[^()]+)\))?(?P<tail>(?:(?<=\)), [^()↑↓]+?)?(?: [↑↓].*)?)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Title:
    name: str
    parts: tuple[str, ...] = ()
    tail: str = ""  # what stands behind the brackets: an arrow, mostly


def short_titles(titles: Sequence[str]) -> tuple[str, ...]:
    """Return a short title for each title; equal only where the titles are equal.

    Parameters
    ----------
    titles : Sequence[str]
        titles as printed, with or without an arrow behind them
    """
    read = {title: _read(title) for title in titles}
    short = {title: _short(of, list(read.values())) for title, of in read.items()}
    return tuple(_numbered(short)[title] for title in titles)


def _read(title: str) -> _Title:
    found = _TITLE.fullmatch(title)
    if found is None:  # an empty title
        return _Title(title)
    parts = tuple(found["parts"].split(", ")) if found["parts"] else ()
    return _Title(found["name"], parts, found["tail"] or "")


def _short(title: _Title, titles: Sequence[_Title]) -> str:
    alike = [other for other in titles if other.name == title.name]
    parts = _without_numbers(alike) or {other: other.parts for other in alike}
    own = [set(of) for of in parts.values()]
    shared = set.intersection(*own) if len(own) > 1 else set(title.parts)
    kept = [_abbreviated(part.split(" ")[0]) for part in parts[title] if part not in shared]
    name = " ".join(map(_abbreviated, title.name.split(" ")))
    return " ".join([name, *kept]) + title.tail


def _without_numbers(titles: Sequence[_Title]) -> dict[_Title, tuple[str, ...]]:
    """Return the qualifiers of titles but for numbers; empty if these alone tell some apart."""
    words = {t: tuple(part for part in t.parts if not part[:1].isdigit()) for t in titles}
    distinct = {(of, title.tail) for title, of in words.items()}
    return words if len(distinct) == len(words) else {}


def _abbreviated(word: str) -> str:
    if word in WHOLE or (len(word) <= LONGEST and word not in USUAL):
        return word
    return USUAL.get(word, word[:KEPT])


def _numbered(short: Mapping[str, str]) -> Mapping[str, str]:
    """Return the short titles, with a number added to those that would be equal."""
    times = Counter(short.values())
    taken = set(short.values())
    found: dict[str, str] = {}
    for title, name in short.items():
        if times[name] > 1:
            words = name.split(" ")
            number = 1
            while (name := " ".join([words[0] + f"-{number}", *words[1:]])) in taken:
                number += 1
            taken.add(name)
        found[title] = name
    return found
