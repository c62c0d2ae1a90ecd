"""Traces of clips: the same give the same bytes, and every clip is a panel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from svbench.errors import ConfigError
from svbench.reports.figures.hit_traces import HitTrace, draw

TRACE = HitTrace(
    title="c0, 8 frames/s: 1 wrong",
    times=[0.0, 0.125, 0.25],
    motion=[0.0, 2.0, 0.5],
    unit="motion",
    hits=[0.125],
    onsets=[0.13],
    peaks=[0.125, 0.25],
)


def test_the_same_traces_give_the_same_picture(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        draw([TRACE, replace(TRACE, title="c1")], tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_a_clip_without_events_is_a_panel(tmp_path: Path) -> None:
    still = replace(TRACE, motion=[0.0, 0.0, 0.0], hits=(), onsets=(), peaks=())
    draw([TRACE, still], tmp_path / "worst.svg")
    text = (tmp_path / "worst.svg").read_text(encoding="utf-8")
    assert text.startswith("<?xml")
    assert text.count('id="axes_') == 2


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(ConfigError, match="found 2 times and 3 values of motion"):
        replace(TRACE, times=[0.0, 0.1])
