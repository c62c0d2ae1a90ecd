"""Which clips of a list are kept, and why others are left out.

Rules are applied one after the other; each sees what the ones before it kept. A rule is a function
that returns why a clip is left out, or None. What is left out is written to `left_out.csv`.

References
----------
- G. Yariv et al.: Diverse and aligned audio-to-video generation via text-to-video model adaptation
  (TempoTokens). AAAI 2024, arXiv:2309.16429; `utils/dataset.py` of its code for the rules on
  excluded videos and rare classes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from svbench.datasets.lists import SPLITS
from svbench.errors import DataError
from svbench.files.text import csv_text

TRAIN, TEST = SPLITS
LEFT_OUT: Final = "left_out.csv"
HEADING: Final = ("id", "split", "why", "detail")


class Clip(NamedTuple):
    """A clip of a list.

    Parameters
    ----------
    id : str
        its id in the data set
    video : str
        what it was cut from; clips of one video may not lie in both splits
    label : str
        its class
    split : str
        "train" or "test"
    """

    id: str
    video: str
    label: str
    split: str


class Reason(NamedTuple):
    """Why a clip is left out: in words that many clips share, and what is its own."""

    why: str
    detail: str = ""


Rule = Callable[[Clip], Reason | None]


@dataclass(slots=True)
class Selection:
    """The clips that are kept so far, in the order of the list, and those that are left out."""

    clips: list[Clip]
    left_out: list[tuple[Clip, Reason]] = field(default_factory=list)

    def apply(self, rule: Rule) -> None:
        """Leave out the clips for which a rule has a reason."""
        judged = [(clip, rule(clip)) for clip in self.clips]
        self.clips = [clip for clip, reason in judged if reason is None]
        self.left_out += [(clip, reason) for clip, reason in judged if reason is not None]

    def of(self, split: str) -> list[Clip]:
        """Return the clips of a split that are kept."""
        return [clip for clip in self.clips if clip.split == split]

    @property
    def counts(self) -> dict[str, int]:
        """Return how many clips of each split are kept, and how many are left out."""
        return {split: len(self.of(split)) for split in SPLITS} | {"left_out": len(self.left_out)}

    @property
    def summary(self) -> str:
        """Return what is kept in words."""
        kept = " and ".join(f"{len(self.of(split)):,} {split}" for split in SPLITS)
        labels = len({clip.label for clip in self.clips})
        classes = "class" if labels == 1 else "classes"
        return f"{kept} clips of {labels} {classes}; {len(self.left_out):,} in {LEFT_OUT}"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return how many clips of each split are left out for each reason, one line each."""
        counts = Counter((reason.why, clip.split) for clip, reason in self.left_out)
        return tuple(
            f"{number:,} {split} clip{'s' * (number > 1)}: {why}"
            for (why, split), number in counts.items()
        )

    def check(self, where: Path) -> None:
        """Raise DataError where a split is empty."""
        for split in SPLITS:
            if not self.of(split):
                why = "; ".join(self.reasons) or "none is listed"
                raise DataError(f"{where}: no {split} clip is left, expected some ({why})")

    def table(self) -> bytes:
        """Return `left_out.csv`: id, split, why, and what is particular to the clip."""
        lines = [(clip.id, clip.split, why.why, why.detail) for clip, why in self.left_out]
        return csv_text([HEADING, *lines], verbatim=True).encode()


# --- rules -------------------------------------------------------------------------------------


def contaminated(clips: Sequence[Clip]) -> Rule:
    """Return the rule that leaves out training clips of videos that have a test clip.

    The test split stays whole, so that figures for it stay comparable with other people's.
    """
    tested = {clip.video: clip.id for clip in clips if clip.split == TEST}

    def rule(clip: Clip) -> Reason | None:
        if clip.split == TRAIN and clip.video in tested:
            return Reason("its video is in the test split, too", tested[clip.video])
        return None

    return rule


def repeated() -> Rule:
    """Return the rule that leaves out a clip that is listed before; it is applied once."""
    before: dict[str, Clip] = {}

    def rule(clip: Clip) -> Reason | None:
        first = before.setdefault(clip.id, clip)
        return None if first is clip else Reason("listed before", f"as {first.label}")

    return rule


def excluded(ids: Collection[str]) -> Rule:
    """Return the rule that leaves out training clips that are listed, by clip or by video."""

    def rule(clip: Clip) -> Reason | None:
        if clip.split == TRAIN and (clip.video in ids or clip.id in ids):
            return Reason("excluded by --exclude")
        return None

    return rule


def rare(clips: Sequence[Clip], least: int) -> Rule:
    """Return the rule that leaves out classes of fewer than `least` training clips in every split.

    TempoTokens counts the clips of the split that it loads, behind the exclusion. It only ever
    loads the training split in this way: no class has 120 test clips, so the same lines would leave
    none of them. A model that never saw a class is not tested on it here.
    """
    counts = Counter(clip.label for clip in clips if clip.split == TRAIN)

    def rule(clip: Clip) -> Reason | None:
        if counts[clip.label] < least:
            why = f"its class has fewer than {least} training clips (--min-clips)"
            return Reason(why, f"{clip.label}: {counts[clip.label]}")
        return None

    return rule


def absent(there: Collection[str]) -> Rule:
    """Return the rule that leaves out clips without a file."""

    def rule(clip: Clip) -> Reason | None:
        return None if clip.id in there else Reason("no file")

    return rule


def broken(problems: Mapping[str, str]) -> Rule:
    """Return the rule that leaves out clips that could not be cut."""

    def rule(clip: Clip) -> Reason | None:
        problem = problems.get(clip.id)
        return None if problem is None else Reason("it cannot be cut", problem)

    return rule
