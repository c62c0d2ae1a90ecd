"""Tuning: the tolerance of a clip, the candidates, and that the best is taken."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from svbench.files import media
from svbench.metrics.avalign import tuning
from svbench.metrics.avalign.events import DETECTORS, AVEvents, Detectors, read_events
from svbench.metrics.avalign.impact_steps import CURVES
from svbench.metrics.avalign.impacts import Motion
from svbench.metrics.avalign.motion import FlowSettings
from svbench.metrics.avalign.onsets import OnsetSettings
from svbench.metrics.avalign.tuning import Observed, judged, observe
from svbench.types import Features, Recording
from tests.factories.clips import make_clip
from tests.goldens.places import golden, real_clips

NO_MOTION = Motion(np.empty(0), np.empty((0, len(CURVES))), 15.0)


def bare(hits: list[float], fps: float = 15.0) -> Observed:
    return Observed("c", tuple(hits), fps, {}, {}, NO_MOTION)


def test_the_tolerance_is_inclusive_and_at_least_a_frame() -> None:
    on_grid = [k / 15 for k in range(1, 60)]
    assert judged([bare(on_grid)], [[t + 1 / 15 for t in on_grid]]).f == 1
    assert judged([bare([1.0])], [[1.0 + 1 / 15 + 1e-4]]).f == 0
    assert judged([bare([1.0], fps=8.0)], [[1.125]]).f == 1
    assert judged([bare([1.0], fps=8.0)], [[1.13]]).f == 0


def test_candidates_begin_with_the_published_settings() -> None:
    published = DETECTORS["published"]
    assert next(tuning.motion_candidates()) == replace(published, name="candidate")
    assert next(tuning.onset_candidates()) == replace(published, name="candidate")
    tuned = DETECTORS["tuned"]
    motion = replace(tuned, name="candidate", onsets=OnsetSettings())
    assert motion in list(tuning.motion_candidates())
    onset = Detectors("candidate", tuned.onsets)
    assert onset in list(tuning.onset_candidates())


@pytest.mark.parametrize("preset", DETECTORS)
def test_a_candidate_detects_what_the_extractor_detects(preset: str) -> None:
    clip = make_clip(3)
    observed = observe("c", clip, [0.5])
    (block,) = AVEvents(DETECTORS[preset])([clip], [""])
    features = Features("e", block, np.zeros(len(block), np.int64), ("c/0",))
    (events,) = read_events(features)
    np.testing.assert_array_equal(observed.peaks(DETECTORS[preset]), events.peaks[:, 0])
    np.testing.assert_array_equal(observed.onsets(DETECTORS[preset]), events.onsets[:, 0])


def test_the_best_is_taken_and_of_equal_ones_the_plainest() -> None:
    curve = np.zeros(40)
    curve[[10, 20, 30]] = 5  # hits
    curve[[5, 15]] = 1  # something else
    raw: dict[Any, Any] = {(flow, c): curve for flow in tuning.FLOWS for c in tuning.CURVES}
    clips = [Observed("c", (10 / 15, 20 / 15, 30 / 15), 15.0, raw, {}, NO_MOTION)]
    f, best = tuning.ranked_motion(clips)[0]
    assert f == 1
    assert best.flow == FlowSettings()
    assert best.curve.statistic == "mean"
    assert 0.2 < best.peaks.prominence < 0.4 or best.peaks.refractory > 0


def test_the_annotated_real_clip() -> None:
    known = json.loads(golden("metrics/avalign/hits_cfg_hitting_bag.json").read_text())
    clip = media.read_native(Recording(real_clips() / "cfg_hitting_bag.mp4"))
    (block,) = AVEvents(DETECTORS["tuned"])([clip], [""])
    features = Features("e", block, np.zeros(len(block), np.int64), ("c/0",))
    (events,) = read_events(features)
    bag = bare([time for time, _ in known["hits"]])
    # published: 0.452 and 0.941
    assert judged([bag], [events.peaks[:, 0]]).f >= 0.80
    assert judged([bag], [events.onsets[:, 0]]).f >= 0.94
