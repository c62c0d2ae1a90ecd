"""The nouns: what they print, and what files hold of them."""

from __future__ import annotations

import pytest

from svbench.errors import ScoreError
from svbench.types import Detection, Setting, settings_as_text


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("eq8", "eq8"),
        ("1.50", "1.50"),
        ("", ""),
        (25, "25"),
        (1.0, "1"),
        (1.5, "1.5"),
        (-0.25, "-0.25"),
        (1.2345678901, "1.2345678901"),
        (1e16, "10000000000000000"),
        (True, "true"),
        (False, "false"),
    ],
)
def test_a_setting_is_written_as_its_shortest_exact_text(setting: Setting, text: str) -> None:
    assert settings_as_text({"a": setting}) == {"a": text}


def test_a_number_and_its_text_are_written_alike() -> None:
    assert settings_as_text({"gamma": 1.75}) == settings_as_text({"gamma": "1.75"})


def test_shares_of_detections() -> None:
    found = Detection("onsets", matched=3, hits=4, found=6, clips=2, tolerance=0.1)
    assert (found.precision, found.recall, found.f) == (3 / 6, 3 / 4, 6 / 10)
    silent = Detection("onsets", matched=0, hits=4, found=0, clips=2, tolerance=0.1)
    assert (silent.precision, silent.recall, silent.f) == (None, 0, 0)
    empty = Detection("onsets", matched=0, hits=0, found=0, clips=2, tolerance=0.1)
    assert (empty.precision, empty.recall, empty.f) == (None, None, None)


@pytest.mark.parametrize("counts", [(5, 4, 6), (5, 6, 4), (-1, 4, 6), (1.5, 4, 6)])
def test_detections_are_counts(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ScoreError, match="expected whole numbers, and no more matches than hits"):
        Detection("onsets", *counts, clips=2, tolerance=0.1)
