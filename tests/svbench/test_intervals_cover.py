"""Intervals hold the truth at their nominal rate: the simulation of docs/intervals.md, in short."""

from __future__ import annotations

import importlib.util
import re
import sys
from types import ModuleType

import numpy as np
import pytest

from svbench.metrics.avalign.score import CAVEAT
from tests.goldens.places import REPOSITORY

SAMPLES = 3000
COUNTS = (5, 8, 20)
BAR = 0.93
ERROR = 0.005  # of a share near 0.95 among so many samples, somewhat more than one deviation


def _script() -> ModuleType:
    """Load the command that writes the page."""
    path = REPOSITORY / "docs" / "make_intervals.py"
    spec = importlib.util.spec_from_file_location("make_intervals", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


SIM = _script()
BOUNDED = {**SIM.SCORES, **SIM.ALIKE, **SIM.UNLIKE}


@pytest.mark.parametrize("title", BOUNDED)
def test_intervals_cover_at_every_count(title: str) -> None:
    for count in COUNTS:
        coverage, width = SIM.measured(BOUNDED[title], count, SIM.METHODS[SIM.OURS], SAMPLES)
        assert coverage >= BAR - ERROR, f"N = {count}"
        low, high = BOUNDED[title].bounds
        assert width < high - low, f"N = {count}"


@pytest.mark.parametrize("title", SIM.ALIKE)
def test_systems_that_do_not_differ_are_seldom_called_different(title: str) -> None:
    for count in COUNTS:
        coverage, _ = SIM.measured(SIM.ALIKE[title], count, SIM.METHODS[SIM.OURS], SAMPLES)
        assert 1 - coverage <= 0.06, f"N = {count}"


@pytest.mark.parametrize("count", COUNTS)
def test_the_percentile_bootstrap_fails_this_bar(count: int) -> None:
    """So that the bar is one: what svbench had misses it, on scores and on differences alike."""
    bootstrap = SIM.METHODS["percentile bootstrap"]
    for kinds in (SIM.SCORES, SIM.ALIKE, SIM.UNLIKE):
        least = min(SIM.measured(kind, count, bootstrap, 400)[0] for kind in kinds.values())
        assert least < 0.915


def test_where_students_t_holds_ours_is_little_wider() -> None:
    """An interval that covers by being wide is no use: the price of safety at N = 40 is small."""
    compared = 0
    for title, kind in BOUNDED.items():
        held, student = SIM.measured(kind, 40, SIM.METHODS["Student's t"], 500)
        if held >= BAR:
            _, ours = SIM.measured(kind, 40, SIM.METHODS[SIM.OURS], 500)
            assert ours < 1.15 * student, title
            compared += 1
    assert compared > 15


def test_the_page_was_written_by_this_command() -> None:
    """Its figures at N = 5 agree with the short simulation."""
    page = (REPOSITORY / "docs" / "intervals.md").read_text(encoding="utf-8")
    for title in ("uniform", "Beta(0.2, 0.8)", "85 % equal, else uniform in 0..1"):
        rows = re.search(f"\\| {re.escape(title)} \\|.*\n\\|  \\| svbench \\| ([0-9.]+),", page)
        assert rows is not None
        coverage, _ = SIM.measured(BOUNDED[title], 5, SIM.METHODS[SIM.OURS], SAMPLES)
        assert float(rows[1]) == pytest.approx(coverage, abs=0.015)


@pytest.mark.parametrize(("events", "place"), [(6, 0), (8, 1)])
def test_the_note_beside_adjusted_av_align_states_what_is_measured(events: int, place: int) -> None:
    stated = float(re.findall(r"0\.\d\d(?= where| for)", CAVEAT)[place])
    mean, _ = SIM.adjusted(events, 400, SIM.DURATION / 2)
    assert stated == pytest.approx(mean, abs=0.05)


def test_p_is_an_upper_bound_as_the_note_says() -> None:
    low, high = map(float, re.findall(r"(\d) to (\d) % have", CAVEAT)[0])
    shares = np.array([SIM.adjusted(events, 400, SIM.DURATION)[1] for events in (2, 5, 8)])
    assert (100 * shares >= low - 0.75).all()
    assert (100 * shares <= high + 1).all()
    assert (shares < 0.05).all()
