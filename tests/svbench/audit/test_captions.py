"""Captions: what is by design, and bounds of the number of tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from svbench.audit.captions import Counting, Length, bounds, check, summarise
from svbench.datasets.survey import Survey
from svbench.types import Example, Recording


def examples(*captions: str) -> tuple[Example, ...]:
    return tuple(Example(str(n), text, Recording(Path("x.mp4"))) for n, text in enumerate(captions))


@pytest.fixture
def counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counting:
    """Return a count of tokens without CLIP's vocabulary."""
    monkeypatch.setenv("SVBENCH_WEIGHTS", str(tmp_path))
    found = Counting()
    assert found.about == "estimated by words"
    return found


def kinds(counting: Counting, *captions: str) -> list[tuple[str, str]]:
    survey = Survey("test", None, examples(*captions))
    return [(finding.kind, finding.clip) for finding in check(survey, counting)]


def test_captions_of_classes_are_no_finding(counting: Counting) -> None:
    assert kinds(counting, *(["rain"] * 3 + ["thunder"] * 2)) == []
    assert summarise(examples("rain", "rain"), counting).distinct == 1


def test_a_caption_that_two_of_many_share_is_one(counting: Counting) -> None:
    assert kinds(counting, "a", "b", "c", "a", "d") == [("same-caption", "3")]


def test_absent_captions_are_found(counting: Counting) -> None:
    assert kinds(counting, "a", " ", "") == [("no-caption", "1"), ("no-caption", "2")]


def test_bounds_hold_words_digits_and_signs() -> None:
    assert bounds("a cat") == Length(4, 6)  # two words between the ends; four letters
    assert bounds("1990!") == Length(4 + 1 + 2, 5 + 2)  # each digit is a token
    assert bounds("") == Length(2, 2)


def test_only_what_is_too_long_for_certain_is_found(counting: Counting) -> None:
    assert kinds(counting, "a " * 75, "b " * 76) == [("long-caption", "1")]
    assert summarise(examples("extraordinary " * 20), counting).perhaps_long == 1
