"""The nouns: what they print, and what files hold of them."""

from __future__ import annotations

import pytest

from svbench.types import Setting, settings_as_text


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
