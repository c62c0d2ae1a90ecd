"""The interval of an agreement holds a planted one: the simulation of docs/agreement.md, in short.

With the clips' noise as here, the percentile bootstrap fails, so the bar is one.
"""

from __future__ import annotations

import make_agreement as simulation
import numpy as np
import pytest

SAMPLES = 120
BAR = 0.90  # 95 % less 2.5 standard deviations of a share among so many


@pytest.mark.parametrize("clips", simulation.CLIPS)
@pytest.mark.parametrize(("target", "noise"), [(0.5, "much"), (0.9, "little")])
def test_the_interval_holds_what_was_planted(target: float, noise: str, clips: int) -> None:
    of = simulation.planted(target, slice(None), np.random.default_rng(0))
    assert of.truth == pytest.approx(target, abs=0.005)
    found = simulation.coverage(of, clips, noise, [simulation.OURS, "percentile"], SAMPLES)
    held, width = found[simulation.OURS]
    assert held >= BAR
    assert width < 0.6
    if clips == min(simulation.CLIPS):
        assert found["percentile"][0] < 0.6


@pytest.mark.parametrize(("target", "noise"), [(0.5, "little"), (1.0, "much, skewed")])
def test_the_interval_over_the_levels_of_a_distortion_holds_it(target: float, noise: str) -> None:
    of = simulation.planted(target, simulation.PARTS["10 levels"][0], np.random.default_rng(0))
    found = simulation.coverage(of, 19, noise, [simulation.OURS], SAMPLES)
    assert found[simulation.OURS][0] >= BAR
