"""Local time steps: Eq. 8 by hand, and the lists that the released code gives."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svbench.baselines.joint.timesteps import eq8, exponents, local_timesteps, official, spaced
from svbench.errors import ConfigError
from tests.goldens.places import fact


def test_eq8_by_hand() -> None:
    # gamma 4: video (t / 4)^2, sound (t / 4)^(1/2), times 1000; an index is one less
    found = local_timesteps(4, 4.0)
    assert found.audio == [999, 865, 706, 499]  # 1000, 866.03, 707.1, 500
    assert found.video == [999, 561, 249, 61]  # 1000, 562.5 -> 562 (to even), 250, 62.5 -> 62


def test_gamma_1_adjusts_nothing() -> None:
    found = local_timesteps(5, 1.0)
    assert found.audio == found.video == [999, 799, 599, 399, 199]
    official = local_timesteps(5, 1.0, "official")
    assert official == ([801, 601, 401, 201, 1], [999, 749, 500, 250, 0])


def test_the_released_lists() -> None:
    runs = json.loads(fact("svg_official_timesteps.json").read_text())["timesteps"]
    seen = 0
    for steps, by_gamma in runs.items():
        for name, lists in by_gamma.items():
            gamma = 1.0 if name == "gammaNone" else float(name.removeprefix("gamma"))
            found = local_timesteps(int(steps.removeprefix("T")), gamma, "official")
            assert (found.audio, found.video) == (lists["audio"], lists["video"]), (steps, name)
            seen += 1
    assert seen >= 18


@pytest.mark.parametrize("exponent", [1, 2])
def test_exact_halves_of_eq8_go_to_the_even_neighbour(exponent: int) -> None:
    halves = 0
    for steps in (8, 16, 20, 48, 80, 100, 200, 256, 400, 1000):
        exact = [1000 * Fraction(t, steps) ** exponent for t in range(steps, 0, -1)]
        halves += sum(level.denominator == 2 for level in exact)
        # Python rounds fractions exactly, halves to even; level 0 is the data (see `eq8`)
        assert eq8(steps, exponent) == [max(round(level), 1) - 1 for level in exact]
    assert halves > 10


def test_an_exact_half_under_a_root() -> None:
    # 1000 sqrt(9 / 256) = 187.5 and 1000 sqrt(1 / 256) = 62.5
    path = eq8(256, 0.5)
    assert (path[256 - 9] + 1, path[256 - 1] + 1) == (188, 62)


def test_rounding_repeats_a_level_and_the_path_keeps_both() -> None:
    # as counted in the released code: 1, 5, 11 for gamma 1.5, 1.75, 2 and `leading` steps
    for gamma, repeats in ((1.5, 1), (1.75, 5), (2.0, 11)):
        path = official(spaced(500, "leading"), math.sqrt(gamma))
        assert len(path) == 500
        assert len(set(path)) == 500 - repeats


@given(st.integers(1, 1000), st.floats(0.1, 10), st.sampled_from(["eq8", "official"]))
def test_a_path_falls_and_stays_in_the_table(steps: int, gamma: float, kind: str) -> None:
    for path in local_timesteps(steps, gamma, kind):  # type: ignore[arg-type]
        assert len(path) == steps
        assert all(0 <= t <= 999 for t in path)
        assert all(a >= b for a, b in pairwise(path))


@given(st.integers(2, 100), st.floats(1.01, 5))
def test_gamma_above_1_lets_the_video_run_ahead(steps: int, gamma: float) -> None:
    found = local_timesteps(steps, gamma)
    plain = local_timesteps(steps, 1.0)
    assert all(v <= t <= a for a, v, t in zip(*found, plain.video, strict=True))
    e = exponents(gamma)
    assert math.isclose(e.audio * e.video, 1)


@pytest.mark.parametrize("gamma", [0.0, -1.0, float("nan"), float("inf")])
def test_gamma_must_be_positive(gamma: float) -> None:
    with pytest.raises(ConfigError, match=r"--gamma: found .*expected a positive number"):
        local_timesteps(5, gamma)


@pytest.mark.parametrize("steps", [0, 1001])
def test_steps_must_fit_the_table(steps: int) -> None:
    with pytest.raises(ConfigError, match=f"--steps: found {steps}, expected 1 to 1000"):
        local_timesteps(steps, 1.0)
