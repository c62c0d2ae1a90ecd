"""Comparability of tables, columns and decoding: which settings are named, and which ignored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from svbench.intervals import INTERVAL_ONLY
from svbench.reports.compare.comparability import (
    LONGEST,
    columns_differ,
    data_differ,
    decoding_differs,
    formats_differ,
    settings_differ,
    shortened,
    tables_differ,
)
from svbench.types import Column
from tests.factories.results import COLUMNS, SPEC, make_table

TABLE = make_table()


def test_equal_settings_do_not_differ() -> None:
    settings = {"a": 1, "b": {"c": [1, 2], "d": None}}
    assert settings_differ(settings, settings) == ()


def test_a_difference_names_the_dotted_path_and_both_values() -> None:
    before = {"detectors": {"onsets": {"delta": 0.07, "wait": 1}}, "gone": "x", "none": None}
    now = {"detectors": {"onsets": {"delta": 0.1, "wait": 1}}, "new": True}
    assert settings_differ(before, now) == (
        "detectors.onsets.delta was 0.07, is 0.1",
        "gone was x, is absent",
        "none was None, is absent",
        "new was absent, is True",
    )


def test_a_long_value_is_cut() -> None:
    (line,) = settings_differ({"a": "x" * 100}, {"a": "y"})
    assert line == f"a was {'x' * (LONGEST - 1)}…, is y"


@pytest.mark.parametrize("name", INTERVAL_ONLY)
def test_settings_of_the_interval_alone_do_not_count(name: str) -> None:
    column = COLUMNS[1]
    assert columns_differ(column, replace(column, settings={**column.settings, name: "x"})) == ()


def test_the_direction_of_a_column_counts() -> None:
    one, other = (Column("m", "M", better, {}) for better in ("lower", "higher"))
    assert columns_differ(one, other) == ("better was lower, is higher",)


def test_tables_differ_by_data_and_by_format() -> None:
    assert tables_differ(TABLE, TABLE) == ()
    paper = replace(TABLE, scale="paper")
    assert data_differ(TABLE, paper) == ("scale was mini, is paper",)
    shorter = replace(TABLE, spec=replace(SPEC, frames=16))
    assert data_differ(TABLE, shorter) == ()
    assert formats_differ(TABLE, shorter) == (f"clip format was {SPEC}, is {shorter.spec}",)
    assert tables_differ(TABLE, replace(shorter, scale="paper")) == (
        *data_differ(TABLE, paper),
        *formats_differ(TABLE, shorter),
    )


def test_how_clips_are_decoded_is_no_part_of_the_format() -> None:
    official = replace(TABLE, spec=replace(SPEC, frame_choice="official"))
    assert formats_differ(TABLE, official) == ()
    assert tables_differ(TABLE, official) == ("frame choice was nearest, is official",)


COMPARES = {"ib-ta@published": ["text", "audio"], "ib-tv@published": ["text", "vision"]}


@pytest.mark.parametrize(
    ("metric", "frames", "channels"),
    [
        ("fvd@stylegan-v-16f", True, False),
        ("fad@audioldm-eval+miniature", False, True),
        ("ib-ta@published", False, True),
        ("ib-tv@published", True, False),
        ("ib-av@published", True, True),
        ("av-align-corrected@tuned", True, True),
        ("av-align-corrected@tuned+native", False, True),  # every frame at its own time
        ("of-somebody-else", True, True),
    ],
)
def test_decoding_counts_where_a_metric_depends_on_it(
    metric: str, frames: bool, channels: bool
) -> None:
    official, first = replace(SPEC, frame_choice="official"), replace(SPEC, channels="first")
    compares = {"ib-ta": ["text", "audio"], "ib-tv": ["text", "vision"]}.get(
        metric.partition("@")[0]
    )
    column = Column(metric, metric, "higher", {"compares": compares} if compares else {})
    assert bool(decoding_differs(SPEC, official, column)) == frames
    assert bool(decoding_differs(SPEC, first, column)) == channels


def test_clips_made_elsewhere_are_of_the_paper_scale() -> None:
    assert data_differ(replace(TABLE, scale="elsewhere"), replace(TABLE, scale="paper")) == ()


def test_many_reasons_are_shortened() -> None:
    assert shortened(("a", "b", "c")) == "a; b; c"
    assert shortened(("a", "b", "c", "d", "e")) == "a; b; c; and 2 more"
    assert shortened(("a", "b"), 1, "there") == "a; and 1 more (there)"
    assert shortened(()) == ""
