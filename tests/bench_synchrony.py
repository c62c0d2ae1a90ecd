"""Speed of synchrony and of `tuned-2`, relative to published AV-Align on the same clip.

Run by `tox -e bench`. Both are timed in turn, from a decoded clip to its features, which differ in
kind. No timing is asserted, but that there are features.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from threadpoolctl import threadpool_limits

from svbench.metrics.avalign.events import DETECTORS, AVEvents
from svbench.metrics.avalign.impact_model import IMPACT_MODEL
from svbench.metrics.avalign.trajectories import Trajectories
from svbench.protocols import Extractor
from svbench.types import Clip, ClipSpec, Values
from tests.factories.measuring import in_turn, record_peer

CONFORMED = ClipSpec(32, 8.0, (256, 256), 16000)
NATIVE = ClipSpec(60, 30.0, (360, 640), 44100)


def make(spec: ClipSpec) -> Clip:
    """Return a new clip: features of a clip are cached for its lifetime."""
    rng = np.random.default_rng(0)
    scene = rng.integers(0, 255, (spec.size[0] + 2 * spec.frames, spec.size[1], 3), np.uint8)
    video = np.stack([scene[2 * i :][: spec.size[0]] for i in range(spec.frames)])
    return Clip(video, rng.normal(0, 0.1, spec.samples).astype(np.float32), spec)


def extract(extractor: Extractor, spec: ClipSpec) -> Sequence[Values]:
    return extractor([make(spec)], [""])


@pytest.mark.parametrize("spec", [CONFORMED, NATIVE], ids=["conformed", "native"])
@pytest.mark.parametrize(
    ("name", "extractor"),
    [
        ("synchrony's trajectories", Trajectories(IMPACT_MODEL)),
        ("AV-Align's events (`tuned-2`)", AVEvents(DETECTORS["tuned-2"])),
    ],
    ids=["sync", "tuned-2"],
)
def test_features(
    benchmark: BenchmarkFixture, name: str, extractor: Extractor, spec: ClipSpec
) -> None:
    published = AVEvents(DETECTORS["published"])
    with threadpool_limits(1):
        turns = in_turn(
            benchmark, lambda: extract(extractor, spec), lambda: extract(published, spec)
        )
    assert min(len(rows) for rows in turns.found[-1]) > spec.frames / 2
    height, width = spec.size
    what = f"{name}, a clip of {spec.frames} frames of {width} x {height} px"
    record_peer(benchmark, what, "AV-Align's published detectors", turns, threads=1, deviation=None)
